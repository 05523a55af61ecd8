"""Replies of OpenAI-style servers as they come over the wire, brought into one shape.

Servers differ in what they leave out, in where they put reasoning, and in how they report errors.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import Any

from memagent.models.errors import TOO_LONG
from memagent.models.reasoning import storable

REASONING = ("reasoning_content", "reasoning", "thinking")
"""Fields of a message that servers put reasoning into."""
BOM = b"\xef\xbb\xbf"
DONE = b"[DONE]"
_LISTED = re.compile(rb'"content"\s*:\s*\[')
_LINE_END = re.compile(b"\r\n|\n|\r")
PAGE = "a text or a web page came; does a proxy or a login page answer in the server's place?"


def completion(body: object) -> dict[str, Any]:
    """Return a server's answer as a chat completion that has a choice and a text.

    Raises:
        ValueError: it is none.
    """
    if isinstance(body, str):  # JSON that was sent as something else, or a page
        try:
            body = json.loads(body)
        except ValueError:
            body = None
        if body is None:
            raise ValueError(PAGE)
    data = body if isinstance(body, dict) else None
    choices = data.get("choices") if data else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ValueError("it has no choices")
    assert data is not None
    first = choices[0]
    message = first.get("message")
    if not isinstance(message, dict):
        message = {"content": first.get("text")}
    return data | {
        "choices": [first | {"message": _message(message)}],
        "usage": _usage(data.get("usage")),
    }


def chunk(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a piece of a stream as a chunk of a chat completion.

    Raises:
        StreamedError: it is an error that the server reports as a chunk.
    """
    choices = data.get("choices")
    choices = choices if isinstance(choices, list) else []
    if not choices and (problem := problem_of(data)) is not None:
        raise StreamedError(problem)
    first = choices[0] if choices and isinstance(choices[0], dict) else None
    if first is not None:
        delta = first.get("delta") or first.get("message") or {"content": first.get("text")}
        delta = delta if isinstance(delta, dict) else {"content": delta}
        choices = [first | {"delta": _message(delta, streamed=True)}]
    return dict(data) | {"choices": choices, "usage": _usage(data.get("usage"))}


class StreamedError(ValueError):
    """Error that a server reported inside a stream."""


def reasoning_in(message: Mapping[str, Any]) -> str:
    """Return the reasoning of a message or of a piece of one, empty without any."""
    return next((text for name in REASONING if (text := text_of(message.get(name)))), "")


def text_of(content: object) -> str:
    """Return the text of a message's content, which may be a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        return text_of(content.get("text") or content.get("content"))
    return "".join(map(text_of, content)) if isinstance(content, list) else ""


def problem_of(body: object) -> str | None:
    """Return the server's words for what went wrong, None if a body reports no error."""
    if not isinstance(body, Mapping) or body.get("choices") or body.get("data"):
        return None
    error = body.get("error")
    error = error.get("message") or error if isinstance(error, Mapping) else error
    error = error or (body.get("object") == "error" and body.get("message"))
    return str(error or body.get("detail") or "") or None


def inspect(response: Any) -> None:
    """Look at an answer that was read: what reports an error or cannot be mended by a retry.

    Some servers report an error with status 200, which becomes 400 here, so that the client takes
    it for one. A prompt that is too long is not sent again, whatever the status.
    """
    problem = None
    if response.status_code == 200:
        try:
            problem = problem_of(response.json())
        except (ValueError, RecursionError):
            return
        if problem is not None:
            response.status_code = 400
    if TOO_LONG.search(problem or response.text):
        response.headers["x-should-retry"] = "false"


def is_stream(response: Any) -> bool:
    """Tell whether an answer is a stream of events."""
    return bool("event-stream" in response.headers.get("content-type", ""))


class StreamWatch:
    """Lines of a stream as they pass: only those with data stay; `done` is set by the last of them.

    The client takes an event without data for broken JSON, keep-alives among them.
    """

    def __init__(self) -> None:
        self.done = False
        self._rest = b""
        self._started = False

    def attach(self, response: Any) -> None:
        """Watch what is read from an answer of httpx."""
        read, read_async = response.iter_bytes, getattr(response, "aiter_bytes", None)

        def iter_bytes(*arguments: Any) -> Iterator[bytes]:
            for piece in read(*arguments):
                yield self._passed(piece)
            yield self._passed(b"\n\n")

        async def aiter_bytes(*arguments: Any) -> AsyncIterator[bytes]:
            assert read_async is not None
            async for piece in read_async(*arguments):
                yield self._passed(piece)
            yield self._passed(b"\n\n")

        response.iter_bytes, response.aiter_bytes = iter_bytes, aiter_bytes

    def _passed(self, piece: bytes) -> bytes:
        """Return the lines that a piece completes."""
        if not self._started:
            piece = piece.removeprefix(BOM)
            self._started = bool(piece)
        *lines, self._rest = _LINE_END.split(self._rest + piece)
        if self._rest == b"" and piece.endswith(b"\r"):  # its other half may be in the next piece
            lines, self._rest = lines[:-1], lines[-1] + b"\r"
        return b"".join(self._kept(line) for line in lines)

    def _kept(self, line: bytes) -> bytes:
        data = line.removeprefix(b"data:").strip() if line.startswith(b"data:") else b""
        self.done |= data.startswith(DONE)
        if line and not data:
            return b""
        if _LISTED.search(line):  # the client's own types know no content in parts
            with suppress(ValueError, RecursionError):
                line = b"data: " + json.dumps(chunk(json.loads(data))).encode()
        return line.decode("utf-8", "replace").encode() + b"\n"


def _message(message: Mapping[str, Any], *, streamed: bool = False) -> dict[str, Any]:
    """Return a message, or a piece of one, as an assistant's with a text as its content.

    A piece keeps its half characters: the other half may be in the next one.
    """
    kept = {key: value for key, value in message.items() if key not in ("role", "function_call")}
    content, reasoning = text_of(message.get("content")), reasoning_in(message)
    if not streamed:
        content, reasoning = storable(content), storable(reasoning)
        refusal = message.get("refusal")
        kept["refusal"] = refusal if isinstance(refusal, str) else None
    kept |= {"role": "assistant", "content": content, "reasoning_content": reasoning}
    calls = message.get("tool_calls")
    named = [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    kept["tool_calls"] = [_call(call, place, streamed) for place, call in enumerate(named)] or None
    return kept


def _call(call: Mapping[str, Any], place: int, streamed: bool) -> dict[str, Any]:
    function = call.get("function")
    function = function if isinstance(function, dict) else {}
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments) if arguments else "" if streamed else "{}"
    name, id, index = function.get("name"), call.get("id"), call.get("index")
    if not streamed:
        name, id, arguments = str(name or ""), str(id or f"call-{place}"), arguments or "{}"
    return {
        "id": id if isinstance(id, str) else None,
        "type": "function",
        "index": index if isinstance(index, int) else place,
        "function": {"name": name if isinstance(name, str) else None, "arguments": arguments},
    }


def _usage(usage: object) -> dict[str, Any] | None:
    """Return the counts of tokens; what is no count goes."""
    if not isinstance(usage, Mapping):
        return None
    kept = {}
    for name, value in usage.items():
        if isinstance(value, Mapping):
            kept[name] = {key: each for key, each in value.items() if _is_count(each)}
        elif _is_count(value):
            kept[name] = value
    return kept or None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
