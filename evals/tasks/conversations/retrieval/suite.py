"""Retrieval suite: the turns of a conversation, ranked for a question about it; no model.

A conversation is read turn by turn, as an application writes it, and each arm ranks its turns for
each question. The gold turns are those that hold the answer, as the data set says. A sample:

    question: "When did Ann move to Graz?"
    gold:     turn "D3:7", said in session 3
    answer:   "D5:2 D3:7 D3:8 ...", the ids of the turns that were found, best first
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from memagent.errors import RunError
from memagent.evals.suite import (
    BadOption,
    Headline,
    Member,
    Selection,
    Suite,
    refuse_files,
    selected_names,
)
from memagent.evals.task import Task
from memagent.evals.tasks.conversations.conversation import DataSet, task_of
from memagent.evals.tasks.conversations.generator.generate import generate
from memagent.evals.tasks.conversations.generator.phrases import LANGUAGES
from memagent.evals.tasks.conversations.loaders.sources import data_set
from memagent.evals.tasks.conversations.peers import PEERS
from memagent.evals.tasks.conversations.retrieval.arm import OURS, RetrievalArm
from memagent.evals.tasks.conversations.retrieval.ranking import HEADLINE, graded
from memagent.evals.tasks.conversations.retrieval.tables import tables
from memagent.evals.tasks.conversations.retrieval.writing import writing_table

NAME = "retrieval"
GENERATED = "conversations"
"""The tasks of all languages, by one name."""
NO_GOLD = "questions without gold turns"
ANSWERABLE, UNANSWERABLE = "questions with an answer", "questions without an answer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Questions:
    """Questions of a data set, or of a `language` generated ones, with an answer or without."""

    data: str
    about: str
    language: str = ""
    unanswerable: bool = False


TASKS: Mapping[str, Questions] = {
    "locomo": Questions(data="locomo", about="LoCoMo, the questions of categories 1 to 4"),
    "locomo-adversarial": Questions(
        data="locomo",
        about="LoCoMo, the questions of category 5, which mistake the speaker",
        unanswerable=True,
    ),
    "longmemeval": Questions(data="longmemeval", about="LongMemEval, without abstention"),
    "beam": Questions(data="beam", about="BEAM, without abstention"),
    **{
        language: Questions(
            data=GENERATED, about=f"generated conversations ({language})", language=language
        )
        for language in LANGUAGES
    },
}


def load(selection: Selection) -> Sequence[Task]:
    """Return the selected tasks; questions without gold turns are left out, and counted.

    Raises:
        BadOption: there is no such task, or a file is given for several data sets.
        InvalidInput: a file is malformed.
        RunError: a file is missing, or no question of a task has gold turns.
    """
    names = selected_names(_expanded(selection), NAME, TASKS)
    if selection.file is not None and len({TASKS[name].data for name in names}) > 1:
        raise BadOption("--tasks", f"{selection.file} is of one data set: name its task")
    tasks = [_task(name, selection) for name in names]
    for task in tasks:
        if not task.asked and selection.tasks not in (None, "all"):
            raise RunError(f"{task.name}: no question has gold turns")
    return [task for task in tasks if task.asked]


def _expanded(selection: Selection) -> Selection:
    """Return a selection with the tasks of all languages in the place of their common name."""
    if selection.tasks is None:
        return selection
    parts = [part.strip() for part in selection.tasks.split(",")]
    languages = [name for name, task in TASKS.items() if task.language]
    expanded = [languages if part == GENERATED else [part] for part in parts]
    return replace(selection, tasks=",".join(name for group in expanded for name in group))


def _task(name: str, selection: Selection) -> Task:
    chosen = TASKS[name]
    data = _data(name, selection)
    mine = [q for q in data.questions if q.unanswerable == chosen.unanswerable]
    asked = [question for question in mine if question.evidence]
    left_out = {
        ANSWERABLE if chosen.unanswerable else UNANSWERABLE: len(data.questions) - len(mine),
        NO_GOLD: len(mine) - len(asked),
    }
    return task_of(
        data,
        f"{NAME}/{name}",
        graded,
        questions=asked,
        left_out={reason: number for reason, number in left_out.items() if number},
    )


def _data(name: str, selection: Selection) -> DataSet:
    chosen = TASKS[name]
    if not chosen.language:
        return data_set(chosen.data, selection)
    refuse_files(selection, f"{NAME}/{name}")
    return generate(name=name, style="people", language=name, seed=selection.seed)


SUITE = Suite(
    name=NAME,
    about="turns of conversations found for questions about them, as recall@10; no model",
    members=[Member(name=f"{NAME}/{name}", about=task.about) for name, task in TASKS.items()],
    load=load,
    arms=(*OURS, *PEERS),
    default_arms=[f"{arm}+0" for arm in OURS],
    make=RetrievalArm,
    tables=tables,
    folder_tables=writing_table,
    model=False,
    headline=Headline(grade=HEADLINE, label=HEADLINE),
)
