"""Who gave what to whom, and what people carry: tasks 5, 7 and 8."""

from collections.abc import Sequence

from memagent.evals.babi.solver_events import Event

NUMBERS = ("none", "one", "two", "three", "four", "five", "six")


def gift(
    told: Sequence[Event], giver: str | None, thing: str | None, receiver: str | None
) -> Event | None:
    """Return the last gift that is as asked; None stands for what is not known of it."""
    for event in reversed(told):
        if event.kind != "give":
            continue
        known = ((giver, event.people[0]), (thing, event.thing), (receiver, event.people[1]))
        if all(asked in (None, one) for asked, one in known):
            return event
    return None


def carried(told: Sequence[Event], person: str) -> tuple[tuple[str, ...], frozenset[int]] | None:
    """Return the things that a person holds, and every line that puts a thing in or out of hand."""
    own = [event for event in told if event.thing and person in event.people]
    if not own:
        return None
    held: dict[str, None] = {}
    for event in own:
        if event.kind == "drop" or (event.kind == "give" and event.people[0] == person):
            held.pop(event.thing, None)
        else:
            held[event.thing] = None
    return tuple(held), frozenset(event.line for event in own)
