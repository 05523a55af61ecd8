"""ArchivalQA (Wang et al. 2022) as an evaluation, from lines that join questions and documents."""

from collections.abc import Sequence

from memagent.errors import RunError
from memagent.evals import question_lines
from memagent.evals.costs import costs
from memagent.evals.note_arms import NOTE_ARMS, make
from memagent.evals.registry import Member, Suite, Wanted
from memagent.evals.squad_suite import chosen
from memagent.evals.stream_measures import measures
from memagent.evals.task import Task

NAME = "archivalqa"


def load(wanted: Wanted) -> Sequence[Task]:
    """Return the wanted tasks of `--file`.

    Raises:
        BadOption: a task is none.
        InvalidInput: a line is malformed.
        RunError: there is no file.
    """
    if wanted.file is None:
        raise RunError("which file? name JSON lines with question, answers and document by --file")
    known = question_lines.tasks(wanted.file, NAME)
    return chosen(NAME, known, wanted.tasks, (f"{NAME}/stream",))


SUITE = Suite(
    name=NAME,
    about="ArchivalQA (Wang et al. 2022), or questions of your own with their documents",
    members=(
        Member(name=f"{NAME}/stream", about="all documents are read, then all questions asked"),
        Member(name=f"{NAME}/retention-before", about="of the first 200 documents, after these"),
        Member(name=f"{NAME}/retention-after", about="the same questions, after all others"),
    ),
    load=load,
    arms=NOTE_ARMS,
    default=("none+8", "memory+8", "oracle+8", "wrong+8"),
    make=make,
    more=measures,
    kept=costs,
)
