"""Asks the solver every question of a bAbI text, and says where it and the text disagree."""

from collections.abc import Iterator

from memagent.evals.tasks.babi import Solution, parse, solve
from memagent.evals.tasks.babi.loader import Line

Facts = list[tuple[int, str]]
THE_SAME_IN_ANY_ORDER = 8


def questions(text: str) -> Iterator[tuple[Facts, Line]]:
    """Yield every question with what was told before it."""
    for story in parse(text, "text"):
        facts: Facts = []
        for line in story:
            if line.gold:
                yield list(facts), line
            else:
                facts.append((line.number, line.text))


def answers_alike(number: int, line: Line, solved: Solution | None) -> bool:
    if solved is None:
        return False
    if number == THE_SAME_IN_ANY_ORDER:
        return sorted(line.gold) == sorted(solved.answer)
    return line.gold == solved.answer


def disagreements(number: int, text: str) -> tuple[int, list[Line], list[Line]]:
    """Return how many questions there are, and those with another answer or other supports."""
    answers, supports, count = [], [], 0
    for facts, line in questions(text):
        count += 1
        solved = solve(facts, line.text)
        if not answers_alike(number, line, solved):
            answers.append(line)
        if solved is None or set(line.supports) != solved.supports:
            supports.append(line)
    return count, answers, supports
