"""An embedding model behind an OpenAI-style server, as a langchain-core `Embeddings`."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings

from memagent.errors import ModelUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openai import OpenAI

BATCH = 64
"""Texts of one request."""
IN_FLIGHT = 4
"""Requests that wait for the server at a time, of all threads together."""
RETRIES = 5
"""How often a request is sent again, after 0.5 s at first and up to 8 s, with jitter."""
CONNECT_SECONDS = 5.0


class RemoteEmbedder(Embeddings):
    """The embedding model of a server that answers at `<url>/embeddings`, such as vLLM's.

    Texts are sent in batches, a bounded number at a time. What is refused for now (429, 5xx) or
    cut off is sent again. Without a `model`, the server's first is asked for, on first use;
    `timeout` is in seconds, for one request.

    Raises:
        ModelUnavailable: on use, if nobody answers, or if the answer is not what was asked for.
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        api_key: str | None = None,
        timeout: float = 120.0,
        retries: int = RETRIES,
    ) -> None:
        self.url = url.rstrip("/")
        self._named = model
        self._key = api_key or "none"
        self._timeout, self._retries = timeout, retries
        self._client: OpenAI | None = None
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="embedding")
        self._slots = threading.BoundedSemaphore(IN_FLIGHT)
        self._opening = threading.Lock()

    @property
    def name(self) -> str:
        """What the server calls the model."""
        self._opened()
        return str(self._named)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one vector a text, in order."""
        starts = range(0, len(texts), BATCH)
        parts = [texts[start : start + BATCH] for start in starts]
        if len(parts) <= 1:
            return [vector for part in parts for vector in self._ask(part)]
        return [vector for found in self._pool.map(self._ask, parts) for vector in found]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of one text."""
        return self._ask([text])[0]

    def _ask(self, texts: Sequence[str]) -> list[list[float]]:
        client = self._opened()
        with self._translated(), self._slots:
            answer: Any = client.embeddings.create(
                input=list(texts), model=str(self._named), encoding_format="float"
            )
            rows = sorted(answer.data, key=lambda one: one.index)
            if [one.index for one in rows] != list(range(len(texts))):
                raise ValueError(f"{len(rows)} vectors for {len(texts)} texts")
            return [[float(number) for number in one.embedding] for one in rows]

    def _opened(self) -> "OpenAI":
        """Return the client, and find out the model's name before it is used."""
        with self._opening:
            if self._client is None:
                from openai import OpenAI, Timeout

                client = OpenAI(
                    base_url=self.url,
                    api_key=self._key,
                    max_retries=self._retries,
                    timeout=Timeout(self._timeout, connect=CONNECT_SECONDS),
                )
                if self._named is None:
                    with self._translated():
                        self._named = str(client.models.list().data[0].id)
                self._client = client
            return self._client

    @contextmanager
    def _translated(self) -> "Iterator[None]":
        """Turn what the client raises into one clear line, the cause kept."""
        from openai import APIConnectionError, APIStatusError, OpenAIError

        try:
            yield
        except APIStatusError as error:
            said = " ".join(str(error.message).split())
            raise ModelUnavailable(
                f"the embedder at {self.url} answers {error.status_code}: {said}"
            ) from error
        except APIConnectionError as error:
            raise ModelUnavailable(f"no embedder answers at {self.url}: {error}") from error
        except (OpenAIError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise ModelUnavailable(
                f"{self.url} does not speak the OpenAI-style API: {error}"
            ) from error
