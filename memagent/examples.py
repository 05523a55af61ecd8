"""Worked examples, the most similar shown first to matter most: nearest last."""

from collections.abc import Sequence

import numpy as np
from langchain_core.embeddings import Embeddings

from memagent.prompts import asked
from memagent.types import Example


class ExampleBook:
    """Worked examples of one kind of question, picked by how alike the whole prompt is.

    Similar examples beat random ones for a weak model; see `docs/log.md`.
    """

    def __init__(self, examples: Sequence[Example], embedder: Embeddings) -> None:
        self._examples = list(examples)
        self._embedder = embedder
        texts = [asked(one.question, one.evidence) for one in self._examples]
        self._vectors = np.array(embedder.embed_documents(texts), dtype=np.float32)

    def nearest(self, question: str, evidence: Sequence[str], n: int) -> list[Example]:
        """Return the `n` most similar examples, the most similar last; ties go by position."""
        if not self._examples or not n:
            return []
        query = np.array(self._embedder.embed_query(asked(question, evidence)), dtype=np.float32)
        order = np.argsort(-(self._vectors @ query), kind="stable")[:n]
        return [self._examples[position] for position in order[::-1]]
