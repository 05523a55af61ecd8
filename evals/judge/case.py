"""Case for a judge: a question, what is right, and the answer to be judged."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from memagent.evals.task import Sample


@runtime_checkable
class Judgeable(Protocol):
    """A question that says more of its right answer than its references do.

    It may have none, because nothing is known; a rubric, whose items a right answer holds; or
    options to choose from, which need no judge.
    """

    @property
    def unanswerable(self) -> bool: ...  # noqa: D102
    @property
    def rubric(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def options(self) -> Mapping[str, str]: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A question with all its reference answers, and the answer to be judged.

    With `all_of` the references are the parts of one answer. `criteria` are the items of the
    question's rubric, each judged by itself. An `unanswerable` question is answered right by saying
    that nothing is known.
    """

    question: str
    references: tuple[str, ...]
    answer: str
    all_of: bool = False
    criteria: tuple[str, ...] = ()
    unanswerable: bool = False

    @property
    def digest(self) -> str:
        """Digest (hex) of question, references and answer, as a verdict names what it is of."""
        return digest_of(self.question, self.references, self.answer)


def digest_of(question: str, references: Sequence[str], answer: str) -> str:
    """Return the first 16 hex digits of the SHA-256 of a question, its references and an answer."""
    text = json.dumps([question, list(references), answer])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def case_of(sample: Sample, answer: str, *, all_of: bool = False) -> Case | None:
    """Return the case of a question and an answer; None where there is nothing to judge by.

    With `all_of` the gold of the question are the parts of its answer, else each is an answer. What
    has nothing is multiple choice, which is graded by the letter, and of a question without a
    reference that is not said to be unanswerable.
    """
    unanswerable, criteria = False, tuple[str, ...]()
    if isinstance(sample, Judgeable):
        if sample.options:
            return None
        unanswerable, criteria = sample.unanswerable, tuple(sample.rubric)
    if not (sample.gold or criteria or unanswerable):
        return None
    return Case(
        question=sample.question,
        references=sample.gold,
        answer=answer,
        all_of=all_of,
        criteria=criteria,
        unanswerable=unanswerable,
    )
