"""Fakes for tests and examples: a scripted chat model and a hashing embedder."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

Reply = Callable[[Sequence[BaseMessage]], str]


class ScriptedChat(BaseChatModel):
    """Chat model that returns scripted replies in turn, or a function's reply to the messages.

    `requests` holds the messages of every call. A call after the end of the script raises
    IndexError.
    """

    script: Any
    _requests: list[list[BaseMessage]] = PrivateAttr(default_factory=list)

    def __init__(self, script: Sequence[str] | Reply) -> None:
        super().__init__(script=script)

    @property
    def requests(self) -> list[list[BaseMessage]]:
        """The messages of every call so far, in order."""
        return self._requests

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _reply(self, messages: list[BaseMessage]) -> str:
        self._requests.append(messages)
        if callable(self.script):
            return str(self.script(messages))
        return str(self.script[len(self._requests) - 1])

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, *args: Any, **kwargs: Any
    ) -> ChatResult:
        message = AIMessage(self._reply(messages))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, *args: Any, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        for piece in re.findall(r"\S+\s*", self._reply(messages)):
            yield ChatGenerationChunk(message=AIMessageChunk(content=piece))


class HashEmbedder(Embeddings):
    """Embedder without a model: a word is a fixed random direction, a text the sum of its words."""

    def __init__(self, dimensions: int = 64) -> None:
        self.name = f"hash-{dimensions}"
        self.dimensions = dimensions

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one vector a text."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of one text."""
        words = re.findall(r"\w+", text.lower()) or [text]
        total = np.sum([self._direction(word) for word in words], axis=0)
        return [float(x) for x in total / (np.linalg.norm(total) or 1.0)]

    def _direction(self, word: str) -> Any:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])
        return np.random.default_rng(seed).standard_normal(self.dimensions)
