"""Feedback suite: how feedback changes answers to the same, to related and to other questions."""

import hashlib
from collections.abc import Mapping, Sequence

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
from memagent.evals.tasks.feedback.arm import KINDS, TaughtArm
from memagent.evals.tasks.feedback.measures import NAME, drawings, grade, measures
from memagent.evals.tasks.feedback.worlds import Trial, trials, world

CONDITIONS = {
    "changed": "a fact in the memory is no longer true",
    "hops": "the answer follows from two facts",
    "premise": "the person in the question does not exist",
}
SETTINGS = {"worlds": 10, "people": 3, "rounds": 2}
"""Worlds; people of a world that are asked about; rounds of feedback."""
MOST = 10
"""At most so many people are asked about: a world has four times as many names."""
LESSONS = 8
"""Number of worlds that the few-shot examples are drawn from."""


def load(selection: Selection) -> Sequence[Task]:
    """Return the selected conditions, generated; the same seed gives the same worlds.

    Raises:
        BadOption: there is no such condition, or a size is out of its range.
    """
    refuse_files(selection, NAME)
    sizes = {name: int(selection.settings.get(name, value)) for name, value in SETTINGS.items()}
    if min(sizes["worlds"], sizes["people"]) < 1 or sizes["people"] > MOST or sizes["rounds"] < 0:
        raise BadOption(
            "--set", f"expected at least 1 world, 1 to {MOST} people, and no fewer rounds than 0"
        )
    chosen = selected_names(selection, NAME, CONDITIONS)
    return [task(condition, sizes, selection.seed) for condition in chosen]


def task(condition: str, sizes: Mapping[str, int], seed: int) -> Task:
    """Return one condition: worlds to ask about, and others to draw examples from."""
    name = f"{NAME}/{condition}"
    asked: list[Trial] = []
    for number in range(sizes["worlds"]):
        made = world(condition, sizes, f"{seed}/{condition}/{number}")
        asked += trials(f"{name}/{number}", made, sizes["rounds"])
    lessons = [
        trial
        for number in range(LESSONS)
        for trial in trials(
            f"{name}/lesson/{number}", world(condition, sizes, f"{seed}/{condition}/l{number}"), 0
        )
        if trial.supports or (condition == "premise" and trial.item.correction)
    ]
    return Task(
        name=name,
        source="generated",
        split="test",
        asked=asked,
        training=lessons,
        sha256=_digest(asked, lessons),
        grade=grade,
    )


def _digest(asked: Sequence[Trial], lessons: Sequence[Trial]) -> str:
    """Return the SHA-256 of a condition's trials.

    Earlier versions called the suite "communicative": with the identifiers of that time in it, the
    digest of the same trials is the same, and their runs stay comparable.
    """
    text = repr([asked, lessons]).replace(f"'{NAME}/", "'communicative/")
    return hashlib.sha256(text.encode()).hexdigest()


SUITE = Suite(
    name=NAME,
    about="what a memory learns from verdicts, hints and corrections",
    members=[Member(name=f"{NAME}/{name}", about=about) for name, about in CONDITIONS.items()],
    load=load,
    arms=KINDS,
    default_arms=KINDS[:-1],
    headline=Headline(grade="right", label="accuracy"),
    make=TaughtArm,
    settings=SETTINGS,
    tables=measures,
    drawings=drawings,
)
