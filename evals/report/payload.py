"""Payload of the HTML report: every question of a run, packed as JSON."""

from typing import Any

from memagent.evals.runs.saved import SavedRun
from memagent.evals.score import Score

WRONG, RIGHT, UNANSWERED = 0, 1, 2


class Table:
    """Distinct values by number, in the order in which they came."""

    def __init__(self) -> None:
        self._number: dict[Any, int] = {}

    def number(self, value: Any) -> int:
        """Return a value's number."""
        return self._number.setdefault(value, len(self._number))

    def values(self) -> list[Any]:
        """Return the values, each at the place of its number."""
        return list(self._number)


def payload(run: SavedRun) -> dict[str, Any]:
    """Return the run's questions and answers as JSON; texts that repeat are numbers into `texts`.

    A question is [task, id, question, gold, category]; an answer [question, arm, verdict,
    prediction, shown, recall, tokens, seconds, grades, marked], where an unanswered one has its
    error as the prediction. `grades` is a number into the `grades`, each [names, value, ...] with a
    number into the `names`, and `marked` are the places in `shown` that are gold.
    """
    tasks, arms, texts, questions = Table(), Table(), Table(), Table()
    names, grades = Table(), Table()
    for task in run.tasks:
        tasks.number(task.name)
    for arm in run.arms:
        arms.number(str(arm))
    answers = []
    for score in run.scores:
        asked = (
            tasks.number(score.task),
            score.id,
            texts.number(score.question),
            texts.number(", ".join(score.gold)),
            score.category,
        )
        shown = [texts.number(text) for text in score.shown]
        values = (round(value, 3) for value in score.grades.values())
        graded = grades.number((names.number(tuple(score.grades)), *values))
        answer = _answer(score, shown, graded)
        answers.append([questions.number(asked), arms.number(score.arm), *answer])
    return {
        "tasks": tasks.values(),
        "arms": arms.values(),
        "texts": texts.values(),
        "questions": questions.values(),
        "names": names.values(),
        "grades": grades.values(),
        "answers": answers,
    }


def _answer(score: Score, shown: list[int], grades: int) -> list[Any]:
    if score.error is not None:
        return [UNANSWERED, score.error, [], None, 0, 0, grades, []]
    return [
        RIGHT if score.correct else WRONG,
        score.prediction,
        shown,
        None if score.recall is None else round(score.recall, 3),
        score.prompt_tokens + score.completion_tokens,
        round(score.seconds, 2),
        grades,
        score.marked,
    ]
