"""Compression without a language model: the sentences, or the runs of words, worth keeping."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from memagent.compression.base import Budget, Compressed
from memagent.text.english import FUNCTION_WORDS, Span, bare, content_words, runs, sentences, stem

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


def cloze_answered(text: str, note: str) -> tuple[int, int]:
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


Unit = Literal["sentences", "runs"]
KNOWN = 0.2
"""What a run is worth of which every word is kept already."""
REDUNDANCY = 0.5
"""How much likeness to what is kept counts against a sentence (maximal marginal relevance)."""


def unweighted(text: str) -> Mapping[str, float]:
    """Weigh all words alike."""
    return {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Extractive:
    """Keeps whole sentences, or the runs of words between function words, as they are written.

    A sentence's salience is its mean cosine to the others, held against its likeness to those that
    are kept already (Carbonell and Goldstein, SIGIR 1998); a run's is the weight of its words that
    are not kept yet. With `aware`, both go by what held-back questions ask for: names, numbers,
    and what written questions want. What is worth most for its length goes first.

    `embed` gives normalised vectors (texts x dimensions), `weigh` the weight of a text's words.
    """

    embed: Embed
    unit: Unit = "runs"
    aware: bool = True
    redundancy: float = REDUNDANCY
    weigh: Weigh = unweighted

    @property
    def name(self) -> str:
        """What it is called in what it has made."""
        return f"{self.unit}, {'aware' if self.aware else 'salience'}"

    def compress(
        self, text: str, budget: Budget, questions: Sequence[str] = ()
    ) -> Compressed | None:
        """Return the pieces of a text that fit into the budget, in its order."""
        room, whole = budget.chars(text), sentences(text)
        if room >= len(text.strip()):
            span = Span(0, len(text))
            return Compressed(text=text, spans=(span,)) if whole else None
        told = [span.of(text) for span in whole]
        by_salience = self.unit == "sentences" and not self.aware
        asked_for = questions if self.aware else ()
        vectors = self.embed(told) if by_salience or asked_for else None
        asked = [] if vectors is None else placed(asked_for, told, vectors, self.embed)
        worths = self._worths(text, whole, asked)
        if self.unit == "runs":
            kept = _runs(text, whole, worths, room)
        elif vectors is not None and by_salience:
            kept = _by_salience(whole, vectors, room, self.redundancy)
        else:
            kept = _by_worth(whole, worths, room)
        kept = kept or _runs(text, whole, worths, room)
        return Compressed(text=_joined(text, whole, kept), spans=tuple(kept)) if kept else None

    def _worths(
        self, text: str, whole: Sequence[Span], asked: Sequence[Asked]
    ) -> list[Mapping[str, float]]:
        """Return what each sentence's words are worth, by their stems."""
        weights = self.weigh(text)
        return [
            worth(text, span, weights, [q for q in asked if q.sentence == n], aware=self.aware)
            for n, span in enumerate(whole)
        ]


def _by_worth(
    whole: Sequence[Span], worths: Sequence[Mapping[str, float]], room: int
) -> list[Span]:
    """Keep the sentences that answer most, for their length, of what is not answered yet."""
    known: set[str] = set()

    def gain(number: int) -> float:
        new = (value for word, value in worths[number].items() if word not in known)
        return sum(new) / len(whole[number])

    return _greedy(whole, room, gain, lambda number: known.update(worths[number]))


def _by_salience(
    whole: Sequence[Span], vectors: NDArray[np.float32], room: int, redundancy: float
) -> list[Span]:
    """Keep the sentences that are most like the others, and least like those kept."""
    alike = vectors @ vectors.T
    central = (alike.sum(axis=1) - 1) / max(1, len(whole) - 1)
    likeness = np.zeros(len(whole))

    def gain(number: int) -> float:
        return float((1 - redundancy) * central[number] - redundancy * likeness[number])

    def keep(number: int) -> None:
        np.maximum(likeness, alike[number], out=likeness)

    return _greedy(whole, room, gain, keep)


def _greedy(
    spans: Sequence[Span], room: int, gain: Callable[[int], float], keep: Callable[[int], None]
) -> list[Span]:
    """Take the piece of largest gain that still fits, again and again; return them in order."""
    left, kept = set(range(len(spans))), list[Span]()
    while fitting := [number for number in sorted(left) if len(spans[number]) + 1 <= room]:
        best = max(fitting, key=gain)
        kept.append(spans[best])
        keep(best)
        left.remove(best)
        room -= len(spans[best]) + 1
    return sorted(kept)


def _runs(
    text: str, whole: Sequence[Span], worths: Sequence[Mapping[str, float]], room: int
) -> list[Span]:
    """Keep the runs of words that are worth most for their length; what was said before is less."""
    known: set[str] = set()
    densest = []
    for span, values in zip(whole, worths, strict=True):
        for run in runs(text, span):
            stems = [stem(bare(token).lower()) for token in run.of(text).split()]
            new = [one for one in stems if one not in known]
            value = sum(values.get(one, 0.0) for one in stems)
            share = KNOWN if not new else (1 + len(new) / len(stems)) / 2
            known.update(stems)
            densest.append((-share * value / (len(run) + 1), run, span))
    kept, begun = [], set[Span]()
    for _, run, span in sorted(densest):
        cost = len(run) + 1 + (span not in begun)  # each sentence ends in a mark
        if cost <= room:
            kept.append(run)
            begun.add(span)
            room -= cost
    return sorted(kept)


def _joined(text: str, whole: Sequence[Span], kept: Sequence[Span]) -> str:
    """Return pieces as one text: what is of one sentence on, with a mark between sentences."""
    told = []
    for span in whole:
        pieces = [one.of(text) for one in kept if span.start <= one.start and one.end <= span.end]
        if pieces:
            told.append(" ".join(pieces).rstrip(",;:"))
    return " ".join(piece if piece[-1:] in ".!?" else f"{piece}." for piece in told)
