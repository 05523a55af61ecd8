"""Recheck of a change: asks the corrected question and its neighbours again."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from memagent.feedback.lesson_text import stems
from memagent.memory.memory import Memory
from memagent.recall.lessons import same_question
from memagent.stores.database.filters import Filter
from memagent.stores.ranking import Ranking
from memagent.text.words import query_words
from memagent.types import Answer, Checked, Feedback, Recollection, Scope

logger = logging.getLogger(__name__)

NEIGHBOURS = 5
"""The default limit of past questions that are asked again."""
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
            old = self._answer(neighbour, before.texts)
            if breaks(old, self._answer(neighbour), neighbour, answer, text):
                broken.append(neighbour)
        logger.info("recheck: fixed %s, broke %d, %d model calls", fixed, len(broken), self._calls)
        return Checked(mended=fixed, answer=new_answer, broken=tuple(broken), asked=self._calls)

    def _answer(self, question: str, evidence: Sequence[str] | None = None) -> str:
        self._calls += 1
        return self._ask(question, evidence).answer


def neighbours(memory: Memory, question: str, scope: Scope, limit: int = NEIGHBOURS) -> list[str]:
    """Return the past questions of a scope nearest to a question, without that question itself.

    They are what its user said that is no evidence. Nearest is by meaning and by words.
    """
    if limit < 1 or not question.strip():
        return []
    where = Filter(scope=scope.across_sessions(), roles=("user",))
    vector = memory.engine.query_vector(question, None)
    hits = memory.engine.bank.search(question, vector, where, Ranking(k=4 * limit))
    asked = [hit.record.text for hit in hits if not hit.record.evidence]
    near = [text for text in asked if not same_question(text, question)]
    return list(dict.fromkeys(near))[:limit]


def fixes(new_answer: str, question: str, answer: str, text: str, kind: Feedback) -> bool:
    """Tell whether a new answer follows the feedback `text` on the old answer.

    After a hint, which does not state the answer, it must only differ from the old one. Else it
    must hold something that the feedback adds to the question, and not all that was wrong. Feedback
    that adds no word with a meaning of its own, such as a yes or a no, must be in it as a whole.
    """
    if kind == "hint":
        return _words(new_answer) != _words(answer)
    added, wrong = stems(text) - stems(question), stems(answer) - stems(question) - stems(text)
    if wrong and wrong <= stems(new_answer):
        return False
    if added:
        return bool(added & stems(new_answer))
    return _words(text) - _words(question) <= _words(new_answer)


def breaks(before: str, after: str, question: str, answer: str, text: str) -> bool:
    """Tell whether a neighbour's answer lost words other than what the feedback corrects.

    `before` and `after` are its answers, `answer` is the corrected one, and `text` the feedback. Of
    an answer without a word that has a meaning of its own, such as a yes or a no, all words count.
    """
    of = stems if stems(before) - stems(question) else _words
    asked, now = of(question), of(after)
    lost = of(before) - asked - now
    if not lost:
        return False
    wrong, right = of(answer) - asked, of(text) - asked
    return not (lost <= wrong and bool(right & now))


def _shown(question: str, found: Recollection) -> tuple[str, ...]:
    return (question, *found.texts)


def _words(text: str) -> set[str]:
    return set(query_words(text))
