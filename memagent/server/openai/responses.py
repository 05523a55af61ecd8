"""Responses by way of chat completions, for a model's server that has no `/v1/responses`.

Fields that both interfaces have, and those that neither knows, pass as they are.
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from memagent.errors import InvalidInput, shown

LACKING = (404, 405, 501)
"""Statuses of a server that has no such path."""
KEPT_THERE = ("previous_response_id", "conversation", "background", "prompt")
"""Fields that name what a server would have to keep."""
TAKEN = (
    *("input", "instructions", "max_output_tokens", "text", "reasoning", "tools", "tool_choice"),
    *("store", "include", "truncation", "top_logprobs", "max_tool_calls", *KEPT_THERE),
)
ECHOED = ("instructions", "metadata", "temperature", "top_p", "max_output_tokens", "text", "user")
"""Fields of a request that stand in its response, too."""
FINISHED = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Reasons of an incomplete response, by how a chat completion ended."""


def chat_request(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a chat completion for that of a response.

    Raises:
        InvalidInput: it holds what no chat completion can.
    """
    for name in KEPT_THERE:
        if body.get(name):
            raise InvalidInput(f"{name}: the model's server keeps nothing; send it all as `input`")
    chat = {name: value for name, value in body.items() if name not in TAKEN}
    chat["messages"] = _messages(body)
    if body.get("max_output_tokens") is not None:
        chat["max_tokens"] = body["max_output_tokens"]
    if isinstance(body.get("reasoning"), Mapping) and body["reasoning"].get("effort"):
        chat["reasoning_effort"] = body["reasoning"]["effort"]
    if body.get("tools"):
        chat["tools"] = [_tool(tool) for tool in _listed("tools", body["tools"])]
    if (choice := body.get("tool_choice")) is not None:
        chat["tool_choice"] = choice if isinstance(choice, str) else _function(choice, ("name",))
    if (layout := _layout(body.get("text"))) is not None:
        chat["response_format"] = layout
    if body.get("stream") is True:
        chat["stream_options"] = {"include_usage": True}
    return chat


def _messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    if body.get("instructions"):
        messages.append({"role": "system", "content": body["instructions"]})
    given = body.get("input")
    if isinstance(given, str):
        return [*messages, {"role": "user", "content": given}]
    for item in _listed("input", given):
        kind = item.get("type") or "message"
        if kind == "message":
            role = "system" if item.get("role") == "developer" else item.get("role")
            messages.append({"role": role, "content": _content(item.get("content"), role)})
        elif kind == "function_call":
            call = _function(item, ("name", "arguments")) | {"id": item.get("call_id")}
            if not messages or messages[-1]["role"] != "assistant":
                messages.append({"role": "assistant", "content": None})
            messages[-1].setdefault("tool_calls", []).append(call)
        elif kind == "function_call_output":
            output = item.get("output")
            text = output if isinstance(output, str) else _text(_listed("output", output))
            messages.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": text})
        elif kind != "reasoning":  # which a chat template drops anyway
            raise InvalidInput(f"input: the model's server takes no {shown(kind)}")
    return messages


def _listed(name: str, value: Any) -> Sequence[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise InvalidInput(f"{name}: a list of objects is wanted, not {shown(value)}")
    return value


def _content(content: Any, role: Any) -> Any:
    if isinstance(content, str):
        return content
    parts = _listed("content", content)
    if role != "user":
        return _text(parts)
    return [_part(part) for part in parts]


def _text(parts: Sequence[Mapping[str, Any]]) -> str:
    return "".join(str(part.get("text") or part.get("refusal") or "") for part in parts)


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    kind = part.get("type")
    if kind in ("input_text", "text", "output_text"):
        return {"type": "text", "text": part.get("text")}
    if kind == "input_image" and part.get("image_url"):
        image = {"url": part["image_url"]} | (
            {"detail": part["detail"]} if part.get("detail") else {}
        )
        return {"type": "image_url", "image_url": image}
    raise InvalidInput(f"content: the model's server takes no {shown(kind)}")


def _function(item: Any, names: Sequence[str]) -> dict[str, Any]:
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        raise InvalidInput(f"the name of a function is wanted, not {shown(item)}")
    return {"type": "function", "function": {name: item[name] for name in names if name in item}}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function":
        raise InvalidInput(f"tools: the model's server has no {shown(tool.get('type'))}")
    return _function(tool, ("name", "description", "parameters", "strict"))


def _layout(text: Any) -> dict[str, Any] | None:
    """Return the `response_format` of a chat completion, None for plain text."""
    layout = text.get("format") if isinstance(text, Mapping) else None
    if not isinstance(layout, Mapping) or layout.get("type") == "text":
        return None
    if layout.get("type") != "json_schema":
        return dict(layout)
    schema = {name: value for name, value in layout.items() if name != "type"}
    return {"type": "json_schema", "json_schema": schema}


def new_response(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a response that is in progress."""
    return {
        "id": new_id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": request.get("model"),
        "output": [],
        "parallel_tool_calls": request.get("parallel_tool_calls", True),
        "tool_choice": request.get("tool_choice", "auto"),
        "tools": request.get("tools") or [],
        "store": False,
        "usage": None,
    } | {name: request.get(name) for name in ECHOED}


def new_id(kind: str) -> str:
    """Return an id as OpenAI's have: of a response, a message, or a call."""
    return f"{kind}_{uuid4().hex}"


def message_item(text: str, status: str = "completed") -> dict[str, Any]:
    """Return what a model said, as an item of a response."""
    content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
    role = {"type": "message", "role": "assistant"}
    return {"id": new_id("msg"), **role, "status": status, "content": content}


def call_item(call: Mapping[str, Any], status: str = "completed") -> dict[str, Any]:
    """Return a call of a tool in a chat completion, as an item of a response."""
    function = call.get("function") or {}
    return {
        "id": new_id("fc"),
        "type": "function_call",
        "status": status,
        "call_id": call.get("id") or new_id("call"),
        "name": function.get("name") or "",
        "arguments": function.get("arguments") or "",
    }


def finished(response: dict[str, Any], reason: Any, usage: Any, model: Any) -> dict[str, Any]:
    """Return a response that has ended, with its usage."""
    cut = FINISHED.get(reason)
    return response | {
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": cut} if cut else None,
        "model": model or response["model"],
        "usage": _usage(usage) if isinstance(usage, Mapping) else None,
    }


def _usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    prompt, completion = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    thought = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": usage.get("total_tokens") or prompt + completion,
    }


def response_of(request: Mapping[str, Any], chat: Any) -> dict[str, Any]:
    """Return the response for a chat completion.

    Raises:
        LookupError, TypeError, AttributeError: it is no chat completion.
    """
    choice = chat["choices"][0]
    message, response = choice["message"], new_response(request)
    if text := message.get("content") or message.get("refusal"):
        response["output"].append(message_item(text))
    response["output"] += [call_item(call) for call in message.get("tool_calls") or ()]
    return finished(response, choice.get("finish_reason"), chat.get("usage"), chat.get("model"))


def translated(request: Mapping[str, Any], raw: bytes) -> bytes:
    """Return the body of a response for that of a chat completion; another body as it is."""
    try:
        return json.dumps(response_of(request, json.loads(raw))).encode()
    except (ValueError, LookupError, TypeError, AttributeError):
        return raw
