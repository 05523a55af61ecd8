"""Few-shot examples: selection by diversity, or by the structure of a question."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from langchain_core.embeddings import Embeddings

from memagent.prompts import with_notes
from memagent.text.english import FUNCTION_WORDS, content_words, lemma, names, words
from memagent.types import Example


def diverse_examples(examples: Sequence[Example], embedder: Embeddings, n: int) -> list[Example]:
    """Return `n` examples that cover the forms of question, the answers, and the contents.

    Each next example is one whose form of question is not chosen yet, the most frequent form first;
    then one whose answer was chosen least often; then the one least similar to those chosen, by the
    cosine of whole prompts (the most central one at the start). The choice depends on the examples
    alone, so that successive prompts share their prefix.
    """
    if len(examples) <= n:
        return list(examples)
    texts = [with_notes(example.question, example.evidence) for example in examples]
    vectors = np.array(embedder.embed_documents(texts), dtype=np.float32)
    forms = [form(example.question) for example in examples]
    frequency = Counter(forms)
    similarity = -(vectors @ vectors.mean(axis=0))
    chosen: list[int] = []
    while len(chosen) < n:
        seen = {forms[at] for at in chosen}
        answers = Counter(examples[at].answer for at in chosen)
        left = (at for at in range(len(examples)) if at not in chosen)
        _, _, _, best = min(
            (
                -frequency[forms[at]] if forms[at] not in seen else 0,
                answers[examples[at].answer],
                float(similarity[at]),
                at,
            )
            for at in left
        )
        chosen.append(best)
        similarity = (vectors @ vectors[chosen].T).max(axis=1)
    return [examples[at] for at in chosen]


def form(question: str) -> tuple[str, ...]:
    """Return the form of a question: its function words, with gaps for all other words."""
    return tuple(word if word in FUNCTION_WORDS else "_" for word in words(question.lower()))


MAX_NGRAM = 3
"""The length limit of the word n-grams that are a text's features."""
Features = dict[str, float]
"""Weights by feature."""


