"""bAbI as an evaluation: its twenty tasks by number, from released files or generated."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast, get_args

from memagent.errors import RunError
from memagent.evals.registry import BadOption, Member, Suite, Wanted
from memagent.evals.task import Task
from memagent.evals.tasks import babi
from memagent.evals.tasks.babi import TASKS, Split, Variant
from memagent.evals.tasks.gsm8k.arm import leakage

DEFAULT = (1, 2, 11, 12)
"""The tasks that are run when none are named."""
VARIANTS = get_args(Variant)
SETTINGS = {"length": None, "distractors": None, "story_seed": None}
"""Of generated stories: statements of each at least, statements that nobody asks about with each
question, and which stories they are, 1 if nobody says; `--seed` draws questions among them."""
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


def load(wanted: Wanted) -> Sequence[Task]:
    """Return the wanted tasks, from the released files if there is a data folder.

    Raises:
        BadOption: a task, split or variant is none.
        InvalidInput: a line is malformed, or no such story can be told.
        RunError: there is no such folder or file.
    """
    if wanted.split is not None and wanted.split not in get_args(Split):
        raise BadOption("--split", f"{wanted.split!r} is neither test nor train")
    if wanted.variant is not None and wanted.variant not in VARIANTS:
        raise BadOption("--variant", f"{wanted.variant!r} is not one of {', '.join(VARIANTS)}")
    if wanted.file is not None:
        raise BadOption("--file", "babi reads a folder of files: set MEMAGENT_DATA")
    told = _told(wanted)
    folder = _folder(wanted)
    numbers = DEFAULT if wanted.tasks is None else _numbers(wanted.tasks)
    split = cast("Split | None", wanted.split)
    if folder is None:
        return [babi.generated(number, split, **told) for number in numbers]
    if told:
        raise BadOption("--set", f"{', '.join(told)}: of generated stories; unset MEMAGENT_DATA")
    return [babi.load(folder, number, split) for number in numbers]


def _told(wanted: Wanted) -> dict[str, int]:
    """Return how stories are to be generated, by the generator's own names."""
    names = {"story_seed": "seed"}
    if any(value != int(value) or value < 0 for value in wanted.settings.values()):
        raise BadOption("--set", "expected whole numbers from 0")
    return {names.get(name, name): int(value) for name, value in wanted.settings.items()}


def _folder(wanted: Wanted) -> Path | None:
    if wanted.data is None:
        if wanted.variant is not None:
            raise RunError("--variant chooses among released files: set MEMAGENT_DATA")
        return None
    folder = wanted.data / "babi" / (wanted.variant or "en")
    if not folder.is_dir():
        raise RunError(f"MEMAGENT_DATA is {wanted.data}, but there is no folder {folder}")
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
    settings=SETTINGS,
    more=leakage,
)
