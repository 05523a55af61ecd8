"""Judging of a kept run: the leniency of the judge first, then its verdicts on the answers."""

import logging
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from memagent.errors import RunError
from memagent.evals.judge.case import case_of
from memagent.evals.judge.judge import Judge
from memagent.evals.judge.leniency import (
    GENERATED,
    LabelledAnswer,
    LeniencyFile,
    measure,
    of_wrong_answers,
)
from memagent.evals.judge.round import Item, Progress, judge_all
from memagent.evals.judge.rubrics import rubric_of
from memagent.evals.judge.verdicts import KeptVerdict, VerdictFile, of_answers
from memagent.evals.report.measures import measure_tables
from memagent.evals.report.rescore import load_again
from memagent.evals.runs.saved import SavedRun
from memagent.evals.score import JUDGED, Score, ScoreFile
from memagent.evals.suite import Selection, Suite, Tables
from memagent.evals.task import mention

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """Outcome of judging a run: the tables of the run, and what the judge could not judge.

    `without` answers have nothing to judge them by, such as those to multiple choice.
    """

    tables: Tables
    verdicts: Sequence[KeptVerdict]
    without: int

    @property
    def unreadable(self) -> int:
        """The number of verdicts that cannot be read; judging again asks for them again."""
        return sum(verdict.value is None for verdict in self.verdicts)


def judge_run(
    run: SavedRun,
    suite: Suite,
    selection: Selection,
    judge: Judge,
    *,
    labelled: Sequence[LabelledAnswer] = (),
    limit: int | None = None,
    concurrency: int = 4,
    progress: Callable[[str], Progress] = lambda _: lambda _: None,
) -> Judged:
    """Judge the answers of a run, each by the rubric of its question; what is judged is kept.

    Of each rubric that the run needs, the judge's leniency is measured first on the `labelled`
    answers, unless the folder holds a measurement of it; answers from a file are measured in the
    place of those of another source. The grade `judge` of an answer is that of the judge that came
    last; the tables have all of them. `limit` draws so many questions of each task, the same for
    every arm. `selection` says where the data is. `progress` gets the name of a round.

    Raises:
        RunError: the data cannot be loaded or is not the run's, the judge's server stayed away or
            refuses everything, or a file cannot be written; the verdicts before are kept.
    """
    tasks = load_again(run.tasks, suite, selection)
    samples = {(task.name, one.id): (task, one) for task in tasks for one in task.asked}
    items, without = [], 0
    for score in _drawn(run, limit):
        if (score.task, score.id) not in samples:
            raise RunError(f"{score.id} is no question of {score.task} any more")
        task, sample = samples[score.task, score.id]
        case = case_of(sample, score.prediction, all_of=task.grade is mention)
        if case is None:
            without += 1
        else:
            items.append(Item(task=score.task, arm=score.arm, id=score.id, case=case))
    file, leniency = VerdictFile(run.folder), LeniencyFile(run.folder)
    if open_answers := _unmeasured(judge, items, labelled, leniency):
        shown = progress("leniency")
        found = measure(judge, open_answers, file=file, concurrency=concurrency, progress=shown)
        leniency.put(found)
    shown = progress("answers")
    verdicts = judge_all(judge, items, file=file, concurrency=concurrency, progress=shown)
    logger.info("%s judged %d answers", judge.name, len(verdicts))
    scores = _with_grades(run.scores, file.read().values(), judge.name)
    if scores != list(run.scores):
        ScoreFile(run.folder).replace(scores)
    tables = measure_tables(suite, run.folder, tasks, run.arms, scores, run.headline)
    return Judged(tables=tables, verdicts=verdicts, without=without)


def _drawn(run: SavedRun, limit: int | None) -> list[Score]:
    """Return the answers to judge: all, or those to some questions of each task."""
    answered = [score for score in run.scores if score.error is None]
    if limit is None:
        return answered
    chosen: set[tuple[str, str]] = set()
    for task in run.tasks:
        ids = list(dict.fromkeys(score.id for score in answered if score.task == task.name))
        seed = int(run.manifest["plan"].get("seed", 0))
        drawn = random.Random(seed).sample(ids, min(limit, len(ids)))
        chosen |= {(task.name, id) for id in drawn}
    return [score for score in answered if (score.task, score.id) in chosen]


def _unmeasured(
    judge: Judge,
    items: Sequence[Item],
    labelled: Sequence[LabelledAnswer],
    leniency: LeniencyFile,
) -> list[LabelledAnswer]:
    """Return the labelled answers that the judge's leniency is still to be measured on.

    Where wrong answers by a rubric come from a file, generated ones are not asked beside them.
    """
    needed = {rubric_of(item.case).name for item in items}
    by_rubric: dict[str, list[LabelledAnswer]] = {}
    for answer in labelled:
        by_rubric.setdefault(rubric_of(answer.case).name, []).append(answer)
    kept = leniency.read()
    found = []
    for rubric, answers in by_rubric.items():
        measured = {row.source for row in of_wrong_answers(kept, judge.name, rubric)}
        read = {answer.source for answer in answers if not answer.right} - {GENERATED}
        if rubric not in needed or (measured and not read - measured):
            continue
        found += [
            answer
            for answer in answers
            if answer.source in read or (answer.right and not measured) or not read
        ]
    return found


def _with_grades(
    scores: Sequence[Score], verdicts: Iterable[KeptVerdict], judge: str
) -> list[Score]:
    """Return scores with the grades of one judge, and of no other, where it has any."""
    values = {
        (verdict.task, verdict.arm, verdict.id): verdict.value
        for verdict in of_answers(verdicts, scores)
        if verdict.judge == judge and verdict.value is not None
    }
    found = []
    for score in scores:
        grades = {name: value for name, value in score.grades.items() if name != JUDGED}
        if score.key in values:
            grades[JUDGED] = values[score.key]
        found.append(replace(score, grades=grades))
    return found
