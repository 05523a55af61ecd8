"""GSM8K suite: problems asked with the solutions of similar or of random problems."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from memagent.errors import InvalidInput, RunError
from memagent.evals.arm import ArmName
from memagent.evals.metrics.coverage import curve, kept_votes
from memagent.evals.report.charts import CurveChart, Point, rows_with
from memagent.evals.score import Score
from memagent.evals.suite import (
    BadOption,
    Drawing,
    Headline,
    KeptRun,
    Member,
    Selection,
    Suite,
    Tables,
    selected_names,
)
from memagent.evals.task import Task
from memagent.evals.tasks.gsm8k import loader
from memagent.evals.tasks.gsm8k.arm import ARMS, SolvedArm
from memagent.learning.problems import is_duplicate

SETTINGS = {"memory": 1000, "samples": 0}
"""Number of problems from the start of the file that are the memory's (the rest are asked), and how
often the model solves each of them itself; 0 takes the solutions that they were released with."""

AGREEMENT = "self-consistency"
AGREEMENT_COLUMNS = ("threshold", "precision", "coverage", "kept", "of", "low", "high")


def load(selection: Selection) -> Sequence[Task]:
    """Return the task, from `--file` or from the data folder's gsm8k/train*.jsonl.

    Raises:
        BadOption: a task is selected that does not exist, or the memory has too few or too many.
        RunError: there is no such file.
        InvalidInput: a line is malformed.
    """
    selected_names(selection, SUITE.name, [member.name for member in SUITE.members])
    if selection.split not in (None, "train") or selection.variant is not None:
        option = "--split" if selection.variant is None else "--variant"
        raise BadOption(option, "gsm8k has one file, whose first problems are the memory's")
    sizes = {name: selection.settings.get(name, value) for name, value in SETTINGS.items()}
    if any(size != int(size) or size < 0 for size in sizes.values()):
        raise BadOption("--set", "expected whole numbers")
    try:
        return [loader.load(_file(selection), int(sizes["memory"]), int(sizes["samples"]))]
    except InvalidInput as error:
        if "the memory cannot have" in str(error):
            raise BadOption("--set", str(error)) from error
        raise


def leakage(
    tasks: Sequence[Task], arms: Sequence[ArmName], scores: Sequence[Score]
) -> dict[str, list[dict[str, Any]]]:
    """Return how many questions each arm could have been shown the answer of, and was.

    `possible` is the share whose own problem, or a duplicate of it, is on the memory's side,
    `guarded` that of questions for which it was found and left out, `shown` that of questions which
    were shown it: none, except by `oracle`.
    """
    rows = []
    for task in tasks:
        twin = loader.twins(task, {score.id for score in scores})
        for arm in arms:
            asked = [score for score in scores if (score.task, score.arm) == (task.name, str(arm))]
            seen = sum(any(_is_of(score, text) for text in score.shown) for score in asked)
            possible = sum(score.id in twin for score in asked)
            left_out = [score.guarded for score in asked if score.guarded is not None]
            rows.append(
                {
                    "arm": str(arm),
                    "asked": len(asked),
                    "possible": possible / len(asked) if asked else None,
                    "guarded": sum(left_out) / len(left_out) if left_out else None,
                    "shown": seen / len(asked) if asked else None,
                    "leaks": "yes" if arm.kind == "oracle" else "no",
                }
            )
    return {"leakage": rows}


def agreement(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the precision and the coverage of a threshold on self-consistency.

    Of the memory's problems, where the model solved them itself, so that its samples voted.
    """
    votes = kept_votes(folder)
    return {AGREEMENT: curve(votes)} if votes else {}


def agreement_charts(tables: Tables) -> list[CurveChart]:
    """Return a chart of precision and coverage by the threshold on self-consistency, if any."""
    points = []
    for row in rows_with(tables, AGREEMENT, AGREEMENT_COLUMNS):
        at = {"x": row["threshold"]}
        if row["precision"] is not None:
            shown = {"value": row["precision"], "low": row["low"], "high": row["high"]}
            points.append(Point(line="precision", n=row["kept"], colour=5, **shown, **at))
        if row["coverage"] is not None:
            shown = {"value": row["coverage"], "low": None, "high": None}
            points.append(Point(line="coverage", n=row["of"], colour=1, **shown, **at))
    title = "precision and coverage by the share of samples that have to agree"
    return [CurveChart(title=title, x_name="threshold", points=points)] if points else []


def drawings(run: KeptRun, colours: Mapping[str, int]) -> list[Drawing]:
    """Return the charts of a run as drawings."""
    return [chart.drawing() for chart in agreement_charts(run.measures)]


def _is_of(score: Score, shown: str) -> bool:
    """Say whether what was shown is a solution of the asked problem or of a duplicate."""
    return is_duplicate(score.question, shown.partition("\n")[0])


def _file(selection: Selection) -> Path:
    if selection.file is not None:
        return selection.file
    if selection.data is None:
        raise RunError("gsm8k: set MEMAGENT_DATA to a folder with gsm8k/train*.jsonl, or --file")
    found = sorted((selection.data / "gsm8k").glob("train*.jsonl"))
    if not found:
        raise RunError(f"MEMAGENT_DATA is {selection.data}, but it has no gsm8k/train*.jsonl")
    return found[0]


SUITE = Suite(
    name="gsm8k",
    about="GSM8K (Cobbe et al. 2021): school problems, with solutions of similar ones",
    members=[Member(name="gsm8k", about="the number that a problem asks for")],
    load=load,
    arms=ARMS,
    default_arms=[
        "none+0",
        "random+3",
        "retrieved+3",
        "obfuscated+3",
        "one-per-question+3",
        "oracle+1",
    ],
    headline=Headline(grade="number", label="accuracy"),
    make=SolvedArm,
    settings=SETTINGS,
    tables=leakage,
    folder_tables=agreement,
    drawings=drawings,
)
