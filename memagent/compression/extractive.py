"""Extractive compressor: keeps the sentences, or the runs of words, with the largest weights."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from memagent.compression.base import Budget, Compressed
from memagent.text.english import FUNCTION_WORDS, bare, content_words, runs, stem
from memagent.text.sentences import Span, sentences

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Embeds texts; returns normalised vectors (texts x dimensions)."""
Weigh = Callable[[str], Mapping[str, float]]
"""Weighs a text's content words; returns weights in [0, 1] by stem."""
NUMBER_WEIGHT, NAME_WEIGHT, ANSWER_WEIGHT = 3.0, 1.5, 1.5
"""The weights added to a word's own (at most 1): for a number, a name, and for a word that may
answer a written question."""
SEEN_SHARE = 0.2
"""The share of its weight that a run has if all its words occurred before."""
REDUNDANCY = 0.5
"""The weight of similarity to what is kept already against a sentence (maximal marginal
relevance)."""
BLOCK = 256
"""Sentences among which the next one to keep is chosen."""
Unit = Literal["sentences", "runs"]


@dataclass(frozen=True, slots=True)
class PlacedQuestion:
    """A written question: the stems in it, and the place of the sentence that answers it."""

    stems: frozenset[str]
    sentence: int


def cloze_weight(token: str) -> float:
    """Return the weight of a word as the answer to a cloze question, 0 if no question asks for it.

    Cloze questions ask for the names and the numbers of a text.
    """
    word = bare(token)
    if any(letter.isdigit() for letter in word):
        return NUMBER_WEIGHT
    return NAME_WEIGHT if word[:1].isupper() and word.lower() not in FUNCTION_WORDS else 0.0


def cloze_answered(text: str, note: str) -> tuple[int, int]:
    """Return the number of a text's cloze questions that a note on it answers, and of all of them.

    Each name and each number of the text counts once.
    """
    answers = {stem(bare(token).lower()) for token in text.split() if cloze_weight(token)}
    found = {stem(bare(token).lower()) for token in note.split()}
    return len(answers & found), len(answers)


def place_questions(
    questions: Sequence[str], sentences: Sequence[str], vectors: NDArray[np.float32], embed: Embed
) -> list[PlacedQuestion]:
    """Return each question with the place of the sentence nearest to it.

    `vectors` are those of the sentences (sentences x dimensions).
    """
    if not questions or not sentences:
        return []
    nearest = np.argmax(embed(questions) @ vectors.T, axis=1)
    return [
        PlacedQuestion(frozenset(stem(word) for word in content_words(question)), int(place))
        for question, place in zip(questions, nearest, strict=True)
    ]


def word_weights(
    text: str,
    span: Span,
    weights: Mapping[str, float],
    questions: Sequence[PlacedQuestion],
    *,
    aware: bool,
) -> dict[str, float]:
    """Return the weight of each word (its stem) of a sentence.

    Plain salience is the word's own weight; with `aware`, words that answer cloze questions or the
    written `questions` placed at this sentence weigh more.
    """
    in_questions = {word for question in questions for word in question.stems}
    found: dict[str, float] = {}
    tokens = [token for run in runs(text, span) for token in run.of(text).split()]
    for token in tokens:
        word = stem(bare(token).lower())
        weight = weights.get(word, 1.0)
        if aware:
            weight += cloze_weight(token)
            weight += ANSWER_WEIGHT if questions and word not in in_questions else 0.0
        found[word] = max(weight, found.get(word, 0.0))
    return found


