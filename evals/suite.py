"""A suite of tasks with its arms, its published references, its tables and its drawings."""

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from memagent.errors import InvalidInput
from memagent.evals.arm import ArmName, MakeArm
from memagent.evals.score import Score
from memagent.evals.task import Source, Task, TaskName, is_right

CORRECTED = "corrected"
"""Word in the split of a task whose labels are corrected, which no other task has in its own."""
Tables = Mapping[str, Sequence[Mapping[str, Any]]]
"""Tables by name, each a list of rows."""
TablesOfScores = Callable[
    [Sequence[Task], Sequence[ArmName], Sequence[Score]], dict[str, list[dict[str, Any]]]
]
"""Tasks, arms and scores of a run in; further tables out, by name, each a list of rows."""


class BadOption(InvalidInput):
    """An option has a value that is not possible; `option` names it as the command line does."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(message)
        self.option = option


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Selection of tasks of a suite, and of the files to load them from.

    `tasks` names them, as "1,2,11"; `data` is the folder of released files, `file` a file of the
    user's own, `corrections` a file of corrected labels for it. `settings` are sizes that the suite
    knows, those that were named.
    """

    tasks: str | None = None
    split: str | None = None
    variant: str | None = None
    data: Path | None = None
    file: Path | None = None
    corrections: Path | None = None
    seed: int = 0
    settings: Mapping[str, float] = field(default_factory=dict)

    def chosen(self) -> dict[str, str]:
        """Return which data was chosen, by the option that chooses it again."""
        file = self.file and str(self.file.absolute())
        corrections = self.corrections and str(self.corrections.absolute())
        options = {
            "split": self.split,
            "variant": self.variant,
            "file": file,
            "corrections": corrections,
        }
        return {name: value for name, value in options.items() if value}


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One task of a suite, by name."""

    name: str
    about: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Headline:
    """The score that a suite is known by in the field: a grade's name, and its heading."""

    grade: str
    label: str

    def of(self, score: Score) -> float:
        """Return the headline score (0 to 1) of an answered question.

        An answer without that grade counts as right or wrong: of a suite whose tasks have different
        grades, and of a run that an older version began.
        """
        return score.grades.get(self.grade, float(score.correct))

    def of_grades(self, grades: Mapping[str, float]) -> float:
        """Return the headline score (0 to 1) of an answer with these grades."""
        return grades.get(self.grade, float(is_right(grades)))

    @property
    def is_accuracy(self) -> bool:
        """True if the headline is the share of right answers."""
        return self.label == ACCURACY.label


ACCURACY = Headline(grade="correct", label="accuracy")
"""The share of right answers: the headline of a suite that names none, and of older runs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """Published results of one model: its accuracy (0 to 1) by task, and where that is from.

    `setting` says how the model came by its answers, and `confirmation` how well the figures are
    known here.
    """

    model: str
    accuracy: Mapping[str, float]
    source: str
    confirmation: str
    setting: str


@dataclass(frozen=True, kw_only=True, slots=True)
class References:
    """Published results that a report prints beside those of a run.

    They stand only beside tasks of the same `source`. `about` says in a sentence, without its full
    stop, how the models differ from a run of the suite; `label` and `own_label` are the short forms
    for the models and for the run.
    """

    models: Sequence[Reference]
    about: str
    label: str
    own_label: str
    source: Source = "released"
    split: str = "test"


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """A drawing for the report of a run, as SVG text.

    One with a `task` stands in the section of that task, under the `heading` and its explanation;
    one without stands beside the run's further tables.
    """

    title: str
    svg: str
    task: str = ""
    heading: str = ""
    explanation: str = ""


class KeptRun(Protocol):
    """The parts of a kept run that drawings are made from."""

    @property
    def folder(self) -> Path:
        """The run's folder."""
        ...

    @property
    def tasks(self) -> Sequence[TaskName]:
        """The tasks, in order."""
        ...

    @property
    def arms(self) -> Sequence[ArmName]:
        """The arms, in order."""
        ...

    @property
    def scores(self) -> Sequence[Score]:
        """The scores, by task and arm."""
        ...

    @property
    def measures(self) -> Tables:
        """The further tables; none while answers come."""
        ...


