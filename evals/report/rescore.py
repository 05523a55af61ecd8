"""Regrading of a run from the predictions it kept, without a model."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from memagent.errors import RunError
from memagent.evals.report.measures import measure_tables
from memagent.evals.runs import manifest
from memagent.evals.runs.saved import SavedRun, SavedTask
from memagent.evals.score import JUDGED, Score, ScoreFile
from memagent.evals.suite import ACCURACY, BadOption, Selection, Suite, load_tasks
from memagent.evals.task import Sample, Task, is_right

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Regrade:
    """An answer whose grades changed."""

    before: Score
    after: Score


@dataclass(frozen=True, kw_only=True, slots=True)
class Rescored:
    """Number of answers that were graded again, and those that changed."""

    graded: int
    changed: tuple[Regrade, ...]


def rescore(run: SavedRun, suite: Suite, selection: Selection) -> Rescored:
    """Grade every answer again by its task, and put the file of answers in place at once.

    `selection` says where the data is; its tasks and split are those of the run. Questions that got
    no answer stay as they are. The run's further tables are computed again, and its headline score
    is the suite's from now on, which an older version did not know.

    Raises:
        RunError: the data cannot be loaded or is not the run's, or the file cannot be written; the
            run is as it was.
    """
    tasks = load_again(run.tasks, suite, selection)
    samples = {(task.name, one.id): (task, one) for task in tasks for one in task.asked}
    after = [_graded(score, samples) for score in run.scores]
    changed = tuple(
        Regrade(before=before, after=now)
        for before, now in zip(run.scores, after, strict=True)
        if before != now
    )
    logger.info("%d of %d answers have other grades now", len(changed), len(after))
    if changed:
        ScoreFile(run.folder).replace(after)
    headline = suite.headline or ACCURACY
    manifest.set_headline(run.folder, headline)
    measure_tables(suite, run.folder, tasks, run.arms, after, headline)
    return Rescored(graded=sum(score.error is None for score in after), changed=changed)


def load_again(kept: Sequence[SavedTask], suite: Suite, selection: Selection) -> list[Task]:
    """Load a run's tasks, and make sure that they hold the data it was asked from.

    Raises:
        RunError: they do not; the message names the task and both sums.
    """
    # A file may be a task of its own, or be read by one of the suite's tasks.
    names = ",".join(task.name for task in kept)
    splits = dict.fromkeys([selection.split, *(task.split.split(",")[0] for task in kept)])
    problem = RunError(f"a run of {suite.name} without a task")
    for tasks, split in product([None, names] if selection.file else [names], splits):
        try:
            loaded = load_tasks(suite, replace(selection, tasks=tasks, split=split))
        except BadOption as error:
            problem = RunError(f"the data of the run cannot be loaded: {error}")
            continue
        found = {task.name: task for task in loaded}
        other = [task for task in kept if _sum(found.get(task.name)) != task.sha256]
        if not other:
            return [found[task.name] for task in kept]
        problem = RunError(
            f"the data of {other[0].name} is not the run's: sha256"
            f" {_sum(found.get(other[0].name)) or 'of nothing'}, not {other[0].sha256}"
            f" ({other[0].source}, {other[0].split}); MEMAGENT_DATA, --variant and --file choose it"
        )
    raise problem


def _sum(task: Task | None) -> str | None:
    return task.sha256 if task else None


def _graded(score: Score, samples: Mapping[tuple[str, str], tuple[Task, Sample]]) -> Score:
    if score.error is not None:
        return score
    if (score.task, score.id) not in samples:
        raise RunError(f"{score.id} is no question of {score.task} any more: nothing was changed")
    task, sample = samples[score.task, score.id]
    grades = dict(task.grade(task, sample, score.prediction))
    if JUDGED in score.grades:  # the answer is the same, and so is the verdict on it
        grades[JUDGED] = score.grades[JUDGED]
    return replace(score, grades=grades, correct=is_right(grades))
