"""Interference suite: its conditions and sizes."""

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
from memagent.evals.tasks.interference.arm import KINDS, EpisodeArm
from memagent.evals.tasks.interference.measures import grade, measures
from memagent.evals.tasks.interference.streams import LINES, NAMES, trials

CONDITIONS = {
    "no-conflict": "every person has one fact",
    "conflict": "persons have newer facts; the questions are where they are now",
    "dated": "persons have newer facts, with the day; the questions are where they were on a day",
}
SETTINGS = {"streams": 10, "episodes": 8, "people": 2, "cast": 6}
"""Streams; episodes of each; people in one episode; all the people that episodes share."""
LESSONS = 12
"""Number of streams that the few-shot examples are drawn from."""


def load(selection: Selection) -> Sequence[Task]:
    """Return the selected conditions, generated; the same seed gives the same streams.

    Raises:
        BadOption: there is no such condition, or a stream would be too long.
    """
    refuse_files(selection, "interference")
    sizes = {name: int(selection.settings.get(name, value)) for name, value in SETTINGS.items()}
    if min(sizes.values()) < 1 or sizes["episodes"] * sizes["people"] > LINES:
        raise BadOption(
            "--set", f"expected sizes of at least 1, and episodes times people of at most {LINES}"
        )
    if not sizes["people"] <= sizes["cast"] <= len(NAMES):
        raise BadOption("--set", f"expected a cast from people up to {len(NAMES)}")
    chosen = selected_names(selection, "interference", CONDITIONS)
    return [task(condition, sizes, selection.seed) for condition in chosen]


def task(condition: str, sizes: Mapping[str, int], seed: int) -> Task:
    """Return one condition: streams to ask about, and others to draw examples from."""
    name = f"interference/{condition}"
    asked = [
        trial
        for number in range(sizes["streams"])
        for trial in trials(f"{name}/{number}", condition, sizes, f"{seed}/{number}")
    ]
    lessons = [
        trial
        for number in range(LESSONS)
        for trial in trials(f"{name}/lesson/{number}", condition, sizes, f"{seed}/lesson/{number}")
        if trial.insertion == trial.episode == 1
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
    name="interference",
    about="whether later facts make earlier ones harder to recall",
    members=[
        Member(name=f"interference/{name}", about=about) for name, about in CONDITIONS.items()
    ],
    load=load,
    arms=KINDS,
    default_arms=[kind for kind in KINDS if kind != "none"],
    headline=Headline(grade="exact_mention", label="accuracy"),
    make=EpisodeArm,
    settings=SETTINGS,
    tables=measures,
)
