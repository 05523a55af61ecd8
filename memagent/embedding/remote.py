"""Embedding model of an OpenAI-style server, as a langchain-core `Embeddings`."""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings

from memagent.embedding.vectors import SHOWN, embedded
from memagent.errors import MemagentError, ModelUnavailable
from memagent.models import http, wire
from memagent.models.errors import TOO_LONG, message_of, missing_v1
from memagent.models.retry import EMBEDDING_RETRIES, client_options
from memagent.process import abandon, at_fork
from memagent.urls import ServerAddress, header_value, masked_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openai import OpenAI

logger = logging.getLogger(__name__)

BATCH_SIZE = 64
"""Texts in one request, at first: a server that refuses so many is sent half of them."""
MAX_IN_FLIGHT = 4
"""Requests to the server at a time, of all threads together."""
REFUSALS = (400, 413, 422)
"""Statuses of a server that takes fewer texts at once, or shorter ones."""


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
        self._address = ServerAddress.of(url)
        self.url = self._address.url
        self._model = model
        self._key = header_value(api_key or "") or "none"
        self._batch_size = BATCH_SIZE
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
        size = self._batch_size
        parts = [texts[start : start + size] for start in range(0, len(texts), size)]
        if len(parts) <= 1:
            return [vector for part in parts for vector in self._embed(part)]
        return [vector for vectors in self._pool.map(self._embed, parts) for vector in vectors]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of one text."""
        return self._embed([text])[0]

    def _embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Embed texts in one request, or in halves where the server takes fewer at once."""
        try:
            return self._request(texts)
        except _Refused as refused:
            if len(texts) == 1:
                raise self._failed(refused, texts[0]) from refused.__cause__
            logger.info("the embedder refuses %d texts at once: %s", len(texts), refused)
        middle = (len(texts) + 1) // 2
        vectors = [*self._embed(texts[:middle]), *self._embed(texts[middle:])]
        # Both halves passed, so the number was too large and no single text.
        self._batch_size = min(self._batch_size, middle)
        return vectors

    def _request(self, texts: Sequence[str]) -> list[list[float]]:
        from openai import APIStatusError

        client = self._connected()
        with self._translated(), self._slots:
            try:
                answer: Any = client.embeddings.create(
                    input=list(texts), model=str(self._model), encoding_format="float"
                )
            except APIStatusError as error:
                if error.status_code in REFUSALS or TOO_LONG.search(str(error)):
                    raise _Refused(message_of(error)) from error
                raise
            rows = _in_order(answer.data, len(texts))
        return [list(map(float, row)) for row in embedded(rows, texts, f"at {self.url}")]

    def _failed(self, refused: "_Refused", text: str) -> ModelUnavailable:
        short = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
        return ModelUnavailable(f"the embedder at {self.url} refuses {short!r}: {refused}")

    def _connected(self) -> "OpenAI":
        """Return the client, after looking up the model's name on first use."""
        with self._connecting:
            if self._client is None:
                from openai import DefaultHttpxClient, OpenAI

                http_client = DefaultHttpxClient(
                    **http.client_options(self._address), event_hooks={"response": [_inspected]}
                )
                client = OpenAI(
                    base_url=self.url,
                    api_key=self._key,
                    http_client=http_client,
                    **client_options(self._retries, self._timeout),
                )
                if self._model is None:
                    with self._translated():
                        listed = client.models.list().data
                        if not listed:
                            raise ModelUnavailable(
                                f"{self.url} lists no model: name one, as in server:<url>#<model>"
                            )
                        self._model = str(listed[0].id)
                self._client = client
            return self._client

    @contextmanager
    def _translated(self) -> "Iterator[None]":
        """Translate the client's errors into `ModelUnavailable`, with the cause kept."""
        from openai import APIConnectionError, APIStatusError, OpenAIError

        try:
            yield
        except MemagentError:
            raise
        except APIStatusError as error:
            hint = missing_v1(self.url) if error.status_code == 404 else ""
            raise ModelUnavailable(
                f"the embedder at {self.url} answers {message_of(error)}{hint}"
            ) from error
        except APIConnectionError as error:
            cause = error.__cause__ or error
            raise ModelUnavailable(
                f"no embedder answers at {self.url}: {masked_url(str(cause) or str(error))}"
            ) from error
        except (OpenAIError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise ModelUnavailable(
                f"{self.url} does not speak the OpenAI-style API: {error}"
            ) from error


class _Refused(MemagentError):
    """The server refused a request for what is in it: too many texts, or one that is too long."""


def _in_order(rows: Any, count: int) -> list[list[float]]:
    """Return the vectors of an answer in the order of the texts.

    Raises:
        ValueError: they are not one a text.
    """
    places = [row.index for row in rows]
    if places == [None] * len(rows):  # a server that does not number them sends them in order
        places = list(range(len(rows)))
    if sorted(places) != list(range(count)):
        raise ValueError(f"{len(rows)} vectors for {count} texts, numbered {places[:5]}")
    ordered = sorted(zip(places, rows, strict=True), key=lambda pair: int(pair[0]))
    return [row.embedding for _, row in ordered]


def _inspected(response: Any) -> None:
    response.read()
    wire.inspect(response)
