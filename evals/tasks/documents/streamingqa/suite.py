"""StreamingQA suite: from the released files, or else from a generated world."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import cast, get_args

from memagent.errors import RunError
from memagent.evals.suite import BadOption, Member, Selection, Suite
from memagent.evals.task import Task
from memagent.evals.tasks.documents.costs import costs
from memagent.evals.tasks.documents.documents import StreamTask
from memagent.evals.tasks.documents.measures import measures
from memagent.evals.tasks.documents.note_arms import NOTE_ARMS, make
from memagent.evals.tasks.documents.ratio_curve import drawings
from memagent.evals.tasks.documents.scores import F1
from memagent.evals.tasks.documents.squad import chosen
from memagent.evals.tasks.documents.streamingqa import loader
from memagent.evals.tasks.documents.streamingqa.files import QuestionSplit, question_file
from memagent.evals.tasks.documents.streamingqa.generator import SIZES, write_world
from memagent.evals.tasks.documents.streamingqa.loader import MAC, NAME

DEFAULT = (f"{NAME}/recent", f"{NAME}/past")
DRAWN = {"mac": MAC, "all": None}
"""Number of questions drawn from the released files, by variant."""


def load(selection: Selection) -> Sequence[Task]:
    """Return the selected tasks, from the released files if the data folder has them.

    Raises:
        BadOption: a task, split or variant is none.
        InvalidInput: a line is malformed.
        RunError: a file is missing.
    """
    split = selection.split or "eval"
    if split not in get_args(QuestionSplit):
        choices = ", ".join(get_args(QuestionSplit))
        raise BadOption("--split", f"{split!r} is not one of {choices}")
    made = _made(selection, cast(QuestionSplit, split))
    return chosen(NAME, made, selection.tasks, DEFAULT)


def _made(selection: Selection, split: QuestionSplit) -> dict[str, StreamTask]:
    folder = selection.file or (selection.data / NAME if selection.data else None)
    if folder is not None and (folder / question_file(split)).is_file():
        variant = _one_of(selection.variant or "mac", tuple(DRAWN))
        return loader.load(folder, split, "released", DRAWN[variant], selection.seed)
    if selection.file is not None:
        raise RunError(f"no file {question_file(split)} in {selection.file}")
    size = _one_of(selection.variant or "small", tuple(SIZES))
    with tempfile.TemporaryDirectory(prefix="memagent-") as scratch:
        write_world(Path(scratch), split, size, selection.seed)
        return loader.load(Path(scratch), split, "generated", None, selection.seed)


def _one_of(variant: str, choices: Sequence[str]) -> str:
    if variant not in choices:
        raise BadOption("--variant", f"{variant!r} is not one of {', '.join(choices)}")
    return variant


SUITE = Suite(
    name=NAME,
    about="StreamingQA (Liska et al. 2022): questions of 2020 about news of 2007 to 2020",
    members=(
        Member(name=f"{NAME}/recent", about="all is read, then asked about the month before"),
        Member(name=f"{NAME}/past", about="all is read, then asked about the years before"),
        *(
            Member(
                name=f"{NAME}/q{quarter}",
                about=f"asked in quarter {quarter}, of what was read by then",
            )
            for quarter in loader.QUARTERS
        ),
        Member(name=f"{NAME}/retention-before", about="of the first 200, right after these"),
        Member(name=f"{NAME}/retention-after", about="the same questions, after all others"),
    ),
    load=load,
    arms=NOTE_ARMS,
    default_arms=("none+8", "frozen+8", "memory+8", "oracle+8"),
    headline=F1,
    make=make,
    tables=measures,
    folder_tables=costs,
    drawings=drawings,
)
