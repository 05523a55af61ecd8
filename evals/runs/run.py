"""Run of an evaluation: a folder with its manifest, a line for each question, and the memory."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from memagent.errors import RunError
from memagent.evals.arm import ArmName
from memagent.evals.runs import manifest
from memagent.evals.runs.plan import Plan, drawn
from memagent.evals.score import Score, ScoreFile
from memagent.evals.suite import ACCURACY, Headline
from memagent.evals.task import Sample, Task


class Run:
    """Questions asked and answered so far; a new run, or one that is resumed.

    Raises:
        RunError: the folder holds a run and `resume` is not set, or one that was started otherwise.
    """

    def __init__(
        self,
        folder: Path,
        tasks: Sequence[Task],
        plan: Plan,
        *,
        resume: bool,
        suite: str = "",
        chosen: Mapping[str, str] = MappingProxyType({}),
        headline: Headline = ACCURACY,
    ) -> None:
        self.folder = folder
        self.tasks = tasks
        self.plan = plan
        self._file = ScoreFile(folder)
        now = manifest.create(suite, tasks, plan, chosen, headline)
        if (folder / manifest.MANIFEST_FILE).exists():
            if not resume:
                raise RunError(f"{folder} holds a run already: add --resume, or name another --out")
            self.manifest: Mapping[str, Any] = manifest.read(folder)
            manifest.check(dict(self.manifest), now, folder)
        else:
            manifest.write(folder, now)
            self.manifest = now
        self.headline = manifest.headline_of(self.manifest)
        self.scores: list[Score] = manifest.renamed_scores(self._file.read())

    def todo(self, task: Task, arm: ArmName) -> list[Sample]:
        """Return the samples of a task that an arm has not answered yet, in order."""
        done = {
            score.id for score in self.scores if (score.task, score.arm) == (task.name, str(arm))
        }
        return [sample for sample in drawn(task, self.plan) if sample.id not in done]

    @property
    def failed(self) -> list[Score]:
        """The questions that got no answer, in order."""
        return [score for score in self.scores if score.error]

    def remaining(self) -> int:
        """Return how many questions are still to be asked, those without an answer among them."""
        todo = sum(len(self.todo(task, arm)) for task in self.tasks for arm in self.plan.arms)
        return todo + len(self.failed)

    def retry(self) -> None:
        """Count the questions that got no answer as not asked."""
        self.scores = [score for score in self.scores if not score.error]

    def keep(self, score: Score) -> None:
        """Keep a score, on the disk first.

        Raises:
            RunError: it cannot be written.
        """
        self._file.append(score)
        self.scores.append(score)

    def put_in_order(self) -> None:
        """Order the scores by task, arm and question, whatever the order of the answers was."""
        order = [
            (task.name, str(arm), sample.id)
            for task in self.tasks
            for arm in self.plan.arms
            for sample in drawn(task, self.plan)
        ]
        place = {key: number for number, key in enumerate(order)}
        self.scores.sort(key=lambda score: place.get(score.key, len(place)))
        self._file.replace(self.scores)