Drawings = Callable[[KeptRun, Mapping[str, int]], Sequence[Drawing]]
"""A run, and the number of the colour of each of its arms in; drawings out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suite:
    """Tasks that belong together: how they are named and loaded, and the arms they are asked in.

    - `load` returns the selected tasks. It raises `RunError` or `InvalidInput` where files are
      missing or malformed, and `BadOption` where something is selected that does not exist.
    - `arms` are the kinds of arms, and `make` makes one; `default_arms` are those of a run that
      names none.
    - `settings` are numbers with their defaults, None where a run does not mention it by itself.
    - `tables` measures more than accuracy, `folder_tables` makes tables of what the arms left in
      the run's folder.
    - `references` are published results, and `drawings` makes drawings for the report.
    - `headline` is the score that stands first in every table; without one it is the accuracy.
    - A suite without a `model` asks the memory alone.
    """

    name: str
    about: str
    members: Sequence[Member]
    load: Callable[[Selection], Sequence[Task]]
    arms: Sequence[str]
    make: MakeArm
    default_arms: Sequence[str]
    settings: Mapping[str, float | None] = field(default_factory=dict)
    tables: TablesOfScores = lambda tasks, arms, scores: {}
    folder_tables: Callable[[Path], dict[str, list[dict[str, Any]]]] = lambda folder: {}
    references: References | None = None
    drawings: Drawings = lambda run, colours: ()
    model: bool = True
    headline: Headline | None = None


def load_tasks(suite: Suite, selection: Selection) -> Sequence[Task]:
    """Return the selected tasks of a suite.

    Raises:
        BadOption: there is no such task, split or variant; of a task the message has the nearest.
            Or corrections are named, and no task is corrected.
        InvalidInput: a line of a file is malformed; the message names file and line.
        RunError: a file is missing.
    """
    try:
        tasks = suite.load(selection)
    except BadOption as error:
        near = _nearest(suite, selection.tasks) if error.option == "--tasks" else None
        if near is None:
            raise
        raise BadOption(error.option, f"{error}; did you mean {near.name!r}?") from error
    if selection.corrections is not None and not any(CORRECTED in task.split for task in tasks):
        raise BadOption("--corrections", f"{suite.name} has no labels to correct")
    return tasks


def _nearest(suite: Suite, text: str | None) -> Member | None:
    """Return the task whose name or subject is nearest to the first that does not exist."""
    names = {member.name.removeprefix(f"{suite.name}/"): member for member in suite.members}
    for part in (text or "").split(","):
        name = part.strip().removeprefix(f"{suite.name}/")
        if name not in names:
            known = names | {member.about: member for member in suite.members}
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            return known[near[0]] if near else None
    return None


def selected_names(selection: Selection, suite: str, known: Collection[str]) -> list[str]:
    """Return the names of the selected tasks without their suite's, each once; all by default.

    Raises:
        BadOption: one of them is not known.
    """
    if selection.tasks in (None, "all"):
        return list(known)
    names = [part.strip().removeprefix(f"{suite}/") for part in str(selection.tasks).split(",")]
    for name in names:
        if name not in known:
            raise BadOption("--tasks", f"{name!r} is not one of {', '.join(known)}")
    return list(dict.fromkeys(names))


def refuse_files(selection: Selection, suite: str) -> None:
    """Refuse options that choose among files, for a suite that generates its questions.

    Raises:
        BadOption: one of them has a value; "test" is the split of what is generated.
    """
    options = {
        "--split": selection.split if selection.split != "test" else None,
        "--variant": selection.variant,
        "--file": selection.file,
        "--corrections": selection.corrections,
    }
    for option, value in options.items():
        if value is not None:
            raise BadOption(option, f"{suite} makes its own questions, and reads no files")
