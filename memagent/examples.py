"""Which worked examples to show: few, and unlike each other."""

from collections.abc import Sequence

import numpy as np
from langchain_core.embeddings import Embeddings

from memagent.prompts import asked
from memagent.types import Example


def diverse(examples: Sequence[Example], embedder: Embeddings, n: int) -> list[Example]:
    """Return `n` examples: the most central one, then always the one least like those chosen.

    The choice depends on the examples alone, so that a prompt keeps its prefix from one question to
    the next. Likeness is the cosine of whole prompts.
    """
    if len(examples) <= n:
        return list(examples)
    texts = [asked(one.question, one.evidence) for one in examples]
    vectors = np.array(embedder.embed_documents(texts), dtype=np.float32)
    chosen = [int(np.argmax(vectors @ vectors.mean(axis=0)))]
    while len(chosen) < n:
        chosen.append(int(np.argmin((vectors @ vectors[chosen].T).max(axis=1))))
    return [examples[position] for position in chosen]
