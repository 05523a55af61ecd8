"""Held-back questions about a text: what is kept of it is judged by how many it still answers.

CMT names a "memory-aware" objective and tells no more; this is our reading of it for text. A cloze
question asks for a name or a number of the text, so it needs no model; questions that a model wrote
for the record (`enrich`) count too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memagent.text.english import FUNCTION_WORDS, Span, bare, content_words, runs, stem

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
Weigh = Callable[[str], Mapping[str, float]]
"""A text in, the weight of each of its content words, by its stem, in [0, 1], out."""
NUMBER, NAME, ASKED = 3.0, 1.5, 1.5
"""What a word that answers a question is worth beside its rarity (at most 1): a number, a name, or
what a written question asks for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A written question: the words in it, and the place among the sentences that answers it."""

    words: frozenset[str]
    sentence: int


def answerable(token: str) -> float:
    """Return what a word is worth as the answer of a cloze question, 0 if nobody asks for it."""
    word = bare(token)
    if any(letter.isdigit() for letter in word):
        return NUMBER
    return NAME if word[:1].isupper() and word.lower() not in FUNCTION_WORDS else 0.0


def answered(text: str, note: str) -> tuple[int, int]:
    """Return how many of a text's cloze questions a note on it answers, and how many there are.

    Each name and each number of the text is asked for once.
    """
    wanted = {stem(bare(token).lower()) for token in text.split() if answerable(token)}
    held = {stem(bare(token).lower()) for token in note.split()}
    return len(wanted & held), len(wanted)


def placed(
    questions: Sequence[str], sentences: Sequence[str], vectors: NDArray[np.float32], embed: Embed
) -> list[Asked]:
    """Return each question with the sentence that is nearest to it.

    `vectors` are the sentences' (sentences x dimensions).
    """
    if not questions or not sentences:
        return []
    nearest = np.argmax(embed(questions) @ vectors.T, axis=1)
    return [
        Asked(frozenset(stem(word) for word in content_words(question)), int(place))
        for question, place in zip(questions, nearest, strict=True)
    ]


def worth(
    text: str, span: Span, weights: Mapping[str, float], asked: Sequence[Asked], *, aware: bool
) -> dict[str, float]:
    """Return what each word (its stem) of a piece of a text is worth keeping.

    Plain salience is the word's weight alone; with `aware`, what a held-back question asks for is
    worth more. `asked` are the written questions that this piece answers.
    """
    known = {word for one in asked for word in one.words}
    found: dict[str, float] = {}
    tokens = [token for run in runs(text, span) for token in run.of(text).split()]
    for token in tokens:
        word = stem(bare(token).lower())
        value = weights.get(word, 1.0)
        if aware:
            value += answerable(token)
            value += ASKED if asked and word not in known else 0.0
        found[word] = max(value, found.get(word, 0.0))
    return found
