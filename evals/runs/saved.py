"""Saved run, read from its folder without its data, its model or its memory."""

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memagent.errors import RunError
from memagent.evals.arm import ArmName
from memagent.evals.runs import manifest
from memagent.evals.score import SAMPLES_FILE, Score, ScoreFile
from memagent.evals.suite import Headline, Selection, Tables
from memagent.files import write_atomic

MEASURES_FILE = "measures.json"


class MeasuresFile:
    """File of a run's further tables, with the SHA-256 of the answers they were computed from."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / MEASURES_FILE
        self._answers = folder / SAMPLES_FILE

    def write(self, tables: Tables) -> None:
        """Put these tables in the place of all, at once or not at all.

        Raises:
            RunError: they cannot be written.
        """
        try:
            text = json.dumps({"answers": self._sum(), "tables": tables}, allow_nan=False)
            write_atomic(self.path, text + "\n")
        except ValueError as error:
            raise RunError(f"cannot write {self.path}: {error}; expected None instead") from error
        except OSError as error:
            raise RunError(f"cannot write {self.path}: {error.strerror}") from error

    def read(self) -> Tables:
        """Return the tables; none where answers came or changed since they were computed.

        Raises:
            RunError: the file is damaged.
        """
        try:
            held = json.loads(self.path.read_text(encoding="utf-8"))
            tables: Tables = held["tables"] if held["answers"] == self._sum() else {}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{self.path} is damaged: delete it, `memagent eval rescore` makes it again"
            ) from error
        return tables

    def _sum(self) -> str:
        """Return the SHA-256 of the file of answers, that of nothing where there is none."""
        try:
            return hashlib.sha256(self._answers.read_bytes()).hexdigest()
        except FileNotFoundError:
            return hashlib.sha256().hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedTask:
    """A task as the manifest has it; `sha256` is that of its data.

    `left_out` counts, by reason, what its files hold and is not asked.
    """

    name: str
    source: str
    split: str
    sha256: str
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedRun:
    """Manifest, scores and further tables of a run."""

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

    @property
    def headline(self) -> Headline:
        """The score that stands first in every table of the run."""
        return manifest.headline_of(self.manifest)

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

    def selection(
        self, *, data: Path | None, variant: str | None = None, file: Path | None = None
    ) -> Selection:
        """Return the selection that loads the run's data again.

        `data` is the folder of released files; `variant` and `file` go before those of the run.
        """
        plan, chosen = self.manifest["plan"], self.manifest.get("chosen", {})
        return Selection(
            split=chosen.get("split"),
            variant=variant or chosen.get("variant"),
            data=data,
            file=file or (Path(chosen["file"]) if "file" in chosen else None),
            corrections=Path(chosen["corrections"]) if "corrections" in chosen else None,
            seed=int(plan.get("seed", 0)),
            settings=plan.get("settings", {}),
        )

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
    scores = manifest.renamed_scores(ScoreFile(folder).read(mend=False))
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
        measures=_renamed_tables(MeasuresFile(folder).read()),
    )


def _renamed_tables(tables: Tables) -> Tables:
    """Return tables under the present names of suites and tasks."""
    return {
        manifest.renamed(name): [
            {**row, "task": manifest.renamed(row["task"])}
            if isinstance(row.get("task"), str)
            else row
            for row in rows
        ]
        for name, rows in tables.items()
    }
