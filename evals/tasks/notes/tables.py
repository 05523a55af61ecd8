"""Tables of an evaluation on notes: what was shown and what came first, by kind and by variant."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from memagent.evals.arm import ArmName
from memagent.evals.metrics.bootstrap import mean_intervals
from memagent.evals.metrics.statistics import difference, mean
from memagent.evals.report.tables import by_arm
from memagent.evals.score import Score
from memagent.evals.task import Task
from memagent.evals.tasks.conversations.retrieval.paired import as_cell
from memagent.evals.tasks.conversations.retrieval.ranking import turns_of
from memagent.evals.tasks.notes.notebooks import DIARY, LANGUAGES, VARIANTS, WRITTEN

Rows = list[dict[str, Any]]
SHOWN, FIRST, RANK = "all shown", "first", "mrr"
"""Shares of questions with all wanted notes shown, and with one first; and 1 / its rank."""
EVERY_LANGUAGE = "all languages"


def tables(
    tasks: Sequence[Task], arms: Sequence[ArmName], scores: Sequence[Score]
) -> dict[str, Rows]:
    """Return the measures of each arm by task, by kind of question, and by variant.

    Intervals are of the bootstrap over questions, at 95%. The differences between a variant and the
    questions as they are written are paired.
    """
    answered = by_arm(scores)
    found: dict[str, Rows] = {"notes": [], "by kind": [], "against as written": []}
    for arm in map(str, arms):
        of_task = {
            task.name.partition("/")[2]: mine
            for task in tasks
            if (mine := answered.get((task.name, arm), []))
        }
        of_task |= _pooled(of_task)
        for task, mine in of_task.items():
            row = {"task": task, "arm": arm}
            found["notes"].append(row | _measured(mine))
            found["by kind"] += [
                row | {"kind": kind} | _measured(part)
                for key in (_kind, _split)
                for kind, part in _grouped(mine, key)
            ]
        found["against as written"] += [row | {"arm": arm} for row in _paired(of_task)]
    return {title: rows for title, rows in found.items() if rows}


def _named(notebook: str, variant: str) -> str:
    return notebook if variant == WRITTEN else f"{notebook}-{variant}"


def _pooled(of_task: Mapping[str, Sequence[Score]]) -> dict[str, list[Score]]:
    """Return the questions of all languages together, by variant, where there are several."""
    found = {}
    for variant in VARIANTS:
        parts = [of_task.get(_named(code, variant), []) for code in LANGUAGES]
        if sum(map(bool, parts)) > 1:
            found[_named(EVERY_LANGUAGE, variant)] = [score for part in parts for score in part]
    return found


def _measured(scores: Sequence[Score]) -> dict[str, Any]:
    names = (SHOWN, FIRST, RANK)
    found = mean_intervals([[score.grades[name] for name in names] for score in scores])
    return {
        "n": len(scores),
        "notes shown": mean([len(turns_of(score.prediction)[0]) for score in scores]),
        **{name: as_cell(estimate) for name, estimate in zip(names, found, strict=True)},
    }


def _kind(score: Score) -> str:
    return score.category


def _split(score: Score) -> str:
    """Return the half of the diary that a question is of, nothing for a question of a language."""
    return score.id.partition("/")[0] if score.task.startswith(f"notes/{DIARY}") else ""


def _grouped(
    scores: Sequence[Score], key: Callable[[Score], str]
) -> Iterable[tuple[str, list[Score]]]:
    groups: dict[str, list[Score]] = {}
    for score in scores:
        if name := key(score):
            groups.setdefault(name, []).append(score)
    return groups.items()


def _paired(of_task: Mapping[str, Sequence[Score]]) -> Iterable[dict[str, Any]]:
    """Yield the differences between each variant and the questions as they are written."""
    for notebook in (DIARY, *LANGUAGES, EVERY_LANGUAGE):
        written = {(score.task, score.id): score for score in of_task.get(notebook, [])}
        for variant in VARIANTS:
            varied = of_task.get(_named(notebook, variant), [])
            if variant == WRITTEN or not varied or not written:
                continue
            pairs = [
                (score, written[key])
                for score in varied
                if (key := (score.task.removesuffix(f"-{variant}"), score.id)) in written
            ]
            for measure in (SHOWN, FIRST):
                now, before = (
                    [each.grades[measure] for each in part] for part in zip(*pairs, strict=True)
                )
                yield {
                    "task": _named(notebook, variant),
                    "measure": measure,
                    "n": len(pairs),
                    "value": mean(now),
                    WRITTEN: mean(before),
                    "difference": as_cell(difference(now, before)),
                }
