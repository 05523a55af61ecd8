"""bAbI suite: twenty tasks by number, from released files or generated."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast, get_args

from memagent.errors import RunError
from memagent.evals.suite import BadOption, Headline, Member, Selection, Suite
from memagent.evals.task import Task
from memagent.evals.tasks import babi
from memagent.evals.tasks.babi import TASKS, Split, Variant
from memagent.evals.tasks.babi.published import REFERENCES
from memagent.evals.tasks.story_arms import ARMS, DEFAULT_ARMS, StoryArm, leakage

DEFAULT = (1, 2, 11, 12)
"""The tasks that are run when none are named."""
VARIANTS = get_args(Variant)
SETTINGS = {"length": None, "distractors": None, "story_seed": None}
"""Of generated stories: their least number of statements, how many distracting statements come with
each question, and the seed of the stories (1 by default); `--seed` draws questions among them."""
TITLES = (
    "one supporting fact",
    "two supporting facts",
    "three supporting facts",
    "two-argument relations",
    "three-argument relations",
    "yes/no questions",
    "counting",
    "lists and sets",
    "simple negation",
    "indefinite knowledge",
    "basic coreference",
    "conjunction",
    "compound coreference",
    "time reasoning",
    "basic deduction",
    "basic induction",
    "positional reasoning",
    "size reasoning",
    "path finding",
    "agents' motivations",
)


def load(selection: Selection) -> Sequence[Task]:
    """Return the selected tasks, from the released files if there is a data folder.

    Raises:
        BadOption: a task, split or variant is none.
        InvalidInput: a line is malformed, or no such story can be generated.
        RunError: there is no such folder or file.
    """
    if selection.split is not None and selection.split not in get_args(Split):
        raise BadOption("--split", f"{selection.split!r} is neither test nor train")
    if selection.variant is not None and selection.variant not in VARIANTS:
        raise BadOption("--variant", f"{selection.variant!r} is not one of {', '.join(VARIANTS)}")
    if selection.file is not None:
        raise BadOption("--file", "babi reads a folder of files: set MEMAGENT_DATA")
    settings = _settings(selection)
    folder = _folder(selection)
    numbers = DEFAULT if selection.tasks is None else _numbers(selection.tasks)
    split = cast("Split | None", selection.split)
    if folder is None:
        return [babi.generated(number, split, **settings) for number in numbers]
    if settings:
        raise BadOption(
            "--set", f"{', '.join(settings)}: of generated stories; unset MEMAGENT_DATA"
        )
    return [babi.load(folder, number, split) for number in numbers]


def _settings(selection: Selection) -> dict[str, int]:
    """Return the settings of the generator, under its own names."""
    names = {"story_seed": "seed"}
    if any(value != int(value) or value < 0 for value in selection.settings.values()):
        raise BadOption("--set", "expected whole numbers from 0")
    return {names.get(name, name): int(value) for name, value in selection.settings.items()}


def _folder(selection: Selection) -> Path | None:
    if selection.data is None:
        if selection.variant is not None:
            raise RunError("--variant chooses among released files: set MEMAGENT_DATA")
        return None
    folder = selection.data / "babi" / (selection.variant or "en")
    if not folder.is_dir():
        raise RunError(f"MEMAGENT_DATA is {selection.data}, but there is no folder {folder}")
    return folder


def _numbers(text: str) -> list[int]:
    """Read "1,2", "babi/1" or "all"."""
    if text.strip() == "all":
        return list(TASKS)
    numbers = []
    for part in text.split(","):
        digits = part.strip().removeprefix("babi/")
        if not digits.isdigit() or int(digits) not in TASKS:
            raise BadOption("--tasks", f"{part.strip()!r} is not a task from 1 to 20")
        numbers.append(int(digits))
    return list(dict.fromkeys(numbers))


SUITE = Suite(
    name="babi",
    about="bAbI (Weston et al. 2015): questions about short stories",
    members=[
        Member(name=f"babi/{number}", about=title) for number, title in enumerate(TITLES, start=1)
    ],
    load=load,
    arms=ARMS,
    headline=Headline(grade="exact_mention", label="accuracy"),
    make=StoryArm,
    default_arms=DEFAULT_ARMS,
    settings=SETTINGS,
    tables=leakage,
    references=REFERENCES,
)
