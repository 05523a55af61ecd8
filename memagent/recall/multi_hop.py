"""Looking on: from what one look found to what the question wants, by the names in it."""

from collections.abc import Sequence
from dataclasses import dataclass

from memagent.recall.rules.questions import (
    AnswerType,
    TimeReference,
    covers,
    has_candidate,
    new_names,
    places,
)
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.banks.hop_directions import Direction
from memagent.stores.database.filters import Filter
from memagent.text.english import content_words, names, words
from memagent.types import Hit, Record

MAX_HOPS = 4
"""At most how many looks a recall takes, the first one counted."""
SIDES: tuple[Direction, ...] = ("before", "after")


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """What is looked for: the question, what it wants, and the point in time it asks by, if any."""

    question: str
    want: AnswerType
    turn: TimeReference | None = None

    def reached(self, text: str) -> bool:
        """Tell whether a text holds something of the wanted kind that the question does not."""
        return has_candidate(text, self.want, self.question)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trail:
    """The looks that lead from what was found to what is wanted, with one hit for each query."""

    queries: tuple[str, ...] = ()
    hits: tuple[Hit, ...] = ()

    def on(self, query: Sequence[str], record: Record, score: float, look: int) -> "Trail":
        """Return the trail with one look more."""
        hit = Hit(record=record, key=record.keys[0], score=score, why={"hop": float(look)})
        return Trail(queries=(*self.queries, " ".join(query)), hits=(*self.hits, hit))


class HopSearch:
    """Follows names from record to record, to before or after what was found, a few times at most.

    After RAM's recursive retrieval: each look uses the question and what the look before it found.
    A question that asks by a point in time ("before the party") is first followed to that point,
    and from there to the side it asks about.
    """

    def __init__(self, bank: EpisodicBank) -> None:
        self._bank = bank

    def trails(
        self, goal: Goal, found: Hit, where: Filter, *, taken: int, max_hops: int
    ) -> dict[Direction, Trail]:
        """Return the trails that reach what is wanted, by the side of `found` that they begin on.

        `taken` looks have been spent already, of `max_hops` at most.
        """
        trails = {side: self._trail(goal, found, where, side, taken, max_hops) for side in SIDES}
        return {side: trail for side, trail in trails.items() if trail is not None}

    def _trail(
        self, goal: Goal, found: Hit, where: Filter, side: Direction, taken: int, max_hops: int
    ) -> Trail | None:
        """Look on until something wanted is found; None if nothing new comes before that."""
        turn = goal.turn
        if turn and covers(found.key, turn.anchor):  # found is that point in time itself
            if side != turn.side:
                return None
            turn = None
        trail, at, known = Trail(), found, goal.question
        way: Direction | None = side
        for look in range(taken + 1, max_hops + 1):
            bridge, itself = _bridge(at.key, goal, known)
            query = (*bridge, *turn.anchor) if turn else bridge
            beside = goal.turn is not None and turn is None  # the nearest is wanted, not the newest
            near = self._near(where, bridge, at.record, way, turn.anchor if turn else (), beside)
            if turn:
                record, way, turn = next(iter(near), None), turn.side, None
            else:
                reached = _first(near, goal, itself)
                if reached is not None:
                    return trail.on(query, reached, found.score, look)
                if goal.turn:
                    return None  # whoever else is named would lead away from that time
                known = f"{known} {at.key}"
                record = next((one for one in near if new_names(one.keys[0], known)), None)
                way = None  # who else is named may be told of at any time
            if record is None:
                return None
            trail = trail.on(query, record, found.score, look)
            at = trail.hits[-1]
        return None

    def _near(
        self,
        where: Filter,
        names: Sequence[str],
        record: Record,
        way: Direction | None,
        anchor: Sequence[str],
        beside: bool,
    ) -> list[Record]:
        """Return the newest records that hold a name and all of the anchor, newest first.

        `beside` the record it is those nearest to it, nearest first.
        """
        before = record if way == "before" else None
        after = record if way == "after" else None
        oldest = beside and way == "after"
        return self._bank.mentioning(
            where, names, also=anchor, before=before, after=after, oldest=oldest
        )


def _first(near: Sequence[Record], goal: Goal, itself: bool) -> Record | None:
    """Return the first record that reaches the goal; of a topic itself, one that tells all of it.

    Whoever holds a thing need not be told to, but where I lived is not where I went.
    """
    fitting = [record for record in near if goal.reached(record.text)]
    if goal.turn and itself:
        topic = content_words(goal.turn.topic)
        fitting.sort(key=lambda record: not covers(record.keys[0], topic))
    return fitting[0] if fitting else None


def _bridge(text: str, goal: Goal, known: str) -> tuple[list[str], bool]:
    """Return the words that lead from a text to more, and whether they are the topic itself.

    They are the names that are not `known` yet, else the speaker. A question that asks by a point
    in time can be about these themselves; then its topic leads on, but nothing of the kind that it
    wants does.
    """
    speaker = [word for word in words(text) if word == "I"][:1]
    if goal.turn is None:
        return new_names(text, known) or speaker, False
    wanted = places(text) if goal.want == "place" else names(text) if goal.want == "name" else []
    named = [name for name in new_names(text, goal.question) if name not in wanted]
    topic = goal.turn.topic
    itself = not named and (not speaker or "I" in words(topic))
    return named or speaker or content_words(topic), itself
