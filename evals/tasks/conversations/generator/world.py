"""World of a conversation: its speakers, their relatives, and what is true of them and when.

Facts of a speaker may change in a later session. Some kinds of facts are never told of a speaker,
but of a relative: these are what unanswerable questions ask for.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal, TypeVar

from memagent.evals.tasks.conversations.generator.phrases import Phrases, Relative

T = TypeVar("T")
Form = Literal["tell", "change", "other", "aside"]
CHANGING = ("home", "work", "hobby")
WITHHELD = ("hobby", "pet", "dish", "allergy")
"""Kinds of which two are never told of a speaker."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """Sizes of a conversation: sessions, and how often there is what can occur several times."""

    sessions: int
    moves: int
    jobs: int
    trips: int
    items: int
    photos: int
    gap: tuple[int, int]
    """Fewest and most days between two sessions."""


SIZES: Mapping[str, Size] = {
    "small": Size(sessions=6, moves=1, jobs=1, trips=2, items=2, photos=1, gap=(9, 30)),
    "medium": Size(sessions=20, moves=2, jobs=1, trips=4, items=3, photos=2, gap=(6, 15)),
    "large": Size(sessions=60, moves=2, jobs=2, trips=6, items=4, photos=3, gap=(5, 9)),
}


@dataclass(frozen=True, slots=True, eq=False)
class Kin:
    """A relative of a speaker, with the name that the speaker uses."""

    kind: Relative
    name: str


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fact:
    """A fact as it is said in a session by a speaker (a number), of itself or of a relative.

    `ago` is how many days before the session it happened, and `slots` are further words of it.
    """

    kind: str
    speaker: int
    value: str
    session: int
    form: Form = "tell"
    kin: Kin | None = None
    ago: int = 0
    slots: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class World:
    """Speakers by name, the times of the sessions, and all facts in the order of the sessions."""

    speakers: Sequence[str]
    starts: Sequence[datetime]
    facts: Sequence[Fact]
    withheld: Sequence[Sequence[str]]
    """Kinds of facts that are never told, for each speaker."""

    def chain(self, speaker: int, kind: str) -> list[Fact]:
        """Return what is said of a speaker, in order; the last is what holds."""
        return [
            fact
            for fact in self.facts
            if (fact.speaker, fact.kind) == (speaker, kind) and fact.form in ("tell", "change")
        ]

    def of_relatives(self, speaker: int, kind: str) -> list[Fact]:
        """Return what is said of a speaker's relatives."""
        return [
            fact
            for fact in self.facts
            if (fact.speaker, fact.kind, fact.form) == (speaker, kind, "other")
        ]

    def day(self, fact: Fact) -> date:
        """Return the day on which a fact came about."""
        return self.starts[fact.session].date() - timedelta(days=fact.ago)


def build(phrases: Phrases, size: Size, speakers: int, rng: random.Random) -> World:
    """Draw a world with one or two speakers."""
    return _Builder(phrases, size, rng).world(speakers)


