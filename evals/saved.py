"""A run as its folder keeps it, read without its data, its model or its memory."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memagent.errors import RunError
from memagent.evals import manifest
from memagent.evals.arm import ArmName
from memagent.evals.measures_file import MeasuresFile, Tables
from memagent.evals.score import Score, ScoreFile


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedTask:
    """What a manifest says of a task; `sha256` is that of its data."""

    name: str
    source: str
    split: str
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedRun:
    """What was asked and answered so far, with what it was made with, and its further tables."""

    folder: Path
    manifest: Mapping[str, Any]
    tasks: Sequence[SavedTask]
    arms: Sequence[ArmName]
    scores: Sequence[Score]
    measures: Tables = field(default_factory=dict)

    @property
    def suite(self) -> str:
        """The evaluation's name."""
        return str(self.manifest.get("suite", ""))

    def arm(self, name: str) -> ArmName:
        """Return one of the run's arms, named in full, or by its kind where that is one arm's only.

        Raises:
            RunError: the run has no such arm; the message has the nearest.
        """
        text = name.strip()
        found = [arm for arm in self.arms if str(arm) == text]
        found = found or [arm for arm in self.arms if arm.kind == text]
        if len(found) == 1:
            return found[0]
        if found:
            raise RunError(f"arm {text!r}: {self.folder} has {' and '.join(map(str, found))}")
        names = [str(arm) for arm in self.arms]
        near = difflib.get_close_matches(text, names, n=1, cutoff=0.0)
        meant = f": did you mean {near[0]!r}?" if near else ""
        raise RunError(f"{self.folder} has no arm {text!r}{meant}")

    def of_arm(self, arm: ArmName) -> list[Score]:
        """Return the scores of one arm, in order."""
        return [score for score in self.scores if score.arm == str(arm)]


def open_saved(folder: Path) -> SavedRun:
    """Read a run; nothing in its folder is changed, so that it may still be going on.

    Raises:
        RunError: the folder holds no run, one of another format, or one that cannot be read.
    """
    found = manifest.read(folder)
    try:
        tasks = [SavedTask(**row) for row in found["tasks"]]
        arms = [ArmName.parse(name) for name in found["plan"]["arms"]]
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{folder / manifest.MANIFEST_FILE} says of no run: {error!r}") from error
    scores = ScoreFile(folder).read(mend=False)
    order = {
        (task.name, str(arm)): place
        for place, (task, arm) in enumerate((task, arm) for task in tasks for arm in arms)
    }
    scores.sort(key=lambda score: order.get((score.task, score.arm), len(order)))
    return SavedRun(
        folder=folder,
        manifest=found,
        tasks=tasks,
        arms=arms,
        scores=scores,
        measures=MeasuresFile(folder).read(),
    )
