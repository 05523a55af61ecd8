"""Reranker of a model server, asked at its rerank or its score endpoint."""

import logging
import math
import time
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from memagent.errors import MemagentError, ModelUnavailable
from memagent.models import http, wire
from memagent.models.errors import MAX_MESSAGE, TOO_LONG
from memagent.process import abandon, at_fork, lock
from memagent.urls import ServerAddress, header_value, masked_url

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

Kind = Literal["rerank", "score"]
Endpoint = tuple[Kind, str]
MISSING = (404, 405, 501)
"""Statuses of a server that has no such endpoint."""
TOO_LARGE = (400, 413, 422, 500)
"""Statuses of a server that may refuse a text for its length; its words decide."""
EXPLAINED = (401, 403, 404, 503)
"""Statuses whose message is passed on: those of other refusals may quote the request's texts."""
MIN_CHARACTERS = 100
"""Texts are cut no shorter than this for a server that refuses long ones."""


class RemoteReranker:
    """Reranker of a server that answers at `/rerank`, as vLLM and Jina do, else at `/score`.

    Both are looked for below the URL, and beside its `/v1`, on first use. Without a `model`, the
    server's first is taken. Texts that are too long for the server are cut in half until they fit.

    Raises:
        ModelUnavailable: on use, if no server answers, or if its answer has another shape.
    """

    def __init__(self, url: str, model: str | None = None, api_key: str | None = None) -> None:
        self._address = ServerAddress.of(url)
        self.url = self._address.url
        self._model = model
        self._key = header_value(api_key or "")
        self._endpoint: Endpoint | None = None
        self._client: httpx.Client | None = None
        self._close: weakref.finalize[..., RemoteReranker] | None = None
        self._connecting = lock()
        at_fork(after_in_child=self._begin_anew)

    def _begin_anew(self) -> None:
        """Make connections anew in a forked child, as the others are the parent's."""
        if self._close is not None:
            self._close.detach()
        abandon(self._client)
        self._client = self._close = None

    @property
    def name(self) -> str:
        """The server's URL, and the model's name where it is known."""
        return f"{self.url}#{self._model}" if self._model else self.url

    def scores(self, question: str, texts: Sequence[str], timeout: float) -> list[float]:
        """Return one score a text, as the server gives it; `timeout` is in seconds."""
        import httpx

        ends = time.monotonic() + timeout
        try:
            if self._model is None:
                self._model = self._first_model(ends)
            return self._fitting(question, list(texts), ends)
        except httpx.TransportError as error:
            problem = masked_url(str(error)) or type(error).__name__
            raise ModelUnavailable(f"no reranker answers at {self.url}: {problem}") from error
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise ModelUnavailable(f"{self.url} does not answer as a reranker: {error}") from error

    def _fitting(self, question: str, texts: list[str], ends: float) -> list[float]:
        """Score texts; those that are too long for the server are cut in half until they fit."""
        longest = max(map(len, [question, *texts]))
        while True:
            try:
                return self._scored(question[:longest], [text[:longest] for text in texts], ends)
            except _TooLong as error:
                if longest <= MIN_CHARACTERS:
                    raise ModelUnavailable(
                        f"the reranker at {self.url} refuses texts of {longest} characters"
                    ) from error
            longest = math.ceil(longest / 2)
            logger.debug("the reranker at %s gets at most %d characters", self.url, longest)

    def _scored(self, question: str, texts: Sequence[str], ends: float) -> list[float]:
        """Score texts at the endpoint that answered before, else at the first that there is."""
        missing = None
        for endpoint in dict.fromkeys((self._endpoint, *self._endpoints())):
            if endpoint is None:
                continue
            kind, url = endpoint
            answer = self._post(url, _request(kind, question, texts, self._model), ends)
            if answer.status_code not in MISSING or self._names_model(answer):
                scores = _in_order(self._body(answer), len(texts))
                self._endpoint = endpoint
                return scores
            missing = missing or answer
        assert missing is not None
        raise ModelUnavailable(
            f"the server at {self.url} has neither /rerank nor /score: does it serve a reranker"
            " (vLLM: --runner pooling)?"
        )

    def _endpoints(self) -> list[Endpoint]:
        """Return where a server may answer: the score endpoint of vLLM is beside `/v1`."""
        root = self.url.removesuffix("/v1")
        other = root if root != self.url else f"{root}/v1"
        kinds: tuple[Kind, ...] = ("rerank", "score")
        return [(kind, f"{base}/{kind}") for kind in kinds for base in (self.url, other)]

    def _names_model(self, answer: "httpx.Response") -> bool:
        """Tell whether an answer is about the model, and no sign of a missing endpoint."""
        return bool(self._model) and str(self._model) in answer.text

    def _body(self, answer: "httpx.Response") -> Any:
        """Return the JSON of an answer, where it is no refusal."""
        if answer.is_success:
            return answer.json()
        if answer.status_code in TOO_LARGE and TOO_LONG.search(answer.text):
            raise _TooLong
        words = f": {_words(answer)}" if answer.status_code in EXPLAINED else ""
        logger.debug("the reranker at %s says: %s", self.url, _words(answer))
        raise ModelUnavailable(f"the reranker at {self.url} answers {answer.status_code}{words}")

    def _first_model(self, ends: float) -> str | None:
        """Return the name of the server's first model, None if the server lists none."""
        for url in dict.fromkeys((self.url, f"{self.url.removesuffix('/v1')}/v1")):
            answer = self._connected().get(f"{url}/models", timeout=_left(ends))
            if answer.is_success and (listed := answer.json()["data"]):
                return str(listed[0]["id"])
        return None

    def _post(self, url: str, body: dict[str, Any], ends: float) -> "httpx.Response":
        return self._connected().post(url, json=body, timeout=_left(ends))

    def _connected(self) -> "httpx.Client":
        with self._connecting:
            if self._client is None:
                headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
                self._client = http.client(self._address, headers=headers)
                self._close = weakref.finalize(self, self._client.close)
            return self._client


class _TooLong(MemagentError):
    """The server refused a text for its length."""


def _request(kind: Kind, question: str, texts: Sequence[str], model: str | None) -> dict[str, Any]:
    named = {"model": model} if model else {}
    if kind == "score":
        return {**named, "text_1": question, "text_2": list(texts)}
    return {**named, "query": question, "documents": list(texts), "top_n": len(texts)}


def _in_order(body: Any, count: int) -> list[float]:
    """Return the scores of an answer in the order of the texts.

    Raises:
        ValueError: they are not one a text.
        LookupError: the answer holds none.
    """
    rows = body["results"] if "results" in body else body["data"]
    scores = {
        row["index"]: float(row["relevance_score"] if "relevance_score" in row else row["score"])
        for row in rows
    }
    if len(rows) != count or set(scores) != set(range(count)):
        raise ValueError(f"{len(rows)} scores for {count} texts, numbered {[*scores][:5]}")
    return [scores[place] for place in range(count)]


def _words(answer: "httpx.Response") -> str:
    """Return what a server says of its refusal, on one line."""
    try:
        problem = wire.problem_of(answer.json())
    except (ValueError, RecursionError):
        problem = None
    return " ".join((problem or answer.reason_phrase).split())[:MAX_MESSAGE]


def _left(ends: float) -> float:
    """Return the seconds until a time, a little where it is over."""
    return max(ends - time.monotonic(), 0.001)
