"""Events of a streamed response, made from the chunks of a streamed chat completion."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from memagent.server.openai.responses import call_item, finished, message_item, new_response


class ResponseEvents:
    """Translator of one stream: bytes of a chat completion go in, those of a response come out."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._response = new_response(request)
        self._rest = b""
        self._number = 0
        self._begun = self._ended = False
        self._message: dict[str, Any] | None = None
        self._calls: dict[int, dict[str, Any]] = {}
        self._reason: Any = None
        self._usage: Any = None
        self._model: Any = None

    def feed(self, piece: bytes) -> bytes:
        """Return the events for a piece of the stream, which may end anywhere."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        return b"".join(event for line in lines for event in self._line(line.strip()))

    def end(self) -> bytes:
        """Return the last events; the response failed if the stream broke off."""
        events = [*self._line(self._rest.strip())]
        if not self._ended:
            events += self._last()
        return b"".join(events)

    def _line(self, line: bytes) -> Iterator[bytes]:
        if not line.startswith(b"data:") or self._ended:
            return
        data = line[5:].strip()
        if data == b"[DONE]":
            yield from self._last()
            return
        try:
            chunk = json.loads(data)
        except ValueError:
            return
        if not isinstance(chunk, dict):
            return
        if chunk.get("error"):
            yield from self._failed(chunk["error"])
            return
        yield from self._begin()
        self._model = chunk.get("model") or self._model
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk.get("choices") or ():
            if choice.get("index", 0) == 0:
                self._reason = choice.get("finish_reason") or self._reason
                yield from self._delta(choice.get("delta") or {})

    def _delta(self, delta: Mapping[str, Any]) -> Iterator[bytes]:
        if text := delta.get("content") or delta.get("refusal"):
            yield from self._said(text)
        for call in delta.get("tool_calls") or ():
            yield from self._called(call)

    def _said(self, text: str) -> Iterator[bytes]:
        if self._message is None:
            self._message = message_item("", "in_progress")
            yield self._added({**self._message, "content": []}, self._message)
            part = {"part": {**self._message["content"][0]}}
            yield self._event("response.content_part.added", self._place(self._message, 0) | part)
        self._message["content"][0]["text"] += text
        told = self._place(self._message, 0) | {"delta": text, "logprobs": []}
        yield self._event("response.output_text.delta", told)

    def _called(self, call: Mapping[str, Any]) -> Iterator[bytes]:
        index = call.get("index", 0)
        if index not in self._calls:
            item = self._calls[index] = call_item(call, "in_progress")
            item["arguments"] = ""
            yield self._added({**item}, item)
        item = self._calls[index]
        if piece := (call.get("function") or {}).get("arguments"):
            item["arguments"] += piece
            kind = "response.function_call_arguments.delta"
            yield self._event(kind, self._place(item) | {"delta": piece})

    def _last(self) -> Iterator[bytes]:
        if self._reason is None:
            yield from self._failed({"message": "the model's server broke off"})
            return
        yield from self._begin()
        if self._message is not None:
            part = self._message["content"][0]
            place = self._place(self._message, 0)
            told = {"text": part["text"], "logprobs": []}
            yield self._event("response.output_text.done", place | told)
            yield self._event("response.content_part.done", place | {"part": part})
            yield self._done(self._message)
        for item in self._calls.values():
            told = {"arguments": item["arguments"], "name": item["name"]}
            kind = "response.function_call_arguments.done"
            yield self._event(kind, self._place(item) | told)
            yield self._done(item)
        ended = finished(self._response, self._reason, self._usage, self._model)
        self._ended = True
        yield self._event(f"response.{ended['status']}", {"response": ended})

    def _begin(self) -> Iterator[bytes]:
        if not self._begun:
            self._begun = True
            for kind in ("response.created", "response.in_progress"):
                yield self._event(kind, {"response": self._response})

    def _failed(self, error: Any) -> Iterator[bytes]:
        yield from self._begin()
        message = error.get("message") if isinstance(error, Mapping) else error
        told = {"code": "server_error", "message": str(message)}
        self._ended = True
        failed = self._response | {"status": "failed", "error": told}
        yield self._event("response.failed", {"response": failed})

    def _added(self, shown: Mapping[str, Any], item: dict[str, Any]) -> bytes:
        self._response["output"].append(item)
        place = len(self._response["output"]) - 1
        return self._event("response.output_item.added", {"output_index": place, "item": shown})

    def _done(self, item: dict[str, Any]) -> bytes:
        item["status"] = "completed"
        place = self._place(item)["output_index"]
        return self._event("response.output_item.done", {"output_index": place, "item": item})

    def _place(self, item: Mapping[str, Any], content: int | None = None) -> dict[str, Any]:
        place = [one["id"] for one in self._response["output"]].index(item["id"])
        found = {"item_id": item["id"], "output_index": place}
        return found if content is None else found | {"content_index": content}

    def _event(self, kind: str, told: Mapping[str, Any]) -> bytes:
        data = json.dumps({"type": kind, "sequence_number": self._number, **told})
        self._number += 1
        return f"event: {kind}\ndata: {data}\n\n".encode()
