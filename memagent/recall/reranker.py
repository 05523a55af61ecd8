"""Rerankers: opened by name, folder or URL, kept to a time limit, and applied to the first hits."""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from memagent.config import load_settings
from memagent.errors import InvalidInput, MemagentError, shown
from memagent.process import at_fork
from memagent.recall.cross_encoder import CrossEncoderReranker
from memagent.recall.rerank_server import RemoteReranker
from memagent.types import Hit
from memagent.urls import server_spec

logger = logging.getLogger(__name__)

TOP = 30
"""Hits that are reranked at most; the others stand after them."""
MAX_CHARACTERS = 2000
"""Characters of a question and of a text that a reranker reads, about 500 tokens of English."""
MAX_IN_FLIGHT = 4
"""Calls to one reranker at a time, of all threads together."""


class Reranker(Protocol):
    """Model that reads a question together with a text, and scores how well the text answers it."""

    @property
    def name(self) -> str:
        """Name of the model, for logs."""

    def scores(self, question: str, texts: Sequence[str], timeout: float) -> Sequence[float]:
        """Return one score a text, in their order; higher is better.

        `timeout` is in seconds. A call may take longer, but then its scores are thrown away.
        """


class TimeLimitedReranker:
    """Reranker whose calls end within a time limit, and fail with no error.

    Calls run in worker threads. A late call runs on and its scores are thrown away; until it has
    ended, further calls return at once, so that late ones do not pile up. A model in this process
    is loaded on first use (`load`, where the reranker has it), outside the limit. `seconds` is the
    limit.
    """

    def __init__(self, reranker: Reranker, seconds: float) -> None:
        self._reranker = reranker
        self.seconds = seconds
        self._load: Callable[[], None] | None = getattr(reranker, "load", None)
        self._reported: set[str] = set()
        self._begin_anew()
        at_fork(after_in_child=self._begin_anew)

    def _begin_anew(self) -> None:
        """Make threads, also in a forked child, which has none."""
        self._pool = ThreadPoolExecutor(MAX_IN_FLIGHT, thread_name_prefix="reranking")
        self._late = 0
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Name of the model, for logs."""
        return str(getattr(self._reranker, "name", type(self._reranker).__name__))

    def scores(self, question: str, texts: Sequence[str]) -> list[float] | None:
        """Return one score a text, None if the reranker is late, busy with a late call, or fails.

        Only the first characters of the question and of each text are read.

        Raises:
            UserError: the model in this process cannot be loaded.
        """
        if self._late:
            logger.debug("the reranker %s is at an earlier question: the order stands", self.name)
            return None
        if (load := self._load) is not None:
            self._pool.submit(load).result()
            self._load = None
        ends = time.monotonic() + self.seconds
        cut = [text[:MAX_CHARACTERS] for text in texts]
        call = self._pool.submit(self._call, question[:MAX_CHARACTERS], cut, ends)
        if not wait([call], ends - time.monotonic()).done:
            self._give_up(call)
            self._report("late", f"takes longer than {self.seconds:g} s (setting reranker_seconds)")
            return None
        try:
            return call.result()
        except Exception as error:
            ours = isinstance(error, MemagentError | _Malformed)
            self._report(type(error).__name__, f"fails: {error if ours else type(error).__name__}")
            logger.debug("the reranker %s fails", self.name, exc_info=error)
            return None

    def _call(self, question: str, texts: Sequence[str], ends: float) -> list[float]:
        answer = self._reranker.scores(question, texts, max(ends - time.monotonic(), 0.001))
        scores = [float(score) for score in answer]
        if len(scores) != len(texts):
            raise _Malformed(f"it gives {len(scores)} scores for {len(texts)} texts")
        if not all(map(math.isfinite, scores)):
            raise _Malformed("it gives scores that are no finite numbers")
        return scores

    def _give_up(self, call: "Future[Any]") -> None:
        if call.cancel():  # it waited for a thread
            return
        with self._lock:
            self._late += 1
        call.add_done_callback(self._ended)

    def _ended(self, call: "Future[Any]") -> None:
        with self._lock:
            self._late -= 1

    def _report(self, kind: str, problem: str) -> None:
        """Log a problem: the first of its kind as a warning."""
        level = logging.DEBUG if kind in self._reported else logging.WARNING
        self._reported.add(kind)
        logger.log(level, "the reranker %s %s; the order stands", self.name, problem)


class _Malformed(ValueError):
    """The reranker gave something other than one finite score a text."""


def open_reranker(
    spec: str | Reranker, *, api_key: str | None = None, seconds: float | None = None
) -> TimeLimitedReranker:
    """Return a reranker: a cross-encoder by name or folder, a server's, or the object itself.

    A name is one that sentence-transformers knows, such as "cross-encoder/ms-marco-MiniLM-L6-v2".
    "server:http://host:8000/v1" is a server's first model, "server:http://host:8000/v1#name" the
    one of that name. `api_key` is the setting `reranker_key` if None, and `seconds`, the time limit
    of a question, `reranker_seconds`. The model is loaded, or the server asked, on first use.

    Raises:
        InvalidInput: "server:" is not followed by a URL, or the spec is no reranker.
    """
    settings = load_settings()
    seconds = settings.reranker_seconds if seconds is None else seconds
    if not isinstance(spec, str):
        if not callable(getattr(spec, "scores", None)):
            raise InvalidInput(f"reranker: a name or a Reranker is wanted, not {shown(spec)}")
        return TimeLimitedReranker(spec, seconds)
    spec = spec.strip()
    if not spec:
        raise InvalidInput("reranker: expected a name, a folder or 'server:<url>'")
    if (server := server_spec(spec, "reranker")) is not None:
        key = settings.reranker_key
        key_text = api_key or (key.get_secret_value() if key else None)
        return TimeLimitedReranker(RemoteReranker(*server, key_text), seconds)
    folder = Path(spec).expanduser()
    path = str(folder) if folder.is_dir() else spec
    return TimeLimitedReranker(CrossEncoderReranker(path, spec), seconds)


def rerank(
    hits: Sequence[Hit], question: str, reranker: TimeLimitedReranker, *, top: int = TOP
) -> list[Hit]:
    """Return hits with the first `top` in the reranker's order; the others stand after them.

    Hits of equal scores keep their order. In `why`, "rerank" is the reranker's score and
    "rank_before" the place before, from 1. If there are no scores in time, or there is nothing to
    reorder, the hits are returned as they are.

    Raises:
        UserError: the model in this process cannot be loaded.
    """
    head = hits[:top]
    if len(head) < 2:
        return list(hits)
    scores = reranker.scores(question, [hit.text for hit in head])
    if scores is None:
        return list(hits)
    scored = [
        replace(hit, why={**hit.why, "rerank": score, "rank_before": float(rank)})
        for rank, (hit, score) in enumerate(zip(head, scores, strict=True), 1)
    ]
    return [*sorted(scored, key=lambda hit: -hit.why["rerank"]), *hits[top:]]
