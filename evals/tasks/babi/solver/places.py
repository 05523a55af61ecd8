"""Places where people and things are, were or may be: tasks 1 to 3, 6, and 9 to 14."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from memagent.evals.tasks.babi.solver.events import Event

Found = tuple[str, frozenset[int]]
"""An answer, and the lines that it follows from."""


def where_person(history: Sequence[Event], person: str) -> Found | None:
    """Return the last place of a person."""
    for event in reversed(history):
        if event.kind == "at" and person in event.people:
            return event.places[0], event.lines
    return None


def where_thing(history: Sequence[Event], thing: str) -> Found | None:
    """Say where a thing is: with its holder, or where the last holder was on dropping it."""
    handled = [event for event in history if event.thing == thing]
    if not handled:
        return None
    last = handled[-1]
    until = (
        [event for event in history if event.line < last.line] if last.kind == "drop" else history
    )
    place = where_person(until, last.people[-1])
    return place and (place[0], place[1] | last.lines)


def is_there(history: Sequence[Event], person: str, place: str) -> Found | None:
    """Say yes, no or maybe by the last line that says where a person is or is not."""
    for event in reversed(history):
        if person not in event.people or event.thing:
            continue
        if event.kind == "at":
            return ("yes" if event.places == (place,) else "no"), event.lines
        if event.kind == "either":
            return ("maybe" if place in event.places else "no"), event.lines
        return ("no", event.lines) if event.places == (place,) else None
    return None


def person_before(history: Sequence[Event], person: str, place: str) -> Found | None:
    """Say where a person was at the time before the last one at which they came to a place."""
    stays = {
        event.time: event for event in history if event.time is not None and person in event.people
    }
    last = max((time for time in stays if stays[time].places == (place,)), default=0)
    before = stays.get(last - 1)
    return (before.places[0], before.lines | stays[last].lines) if before else None


def thing_before(history: Sequence[Event], thing: str, place: str) -> Found | None:
    """Say where a thing was before it last came to a place.

    The lines are the last one that handles the thing, and the two moves that brought it along.
    """
    handled = [event for event in history if event.thing == thing]
    journey = list(_journey(history, thing))
    for before, after in reversed(list(pairwise(journey))):
        if after.places == (place,) != before.places:
            return before.places[0], handled[-1].lines | before.lines | after.lines
    return None


def _journey(history: Sequence[Event], thing: str) -> Iterator[Event]:
    """Yield the moves by which a thing came to where it was, in order."""
    at: dict[str, Event] = {}
    holder = ""
    for event in history:
        if event.kind == "at":
            at.update(dict.fromkeys(event.people, event))
            if holder in event.people:
                yield event
        elif event.thing == thing:
            holder = event.people[-1]
            if holder in at:
                yield at[holder]
            if event.kind == "drop":
                holder = ""