class StructuralSelector:
    """Selects the examples most similar in structure to a question and its evidence.

    After the obfuscation of ARM-RAG (Melz 2023), but by exact rules: the topics of a text (names,
    answers, words that question and evidence share) are replaced by numbers in the order in which
    they first appear, and its other words stay. "Mary went to the garden. Is Mary in the garden?"
    then matches the same question about John and the hall, but not "Mary went to the garden. Is
    Mary in the office?", which has another answer.
    """

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = examples
        self._topics = frozenset(
            topic for example in examples for topic in _answer_in_evidence(example)
        )
        counts = [self._features(example.question, example.evidence) for example in examples]
        self._frequency = Counter(name for features in counts for name in features)
        self._vectors = [self._unit_vector(features) for features in counts]

    def nearest(self, question: str, evidence: Sequence[str], n: int) -> list[Example]:
        """Return the `n` most similar examples, the most similar one last.

        Of equally similar ones, those with fewer words in common come first: a weak model confuses
        the examples with the question. For the same reason no two have the same answer, as long as
        there are others, if the answer is a word of their own evidence. An example with the same
        words as the question and its evidence is left out.
        """
        vector = self._unit_vector(self._features(question, evidence))
        similarity = [round(_dot(vector, other), 6) for other in self._vectors]
        content = _content(question, evidence)
        common = [
            len(content & _content(example.question, example.evidence))
            for example in self._examples
        ]
        order = sorted(
            (at for at in range(len(self._examples)) if not self._is_same(at, question, evidence)),
            key=lambda at: (-similarity[at], common[at], at),
        )
        chosen: list[int] = []
        answers: set[str] = set()
        repeated: list[int] = []
        for at in order:
            answer = self._examples[at].answer
            if answer in answers and _answer_in_evidence(self._examples[at]):
                repeated.append(at)
                continue
            answers.add(answer)
            chosen.append(at)
            if len(chosen) == n:
                break
        chosen = sorted([*chosen, *repeated[: n - len(chosen)]], key=order.index)
        return [self._examples[at] for at in reversed(chosen)]

    def holds(self, question: str, evidence: Sequence[str]) -> bool:
        """Tell whether an example has the same words as a question and its evidence."""
        return any(self._is_same(at, question, evidence) for at in range(len(self._examples)))

    def _is_same(self, at: int, question: str, evidence: Sequence[str]) -> bool:
        example = self._examples[at]
        texts, others = [example.question, *example.evidence], [question, *evidence]
        return [words(text.lower()) for text in texts] == [words(text.lower()) for text in others]

    def _unit_vector(self, counts: Features) -> Features:
        """Weigh features by their inverse document frequency, and scale them to length one."""
        total = len(self._examples)
        weighted = {
            name: count * math.log1p(total / self._frequency[name])
            for name, count in counts.items()
            if self._frequency[name]
        }
        length = math.sqrt(sum(weight**2 for weight in weighted.values())) or 1.0
        return {name: weight / length for name, weight in weighted.items()}

    def _features(self, question: str, evidence: Sequence[str]) -> Features:
        """Return the n-grams of question and evidence, with topics numbered and names masked."""
        numbered = structure(question, evidence, self._topics)
        people = {name.lower() for text in (question, *evidence) for name in names(text)}
        masked = [
            ["_" if word in people else word for word in line]
            for line in (words(text.lower()) for text in (question, *evidence))
        ]
        counts: Counter[str] = Counter()
        for kind, (query, *lines) in (("numbered", numbered), ("masked", masked)):
            counts.update(f"{kind} question {ngram}" for ngram in _ngrams(query))
            for line in lines:
                counts.update(f"{kind} evidence {ngram}" for ngram in _ngrams(line))
            counts.update(f"{kind} last {ngram}" for line in lines[-1:] for ngram in _ngrams(line))
        counts[f"lines {len(evidence)}"] += 1
        return {name: math.sqrt(count) for name, count in counts.items()}


def structure(
    question: str, evidence: Sequence[str], topics: Iterable[str] = ()
) -> list[list[str]]:
    """Return the words of a question and of each line of evidence, with topics as numbers.

    A topic is a name, a word that question and evidence share, or one whose lemma is among
    `topics`. It has the same number everywhere, counted from the question on.
    """
    texts = [words(text) for text in (question, *evidence)]
    in_evidence = {lemma(word) for line in texts[1:] for word in line}
    shared = {lemma(word) for word in texts[0]} & in_evidence
    named = {lemma(name) for text in (question, *evidence) for name in names(text)}
    all_topics = {*topics, *named, *shared} - FUNCTION_WORDS
    numbers: dict[str, int] = {}
    lines = []
    for line in texts:
        shown = []
        for word in line:
            root = lemma(word)
            if root in all_topics and word.lower() not in FUNCTION_WORDS:
                shown.append(f"#{numbers.setdefault(root, len(numbers))}")
            else:
                shown.append(word.lower())
        lines.append(shown)
    return lines


def _answer_in_evidence(example: Example) -> set[str]:
    """Return the lemmas of an example's answer that occur in its own evidence."""
    in_evidence = {lemma(word) for text in example.evidence for word in words(text)}
    return {lemma(word) for word in words(example.answer)} & in_evidence


def _content(question: str, evidence: Sequence[str]) -> set[str]:
    return {lemma(word) for text in (question, *evidence) for word in content_words(text)}


def _ngrams(tokens: Sequence[str]) -> Iterable[str]:
    for length in range(1, MAX_NGRAM + 1):
        for start in range(len(tokens) - length + 1):
            yield " ".join(tokens[start : start + length])


def _dot(first: Features, second: Features) -> float:
    if len(second) < len(first):
        first, second = second, first
    return sum(weight * second.get(name, 0.0) for name, weight in first.items())