class _Builder:
    """Builder of one world; no value is drawn twice."""

    def __init__(self, phrases: Phrases, size: Size, rng: random.Random) -> None:
        self.phrases = phrases
        self.size = size
        self.rng = rng
        self.facts: list[Fact] = []
        self.load = [0] * size.sessions
        self.pools = {
            kind: _shuffled(attribute.values, rng) for kind, attribute in phrases.attributes.items()
        }
        self.items = _shuffled(phrases.items, rng)
        self.photos = _shuffled(phrases.photos, rng)
        self.events = _shuffled(phrases.events, rng)
        self.species = _shuffled(phrases.species, rng)
        self.female = _shuffled(phrases.female, rng)
        self.male = _shuffled(phrases.male, rng)
        self.starts = _starts(size, rng)

    def world(self, speakers: int) -> World:
        names = self.rng.sample(list(self.phrases.speakers), speakers)
        withheld = []
        for speaker in range(speakers):
            hidden = tuple(self.rng.sample(WITHHELD, 2))
            withheld.append(hidden)
            self._own(speaker, hidden)
            self._relatives(speaker, hidden)
        if speakers == 1:
            self._advice()
        for kind, attribute in self.phrases.attributes.items():
            if attribute.aside:
                speaker = self.rng.randrange(speakers)
                self._say(kind, speaker, self.pools[kind].pop(), form="aside")
        self.facts.sort(key=lambda fact: fact.session)
        return World(names, self.starts, self.facts, withheld)

    def _own(self, speaker: int, hidden: Sequence[str]) -> None:
        """Draw the facts of a speaker."""
        changes = {"home": self.size.moves, "work": self.size.jobs, "hobby": 1}
        for kind in CHANGING:
            if kind not in hidden:
                self._chain(kind, speaker, changes[kind])
        for kind in WITHHELD[1:]:
            if kind not in hidden:
                slots = {"species": self.species.pop()} if kind == "pet" else {}
                self._say(kind, speaker, self.pools[kind].pop(), slots=slots)
        for _ in range(self.size.trips):
            self._say("trip", speaker, self.pools["trip"].pop(), ago=self._ago())
        for price in self.rng.sample(range(8, 60), self.size.items):
            bought, item = self.items.pop()
            value = self.phrases.price.format(n=price * 5 * self.phrases.price_unit)
            self._say("price", speaker, value, slots={"item": bought, "definite": item})
        for _ in range(self.size.photos):
            photo, item, colour = self.photos.pop()
            self._say("colour", speaker, colour, slots={"photo": photo, "item": item})
        self._event(speaker)

    def _relatives(self, speaker: int, hidden: Sequence[str]) -> None:
        """Draw two relatives: of one all is told, of the other not where they work."""
        kinds = self.rng.sample(list(self.phrases.relatives), 2)
        kin = [Kin(kind, (self.female if kind.female else self.male).pop()) for kind in kinds]
        for relative, kind in ((kin[0], "home"), (kin[0], "work"), (kin[1], "home")):
            self._say(kind, speaker, self.pools[kind].pop(), form="other", kin=relative)
        for kind, relative in zip(hidden, kin, strict=True):
            slots = {"species": self.species.pop()} if kind == "pet" else {}
            value = self.pools[kind].pop()
            self._say(kind, speaker, value, form="other", kin=relative, slots=slots)

    def _advice(self) -> None:
        """Draw what the assistant recommends."""
        for number, advice in enumerate(self.phrases.advice):
            value = self.rng.choice(list(advice.values))
            self._say("advice", 0, value, slots={"number": str(number)})

    def _chain(self, kind: str, speaker: int, changes: int) -> None:
        """Draw a fact and its changes, each in a later session."""
        last = self.size.sessions - 1
        step = last // (changes + 1)
        sessions = [self._session(0, step)]
        for change in range(1, changes + 1):
            until = last if change == changes else (change + 1) * step
            sessions.append(self._session(max(sessions[-1] + 1, change * step), until))
        for number, session in enumerate(sessions):
            form: Form = "change" if number else "tell"
            value = self.pools[kind].pop()
            self._say(kind, speaker, value, form=form, ago=self._ago(), session=session)

    def _event(self, speaker: int) -> None:
        """Draw an event in the future that is put off before it happens."""
        event, of = self.events.pop()
        first = self._session(0, self.size.sessions - 2)
        second = first + 1
        planned = self.starts[second].date() + timedelta(days=self.rng.randint(3, 12))
        later = planned + timedelta(days=self.rng.randint(5, 25))
        slots = {"event": event, "of": of}
        dates = self.phrases.dates
        versions: tuple[tuple[Form, int, date], ...] = (
            ("tell", first, planned),
            ("change", second, later),
        )
        for form, session, day in versions:
            value = "|".join((dates.say(day), *dates.write(day)))
            self._say("date", speaker, value, form=form, session=session, slots=slots)

    def _say(
        self,
        kind: str,
        speaker: int,
        value: str,
        *,
        form: Form = "tell",
        kin: Kin | None = None,
        ago: int = 0,
        session: int | None = None,
        slots: Mapping[str, str] | None = None,
    ) -> None:
        if session is None:
            session = self._session(0, self.size.sessions - 1)
        self.load[session] += 1
        self.facts.append(
            Fact(
                kind=kind,
                speaker=speaker,
                value=value,
                session=session,
                form=form,
                kin=kin,
                ago=ago,
                slots=slots or {},
            )
        )

    def _session(self, first: int, last: int) -> int:
        """Draw one of the sessions in which the fewest facts are said so far."""
        sessions = range(first, last + 1)
        least = min(self.load[session] for session in sessions)
        return self.rng.choice([number for number in sessions if self.load[number] == least])

    def _ago(self) -> int:
        """Draw how many days ago something happened; at least one, as sessions may be early."""
        return self.rng.randrange(1, len(self.phrases.dates.days))


def _shuffled(values: Sequence[T], rng: random.Random) -> list[T]:
    return rng.sample(list(values), len(values))


def _starts(size: Size, rng: random.Random) -> list[datetime]:
    """Draw the times at which the sessions begin."""
    day = datetime(2023, 1, 8, tzinfo=UTC) + timedelta(days=rng.randrange(300))
    starts = []
    for _ in range(size.sessions):
        starts.append(day + timedelta(hours=rng.randint(8, 20), minutes=rng.randrange(60)))
        day += timedelta(days=rng.randint(*size.gap))
    return starts
