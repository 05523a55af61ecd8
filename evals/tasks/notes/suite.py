"""Notes suite: everyday notes found for the questions that their writer asks later; no model.

Notes are written one by one into a memory, and each arm shows those that it finds for a question.
A sample of the diary, which is in English, and one of the notes in ten languages:

    note:     "Put the spare key into the blue watering can on the balcony."
    note:     "The spare key is with Mrs. Albrecht on the ground floor now."
    question: "Where is the spare key?"                                      wanted: the second

    note:     "Der Rasenmäher steht bei Onkel Werner im Schuppen."
    question: "Wo steht der Rasenmäher?"                                     same words
    question: "Wer hat das Gerät, mit dem ich das Gras schneide?"            paraphrased
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from memagent.evals.arm import ArmName, Parts
from memagent.evals.metrics.retrieval import measures
from memagent.evals.suite import (
    BadOption,
    Headline,
    Member,
    Selection,
    Suite,
    refuse_files,
    selected_names,
)
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.conversations.conversation import ConversationQuestion, task_of
from memagent.evals.tasks.conversations.retrieval import memory_retrievers
from memagent.evals.tasks.conversations.retrieval.arm import RetrievalArm
from memagent.evals.tasks.conversations.retrieval.ranking import turns_of
from memagent.evals.tasks.conversations.retrievers import MakeRetriever
from memagent.evals.tasks.notes.notebooks import (
    BOOKS,
    DIARY,
    LANGUAGES,
    SPLITS,
    VARIANTS,
    WRITTEN,
    notebook,
)
from memagent.evals.tasks.notes.tables import FIRST, SHOWN, tables

NAME = "notes"
ALL_LANGUAGES = "languages"
"""The tasks of all languages, by one name."""
EVERY = "all"
"""Every variant of each task."""
ABOUT = {
    DIARY: "sixty notes of half a year, and forty questions of twelve kinds",
    **{code: f"twenty notes in {name}, each asked for twice" for code, name in LANGUAGES.items()},
}
ARMS: Mapping[str, MakeRetriever] = {
    "search": memory_retrievers.search(evidence=True),
    "recall": memory_retrievers.recall(),
    "dense": memory_retrievers.dense(evidence=True),
    "bm25": memory_retrievers.bm25(evidence=True),
    "oracle": memory_retrievers.oracle,
    "recent": memory_retrievers.recent,
}
"""Arms as in `retrieval`; those of the memory leave out questions, as `Memory.search` does."""


def load(selection: Selection) -> Sequence[Task]:
    """Return the selected notebooks as they are written, or in the selected variant.

    A variant has a name of its own, too, such as "de-lower".

    Raises:
        BadOption: there is no such task, variant or split.
    """
    refuse_files(replace(selection, split=None, variant=None), NAME)
    split = selection.split if selection.split != "test" else None
    names = selected_names(_expanded(selection), NAME, BOOKS)
    if split is not None and (split not in SPLITS or {BOOKS[name][0] for name in names} != {DIARY}):
        raise BadOption("--split", f"{split!r}: {' and '.join(SPLITS)} are the halves of the diary")
    return [task_of(notebook(name, split), f"{NAME}/{name}", graded) for name in names]


def _expanded(selection: Selection) -> Selection:
    """Return a selection that names each notebook and each variant of it."""
    variant = selection.variant or WRITTEN
    if variant not in (*VARIANTS, EVERY):
        known = ", ".join([*VARIANTS, EVERY])
        raise BadOption("--variant", f"{variant!r} is not one of {known}")
    variants = [*VARIANTS] if variant == EVERY else [variant]
    text = f"{DIARY},{ALL_LANGUAGES}" if selection.tasks in (None, "all") else selection.tasks
    expanded: list[str] = []
    for part in str(text).split(","):
        name = part.strip().removeprefix(f"{NAME}/")
        files = [*LANGUAGES] if name == ALL_LANGUAGES else [name]
        varied = [book for book, (file, of) in BOOKS.items() if file in files and of in variants]
        expanded += varied or [name]
    return replace(selection, tasks=",".join(expanded))


def graded(task: Task, sample: Sample, prediction: str) -> dict[str, float]:
    """Grade what was shown: whether all wanted notes are among it comes first, then the ranking."""
    shown, _ = turns_of(prediction)
    wanted = set(cast(ConversationQuestion, sample).evidence)
    ranked = measures(shown, wanted)
    return {SHOWN: float(wanted <= set(shown)), FIRST: ranked["any@1"], **ranked}


def make(name: ArmName, task: Task, parts: Parts) -> RetrievalArm:
    """Return an arm over a notebook."""
    return RetrievalArm(name, task, parts, retrievers=ARMS)


SUITE = Suite(
    name=NAME,
    about="everyday notes found for their writer's questions, in ten languages; no model",
    members=[Member(name=f"{NAME}/{name}", about=about) for name, about in ABOUT.items()],
    load=load,
    arms=tuple(ARMS),
    default_arms=["search:5+0", "recall+0", "dense:5+0", "bm25:5+0"],
    make=make,
    tables=tables,
    model=False,
    headline=Headline(grade=SHOWN, label=SHOWN),
)
