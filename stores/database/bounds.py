"""Bounds of what a store holds: names, texts, times, counts, metadata and events.

Writers, imports and the integrity check all ask here, so that nothing comes in by one way that
another would refuse, and nothing is kept that a later verb cannot read.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

from memagent.errors import InvalidInput, shown
from memagent.records import is_encodable
from memagent.stores.database.filters import KINDS, MICROS, micros
from memagent.stores.database.metadata import plain_metadata
from memagent.types import Action

MAX_NAME = 1_000
"""Characters of an id, and of the name of a user, an agent or a session."""
MAX_SOURCE = 10_000
"""Characters of the name of a source: a URL may be long."""
MAX_LIST = 10_000
"""Sources, keys and records of a context that one record may have."""
MAX_REASON = 10_000
"""Characters of who did something, and of why."""
MAX_COUNT = 10**12
"""Highest count of something: the sum over all sources still fits 64 bits."""
LAST_MICROS = micros(datetime(9999, 12, 31, tzinfo=UTC))
"""The latest time at which a record can begin to hold: those after it still have a time."""
ACTIONS: tuple[str, ...] = get_args(Action)
FLAGS = ("evidence", "superseded", "pinned")
COUNTS = ("recalled", "helped", "hurt")
BEGINS = ("created", "valid_from", "affirmed")
"""Times that later ones are counted on from."""
TIMES = (*BEGINS, "valid_to", "archived")
REQUIRED = ("created", "valid_from")


def check_text(what: str, value: Any, *, longest: int = MAX_NAME, empty: bool = False) -> None:
    """Check a name, a source, a reason or an id.

    Raises:
        InvalidInput: it is no text, empty, too long, or holds half of a character or a NUL byte.
    """
    if not isinstance(value, str) or not (empty or value.strip()):
        raise InvalidInput(f"{what}: a text is wanted, and not an empty one: {shown(value)}")
    if len(value) > longest:
        raise InvalidInput(f"{what}: at most {longest:,} characters are kept, not {len(value):,}")
    if "\0" in value or not is_encodable(value):
        raise InvalidInput(f"{what}: a NUL byte or half of a character is in {shown(value)}")


def check_texts(what: str, values: Any, *, longest: int = MAX_SOURCE) -> None:
    """Check several texts: sources, or the ids of a context; a source may be empty.

    Raises:
        InvalidInput: they are not several texts, too many, or one cannot be kept.
    """
    if not isinstance(values, tuple | list) or not all(isinstance(one, str) for one in values):
        raise InvalidInput(f"{what}: several texts are wanted, not {shown(values)}")
    if len(values) > MAX_LIST:
        raise InvalidInput(f"{what}: at most {MAX_LIST:,} are kept, not {len(values):,}")
    for value in values:
        check_text(what, value, longest=longest, empty=True)


def check_metadata(value: Any) -> None:
    """Check metadata.

    Raises:
        InvalidInput: they are no mapping, no JSON, too deep or too large.
    """
    if not isinstance(value, Mapping):
        raise InvalidInput(f"metadata: a mapping is wanted, not {shown(value)}")
    plain_metadata(value, "metadata:")


def check_count(what: str, value: Any) -> None:
    """Check how often something happened.

    Raises:
        InvalidInput: it is no whole number from 0 to `MAX_COUNT`.
    """
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise InvalidInput(f"{what}: a count is wanted, not {shown(value)}")


def check_micros(what: str, value: Any, *, last: int = MICROS[-1]) -> None:
    """Check a time in microseconds since 1970.

    Raises:
        InvalidInput: it is no whole number of the years 1 to 9999, or after `last`.
    """
    if type(value) is not int or value not in MICROS or value > last:
        raise InvalidInput(
            f"{what}: a time of the years 1 to 9999, in microseconds since 1970, is wanted, not"
            f" {shown(value)}"
        )


def check_columns(row: Mapping[str, Any]) -> None:
    """Check the values of a record's columns, lists and metadata as JSON holds them.

    Raises:
        InvalidInput: one is out of its range; the message begins with its name.
    """
    check_text("id", row["id"])
    if row["kind"] not in KINDS:
        raise InvalidInput(f"kind: one of {', '.join(KINDS)} is wanted")
    if row["supersedes"] is not None:
        check_text("supersedes", row["supersedes"])
    if row["supersedes"] == row["id"]:
        raise InvalidInput("supersedes: a record cannot supersede itself")
    for name in TIMES:
        if row[name] is not None or name in REQUIRED:
            check_micros(name, row[name], last=LAST_MICROS if name in BEGINS else MICROS[-1])
    for name in FLAGS:
        if row[name] not in (0, 1) or not isinstance(row[name], int):
            raise InvalidInput(f"{name}: 0 or 1 is wanted, not {shown(row[name])}")
    for name in COUNTS:
        check_count(name, row[name])
    check_texts("sources", row["sources"])
    check_texts("context", row["context"], longest=MAX_NAME)
    check_metadata(row["metadata"])


def check_event(event: Mapping[str, Any]) -> None:
    """Check an event of a record's history.

    Raises:
        InvalidInput: its time is out of range, its action unknown, or who or why is no text.
    """
    check_micros("history", event["at"])
    if event["action"] not in ACTIONS:
        raise InvalidInput(f"history: there is no action {shown(event['action'])}")
    for name in ("who", "why"):
        if event[name] is not None:
            check_text(f"history: {name}", event[name], longest=MAX_REASON, empty=True)


def circular(supersedes: Mapping[str, str]) -> Sequence[str]:
    """Return the ids of records that supersede one another in a circle, none if there are none.

    `supersedes` has the id of what each record of a user supersedes.
    """
    checked: set[str] = set()
    for start in supersedes:
        chain: dict[str, None] = {}
        current: str | None = start
        while current is not None and current not in checked:
            if current in chain:
                return [*chain][[*chain].index(current) :]
            chain[current] = None
            current = supersedes.get(current)
        checked |= chain.keys()
    return ()
