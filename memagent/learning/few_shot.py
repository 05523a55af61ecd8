"""Which worked examples are most like a question: alike in structure, not in whom they speak of."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from langchain_core.embeddings import Embeddings

from memagent.prompts import with_notes
from memagent.text.english import FUNCTION_WORDS, content_words, lemma, names, words
from memagent.types import Example


def diverse_examples(examples: Sequence[Example], embedder: Embeddings, n: int) -> list[Example]:
    """Return `n` examples that cover what is asked: each next one is the most needed.

    First come the forms of question that no chosen one has, the most frequent first; then the
    answers that were chosen least often; then what is least like those chosen, by the cosine of
    whole prompts (the most central one at the start). The choice depends on the examples alone, so
    that a prompt keeps its prefix from one question to the next.
    """
    if len(examples) <= n:
        return list(examples)
    texts = [with_notes(one.question, one.evidence) for one in examples]
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


LONGEST = 3
"""How many words in a row one feature of a text holds at most."""
Features = dict[str, float]


class StructuralSelector:
    """Tells which of some worked examples are most like a question and what is shown with it.

    After ARM-RAG's obfuscation (Melz 2023), but by rules and exact: what a text speaks of (names,
    answers, what question and evidence share) is replaced by numbers in the order in which it first
    appears, so that the same thing keeps its number, and what is said of it stays as it is. Then
    "Mary went to the garden. Is Mary in the garden?" is alike in all but two words, and unlike
    "Mary went to the garden. Is Mary in the office?", of which the answer is another.
    """

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = examples
        self._topics = frozenset(topic for one in examples for topic in _told_answers(one))
        features = [self._features(one.question, one.evidence) for one in examples]
        self._frequency = Counter(name for one in features for name in one)
        self._weighted = [self._unit(one) for one in features]

    def nearest(self, question: str, evidence: Sequence[str], n: int) -> list[Example]:
        """Return the `n` examples that are most alike, the most alike one last.

        Of equally alike ones those come first that speak of other things: a weak model mixes up
        what it was shown with what it is asked. For the same reason no two have the same answer, as
        long as there are others, where the answer is a word of their own evidence. What says the
        very same as the question and its evidence is left out: that would be no other case.
        """
        asked = self._unit(self._features(question, evidence))
        likeness = [round(_dot(asked, one), 6) for one in self._weighted]
        spoken = _content(question, evidence)
        common = [len(spoken & _content(one.question, one.evidence)) for one in self._examples]
        order = sorted(
            (at for at in range(len(self._examples)) if not self.same(at, question, evidence)),
            key=lambda at: (-likeness[at], common[at], at),
        )
        chosen: list[int] = []
        answers: set[str] = set()
        repeated: list[int] = []
        for at in order:
            answer = self._examples[at].answer
            if answer in answers and _told_answers(self._examples[at]):
                repeated.append(at)
                continue
            answers.add(answer)
            chosen.append(at)
            if len(chosen) == n:
                break
        chosen = sorted([*chosen, *repeated[: n - len(chosen)]], key=order.index)
        return [self._examples[at] for at in reversed(chosen)]

    def same(self, at: int, question: str, evidence: Sequence[str]) -> bool:
        """Tell whether an example says the very same as a question and its evidence."""
        one = self._examples[at]
        mine, asked = [one.question, *one.evidence], [question, *evidence]
        return [words(text.lower()) for text in mine] == [words(text.lower()) for text in asked]

    def holds(self, question: str, evidence: Sequence[str]) -> bool:
        """Tell whether an example says the very same as a question and its evidence."""
        return any(self.same(at, question, evidence) for at in range(len(self._examples)))

    def _unit(self, counts: Features) -> Features:
        """Weigh features by how few examples have them, and scale them to length one."""
        every = len(self._examples)
        weighted = {
            name: count * math.log1p(every / self._frequency[name])
            for name, count in counts.items()
            if self._frequency[name]
        }
        length = math.sqrt(sum(weight**2 for weight in weighted.values())) or 1.0
        return {name: weight / length for name, weight in weighted.items()}

    def _features(self, question: str, evidence: Sequence[str]) -> Features:
        """Return the runs of words of question and evidence, with and without their topics."""
        hidden = structure(question, evidence, self._topics)
        people = {name.lower() for text in (question, *evidence) for name in names(text)}
        plain = [
            ["_" if word in people else word for word in line]
            for line in (words(text.lower()) for text in (question, *evidence))
        ]
        counts: Counter[str] = Counter()
        for mark, (query, *told) in (("hidden", hidden), ("plain", plain)):
            counts.update(f"{mark} asked {run}" for run in _runs(query))
            for line in told:
                counts.update(f"{mark} told {run}" for run in _runs(line))
            counts.update(f"{mark} last {run}" for line in told[-1:] for run in _runs(line))
        counts[f"lines {len(evidence)}"] += 1
        return {name: math.sqrt(count) for name, count in counts.items()}


def structure(
    question: str, evidence: Sequence[str], topics: Iterable[str] = ()
) -> list[list[str]]:
    """Return the words of a question and of each line of evidence, topics replaced by numbers.

    A topic is a name, a word that question and evidence share, or one whose lemma is among
    `topics`; it has the same number wherever it appears, counted from the question on.
    """
    texts = [words(text) for text in (question, *evidence)]
    told = {lemma(word) for line in texts[1:] for word in line}
    shared = {lemma(word) for word in texts[0]} & told
    named = {lemma(name) for text in (question, *evidence) for name in names(text)}
    hidden = {*topics, *named, *shared} - FUNCTION_WORDS
    numbers: dict[str, int] = {}
    lines = []
    for line in texts:
        shown = []
        for word in line:
            root = lemma(word)
            if root in hidden and word.lower() not in FUNCTION_WORDS:
                shown.append(f"#{numbers.setdefault(root, len(numbers))}")
            else:
                shown.append(word.lower())
        lines.append(shown)
    return lines


def _told_answers(example: Example) -> set[str]:
    """Return the lemmas of an example's answer that its own evidence holds, none of a yes or no."""
    told = {lemma(word) for text in example.evidence for word in words(text)}
    return {lemma(word) for word in words(example.answer)} & told


def _content(question: str, evidence: Sequence[str]) -> set[str]:
    return {lemma(word) for text in (question, *evidence) for word in content_words(text)}


def _runs(tokens: Sequence[str]) -> Iterable[str]:
    for length in range(1, LONGEST + 1):
        for start in range(len(tokens) - length + 1):
            yield " ".join(tokens[start : start + length])


def _dot(first: Features, second: Features) -> float:
    if len(second) < len(first):
        first, second = second, first
    return sum(weight * second.get(name, 0.0) for name, weight in first.items())
