"""Problems with known answers: reading them, and checking solutions of them."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass

from memagent.errors import InvalidInput
from memagent.learning.numbers import is_number, numbers_in, stated_number, value_of
from memagent.models.reasoning import split_reasoning
from memagent.records import require_whole
from memagent.text.english import content_words, stem, words

_MARKED = re.compile(r"####\s*((?:(?!####)[^\n])+)")
_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
_STATED_AS = r"\banswer\s*(?:is\s*:?|:|=)\s*"
_STATED = re.compile(rf"{_STATED_AS}((?:(?!{_STATED_AS})[^\n])+)", re.IGNORECASE)
DUPLICATE_SHARE = 0.8
"""Two problems with at least this share of their words in common are duplicates."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A question with its right answer, which is empty if unknown.

    `solution` is the worked solution that came with it, `evidence` the lines before the question.
    """

    question: str
    answer: str = ""
    solution: str = ""
    evidence: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The id of the problem: a hash of its normalised text."""
        text = normalised(" ".join([*self.evidence, self.question]))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


Check = Callable[[Problem, str], bool]
"""Checks a solution of a problem; returns whether it is right."""


def read_problems(lines: Iterable[str], name: str = "problems") -> Iterator[Problem]:
    """Yield the problems of JSON lines: `question`, `answer`, and optionally `evidence` (a list).

    An answer with "####" is a worked solution, followed by the answer proper, as in GSM8K (Cobbe et
    al. 2021).

    Raises:
        InvalidInput: a line is no such object; the message gives its number.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line.removeprefix("\ufeff"))
            question, answer = fields["question"], str(fields.get("answer", ""))
            evidence = tuple(map(str, fields.get("evidence", ())))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise InvalidInput(
                f"{name}:{number}: expected a JSON object with a question, found {line[:60]!r}"
            ) from error
        if not isinstance(question, str) or not question.strip():
            raise InvalidInput(f"{name}:{number}: the question is empty")
        require_whole(f"{name}:{number}: a text", "".join([question, answer, *evidence]))
        has_solution = "####" in answer
        yield Problem(
            question=question,
            answer=answer_of(answer) if has_solution else answer.strip(),
            solution=_without_calculations(answer) if has_solution else "",
            evidence=evidence,
        )


def answer_of(solution: str) -> str:
    """Return the answer that a solution ends with, empty if it states none.

    That is the text after "####", in a box, or after "the answer is", else the last number; of
    several the last.
    """
    solution = split_reasoning(solution).answer
    for pattern in (_MARKED, _BOXED, _STATED):
        if found := pattern.findall(solution):
            answer = str(found[-1]).strip()
            return stated_number(answer) or answer.rstrip(".").lower()
    return next(reversed(numbers_in(solution)), "")


def answer_key(problem: Problem, solution: str) -> str:
    """Return a normalised answer, which is equal for samples that give the same answer.

    That is the number that a solution ends with, or else the content words of its answer or last
    line that the question lacks, with "no" for a negation: "Daniel was in the kitchen." and "The
    kitchen." are the same answer to where Daniel is.
    """
    answer = answer_of(solution)
    if is_number(answer):
        value = value_of(answer)
        return answer if value is None else str(value)
    last = answer or split_reasoning(solution).answer.rpartition("\n")[2]
    negation = {"no"} if {"no", "not"}.intersection(words(last.lower())) else set()
    stems = {stem(word) for word in content_words(last)} | negation
    new = stems - {stem(word) for word in content_words(problem.question)}
    return " ".join(sorted(new or stems)) or normalised(last)


def same_number(problem: Problem, solution: str) -> bool:
    """Tell whether a solution ends with the right number: 1,000.0 equals 1000, 1/2 equals .5."""
    number, gold = stated_number(answer_of(solution)), stated_number(problem.answer)
    if number is None or gold is None:
        return False
    value = value_of(number)
    return value is not None and value == value_of(gold)


def mentions(problem: Problem, solution: str) -> bool:
    """Tell whether the last line of a solution mentions every word of the right answer."""
    last = split_reasoning(solution).answer.rpartition("\n")[2]
    found = {word.lower() for word in words(last)}
    required = {word.lower() for word in words(problem.answer)}
    return bool(required) and required <= found


def normalised(text: str) -> str:
    """Return the words of a text in lower case, separated by single spaces."""
    return " ".join(words(text.lower()))


def is_duplicate(first: str, second: str) -> bool:
    """Tell whether two problems are duplicates: they share nearly all of their words."""
    return nearly_same(set(words(first.lower())), set(words(second.lower())))


def nearly_same(first: Set[str], second: Set[str]) -> bool:
    """Tell whether two sets of words have a Jaccard index of at least `DUPLICATE_SHARE`."""
    if min(len(first), len(second)) < DUPLICATE_SHARE * max(len(first), len(second)):
        return False
    return len(first & second) >= DUPLICATE_SHARE * len(first | second)


def _without_calculations(solution: str) -> str:
    """Return a GSM8K solution without its calculator annotations, such as <<48/2=24>>."""
    return re.sub(r"<<[^>]*>>", "", solution).strip()
