"""Preferences suite: whether later answers follow what a user stated once and is not asked for.

A person talks with an assistant in some conversations, and states one preference in each. Then the
person requests something that does not name it:

    stated:    "By the way, I always sit at the window when I fly."
    requested: "Book me a seat on the flight to Rome, please."
    followed:  an answer that says "window", and not "aisle"
"""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from memagent.agent.agent import Agent
from memagent.evals.arm import ArmName, Parts, Reply
from memagent.evals.metrics.bootstrap import mean_intervals
from memagent.evals.metrics.statistics import difference, mean
from memagent.evals.report.tables import by_arm
from memagent.evals.score import Score
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
from memagent.evals.tasks.conversations.retrieval.paired import as_cell
from memagent.evals.tasks.preferences.histories import FILES, Person, Preference, people
from memagent.profile.lines import TOKENS
from memagent.text.words import fold
from memagent.types import Scope

NAME = "preferences"
ENGLISH, LANGUAGES = "english", "languages"
ABOUT = {
    ENGLISH: "thirty preferences of three people",
    LANGUAGES: "ten preferences in German, French, Spanish and Chinese",
}
NONE, MEMORY, PROFILE = "none", "memory", "memory+profile"
"""The model alone; with what is recalled; and with the profile before it, of so many tokens as the
arm's name says."""
FOLLOWED, SHOWN = "followed", "shown"
LATER = "later"
"""The session of the requests."""


def load(selection: Selection) -> Sequence[Task]:
    """Return the selected tasks; the development split has English ones alone.

    Raises:
        BadOption: there is no such task or split.
    """
    split = selection.split or "test"
    if split not in FILES:
        raise BadOption("--split", f"{split!r} is not one of {', '.join(FILES)}")
    refuse_files(replace(selection, split=None), NAME)
    known = [ENGLISH] if split == "development" else list(ABOUT)
    return [_task(name, split) for name in selected_names(selection, NAME, known)]


def _task(name: str, split: str) -> Task:
    asked = [
        preference
        for person in people(split)
        for preference in person.preferences
        if (preference.category == "en") == (name == ENGLISH)
    ]
    stories = {preference.story for preference in asked}
    told = [person.conversations for person in people(split) if person.name in stories]
    return Task(
        name=f"{NAME}/{name}",
        source="generated",
        split=split,
        asked=asked,
        training=(),
        sha256=hashlib.sha256(repr([asked, told]).encode()).hexdigest(),
        grade=grade,
    )


def grade(task: Task, sample: Sample, prediction: str) -> dict[str, float]:
    """Grade an answer: whether it says what follows the preference, and nothing against it."""
    preference, said = cast(Preference, sample), fold(prediction)
    follows = any(fold(word) in said for word in preference.gold)
    against = any(fold(word) in said for word in preference.against)
    return {FOLLOWED: float(follows and not against)}


class PreferenceArm:
    """One way of answering the requests of people whose conversations were remembered.

    Raises:
        InvalidInput: there is no such arm.
    """

    def __init__(self, name: ArmName, task: Task, parts: Parts) -> None:
        name.check(SUITE.arms)
        self.name = name
        self._memory = parts.memory
        self._people = {person.name: person for person in people(task.split)}
        self._lock = threading.Lock()
        profile = (name.size or TOKENS) if name.kind == PROFILE else 0
        self._agent = Agent(
            memory=None if name.kind == NONE else parts.memory,
            model=parts.model,
            profile=profile,
        )

    def ask(self, sample: Sample) -> Reply:
        """Answer a request in a session of its own, which is not remembered."""
        preference = cast(Preference, sample)
        with self._lock:
            if self.name.kind != NONE:
                self._remember(self._people[preference.story])
        scope = Scope(user=preference.story, session=LATER)
        answer = self._agent.ask(preference.question, scope=scope, remember=False)
        about = [line.text for line in answer.recollection.about_user]
        shown = (*about, *answer.recollection.texts)
        marked = tuple(place for place, text in enumerate(shown) if preference.statement in text)
        return Reply(answer=answer, shown=shown, recall=float(bool(marked)), marked=marked)

    def _remember(self, person: Person) -> None:
        """Write a person's conversations, once for all arms, and let the profile follow them."""
        if self._memory.count(scope=person.name) == 0:
            for number, messages in enumerate(person.conversations, start=1):
                scope = Scope(user=person.name, session=f"conversation-{number}")
                self._memory.add_messages(messages, scope=scope)
        self._memory.profile.update(scope=person.name)


def tables(
    tasks: Sequence[Task], arms: Sequence[ArmName], scores: Sequence[Score]
) -> dict[str, list[dict[str, Any]]]:
    """Return how often the preference was shown and followed, with the tokens of the prompts.

    Intervals are of the bootstrap over requests, at 95%. What the profile adds is paired.
    """
    answered, rows, paired = by_arm(scores), [], []
    for task in tasks:
        own = {str(arm): answered.get((task.name, str(arm)), []) for arm in arms}
        for arm, mine in own.items():
            if mine:
                rows.append({"task": task.name, "arm": arm} | _measured(mine))
        paired += [{"task": task.name} | row for row in _paired(own)]
    return {NAME: rows, "gain": paired} if paired else {NAME: rows}


def _values(score: Score) -> dict[str, float]:
    return {SHOWN: score.recall or 0.0, FOLLOWED: score.grades[FOLLOWED]}


def _measured(scores: Sequence[Score]) -> dict[str, Any]:
    names = (SHOWN, FOLLOWED)
    found = mean_intervals([[_values(score)[name] for name in names] for score in scores])
    return {
        "n": len(scores),
        **{name: as_cell(estimate) for name, estimate in zip(names, found, strict=True)},
        "prompt tokens": round(mean([float(score.prompt_tokens) for score in scores]), 1),
        "lines": round(mean([float(len(score.shown)) for score in scores]), 1),
    }


def _paired(own: Mapping[str, Sequence[Score]]) -> list[dict[str, Any]]:
    """Return the differences of each arm with the profile to the one without it."""
    plain = next((arm for arm in own if ArmName.parse(arm).kind == MEMORY), None)
    if plain is None:
        return []
    before = {score.id: _values(score) for score in own[plain]}
    rows = []
    for arm, scores in own.items():
        pairs = [(_values(score), before[score.id]) for score in scores if score.id in before]
        if ArmName.parse(arm).kind != PROFILE or not pairs:
            continue
        for name in (SHOWN, FOLLOWED):
            gain = difference([now[name] for now, _ in pairs], [then[name] for _, then in pairs])
            rows.append({"arm": arm, "against": plain, "measure": name, "gain": as_cell(gain)})
    return rows


SUITE = Suite(
    name=NAME,
    about="preferences stated once, and followed later without being asked for",
    members=[Member(name=f"{NAME}/{name}", about=about) for name, about in ABOUT.items()],
    load=load,
    arms=(NONE, MEMORY, PROFILE),
    default_arms=[f"{arm}+0" for arm in (NONE, MEMORY, PROFILE)],
    make=PreferenceArm,
    tables=tables,
    headline=Headline(grade=FOLLOWED, label=FOLLOWED),
)