def unweighted(text: str) -> Mapping[str, float]:
    """Return no weights, so that all words weigh alike."""
    return {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Extractive:
    """Compressor that keeps whole sentences, or the runs of words between function words.

    A sentence's salience is its mean cosine to the others, less its similarity to those that are
    kept already (Carbonell and Goldstein, SIGIR 1998); a run's is the weight of its words that are
    not kept yet. With `aware`, both go by the answers to cloze questions, which are held back from
    the compressor: names, numbers, and the answers to written questions. The largest weight for its
    length comes first.

    `embed` gives normalised vectors (texts x dimensions), `weigh` the weights of a text's words.
    """

    embed: Embed
    unit: Unit = "runs"
    aware: bool = True
    redundancy: float = REDUNDANCY
    weigh: Weigh = unweighted

    @property
    def name(self) -> str:
        """The name stored with each note: the unit, and the kind of salience."""
        return f"{self.unit}, {'aware' if self.aware else 'salience'}"

    def compress(
        self, text: str, budget: Budget, questions: Sequence[str] = ()
    ) -> Compressed | None:
        """Return the pieces of a text that fit into the budget, in their order in the text."""
        limit, spans = budget.chars(text), sentences(text)
        if limit >= len(text.strip()):
            whole = Span(0, len(text))
            return Compressed(text=text, spans=(whole,)) if spans else None
        lines = [span.of(text) for span in spans]
        by_salience = self.unit == "sentences" and not self.aware
        questions = questions if self.aware else ()
        vectors = self.embed(lines) if by_salience or questions else None
        placed = [] if vectors is None else place_questions(questions, lines, vectors, self.embed)
        weights = self._weights(text, spans, placed)
        if self.unit == "runs":
            kept = _best_runs(text, spans, weights, limit)
        elif vectors is not None and by_salience:
            kept = _most_salient(spans, vectors, limit, self.redundancy)
        else:
            kept = _best_sentences(spans, weights, limit)
        kept = kept or _best_runs(text, spans, weights, limit)
        return Compressed(text=_joined(text, spans, kept), spans=tuple(kept)) if kept else None

    def _weights(
        self, text: str, spans: Sequence[Span], placed: Sequence[PlacedQuestion]
    ) -> list[Mapping[str, float]]:
        """Return the weights of each sentence's words, by stem."""
        weights = self.weigh(text)
        asked: dict[int, list[PlacedQuestion]] = {}
        for question in placed:
            asked.setdefault(question.sentence, []).append(question)
        return [
            word_weights(text, span, weights, asked.get(number, ()), aware=self.aware)
            for number, span in enumerate(spans)
        ]


def _best_sentences(
    spans: Sequence[Span], weights: Sequence[Mapping[str, float]], limit: int
) -> list[Span]:
    """Return the sentences with the largest weight of new words for their length."""
    known: set[str] = set()

    def gain(number: int) -> float:
        new = (weight for word, weight in weights[number].items() if word not in known)
        return sum(new) / len(spans[number])

    return _greedy(spans, limit, gain, lambda number: known.update(weights[number]))


def _most_salient(
    spans: Sequence[Span], vectors: NDArray[np.float32], limit: int, redundancy: float
) -> list[Span]:
    """Return the sentences most similar to all others, and least similar to those kept."""
    central = (vectors @ vectors.sum(axis=0) - 1) / max(1, len(spans) - 1)
    to_kept = np.zeros(len(spans))

    def gain(number: int) -> float:
        return float((1 - redundancy) * central[number] - redundancy * to_kept[number])

    def keep(number: int) -> None:
        block = _block_of(number)
        np.maximum(to_kept[block], vectors[block] @ vectors[number], out=to_kept[block])

    return _greedy(spans, limit, gain, keep)


def _greedy(
    spans: Sequence[Span], limit: float, gain: Callable[[int], float], keep: Callable[[int], None]
) -> list[Span]:
    """Take the piece of largest gain that still fits, again and again; return them in order.

    A long text goes block by block, each with its share of the limit and what is left of the block
    before: the work grows with the square of a block, and not of the text.
    """
    rest, kept, room = sum(map(len, spans)), list[Span](), 0.0
    for start in range(0, len(spans), BLOCK):
        remaining = list(range(start, min(start + BLOCK, len(spans))))
        size = sum(len(spans[number]) for number in remaining)
        share = limit if size == rest else limit * size / rest
        limit, rest, room = limit - share, rest - size, room + share
        while remaining := [number for number in remaining if len(spans[number]) + 1 <= room]:
            best = max(remaining, key=gain)
            kept.append(spans[best])
            keep(best)
            remaining.remove(best)
            room -= len(spans[best]) + 1
    return sorted(kept)


def _block_of(number: int) -> slice:
    start = number - number % BLOCK
    return slice(start, start + BLOCK)


def _best_runs(
    text: str, spans: Sequence[Span], weights: Sequence[Mapping[str, float]], limit: int
) -> list[Span]:
    """Return the runs of words with the largest weight for their length; repeated words count less.

    A run's words may be repeated from an earlier run, kept or not.
    """
    known: set[str] = set()
    scored = []
    for span, by_stem in zip(spans, weights, strict=True):
        for run in runs(text, span):
            stems = [stem(bare(token).lower()) for token in run.of(text).split()]
            new = [word for word in stems if word not in known]
            weight = sum(by_stem.get(word, 0.0) for word in stems)
            share = SEEN_SHARE if not new else (1 + len(new) / len(stems)) / 2
            known.update(stems)
            scored.append((-share * weight / (len(run) + 1), run, span))
    kept, opened = [], set[Span]()
    for _, run, span in sorted(scored):
        cost = len(run) + 1 + (span not in opened)  # each sentence ends in a mark
        if cost <= limit:
            kept.append(run)
            opened.add(span)
            limit -= cost
    return sorted(kept)


def _joined(text: str, spans: Sequence[Span], kept: Sequence[Span]) -> str:
    """Return the kept pieces as one text, with a full stop after those of one sentence."""
    lines, waiting = [], deque(kept)
    for span in spans:
        pieces = []
        while waiting and waiting[0].end <= span.end:
            pieces.append(waiting.popleft().of(text))
        if pieces:
            lines.append(" ".join(pieces).rstrip(",;:"))
    return " ".join(line if line[-1:] in ".!?" else f"{line}." for line in lines)
