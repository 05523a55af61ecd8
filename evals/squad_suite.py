"""SQuAD as an evaluation: read every passage once, then answer without looking them up again."""

from collections.abc import Mapping, Sequence

from memagent.errors import RunError
from memagent.evals import squad
from memagent.evals.costs import costs
from memagent.evals.note_arms import NOTE_ARMS, make
from memagent.evals.registry import BadOption, Member, Suite, Wanted
from memagent.evals.stream_measures import measures
from memagent.evals.task import Task

MEMBERS = (
    Member(name="squad/stream", about="all passages are read, then every question is asked"),
    Member(name="squad/unanswerable", about="questions of version 2.0 that no passage answers"),
    Member(name="squad/retention-before", about="of the first 200 passages, right after these"),
    Member(name="squad/retention-after", about="the same questions, after all other passages"),
)


def load(wanted: Wanted) -> Sequence[Task]:
    """Return the wanted tasks of `--file`, or of the file in the data folder.

    Raises:
        BadOption: a task is none.
        InvalidInput: the file is malformed.
        RunError: there is no file.
    """
    path = wanted.file
    if path is None:
        if wanted.data is None:
            raise RunError("which file? name one with --file, or set MEMAGENT_DATA")
        path = wanted.data / "squad" / squad.FILE
    return chosen("squad", squad.tasks(path), wanted.tasks, ("squad/stream",))


def chosen(
    name: str, known: Mapping[str, Task], asked: str | None, default: Sequence[str]
) -> Sequence[Task]:
    """Return the tasks that were asked for, as "stream,retention-before", in full, or "all".

    Raises:
        BadOption: one of them is none.
    """
    if asked is None:
        return [known[one] for one in default]
    if asked.strip() == "all":
        return list(known.values())
    names = [f"{name}/{part.strip().removeprefix(f'{name}/')}" for part in asked.split(",")]
    for one in names:
        if one not in known:
            raise BadOption("--tasks", f"{one!r} is not one of {', '.join(known)}")
    return [known[one] for one in dict.fromkeys(names)]


SUITE = Suite(
    name="squad",
    about="SQuAD (Rajpurkar et al. 2016) as a stream, after MAC (Tack et al. 2024)",
    members=MEMBERS,
    load=load,
    arms=NOTE_ARMS,
    default=("none+8", "memory+8", "oracle+8", "wrong+8"),
    make=make,
    more=measures,
    kept=costs,
)
