"""Suites of questions about conversations: LoCoMo, LongMemEval, BEAM, PersonaMem, generated ones.

The headline is the F1 of words with the best reference, as LoCoMo's paper has it. LongMemEval's own
accuracy and BEAM's nuggets take a judge; without one F1 stands in for them, since many references
are whole sentences ("8 days; 9 days is also acceptable") that no right answer contains.
PersonaMem's is the share of right choices. Questions that nothing in the conversation answers are a
task of their own, of which the headline is the share of abstentions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from memagent.errors import InvalidInput
from memagent.evals.arm import MakeArm
from memagent.evals.suite import (
    BadOption,
    Headline,
    Member,
    Selection,
    Suite,
    refuse_files,
    selected_names,
)
from memagent.evals.task import Grade, Task
from memagent.evals.tasks.conversations.arms import ARMS, ConversationArm
from memagent.evals.tasks.conversations.conversation import (
    ConversationQuestion,
    ConversationTask,
    DataSet,
    task_of,
)
from memagent.evals.tasks.conversations.generator.generate import generate
from memagent.evals.tasks.conversations.generator.phrases import LANGUAGES
from memagent.evals.tasks.conversations.generator.world import SIZES
from memagent.evals.tasks.conversations.grading import grade, grade_as_locomo
from memagent.evals.tasks.conversations.loaders.sources import data_set
from memagent.evals.tasks.conversations.tables import tables

DEFAULT_ARMS = ("none+3", "full+3", "memory+3", "search-k+3", "oracle+3")
"""With few-shot examples, since a small model else answers in sentences."""
LONG = 256
"""Greatest length of an answer to a question of BEAM, which may ask for a summary."""
NO_REFERENCE = "questions without a reference answer"
NOBODY_KNOWS = "questions that nothing in the conversation answers"


def split_tasks(
    data: DataSet, answerable: str, unanswerable: str, grade: Grade
) -> dict[str, ConversationTask]:
    """Return the tasks of a data set by name, without one that has no question.

    Questions that have no reference answer, though they have one, are left out and counted.
    """
    graded = [question for question in data.questions if question.unanswerable or question.gold]
    missing = len(data.questions) - len(graded)
    parts: dict[str, Sequence[ConversationQuestion]] = {
        answerable: [question for question in graded if not question.unanswerable],
        unanswerable: [question for question in graded if question.unanswerable],
    }
    return {
        name: task_of(
            data,
            name,
            grade,
            questions=questions,
            left_out={NO_REFERENCE: missing} if missing and name == answerable else None,
        )
        for name, questions in parts.items()
        if questions
    }


def suite_of(
    name: str,
    about: str,
    *,
    label: str = "F1",
    unanswerable: str = "abstention",
    grade: Grade = grade,
    make: MakeArm = ConversationArm,
) -> Suite:
    """Return the suite of a data set, with its questions and those that have no answer."""
    members = (
        Member(name=f"{name}/qa", about="questions that the conversation answers"),
        Member(name=f"{name}/{unanswerable}", about=NOBODY_KNOWS),
    )
    return _suite(name, about, members, partial(_load, members, grade), label, make)


def _suite(
    name: str,
    about: str,
    members: Sequence[Member],
    load: Callable[[Selection], Sequence[Task]],
    label: str,
    make: MakeArm = ConversationArm,
) -> Suite:
    return Suite(
        name=name,
        about=about,
        members=members,
        load=load,
        arms=ARMS,
        make=make,
        default_arms=DEFAULT_ARMS,
        tables=tables,
        headline=Headline(grade="score", label=label),
    )


def _load(members: Sequence[Member], grade: Grade, selection: Selection) -> Sequence[Task]:
    """Return the selected tasks of a data set, by default all that have questions.

    Raises:
        BadOption: a task is none.
        InvalidInput: the file is malformed, or has no question of a task that was named.
        RunError: there is no such file.
    """
    answerable, unanswerable = (member.name for member in members)
    suite = answerable.partition("/")[0]
    names = selected_names(
        selection, suite, [member.name.removeprefix(f"{suite}/") for member in members]
    )
    data = data_set(suite, selection)
    found = split_tasks(data, answerable, unanswerable, grade)
    return _chosen(found, [f"{suite}/{name}" for name in names], selection)


def _chosen(
    found: Mapping[str, ConversationTask], names: Sequence[str], selection: Selection
) -> list[Task]:
    missing = [name for name in names if name not in found]
    if missing and (selection.tasks not in (None, "all") or len(missing) == len(names)):
        raise InvalidInput(f"{missing[0]}: the data has no such question")
    return [found[name] for name in names if name in found]


GENERATED = "conversations"


def _load_generated(selection: Selection) -> Sequence[Task]:
    """Return the selected tasks of generated conversations, by default the English ones.

    Raises:
        BadOption: a task or the variant is none, or files are named.
    """
    refuse_files(replace(selection, variant=None), GENERATED)
    size = selection.variant or "small"
    if size not in SIZES:
        raise BadOption("--variant", f"{size!r} is not one of {', '.join(SIZES)}")
    known = [member.name.removeprefix(f"{GENERATED}/") for member in GENERATED_MEMBERS]
    names = selected_names(selection, GENERATED, known)
    if selection.tasks is None:
        names = known[:2]
    found: dict[str, ConversationTask] = {}
    for language in dict.fromkeys(name.partition("-")[0] for name in names):
        name = f"{GENERATED}/{language}"
        data = generate(
            name=name, style="people", language=language, seed=selection.seed, size=size
        )
        found |= split_tasks(data, name, f"{name}-unanswerable", grade)
    return _chosen(found, [f"{GENERATED}/{name}" for name in names], selection)


GENERATED_MEMBERS = tuple(
    member
    for language in LANGUAGES
    for member in (
        Member(name=f"{GENERATED}/{language}", about=f"questions in {language!r} with an answer"),
        Member(
            name=f"{GENERATED}/{language}-unanswerable", about=f"{NOBODY_KNOWS}, in {language!r}"
        ),
    )
)
LOCOMO = suite_of(
    "locomo",
    "LoCoMo (Maharana et al. 2024): long chats of two people; adversarial questions apart",
    unanswerable="adversarial",
    grade=grade_as_locomo,
)
LONGMEMEVAL = suite_of(
    "longmemeval", "LongMemEval (Wu et al. 2025): chats with an assistant, one for each question"
)
BEAM = suite_of(
    "beam",
    "BEAM (Tavakoli et al. 2025): long chats with an assistant, ten abilities",
    make=partial(ConversationArm, tokens=LONG),
)
PERSONAMEM = suite_of(
    "personamem",
    "PersonaMem (Jiang et al. 2025): multiple choice about what a user likes",
    label="accuracy",
)
CONVERSATIONS = _suite(
    GENERATED,
    "generated chats of two people in several languages, with facts that change",
    GENERATED_MEMBERS,
    _load_generated,
    "F1",
)
