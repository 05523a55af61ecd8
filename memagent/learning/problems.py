"""Problems with known answers: how they are read, what a solution says, and whether it is right."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from memagent.errors import InvalidInput
from memagent.text.english import content_words, stem, words

_MARKED = re.compile(r"####\s*([^\n]+)")
_BOXED = re.compile(r"\\boxed\{([^{}]*)\}")
_SAID = re.compile(r"\banswer\s*(?:is\s*:?|:|=)\s*([^\n]+)", re.IGNORECASE)
_NUMBER = re.compile(r"-?\$?\d[\d,]*(?:\.\d+)?")
DUPLICATE = 0.8
"""Two problems that have this share of their words in common are one and the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A question with its right answer, empty if nobody knows it.

    `solution` is a worked solution that came with it, `evidence` what is told before the question.
    """

    question: str
    answer: str = ""
    solution: str = ""
    evidence: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Return what tells the problem from others: a hash of its normalised text."""
        text = normalised(" ".join([*self.evidence, self.question]))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


Check = Callable[[Problem, str], bool]
"""A problem and a solution of it in; whether the solution is right out."""


def read_problems(lines: Iterable[str], name: str = "problems") -> Iterator[Problem]:
    """Yield the problems of JSON lines: `question`, `answer`, and `evidence` (a list) if any.

    An answer with "####" in it is a worked solution, and what follows that is the answer, as in
    GSM8K (Cobbe et al. 2021).

    Raises:
        InvalidInput: a line is no such object; the message gives its number.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
            question, answer = one["question"], str(one.get("answer", ""))
            evidence = tuple(map(str, one.get("evidence", ())))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InvalidInput(
                f"{name}:{number}: expected a JSON object with a question, found {line[:60]!r}"
            ) from error
        if not isinstance(question, str) or not question.strip():
            raise InvalidInput(f"{name}:{number}: the question is empty")
        worked = "####" in answer
        yield Problem(
            question=question,
            answer=answer_of(answer) if worked else answer.strip(),
            solution=_without_sums(answer) if worked else "",
            evidence=evidence,
        )


def answer_of(solution: str) -> str:
    """Return the answer that a solution ends with, empty if it says none.

    That is what follows "####", is boxed, or follows "the answer is", and else its last number; of
    several the last.
    """
    for pattern in (_MARKED, _BOXED, _SAID):
        if found := pattern.findall(solution):
            said = str(found[-1]).strip()
            number = _NUMBER.search(said)
            return _plain(number.group()) if number else said.rstrip(".").lower()
    numbers = _NUMBER.findall(solution)
    return _plain(numbers[-1]) if numbers else ""


def answer_key(problem: Problem, solution: str) -> str:
    """Return what a solution says, however it puts it, so that samples can be counted by it.

    That is the number that it ends with, or else, of its answer or its last line, the content words
    that the question does not hold, and whether it denies: "Daniel was in the kitchen." and "The
    kitchen." say the same of where Daniel is.
    """
    answer = answer_of(solution)
    if _NUMBER.fullmatch(answer):
        return answer
    last = answer or solution.strip().rpartition("\n")[2]
    denied = {"no"} if {"no", "not"}.intersection(words(last.lower())) else set()
    said = {stem(word) for word in content_words(last)} | denied
    new = said - {stem(word) for word in content_words(problem.question)}
    return " ".join(sorted(new or said)) or normalised(last)


def same_number(problem: Problem, solution: str) -> bool:
    """Tell whether a solution ends with the right number: 1,000.0 is 1000, and $5 is 5."""
    said, gold = _decimal(answer_of(solution)), _decimal(problem.answer)
    return said is not None and said == gold


def mentions(problem: Problem, solution: str) -> bool:
    """Tell whether the last line of a solution mentions every word of the right answer."""
    last = solution.strip().rpartition("\n")[2]
    said = {word.lower() for word in words(last)}
    wanted = {word.lower() for word in words(problem.answer)}
    return bool(wanted) and wanted <= said


def normalised(text: str) -> str:
    """Return a text's words in lower case, one space between them."""
    return " ".join(words(text.lower()))


def is_duplicate(first: str, second: str) -> bool:
    """Tell whether two problems are one: the same words, or nearly all of them."""
    return nearly_same(set(words(first.lower())), set(words(second.lower())))


def nearly_same(first: Set[str], second: Set[str]) -> bool:
    """Tell whether two sets of words have nearly all in common, by Jaccard's index."""
    if min(len(first), len(second)) < DUPLICATE * max(len(first), len(second)):
        return False
    return len(first & second) >= DUPLICATE * len(first | second)


def _without_sums(solution: str) -> str:
    """Return a GSM8K solution without its calculator marks, such as <<48/2=24>>."""
    return re.sub(r"<<[^>]*>>", "", solution).strip()


def _plain(number: str) -> str:
    return re.sub(r"\.0+$", "", number.replace(",", "").replace("$", ""))


def _decimal(text: str) -> Decimal | None:
    found = _NUMBER.search(text)
    try:
        return Decimal(_plain(found.group())) if found else None
    except InvalidOperation:
        return None
