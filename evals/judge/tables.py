"""Tables of what judges say of a run; a judge's share stands there once its leniency is known."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from memagent.evals.judge.leniency import LeniencyFile, Measurement, of_wrong_answers
from memagent.evals.judge.verdicts import KeptVerdict, VerdictFile, of_answers
from memagent.evals.metrics.statistics import mean, mean_interval
from memagent.evals.score import Score

Rows = list[dict[str, Any]]
Group = tuple[str, str, str, str]


def judge_tables(folder: Path, scores: Sequence[Score]) -> dict[str, Rows]:
    """Return the tables `judged` and `leniency` of a run; none where nothing was judged.

    A row of `judged` is of a task, an arm, a judge and a rubric. Its `share` is the mean verdict
    with the 95% interval; it is None until the leniency of the judge by that rubric is measured.
    `quote` has the share and, beside it, how many wrong answers the judge accepts. Verdicts on
    answers that the run does not hold any more count nowhere.

    Raises:
        RunError: a file is damaged.
    """
    measured = LeniencyFile(folder).read()
    groups = _by_arm(VerdictFile(folder).read().values(), scores)
    judged = [_judged(group, verdicts, measured, folder) for group, verdicts in groups.items()]
    tables = {"judged": judged, "leniency": [row.row() for row in measured]}
    return {name: rows for name, rows in tables.items() if rows}


def _by_arm(
    verdicts: Iterable[KeptVerdict], scores: Sequence[Score]
) -> dict[Group, list[KeptVerdict]]:
    """Group the verdicts on a run's answers, in the order of the answers."""
    place = {score.key: number for number, score in enumerate(scores)}
    found = of_answers(verdicts, scores)
    found.sort(key=lambda verdict: place[verdict.task, verdict.arm, verdict.id])
    groups: dict[Group, list[KeptVerdict]] = {}
    for verdict in found:
        key = (verdict.task, verdict.arm, verdict.judge, verdict.rubric)
        groups.setdefault(key, []).append(verdict)
    return groups


def _judged(
    group: Group, verdicts: Sequence[KeptVerdict], measured: Sequence[Measurement], folder: Path
) -> dict[str, Any]:
    task, arm, judge, rubric = group
    values = [verdict.value for verdict in verdicts if verdict.value is not None]
    wrong = of_wrong_answers(measured, judge, rubric)
    share = mean(values) if values and wrong else None
    low, high = mean_interval(values) if share is not None else (None, None)
    return {
        "task": task,
        "arm": arm,
        "judge": judge,
        "rubric": rubric,
        "n": len(values),
        "share": share,
        "low": low,
        "high": high,
        "unreadable": len(verdicts) - len(values),
        "quote": _quote(share, wrong, folder),
    }


def _quote(share: float | None, wrong: Sequence[Measurement], folder: Path) -> str:
    """Return the share in words, with what the judge accepts of wrong answers beside it."""
    if not wrong:
        return f"not measured: run `memagent eval judge {folder} --leniency FILE`"
    accepts = "; ".join(f"{row.share:.0%} of {row.kind}, n = {row.n}" for row in wrong)
    return f"{'nothing readable' if share is None else f'{share:.0%}'} (accepts {accepts})"
