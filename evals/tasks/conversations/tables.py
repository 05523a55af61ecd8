"""Further tables of conversations: abstentions, answers without a letter, and what was shown."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from memagent.evals.arm import ArmName
from memagent.evals.metrics.statistics import mean, wilson
from memagent.evals.score import Score
from memagent.evals.task import Task
from memagent.evals.tasks.conversations.conversation import ConversationQuestion, ConversationTask

Row = dict[str, Any]


def tables(
    tasks: Sequence[Task], arms: Sequence[ArmName], scores: Sequence[Score]
) -> dict[str, list[Row]]:
    """Return the tables `abstention`, `choices` and `evidence`, each left out where it is empty.

    - `abstention`, of a data set and arm: of the unanswerable questions the shares that were
      abstained from and that fell for the trap, of the answerable ones the share that was abstained
      from falsely, each with its 95% Wilson interval.
    - `choices`: how many answers to multiple-choice questions gave no letter, or several.
    - `evidence`: the mean number of texts shown, and how many questions have no gold turn, so that
      the oracle shows their gold sessions or nothing.
    """
    found: dict[str, list[Row]] = {"abstention": [], "choices": [], "evidence": []}
    for data, questions in _questions(tasks).items():
        for arm in arms:
            own = [
                score
                for score in scores
                if score.error is None and score.arm == str(arm) and _key(score) in questions
            ]
            if own:
                row = {"task": data, "arm": str(arm)}
                found["abstention"] += _abstention(row, own)
                found["choices"] += _choices(row, own)
                found["evidence"].append(row | _evidence(own, questions))
    return {title: rows for title, rows in found.items() if rows}


Questions = Mapping[tuple[str, str], ConversationQuestion]
"""Questions by their task and id."""


def _questions(tasks: Sequence[Task]) -> dict[str, Questions]:
    """Return the questions of each data set."""
    found: dict[str, dict[tuple[str, str], ConversationQuestion]] = {}
    for task in tasks:
        if isinstance(task, ConversationTask):
            name = task.data.rpartition("-")[0]
            asked = cast(Sequence[ConversationQuestion], task.asked)
            own = {(task.name, question.id): question for question in asked}
            found.setdefault(name, {}).update(own)
    return dict(found)


def _key(score: Score) -> tuple[str, str]:
    return score.task, score.id


def _abstention(row: Row, scores: Sequence[Score]) -> list[Row]:
    graded = [score.grades for score in scores if "abstained" in score.grades]
    trick = [grades for grades in graded if "trapped" in grades]
    plain = [grades for grades in graded if "trapped" not in grades]
    if not graded:
        return []
    shares = {
        **_share("abstained", [grades["abstained"] for grades in trick]),
        **_share("trapped", [grades["trapped"] for grades in trick]),
    }
    falsely = _share("falsely", [grades["abstained"] for grades in plain])
    return [row | {"unanswerable": len(trick), **shares, "answerable": len(plain), **falsely}]


def _share(name: str, values: Sequence[float]) -> Row:
    """Return a share and its interval, None of no questions."""
    if not values:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    low, high = wilson(int(sum(values)), len(values))
    return {name: mean(values), f"{name}_low": low, f"{name}_high": high}


def _choices(row: Row, scores: Sequence[Score]) -> list[Row]:
    values = [score.grades["unreadable"] for score in scores if "unreadable" in score.grades]
    return [row | {"n": len(values), "unreadable": int(sum(values))}] if values else []


def _evidence(scores: Sequence[Score], questions: Questions) -> Row:
    asked = [questions[_key(score)] for score in scores]
    return {
        "n": len(scores),
        "shown": mean([float(len(score.shown)) for score in scores]),
        "without_gold_turns": sum(not question.evidence for question in asked),
        "without_gold": sum(not question.evidence and not question.sessions for question in asked),
    }
