// Requests to the server that served this page, and to no other.
import { askForKey } from "./dialogs.js";
import { route } from "./router.js";

const KEY = "memagent.key"; // in this tab only, gone when it is closed
let asking = null;

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

function query(values) {
  const parameters = new URLSearchParams();
  const all = { user: route().query.user, ...values };
  for (const [name, value] of Object.entries(all)) {
    if (value !== undefined && value !== null && value !== "" && value !== false) parameters.set(name, value);
  }
  const text = parameters.toString();
  return text ? `?${text}` : "";
}

// Send a request; return its response if it is good. A key is asked for where one is needed.
export async function send(method, path, { query: values, body, headers = {}, signal } = {}) {
  for (;;) {
    const key = sessionStorage.getItem(KEY);
    const sent = { Accept: "application/json", ...headers };
    if (key) sent.Authorization = `Bearer ${key}`;
    if (body !== undefined) sent["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(path + query(values), {
        method,
        headers: sent,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal,
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem(0, "The server does not answer. Is it still running?");
    }
    if (response.ok || path === "/readyz") return response;
    const detail = await response.json().then((value) => value.detail, () => `status ${response.status}`);
    if (response.status !== 401) throw new Problem(response.status, detail);
    if (key === sessionStorage.getItem(KEY)) await unlock(key);
  }
}

async function unlock(rejected) {
  asking ??= askForKey(Boolean(rejected)).finally(() => (asking = null));
  const key = await asking;
  if (!key) throw new Problem(401, "This server needs a key.");
  sessionStorage.setItem(KEY, key);
}

export async function get(path, values, signal) {
  return (await send("GET", path, { query: values, signal })).json();
}

export async function post(path, body = {}, values, signal) {
  return (await send("POST", path, { query: values, body, signal })).json();
}

// A record and its ETag, by which an edit says which version it means.
export async function record(id, signal) {
  const response = await send("GET", `/v1/records/${encodeURIComponent(id)}`, { signal });
  return { record: await response.json(), tag: response.headers.get("etag") };
}

// Server-sent events of a response, one after the other.
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value;
    const parts = held.split("\n\n");
    held = parts.pop();
    for (const part of parts) {
      const lines = part.split("\n");
      const name = lines.find((line) => line.startsWith("event: "))?.slice(7);
      const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
      if (name) yield { name, data: JSON.parse(data.join("\n")) };
    }
  }
}
