"""Which worked examples to show: few, of every form and answer, and unlike each other."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from langchain_core.embeddings import Embeddings

from memagent.prompts import asked
from memagent.text.english import FUNCTION_WORDS, words
from memagent.types import Example


def diverse(examples: Sequence[Example], embedder: Embeddings, n: int) -> list[Example]:
    """Return `n` examples that cover what is asked: each next one is the most needed.

    First come the forms of question that no chosen one has, the most frequent first; then the
    answers that were chosen least often; then what is least like those chosen, by the cosine of
    whole prompts (the most central one at the start). The choice depends on the examples alone, so
    that a prompt keeps its prefix from one question to the next.
    """
    if len(examples) <= n:
        return list(examples)
    texts = [asked(one.question, one.evidence) for one in examples]
    vectors = np.array(embedder.embed_documents(texts), dtype=np.float32)
    forms = [form(one.question) for one in examples]
    frequency = Counter(forms)
    likeness = -(vectors @ vectors.mean(axis=0))
    chosen: list[int] = []
    while len(chosen) < n:
        seen = {forms[at] for at in chosen}
        answers = Counter(examples[at].answer for at in chosen)
        left = (at for at in range(len(examples)) if at not in chosen)
        _, _, _, best = min(
            (
                -frequency[forms[at]] if forms[at] not in seen else 0,
                answers[examples[at].answer],
                float(likeness[at]),
                at,
            )
            for at in left
        )
        chosen.append(best)
        likeness = (vectors @ vectors[chosen].T).max(axis=1)
    return [examples[at] for at in chosen]


def form(question: str) -> tuple[str, ...]:
    """Return the grammar of a question: its words that carry no meaning, and gaps for the rest."""
    return tuple(word if word in FUNCTION_WORDS else "_" for word in words(question.lower()))
