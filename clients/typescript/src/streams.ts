/** Streams of a server, read line by line: JSON lines and server-sent events. */

/** Yield the lines of a stream without their ends; leaving early ends the request. */
export async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += decoder.decode(value, { stream: !done });
      const whole = rest.split("\n");
      rest = whole.pop() ?? "";
      yield* whole;
      if (done) break;
    }
    if (rest) yield rest;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Yield the events of a stream: their names, and their data parsed from JSON. */
export async function* events(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<{ event: string; data: unknown }> {
  let event = "message";
  let data: string[] = [];
  for await (const line of lines(stream)) {
    if (line === "") {
      if (data.length) yield { event, data: JSON.parse(data.join("\n")) as unknown };
      event = "message";
      data = [];
    } else if (line.startsWith("event:")) event = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
  }
}
