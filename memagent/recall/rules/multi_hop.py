"""Multi-hop search by English rules, made on bAbI's training stories: from name to name."""

from collections.abc import Sequence

from memagent.recall.rules.questions import covers, new_names, places
from memagent.recall.rules.trail import MAX_HOPS, Goal, Trail
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.banks.hop_directions import Direction
from memagent.stores.database.filters import Filter
from memagent.text.english import content_words, names, words
from memagent.types import Hit, Record

DIRECTIONS: tuple[Direction, ...] = ("before", "after")


class HopSearch:
    """Follows names from record to record, to before or after the records found.

    After the recursive retrieval of RAM (Li et al. 2024): each hop searches with the question and
    what the hop before it found. A question with a time reference ("before the party") is first
    followed to that point in time, and from there in the direction it asks about.
    """

    def __init__(self, bank: EpisodicBank) -> None:
        self._bank = bank

    def trails(
        self, goal: Goal, found: Hit, where: Filter, *, taken: int
    ) -> dict[Direction, Trail]:
        """Return the trails that reach the goal, by the direction of their first hop from `found`.

        `taken` hops of at most `MAX_HOPS` have been spent already.
        """
        trails = {
            direction: self._trail(goal, found, where, direction, taken) for direction in DIRECTIONS
        }
        return {direction: trail for direction, trail in trails.items() if trail is not None}

    def _trail(
        self, goal: Goal, found: Hit, where: Filter, first: Direction, taken: int
    ) -> Trail | None:
        """Return the trail to the first record that reaches the goal, None if it leads nowhere."""
        time = goal.time
        if time and covers(found.key, time.anchor):  # found is that point in time itself
            if first != time.direction:
                return None
            time = None
        trail, current, known = Trail(), found, goal.question
        direction: Direction | None = first
        for hop in range(taken + 1, MAX_HOPS + 1):
            bridge, is_topic = _bridge(current.key, goal, known)
            query = (*bridge, *time.anchor) if time else bridge
            nearest_first = goal.time is not None and time is None
            near = self._near(
                where,
                bridge,
                current.record,
                direction,
                time.anchor if time else (),
                nearest_first,
            )
            if time:
                record, direction, time = next(iter(near), None), time.direction, None
            else:
                reached = _first_reaching(near, goal, is_topic)
                if reached is not None:
                    return trail.extended(query, reached, found.score, hop)
                if goal.time:
                    return None  # any other name would lead away from that time
                known = f"{known} {current.key}"
                record = _first_with_new_names(near, known)
                direction = None  # records about another name may be from any time
            if record is None:
                return None
            trail = trail.extended(query, record, found.score, hop)
            current = trail.hits[-1]
        return None

    def _near(
        self,
        where: Filter,
        names: Sequence[str],
        record: Record,
        direction: Direction | None,
        anchor: Sequence[str],
        nearest_first: bool,
    ) -> list[Record]:
        """Return the newest records with any of the names and all of the anchor, newest first.

        With `nearest_first` it is the records nearest to `record` in time, nearest first.
        """
        before = record if direction == "before" else None
        after = record if direction == "after" else None
        oldest = nearest_first and direction == "after"
        return self._bank.mentioning(
            where, names, also=anchor, before=before, after=after, oldest=oldest
        )


def _first_reaching(near: Sequence[Record], goal: Goal, is_topic: bool) -> Record | None:
    """Return the first record that reaches the goal.

    If the search is for the topic itself, records that cover all of the topic come first: where I
    lived is not where I went. A search by name needs no such cover: where a person is, their things
    are, whatever the record says of these.
    """
    reaching = [record for record in near if goal.reached(record.text)]
    if goal.time and is_topic:
        topic = content_words(goal.time.topic)
        reaching.sort(key=lambda record: not covers(record.keys[0], topic))
    return reaching[0] if reaching else None


def _bridge(text: str, goal: Goal, known: str) -> tuple[list[str], bool]:
    """Return the words of a text to search with next, and whether they are the topic itself.

    These are the names that are not `known` yet, else the speaker. With a time reference, names
    that could be the answer do not lead on, and the topic of the question is the last resort.
    """
    speaker = [word for word in words(text) if word == "I"][:1]
    if goal.time is None:
        return new_names(text, known) or speaker, False
    if goal.expected == "place":
        candidates = places(text)
    else:
        candidates = names(text) if goal.expected == "name" else []
    others = [name for name in new_names(text, goal.question) if name not in candidates]
    topic = goal.time.topic
    is_topic = not others and (not speaker or "I" in words(topic))
    return others or speaker or content_words(topic), is_topic


def _first_with_new_names(records: Sequence[Record], known: str) -> Record | None:
    return next((record for record in records if new_names(record.keys[0], known)), None)
