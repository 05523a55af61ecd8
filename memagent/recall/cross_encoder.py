"""Cross-encoder of sentence-transformers in this process, as a reranker."""

import logging
from collections.abc import Sequence
from typing import Any

from memagent.embedding.local import from_disk_or_hub
from memagent.errors import InvalidInput, MemagentError, one_line
from memagent.process import lock

logger = logging.getLogger(__name__)

BATCH_SIZE = 8
"""Pairs in one batch; they are sorted by length, so that few tokens are padding."""


class CrossEncoderReranker:
    """Cross-encoder by name or folder; loaded on first use, and thread-safe.

    What a pair holds beyond the model's context is cut off.
    """

    def __init__(self, path: str, name: str) -> None:
        self.name = name
        self._path = path
        self._model: Any = None
        self._running = lock()

    def load(self) -> None:
        """Load the model, if it is not loaded yet.

        Raises:
            WeightsMissing: there is no such model.
            InvalidInput: the model cannot be loaded, or gives no single score for a pair.
        """
        with self._running:
            if self._model is None:
                self._model = self._opened()

    def scores(self, question: str, texts: Sequence[str], timeout: float) -> Sequence[float]:
        """Return one score a text, from the question and the text read together.

        Raises:
            TimeoutError: calls of other threads took all of the time.
        """
        if self._model is None:
            self.load()
        if not self._running.acquire(timeout=timeout):
            raise TimeoutError("the cross-encoder is busy with the questions of other threads")
        try:
            return [float(score) for score in _predicted(self._model, question, texts)]
        finally:
            self._running.release()

    def _opened(self) -> Any:
        from sentence_transformers import CrossEncoder
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            model = from_disk_or_hub(
                lambda **more: CrossEncoder(self._path, **more), self._path, "reranker"
            )
            shape = _predicted(model, "question", ["text"]).shape
        except MemagentError:
            raise
        except Exception as error:  # of several libraries: damaged weights, missing packages
            problem = one_line(error) or type(error).__name__
            raise InvalidInput(f"the reranker {self.name!r} cannot be loaded: {problem}") from error
        if shape != (1,):
            raise InvalidInput(
                f"{self.name!r} is no reranker: it gives {shape[-1]} numbers for a pair of texts"
            )
        logger.info("the reranker %s is loaded", self.name)
        return model


def _predicted(model: Any, question: str, texts: Sequence[str]) -> Any:
    """Return what a model gives for pairs of the question and a text, as an array."""
    pairs = [(question, text) for text in texts]
    return model.predict(pairs, batch_size=BATCH_SIZE, show_progress_bar=False)
