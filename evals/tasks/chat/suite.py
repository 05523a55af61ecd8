"""Chat suite: sixty turns of one session, half of them questions, as a user would type them.

    user:  "Nora works as a nurse at the children's hospital."
    user:  "And what does she do for work?"          right: nurse

Every turn goes through `Conversation.say`, replies included, so that what a model makes of its own
past replies shows. Some questions refer to the turn before, some are about something told long ago
or corrected since, and some about what was never told.
"""

from collections.abc import Sequence

from memagent.evals.suite import Headline, Member, Selection, Suite, refuse_files, selected_names
from memagent.evals.task import Task
from memagent.evals.tasks.chat.arm import ARMS, ChatArm
from memagent.evals.tasks.chat.scripts import SCRIPTS, task_of
from memagent.evals.tasks.chat.tables import folder_tables, tables

NAME = "chat"


def load(selection: Selection) -> Sequence[Task]:
    """Return the selected scripts.

    Raises:
        BadOption: there is no such script.
    """
    refuse_files(selection, NAME)
    return [task_of(name, f"{NAME}/{name}") for name in selected_names(selection, NAME, SCRIPTS)]


SUITE = Suite(
    name=NAME,
    about="one session of sixty turns: answers, repetition, and what is kept",
    members=[Member(name=f"{NAME}/{name}", about=about) for name, about in SCRIPTS.items()],
    load=load,
    arms=tuple(ARMS),
    default_arms=[f"{name}+0" for name in ("no-turns", "turns", "auto")],
    make=ChatArm,
    tables=tables,
    folder_tables=folder_tables,
    headline=Headline(grade="right", label="accuracy"),
)
