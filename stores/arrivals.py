"""The lines of an export, or of another memory layer's, read as records on their way in."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from types import NoneType
from typing import Any, Literal

from memagent.errors import InvalidInput
from memagent.stores import foreign
from memagent.stores.database.filters import micros
from memagent.stores.transfer import COLUMNS, FORMAT, LISTS
from memagent.types import Record, Scope

Format = Literal["auto", "memagent", "mem0", "langgraph"]
FORMATS: tuple[Format, ...] = ("auto", "memagent", "mem0", "langgraph")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "user": str,
    "id": str,
    "value": str,
    "kind": str,
    "created": int,
    "valid_from": int,
    "valid_to": (int, NoneType),
    "affirmed": (int, NoneType),
    "archived": (int, NoneType),
    "keys": list,
    "history": list,
    "uses": list,
    "outcomes": list,
}
"""What the parts of an exported record must be, as far as the store relies on it."""
ADDED: dict[str, Any] = {"pinned": 0, "archived": None, "uses": [], "outcomes": []}
"""What exports did not have from the beginning, and what it is in those that have it not."""


def arriving(
    lines: Iterable[str], format: Format, user: str | None
) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    """Return the header (empty where there is none) and the records, as `export` writes them.

    Each record is looked at when its turn comes; one that stood in a line of its own names that as
    `line`.

    Raises:
        InvalidInput: a line or an item is not what was expected; the message gives its number.
    """
    numbered = ((n, line) for n, line in enumerate(lines, start=1) if line.strip())
    first = next(numbered, (1, ""))
    if format == "memagent" or (format == "auto" and _is_header(first[1])):
        return _header(*first), (_parsed(number, line, user) for number, line in numbered)
    origin = None if format == "auto" else format
    return {}, _foreign(chain([first], numbered), origin, user)


def _is_header(line: str) -> bool:
    header = foreign.parsed(line)
    return isinstance(header, dict) and "memagent" in header


def _header(number: int, line: str) -> dict[str, Any]:
    header = _json(number, line)
    if header.get("memagent") != FORMAT:
        raise InvalidInput(
            f"line {number}: expected the header of a memagent export, format {FORMAT}"
        )
    probe = header.get("probe", [])
    if not isinstance(probe, list) or not all(isinstance(x, int | float) for x in probe):
        raise InvalidInput(f"line {number}: expected the header's probe to be a list of numbers")
    return header


def _parsed(number: int, line: str, user: str | None) -> dict[str, Any]:
    record = ADDED | _json(number, line)
    missing = sorted({"digest", *_TYPES, *COLUMNS, *LISTS} - record.keys())
    if missing:
        raise InvalidInput(f"line {number}: expected a record, but it has no {missing[0]!r}")
    wrong = [name for name, kind in _TYPES.items() if not isinstance(record[name], kind)]
    if not wrong and not _whole(record):
        wrong = ["digest, keys or history"]
    if not wrong and not _counted(record):
        wrong = ["uses or outcomes"]
    if wrong:
        raise InvalidInput(f"line {number}: expected a record, but its {wrong[0]} is malformed")
    try:
        scope = Scope(user=user or record["user"], agent=record["agent"], session=record["session"])
    except InvalidInput as error:
        raise InvalidInput(f"line {number}: {error}") from None
    return record | {"user": scope.user, "line": number}


def _whole(record: dict[str, Any]) -> bool:
    """Tell whether a record has a digest, a key, and events with all their parts, in whole text."""
    try:
        bytes.fromhex(record["digest"])
        texts = [key["text"] for key in record["keys"]]
        events = [{"at", "action", "who", "why"} <= event.keys() for event in record["history"]]
    except (TypeError, ValueError, LookupError, AttributeError):
        return False
    texts_only = bool(texts) and all(isinstance(text, str) for text in texts)
    return texts_only and all(events) and foreign.encodable(record)


def _counted(record: dict[str, Any]) -> bool:
    """Tell whether a record's uses are times, and its outcomes numbers of a source."""
    try:
        numbers = [one[name] for one in record["outcomes"] for name in ("helped", "hurt")]
        named = all(isinstance(one["source"], str) for one in record["outcomes"])
    except (TypeError, LookupError):
        return False
    whole = all(type(number) is int for number in [*numbers, *record["uses"]])
    return named and whole and min(numbers, default=0) >= 0


def _foreign(
    numbered: foreign.Numbered, origin: foreign.Origin | None, user: str | None
) -> Iterator[dict[str, Any]]:
    """Yield what another memory layer exported, as `export` would have written it."""
    now = datetime.now(UTC)
    for record, digest in foreign.records(numbered, origin, user, now):
        event = {
            "at": micros(now),
            "action": "import",
            "who": None,
            "why": f"from {record.sources[0]}",
        }
        yield (
            {"user": record.scope.user, "digest": digest.hex()}
            | {name: _column(record, name) for name in (*COLUMNS, *LISTS)}
            | {"keys": [{"text": key} for key in record.keys], "history": [event]}
        )


def _column(record: Record, name: str) -> Any:
    value = getattr(record.scope if name in ("agent", "session") else record, name)
    return micros(value) if isinstance(value, datetime) else value


def _json(number: int, line: str) -> dict[str, Any]:
    value = foreign.parsed(line)
    if not isinstance(value, dict):
        raise InvalidInput(f"line {number}: expected a JSON object, found {line[:40]!r}")
    return value
