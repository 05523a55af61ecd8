"""Learning from feedback as an evaluation: its conditions, arms and sizes."""

import hashlib
from collections.abc import Mapping, Sequence

from memagent.evals.communicative import grade, measures
from memagent.evals.communicative_arm import KINDS, TaughtArm
from memagent.evals.communicative_worlds import Trial, trials, world
from memagent.evals.registry import BadOption, Member, Suite, Wanted, chosen_tasks, refuse_files
from memagent.evals.task import Task

CONDITIONS = {
    "changed": "what was told is no longer so",
    "hops": "the answer follows from two facts",
    "premise": "who is asked about does not exist",
}
SETTINGS = {"worlds": 10, "people": 3, "rounds": 2}
"""Worlds; people of a world that are asked about; rounds of feedback."""
MOST = 10
"""At most so many people are asked about: a world has four times as many names."""
LESSONS = 8
"""How many worlds the worked examples are drawn from."""


def load(wanted: Wanted) -> Sequence[Task]:
    """Return the wanted conditions, generated; the same seed gives the same worlds.

    Raises:
        BadOption: there is no such condition, or a size is out of its range.
    """
    refuse_files(wanted, "communicative")
    sizes = {name: int(wanted.settings.get(name, value)) for name, value in SETTINGS.items()}
    if min(sizes["worlds"], sizes["people"]) < 1 or sizes["people"] > MOST or sizes["rounds"] < 0:
        raise BadOption(
            "--set", f"expected at least 1 world, 1 to {MOST} people, and no fewer rounds than 0"
        )
    chosen = chosen_tasks(wanted, "communicative", CONDITIONS)
    return [task(one, sizes, wanted.seed) for one in chosen]


def task(condition: str, sizes: Mapping[str, int], seed: int) -> Task:
    """Return one condition: worlds to ask, and others to draw worked examples from."""
    name = f"communicative/{condition}"
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
        sha256=hashlib.sha256(repr([asked, lessons]).encode()).hexdigest(),
        grade=grade,
    )


SUITE = Suite(
    name="communicative",
    about="what a memory learns from verdicts, hints and corrections",
    members=[
        Member(name=f"communicative/{name}", about=about) for name, about in CONDITIONS.items()
    ],
    load=load,
    arms=KINDS,
    default=KINDS[:-1],
    make=TaughtArm,
    settings=SETTINGS,
    more=measures,
)
