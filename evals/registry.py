"""Evaluations by name: ours, and those that other packages register.

A package registers one through the entry point group `memagent.evals`:

    [project.entry-points."memagent.evals"]
    mine = "my_package.my_eval:SUITE"
"""

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from memagent.errors import InvalidInput, RunError
from memagent.evals.arm import ArmName, MakeArm
from memagent.evals.score import Score
from memagent.evals.task import Task
from memagent.evals.tasks.babi.arms import ARMS, StoryArm

GROUP = "memagent.evals"
OURS = {
    "babi": "memagent.evals.tasks.babi.suite:SUITE",
    "communicative": "memagent.evals.tasks.feedback.suite:SUITE",
    "streamingqa": "memagent.evals.tasks.documents.streamingqa.suite:SUITE",
    "squad": "memagent.evals.tasks.documents.squad:SUITE",
    "archivalqa": "memagent.evals.tasks.documents.archivalqa:SUITE",
    "continual": "memagent.evals.tasks.continual.suite:SUITE",
    "gsm8k": "memagent.evals.tasks.gsm8k.suite:SUITE",
    "interference": "memagent.evals.tasks.interference.suite:SUITE",
    "probes": "memagent.evals.tasks.probes.suite:SUITE",
}
Measures = Callable[
    [Sequence[Task], Sequence[ArmName], Sequence[Score]], dict[str, list[dict[str, Any]]]
]
"""Tasks, arms and scores of a run in; further tables out, by name, each a list of rows."""


class BadOption(InvalidInput):
    """An option's value is none of those that are possible; `option` names it."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(message)
        self.option = option


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which of a suite's tasks are wanted, and where their files are.

    `tasks` is what was asked for, as "1,2,11"; `data` the folder of released files, `file` one file
    of the user's own. `settings` are the suite's own, those that were named.
    """

    tasks: str | None = None
    split: str | None = None
    variant: str | None = None
    data: Path | None = None
    file: Path | None = None
    seed: int = 0
    settings: Mapping[str, float] = field(default_factory=dict)

    def chosen(self) -> dict[str, str]:
        """Return which data was chosen, by the option that chooses it again."""
        file = self.file and str(self.file.absolute())
        options = {"split": self.split, "variant": self.variant, "file": file}
        return {name: value for name, value in options.items() if value}


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One task of a suite, by name."""

    name: str
    about: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Suite:
    """Tasks that belong together: how they are named and loaded, and the arms they are asked in.

    `load` raises `RunError` or `InvalidInput` where the files are missing or malformed
    and `BadOption` where something else was wanted than there is; `default`
    are the arms when none are named. `settings` are numbers of its own with their defaults, None
    where a run does not mention it by itself. `more` measures what is more than accuracy, `kept`
    makes tables of what the arms left in the run's folder. One that has no
    `model` asks the memory alone.
    """

    name: str
    about: str
    members: Sequence[Member]
    load: Callable[[Wanted], Sequence[Task]]
    arms: Sequence[str] = ARMS
    default: Sequence[str] = ("none", "full", "memory", "oracle")
    make: MakeArm = StoryArm
    settings: Mapping[str, float | None] = field(default_factory=dict)
    more: Measures = lambda tasks, arms, scores: {}
    kept: Callable[[Path], dict[str, list[dict[str, Any]]]] = lambda folder: {}
    model: bool = True


def suites() -> dict[str, Suite]:
    """Return every evaluation by its name, ours first.

    Raises:
        RunError: one that another package registers cannot be loaded, or has a name that is taken.
    """
    found = {name: _ours(where) for name, where in OURS.items()}
    for point in entry_points(group=GROUP):
        if point.name in found:
            raise RunError(f"two evaluations are called {point.name!r}, one of {point.value}")
        found[point.name] = _theirs(point)
    return found


def suite(name: str) -> Suite:
    """Return an evaluation.

    Raises:
        RunError: there is none of that name; the message has the nearest. Or one that another
            package registers cannot be loaded, where ours is not meant.
    """
    if name in OURS:
        return _ours(OURS[name])
    known = suites()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
        raise RunError(f"unknown evaluation {name!r}: did you mean {near!r}?")
    return known[name]


def load(one: Suite, wanted: Wanted) -> Sequence[Task]:
    """Return the wanted tasks of an evaluation.

    Raises:
        BadOption: there is no such task, split or variant; of a task the message has the nearest.
        InvalidInput: a line of a file is malformed; the message names file and line.
        RunError: a file is missing.
    """
    try:
        return one.load(wanted)
    except BadOption as error:
        near = _nearest(one, wanted.tasks) if error.option == "--tasks" else None
        if near is None:
            raise
        raise BadOption(error.option, f"{error}; did you mean {near.name!r}?") from error


def _nearest(one: Suite, text: str | None) -> Member | None:
    """Return the task whose name or subject is nearest to the first that there is not."""
    names = {member.name.removeprefix(f"{one.name}/"): member for member in one.members}
    for part in (text or "").split(","):
        wanted = part.strip().removeprefix(f"{one.name}/")
        if wanted not in names:
            known = names | {member.about: member for member in one.members}
            near = difflib.get_close_matches(wanted, known, n=1, cutoff=0.0)
            return known[near[0]] if near else None
    return None


def chosen_tasks(wanted: Wanted, suite: str, known: Collection[str]) -> list[str]:
    """Return the names of the wanted tasks without their suite's, each once; all if none is named.

    Raises:
        BadOption: one of them is not known.
    """
    if wanted.tasks in (None, "all"):
        return list(known)
    names = [one.strip().removeprefix(f"{suite}/") for one in str(wanted.tasks).split(",")]
    for one in names:
        if one not in known:
            raise BadOption("--tasks", f"{one!r} is not one of {', '.join(known)}")
    return list(dict.fromkeys(names))


def refuse_files(wanted: Wanted, suite: str) -> None:
    """Refuse options that choose among files, for an evaluation that makes its own questions.

    Raises:
        BadOption: one of them was given; "test" is the split of what is made.
    """
    given = {
        "--split": wanted.split if wanted.split != "test" else None,
        "--variant": wanted.variant,
        "--file": wanted.file,
    }
    for option, value in given.items():
        if value is not None:
            raise BadOption(option, f"{suite} makes its own questions, and reads no files")


def _ours(where: str) -> Suite:
    module, _, attribute = where.partition(":")
    one: Suite = getattr(import_module(module), attribute)
    return one


def _theirs(point: EntryPoint) -> Suite:
    try:
        one = point.load()
    except Exception as error:  # another package's code may raise anything
        raise RunError(
            f"the evaluation {point.name!r} cannot be loaded from {point.value}: {error!r}"
        ) from error
    if not isinstance(one, Suite):
        raise RunError(f"the evaluation {point.name!r} is no Suite, but {type(one).__name__}")
    return one
