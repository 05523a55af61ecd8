"""Asks again what a change is about, and what is near to that: does it mend, does it break?"""

from collections.abc import Callable, Sequence
from typing import Protocol

from memagent.errors import InvalidInput
from memagent.memory.memory import Memory
from memagent.recall.lessons import is_denial, same_question
from memagent.recall.rules.questions import is_question
from memagent.text.english import content_words, stem, words
from memagent.types import Answer, Checked, Feedback, Recollection, Scope

NEIGHBOURS = 5
"""How many past questions near to the one in doubt are asked again."""
_DENYING = frozenset("no not none nobody never cannot".split())
_SMALL = _DENYING | frozenset("yes a an the it he she they i we you is are was were".split())
"""What a yes or a no is said with beside the words of the question."""
Recall = Callable[[str], Recollection]


class Ask(Protocol):
    """Answers a question from the memory, or from given evidence; it writes nothing."""

    def __call__(self, question: str, evidence: Sequence[str] | None = None) -> Answer:
        """Return the answer."""
        ...


class Trial:
    """Tells whether a change is worth keeping; made before the change, asked after it.

    A neighbour that is shown the same notes as before keeps its answer: decoding is greedy. Only
    the others are asked, with what they were shown before and with what they are shown now.
    """

    def __init__(self, ask: Ask, recall: Recall, questions: Sequence[str]) -> None:
        self._ask = ask
        self._recall = recall
        self._before = {one: recall(one) for one in questions}
        self._asked = 0

    def check(self, asked: str, answered: str, said: str, feedback: Feedback) -> Checked:
        """Return what asking again shows; `said` is the feedback to what `asked` got."""
        answer = self._answer(asked)
        mended = mends(answer, asked, answered, said, feedback)
        broken = []
        for question, before in self._before.items():
            after = self._recall(question)
            if _prompt(question, before) == _prompt(question, after):
                continue
            old = self._answer(before.remaining or question, before.texts)
            if breaks(old, self._answer(question), question, answered, said):
                broken.append(question)
        return Checked(mended=mended, answer=answer, broken=tuple(broken), asked=self._asked)

    def _answer(self, question: str, evidence: Sequence[str] | None = None) -> str:
        self._asked += 1
        return self._ask(question, evidence).answer


def neighbours(memory: Memory, asked: str, scope: Scope, most: int = NEIGHBOURS) -> list[str]:
    """Return past questions of a scope, nearest first, without the one that was asked."""
    if most < 1:
        return []
    try:
        hits = memory.search(asked, scope=scope.across_sessions(), roles="user", k=4 * most)
    except InvalidInput:
        return []
    found = [hit.record.text for hit in hits if not hit.record.evidence]
    near = [one for one in found if is_question(one) and not same_question(one, asked)]
    return list(dict.fromkeys(near))[:most]


def mends(answer: str, asked: str, answered: str, said: str, feedback: Feedback) -> bool:
    """Tell whether an answer is what the feedback wanted.

    It has to hold what a correction says beyond the question, or deny what a denial denies; after a
    hint, which does not tell the answer, it only has to be another one than before. A correction
    that says no more than the question is a yes or a no, and so has the answer to be.
    """
    if feedback == "hint":
        return (_stems(answer), _denies(answer)) != (_stems(answered), _denies(answered))
    if feedback == "denial":
        return is_denial(answer) or _denies(answer)
    more = _stems(said) - _stems(asked)
    if more:
        return more <= _stems(answer)
    replied, named = set(_plain(answer)), set(_plain(said)) - set(_plain(asked)) - _SMALL
    if _denies(said) != _denies(answer) or not named <= replied:
        return False
    return bool(named) or _denies(said) or "yes" in replied or _stems(asked) <= _stems(answer)


def breaks(before: str, after: str, question: str, answered: str, said: str) -> bool:
    """Tell whether an answer lost what it said before, and that was not what is corrected."""
    own = _stems(question)
    if not _stems(before) - own:
        return _denies(before) != _denies(after)
    lost = (_stems(before) - own) - _stems(after)
    if not lost:
        return False
    wrong, right = _stems(answered) - own, _stems(said) - own
    return not (lost <= wrong and bool(right & _stems(after)))


def _prompt(question: str, found: Recollection) -> tuple[str, ...]:
    return (found.remaining or question, *found.texts)


def _stems(text: str) -> set[str]:
    return {stem(word) for word in content_words(text) if word != "yes"}


def _denies(text: str) -> bool:
    return bool(_DENYING & set(_plain(text)))


def _plain(text: str) -> list[str]:
    lowered = text.lower().replace("’", "'")  # noqa: RUF001
    return [one for word in words(lowered) for one in word.replace("n't", " not").split()]
