"""Context window of a chat model: its length, and whether a prompt fits.

A server is asked once for the length. The tokens of a prompt are estimated from its bytes by the
ratio of earlier prompts. A prompt that may not fit by that estimate is counted by the server, where
it can count. Where nothing is known, the server's refusal decides.
"""

import json
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from memagent.errors import ContextTooLong
from memagent.models import http
from memagent.process import lock

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.tools import BaseTool

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 5.0
"""Seconds that a server may take to report its length or to count tokens."""
DEFAULT_BYTES_PER_TOKEN = 2.0
"""The ratio until the model has answered once; English has four, code and numbers two."""
SAMPLES = 16
"""Recent prompts that count; the one with the shortest tokens decides."""
MARGIN = 0.9
"""The share of the ratio that is used, since the next prompt may have shorter tokens."""
TEMPLATE_BYTES = 16
"""Bytes that stand for what a chat template puts around a message."""
MIN_SAMPLE_BYTES = 256
"""Shorter prompts are no sample: their tokens are mostly the template's."""
MALFORMED = (LookupError, TypeError, ValueError, AttributeError)
"""The errors of reading a reply of another shape."""


class ContextWindow:
    """Length of one chat model's context, and the bytes of its prompts per token.

    Bytes rather than characters: a token of Chinese has a character or two, one of English four.
    """

    def __init__(self, chat: "BaseChatModel") -> None:
        self._chat: Any = chat
        self._lock = lock()
        self._known = False
        self._length: int | None = None
        self._server_counts = True
        self._samples: deque[float] = deque(maxlen=SAMPLES)

    def check(self, messages: "Sequence[BaseMessage]", tools: "Sequence[BaseTool]" = ()) -> None:
        """Check that a prompt leaves room for the answer, as far as the length is known.

        Raises:
            ContextTooLong: the prompt does not fit.
        """
        length = self.length
        if length is None:
            return
        answer = getattr(self._chat, "max_tokens", None) or 0
        available = length - min(answer, length // 2)
        size = _size(messages, tools)
        if size <= available * self.bytes_per_token:
            return
        counted = self._counted(messages)
        tools_size = size - _size(messages)
        if counted is None or counted + tools_size / self.bytes_per_token > available:
            raise ContextTooLong(f"the messages leave no room in a context of {length} tokens")

    @property
    def length(self) -> int | None:
        """Tokens of the context, or None if unknown. A server is asked once."""
        with self._lock:
            if not self._known:
                self._length, self._known = self._find_length()
            return self._length

    @property
    def bytes_per_token(self) -> float:
        """Bytes of a prompt per token, a low estimate."""
        return MARGIN * min(self._samples) if self._samples else DEFAULT_BYTES_PER_TOKEN

    def record(
        self, messages: "Sequence[BaseMessage]", tools: "Sequence[BaseTool]", tokens: int
    ) -> None:
        """Add a prompt and the tokens that it took as a sample; 0 if the server did not say."""
        size = _size(messages, tools)
        if tokens and size >= MIN_SAMPLE_BYTES:
            self._samples.append(size / tokens)

    def overflowed(self) -> None:
        """Ask for the length again at the next prompt, after one that seemed to fit did not."""
        with self._lock:
            self._known = self._known and self._length is None

    def _find_length(self) -> tuple[int | None, bool]:
        """Return the length, and whether it is final."""
        length, final = None, True
        if _is_server(self._chat):
            length, final = self._ask_server()
        if length is None:
            profile = getattr(self._chat, "profile", None) or {}
            length = _positive(profile.get("max_input_tokens"))
        return length, final

    def _ask_server(self) -> tuple[int | None, bool]:
        """Ask for the length: vLLM and llama.cpp list it by model, an older llama.cpp by slot."""
        import httpx

        try:
            listed = self._get("/v1/models")["data"]
            (model,) = [each for each in listed if each["id"] == self._chat.model_name]
            length = _positive(model.get("max_model_len"))
            length = length or _positive((model.get("meta") or {}).get("n_ctx"))
            if length is None and model.get("owned_by") == "llamacpp":
                length = _positive(self._get("/props")["default_generation_settings"]["n_ctx"])
            return length, True
        except httpx.TransportError:
            logger.info("the model server does not answer: its context length is unknown for now")
            return None, False  # it may answer the next time
        except (httpx.HTTPError, *MALFORMED):
            return None, True

    def _counted(self, messages: "Sequence[BaseMessage]") -> int | None:
        """Return the server's count of tokens, or None if it does not count."""
        import httpx
        from langchain_core.messages import convert_to_openai_messages

        if not (_is_server(self._chat) and self._server_counts):
            return None
        plain = convert_to_openai_messages(list(messages))
        try:
            body = {"model": self._chat.model_name, "messages": plain, "content": ""}
            reply = self._post("/tokenize", body)
            if "count" not in reply:  # llama.cpp, which counts a text
                prompt = self._post("/apply-template", {"messages": plain})["prompt"]
                reply = {"count": len(self._post("/tokenize", {"content": prompt})["tokens"])}
            tokens = int(reply["count"])
        except (httpx.HTTPError, *MALFORMED):
            logger.info("the model server does not count tokens")
            self._server_counts = False
            return None
        self.record(messages, (), tokens)
        return tokens

    def _get(self, path: str) -> Any:
        url = self._url(path)
        with http.client(self._chat.address, headers=self._headers()) as client:
            return client.get(url, timeout=TIMEOUT_SECONDS).raise_for_status().json()

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        url = self._url(path)
        with http.client(self._chat.address, headers=self._headers()) as client:
            reply = client.post(url, json=dict(body), timeout=TIMEOUT_SECONDS)
            return reply.raise_for_status().json()

    def _url(self, path: str) -> str:
        return f"{self._chat.address.url.removesuffix('/v1')}{path}"

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._chat.openai_api_key.get_secret_value()}"}


def _is_server(chat: Any) -> bool:
    """Tell whether a chat model is a `ServerChat`, whose server can be asked."""
    return getattr(chat, "server_id", None) is not None


def _size(messages: "Sequence[BaseMessage]", tools: "Sequence[BaseTool]" = ()) -> int:
    """Return the bytes of a prompt, tools and template included."""
    texts = [str(message.text) for message in messages]
    calls = (call for message in messages for call in getattr(message, "tool_calls", ()))
    texts += map(json.dumps, calls)
    if tools:
        from langchain_core.utils.function_calling import convert_to_openai_tool

        texts += [json.dumps(convert_to_openai_tool(tool)) for tool in tools]
    return sum(len(text.encode()) for text in texts) + TEMPLATE_BYTES * (len(messages) + len(tools))


def _positive(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
