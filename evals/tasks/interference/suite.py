"""Interference as an evaluation: its conditions, arms and sizes."""

import hashlib
from collections.abc import Mapping, Sequence

from memagent.evals.suite import BadOption, Member, Selection, Suite, refuse_files, selected_names
from memagent.evals.task import Task
from memagent.evals.tasks.interference.arm import KINDS, EpisodeArm
from memagent.evals.tasks.interference.measures import grade, measures
from memagent.evals.tasks.interference.streams import LINES, NAMES, trials

CONDITIONS = {
    "no-conflict": "every person is told of once",
    "conflict": "persons are told of again; asked is where they are now",
    "dated": "persons are told of again, with the day; asked is where they were on a day",
}
SETTINGS = {"streams": 10, "episodes": 8, "people": 2, "cast": 6}
"""Streams; episodes of each; people told of in one; all the people that episodes share."""
LESSONS = 12
"""How many streams the worked examples are drawn from."""


def load(selection: Selection) -> Sequence[Task]:
    """Return the wanted conditions, generated; the same seed gives the same streams.

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
    return [task(one, sizes, selection.seed) for one in chosen]


def task(condition: str, sizes: Mapping[str, int], seed: int) -> Task:
    """Return one condition: streams to ask, and others to draw worked examples from."""
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
    about="what is told later makes what was told before harder to recall",
    members=[
        Member(name=f"interference/{name}", about=about) for name, about in CONDITIONS.items()
    ],
    load=load,
    arms=KINDS,
    default_arms=[kind for kind in KINDS if kind != "none"],
    make=EpisodeArm,
    settings=SETTINGS,
    tables=measures,
)
