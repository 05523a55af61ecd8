"""What a model's context has room for, told before it is asked.

A server is asked once how long its context is. What a prompt takes is estimated from its bytes, by
what earlier prompts took; one that may not fit by that is counted by a server that can. Where
nothing is known, the server's refusal tells.
"""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

from memagent.errors import ContextTooLong

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.tools import BaseTool

SECONDS = 5.0
"""How long a server may take to tell."""
PER_TOKEN = 2.0
"""Bytes of a token until the model has answered once; English has four, code and numbers two."""
SAMPLES = 16
"""The last so many prompts are remembered; the one with the shortest tokens counts."""
MARGIN = 0.9
"""This share of it is taken, since the next prompt may have shorter tokens yet."""
MARKS = 16
"""Bytes that stand for what a chat template puts around a message."""
TELLING = 256
"""A prompt of fewer bytes tells more of its template than of the model's tokens."""
REFUSALS = (LookupError, TypeError, ValueError, AttributeError)
"""What a reply of another shape raises when it is read."""


class Window:
    """One chat model's context: how long it is, and how many bytes of a prompt make a token.

    Bytes rather than characters: a token of Chinese has a character or two, one of English four.
    """

    def __init__(self, chat: "BaseChatModel") -> None:
        self._chat: Any = chat
        self._lock = Lock()
        self._known = False
        self._length: int | None = None
        self._counts = True
        self._samples: deque[float] = deque(maxlen=SAMPLES)

    def check(self, messages: "Sequence[BaseMessage]", tools: "Sequence[BaseTool]" = ()) -> None:
        """Refuse a prompt that leaves no room for the answer, as far as is known.

        Raises:
            ContextTooLong: it does not fit.
        """
        length = self.length
        if length is None:
            return
        answer = getattr(self._chat, "max_tokens", None) or 0
        room = length - min(answer, length // 2)
        size = _size(messages, tools)
        if size <= room * self.per_token:
            return
        counted = self._counted(messages)
        told = 0 if counted is None else counted + (size - _size(messages)) / self.per_token
        if counted is None or told > room:
            raise ContextTooLong(f"the messages leave no room in a context of {length} tokens")

    @property
    def length(self) -> int | None:
        """How many tokens the context has; None where nobody tells. A server is asked once."""
        with self._lock:
            if not self._known:
                self._length, self._known = self._told()
            return self._length

    @property
    def per_token(self) -> float:
        """How many bytes of a prompt make a token, rather too few."""
        return MARGIN * min(self._samples) if self._samples else PER_TOKEN

    def answered(
        self, messages: "Sequence[BaseMessage]", tools: "Sequence[BaseTool]", tokens: int
    ) -> None:
        """Learn from how many tokens a prompt took; 0 if the server did not say."""
        size = _size(messages, tools)
        if tokens and size >= TELLING:
            self._samples.append(size / tokens)

    def refused(self) -> None:
        """Ask for the length again at the next prompt: one that seemed to fit did not."""
        with self._lock:
            self._known = self._known and self._length is None

    def _told(self) -> tuple[int | None, bool]:
        """Return how long the context is, and whether that is to be kept."""
        length, kept = None, True
        if _is_server(self._chat):
            length, kept = self._asked()
        if length is None:
            profile = getattr(self._chat, "profile", None) or {}
            length = _positive(profile.get("max_input_tokens"))
        return length, kept

    def _asked(self) -> tuple[int | None, bool]:
        """Ask a server: vLLM and llama.cpp tell of each model, an older llama.cpp of its slots."""
        import httpx

        try:
            listed = self._get("/v1/models")["data"]
            (model,) = [one for one in listed if one["id"] == self._chat.model_name]
            length = _positive(model.get("max_model_len"))
            length = length or _positive((model.get("meta") or {}).get("n_ctx"))
            if length is None and model.get("owned_by") == "llamacpp":
                length = _positive(self._get("/props")["default_generation_settings"]["n_ctx"])
            return length, True
        except httpx.TransportError:
            return None, False  # it may be there the next time
        except (httpx.HTTPError, *REFUSALS):
            return None, True

    def _counted(self, messages: "Sequence[BaseMessage]") -> int | None:
        """Return how many tokens the server counts, None where it does not."""
        import httpx
        from langchain_core.messages import convert_to_openai_messages

        if not (_is_server(self._chat) and self._counts):
            return None
        told = convert_to_openai_messages(list(messages))
        try:
            asked = {"model": self._chat.model_name, "messages": told, "content": ""}
            reply = self._post("/tokenize", asked)
            if "count" not in reply:  # llama.cpp, which counts a text
                prompt = self._post("/apply-template", {"messages": told})["prompt"]
                reply = {"count": len(self._post("/tokenize", {"content": prompt})["tokens"])}
            tokens = int(reply["count"])
        except (httpx.HTTPError, *REFUSALS):
            self._counts = False
            return None
        self.answered(messages, (), tokens)
        return tokens

    def _get(self, path: str) -> Any:
        import httpx

        url, headers = self._place(path)
        return httpx.get(url, headers=headers, timeout=SECONDS).raise_for_status().json()

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        import httpx

        url, headers = self._place(path)
        reply = httpx.post(url, headers=headers, json=dict(body), timeout=SECONDS)
        return reply.raise_for_status().json()

    def _place(self, path: str) -> tuple[str, dict[str, str]]:
        base = str(self._chat.openai_api_base).rstrip("/").removesuffix("/v1")
        key = self._chat.openai_api_key.get_secret_value()
        return f"{base}{path}", {"Authorization": f"Bearer {key}"}


def _is_server(chat: Any) -> bool:
    """Tell whether it is our own chat model of a server; of others only what they say is used."""
    return getattr(chat, "place", None) is not None


def _size(messages: "Sequence[BaseMessage]", tools: "Sequence[BaseTool]" = ()) -> int:
    """Return how many bytes a prompt has, tools and template included."""
    texts = [str(one.text) for one in messages]
    texts += [json.dumps(call) for one in messages for call in getattr(one, "tool_calls", ())]
    if tools:
        from langchain_core.utils.function_calling import convert_to_openai_tool

        texts += [json.dumps(convert_to_openai_tool(tool)) for tool in tools]
    return sum(len(text.encode()) for text in texts) + MARKS * (len(messages) + len(tools))


def _positive(told: Any) -> int | None:
    return told if isinstance(told, int) and told > 0 else None
