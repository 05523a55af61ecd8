"""Recheck of a change: asks the corrected question and its neighbours again."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from memagent.errors import InvalidInput
from memagent.memory.memory import Memory
from memagent.recall.lessons import is_denial, same_question
from memagent.recall.rules.questions import is_question
from memagent.text.english import content_words, stem, words
from memagent.types import Answer, Checked, Feedback, Recollection, Scope

logger = logging.getLogger(__name__)

NEIGHBOURS = 5
"""The default limit of past questions that are asked again."""
_NEGATIONS = frozenset("no not none nobody never cannot".split())
_YES_NO_WORDS = _NEGATIONS | frozenset(
    "yes a an the it he she they i we you is are was were".split()
)
"""The words of a yes-or-no answer besides those of the question."""
Recall = Callable[[str], Recollection]
"""Recalls the records to show for a question."""


class Ask(Protocol):
    """Answers a question from the memory, or from given evidence, and stores nothing."""

    def __call__(self, question: str, evidence: Sequence[str] | None = None) -> Answer:
        """Return the answer."""
        ...


class Recheck:
    """Checks whether a change fixes an answer without breaking others.

    Create it before the change, and call `check` after it. A neighbour with the same notes as
    before keeps its answer, since decoding is greedy. Only the others are asked, with the notes
    from before and with those from after the change.
    """

    def __init__(self, ask: Ask, recall: Recall, questions: Sequence[str]) -> None:
        self._ask = ask
        self._recall = recall
        self._before = {question: recall(question) for question in questions}
        self._calls = 0

    def check(self, question: str, answer: str, text: str, kind: Feedback) -> Checked:
        """Return the result of the recheck; `text` is the feedback on a question's old answer."""
        new_answer = self._answer(question)
        fixed = fixes(new_answer, question, answer, text, kind)
        broken = []
        for neighbour, before in self._before.items():
            after = self._recall(neighbour)
            if _shown(neighbour, before) == _shown(neighbour, after):
                continue
            old = self._answer(before.remaining or neighbour, before.texts)
            if breaks(old, self._answer(neighbour), neighbour, answer, text):
                broken.append(neighbour)
        logger.info("recheck: fixed %s, broke %d, %d model calls", fixed, len(broken), self._calls)
        return Checked(mended=fixed, answer=new_answer, broken=tuple(broken), asked=self._calls)

    def _answer(self, question: str, evidence: Sequence[str] | None = None) -> str:
        self._calls += 1
        return self._ask(question, evidence).answer


def neighbours(memory: Memory, question: str, scope: Scope, limit: int = NEIGHBOURS) -> list[str]:
    """Return the past questions of a scope nearest to a question, without that question itself."""
    if limit < 1:
        return []
    try:
        hits = memory.search(question, scope=scope.across_sessions(), roles="user", k=4 * limit)
    except InvalidInput:
        return []
    found = [hit.record.text for hit in hits if not hit.record.evidence]
    near = [text for text in found if is_question(text) and not same_question(text, question)]
    return list(dict.fromkeys(near))[:limit]


def fixes(new_answer: str, question: str, answer: str, text: str, kind: Feedback) -> bool:
    """Tell whether a new answer follows the feedback `text` on the old answer.

    It must hold all that a correction adds to the question, or deny what a denial denies; after a
    hint, which does not state the answer, it must only differ from the old one. A correction that
    adds nothing to the question is a yes or a no, and the new answer must be the same.
    """
    if kind == "hint":
        return (_stems(new_answer), _denies(new_answer)) != (_stems(answer), _denies(answer))
    if kind == "denial":
        return is_denial(new_answer) or _denies(new_answer)
    added = _stems(text) - _stems(question)
    if added:
        return added <= _stems(new_answer)
    in_answer = set(_plain_words(new_answer))
    required = set(_plain_words(text)) - set(_plain_words(question)) - _YES_NO_WORDS
    if _denies(text) != _denies(new_answer) or not required <= in_answer:
        return False
    return (
        bool(required)
        or _denies(text)
        or "yes" in in_answer
        or _stems(question) <= _stems(new_answer)
    )


def breaks(before: str, after: str, question: str, answer: str, text: str) -> bool:
    """Tell whether a neighbour's answer lost content other than what the feedback corrects.

    `before` and `after` are its answers, `answer` is the corrected one, and `text` the feedback.
    """
    in_question = _stems(question)
    if not _stems(before) - in_question:
        return _denies(before) != _denies(after)
    lost = (_stems(before) - in_question) - _stems(after)
    if not lost:
        return False
    wrong, right = _stems(answer) - in_question, _stems(text) - in_question
    return not (lost <= wrong and bool(right & _stems(after)))


def _shown(question: str, found: Recollection) -> tuple[str, ...]:
    return (found.remaining or question, *found.texts)


def _stems(text: str) -> set[str]:
    return {stem(word) for word in content_words(text) if word != "yes"}


def _denies(text: str) -> bool:
    return bool(_NEGATIONS & set(_plain_words(text)))


def _plain_words(text: str) -> list[str]:
    lowered = text.lower().replace("’", "'")  # noqa: RUF001
    return [part for word in words(lowered) for part in word.replace("n't", " not").split()]
