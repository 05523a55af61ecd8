"""Reply of a model's server, read from the bytes that were passed on."""

import json
from collections.abc import Iterator
from typing import Any

from memagent.models.reasoning import split_reasoning
from memagent.server.openai.conversation import Api


def text_of(api: Api, raw: bytes, streamed: bool) -> str:
    """Return the text that a model replied, empty if it only called tools or broke off.

    What it thought is not part of it.
    """
    try:
        found = _streamed(api, raw) if streamed else _whole(api, json.loads(raw))
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    return split_reasoning(found).answer.strip()


def _whole(api: Api, body: Any) -> str:
    if api == "chat/completions":
        message = body["choices"][0]["message"]
        return "" if message.get("tool_calls") else message.get("content") or ""
    parts = []
    for item in body["output"]:
        if item.get("type") == "function_call":
            return ""
        if item.get("type") == "message":
            parts += [part["text"] for part in item["content"] if part["type"] == "output_text"]
    return "".join(parts)


def _streamed(api: Api, raw: bytes) -> str:
    parts, ended = [], False
    for event in _events(raw):
        if api == "responses":
            kind = event.get("type", "")
            if kind == "response.output_text.delta":
                parts.append(event["delta"])
            elif kind.startswith("response.function_call"):
                return ""
            ended = ended or kind == "response.completed"
            continue
        for choice in event.get("choices", ())[:1]:
            if choice.get("index", 0):
                continue
            delta = choice.get("delta") or {}
            if delta.get("tool_calls"):
                return ""
            parts.append(delta.get("content") or "")
            ended = ended or choice.get("finish_reason") is not None
    return "".join(parts) if ended else ""


def _events(raw: bytes) -> Iterator[dict[str, Any]]:
    for line in raw.decode(errors="replace").splitlines():
        if line.startswith("data:") and (data := line[5:].strip()) != "[DONE]":
            yield json.loads(data)
