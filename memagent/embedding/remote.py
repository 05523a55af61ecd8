"""Embedding model of an OpenAI-style server, as a langchain-core `Embeddings`."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings

from memagent.errors import ModelUnavailable
from memagent.models.retry import EMBEDDING_RETRIES, client_options
from memagent.process import abandon, at_fork

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openai import OpenAI

BATCH_SIZE = 64
"""Texts in one request."""
MAX_IN_FLIGHT = 4
"""Requests to the server at a time, of all threads together."""


class RemoteEmbedder(Embeddings):
    """Embedding model of a server that answers at `<url>/embeddings`, such as vLLM.

    Texts are sent in batches, a bounded number at a time. Failed requests are repeated (see
    `memagent.models.retry`). Without a `model`, the server's first is looked up on first use.
    `timeout` is in seconds, for one request.

    Raises:
        ModelUnavailable: on use, if no server answers, or if its answer has another shape.
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        api_key: str | None = None,
        timeout: float = 120.0,
        retries: int = EMBEDDING_RETRIES,
    ) -> None:
        self.url = url.rstrip("/")
        self._model = model
        self._key = api_key or "none"
        self._timeout, self._retries = timeout, retries
        self._client: OpenAI | None = None
        self._begin_anew()
        at_fork(after_in_child=self._begin_anew)

    def _begin_anew(self) -> None:
        """Make threads, locks and connections, also in a forked child, which has none."""
        abandon(self._client)
        self._client = None
        self._pool = ThreadPoolExecutor(MAX_IN_FLIGHT, thread_name_prefix="embedding")
        self._slots = threading.BoundedSemaphore(MAX_IN_FLIGHT)
        self._connecting = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.url, self._model, self._key, self._timeout, self._retries)

    @property
    def name(self) -> str:
        """The server's name for the model."""
        self._connected()
        return str(self._model)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one vector a text, in order."""
        starts = range(0, len(texts), BATCH_SIZE)
        parts = [texts[start : start + BATCH_SIZE] for start in starts]
        if len(parts) <= 1:
            return [vector for part in parts for vector in self._embed(part)]
        return [vector for vectors in self._pool.map(self._embed, parts) for vector in vectors]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of one text."""
        return self._embed([text])[0]

    def _embed(self, texts: Sequence[str]) -> list[list[float]]:
        client = self._connected()
        with self._translated(), self._slots:
            answer: Any = client.embeddings.create(
                input=list(texts), model=str(self._model), encoding_format="float"
            )
            rows = sorted(answer.data, key=lambda row: row.index)
            if [row.index for row in rows] != list(range(len(texts))):
                raise ValueError(f"{len(rows)} vectors for {len(texts)} texts")
            return [[float(number) for number in row.embedding] for row in rows]

    def _connected(self) -> "OpenAI":
        """Return the client, after looking up the model's name on first use."""
        with self._connecting:
            if self._client is None:
                from openai import OpenAI

                client = OpenAI(
                    base_url=self.url,
                    api_key=self._key,
                    **client_options(self._retries, self._timeout),
                )
                if self._model is None:
                    with self._translated():
                        self._model = str(client.models.list().data[0].id)
                self._client = client
            return self._client

    @contextmanager
    def _translated(self) -> "Iterator[None]":
        """Translate the client's errors into `ModelUnavailable`, with the cause kept."""
        from openai import APIConnectionError, APIStatusError, OpenAIError

        try:
            yield
        except APIStatusError as error:
            message = " ".join(str(error.message).split())
            raise ModelUnavailable(
                f"the embedder at {self.url} answers {error.status_code}: {message}"
            ) from error
        except APIConnectionError as error:
            raise ModelUnavailable(f"no embedder answers at {self.url}: {error}") from error
        except (OpenAIError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise ModelUnavailable(
                f"{self.url} does not speak the OpenAI-style API: {error}"
            ) from error
