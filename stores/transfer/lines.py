"""Lines of an export: parsed, and checked whole before any of them is stored."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Literal

from memagent.errors import InvalidInput, shown
from memagent.stores.banks.validation import check_content, check_scope
from memagent.stores.database.bounds import (
    MAX_LIST,
    MAX_SOURCE,
    check_columns,
    check_count,
    check_event,
    check_micros,
    check_text,
    check_texts,
)
from memagent.stores.database.filters import micros
from memagent.stores.database.schema import with_role
from memagent.stores.transfer import foreign
from memagent.stores.transfer.export import COLUMNS, FORMAT, LISTS
from memagent.types import Record, Scope

Format = Literal["auto", "memagent", "mem0", "langgraph"]
FORMATS: tuple[Format, ...] = ("auto", "memagent", "mem0", "langgraph")
BY_AUTHOR = 1
"""The format of exports whose metadata name an `author` instead of a `role`."""
ADDED: dict[str, Any] = {
    "pinned": 0,
    "archived": None,
    "uses": [],
    "outcomes": [],
    "prompt": [],
    "judged": {"helped": [], "hurt": []},
}
"""Fields that the first exports did not have, and their values where they are missing."""
FIELDS = {"digest", "user", "keys", "history", *COLUMNS, *LISTS}
DIGEST_HEX = (32, 64)
"""Digits of a digest; exports of the first versions have the whole hash."""


def arriving(
    lines: Iterable[str], format: Format, user: str | None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the header (empty where there is none) and the records, as `export` writes them.

    A record that has a line of its own names it as `line`.

    Raises:
        InvalidInput: a line or an item is not what was expected; the message gives its number.
    """
    numbered = (
        (n, line.removeprefix("\ufeff"))
        for n, line in enumerate(_texts(lines), start=1)
        if line.strip()
    )
    first = next(numbered, (1, ""))
    if format == "memagent" or (format == "auto" and _is_header(first[1])):
        header = _header(*first)
        by_author = header["memagent"] == BY_AUTHOR
        parsed = [_parsed(number, line, user, by_author) for number, line in numbered]
        _refuse_twice(parsed)
        return header, parsed
    origin = None if format == "auto" else format
    return {}, list(_foreign(chain([first], numbered), origin, user))


def _texts(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if not isinstance(line, str):
            raise InvalidInput(f"line {number}: a text is wanted, not {shown(line)}")
        yield line


def _is_header(line: str) -> bool:
    header = foreign.parsed(line)
    return isinstance(header, dict) and "memagent" in header


def _header(number: int, line: str) -> dict[str, Any]:
    header = _json(number, line)
    if type(header.get("memagent")) is not int or header["memagent"] not in (BY_AUTHOR, FORMAT):
        raise InvalidInput(
            f"line {number}: expected the header of a memagent export, format {BY_AUTHOR} or"
            f" {FORMAT}"
        )
    probe = header.get("probe", [])
    if not isinstance(probe, list) or not all(
        isinstance(x, int | float) and -1 <= x <= 1 for x in probe
    ):
        raise InvalidInput(
            f"line {number}: expected the header's probe to be a list of numbers from -1 to 1"
        )
    return header


def _parsed(number: int, line: str, user: str | None, by_author: bool) -> dict[str, Any]:
    record = ADDED | _json(number, line)
    missing = sorted(FIELDS - record.keys())
    if missing:
        raise InvalidInput(f"line {number}: expected a record, but it has no {missing[0]!r}")
    if by_author and isinstance(record["metadata"], dict):
        record["metadata"] = with_role(record["metadata"])
    try:
        scope = Scope(user=user or record["user"], agent=record["agent"], session=record["session"])
        check_scope(scope)
        if not foreign.encodable(record):
            raise InvalidInput("expected a record, but it holds half of a character")
    except InvalidInput as error:
        raise InvalidInput(f"line {number}: {error}") from None
    try:
        _check(record)
    except InvalidInput as error:
        name, _, reason = str(error).partition(": ")
        raise InvalidInput(
            f"line {number}: expected a record, but its {name} is malformed: {reason}"
        ) from None
    return record | {"user": scope.user, "line": number}


def _check(record: dict[str, Any]) -> None:
    """Check the values of a record, as what writes them does.

    Raises:
        InvalidInput: one is malformed or out of its range; the message begins with its name.
    """
    check_columns(record)
    try:
        check_content(record["value"])
    except InvalidInput as error:
        raise InvalidInput(f"value: {error}") from None
    digest = record["digest"]
    if not isinstance(digest, str) or len(digest) not in DIGEST_HEX or not _is_hex(digest):
        raise InvalidInput(
            f"digest: {' or '.join(map(str, DIGEST_HEX))} hexadecimal digits are wanted"
        )
    for key in _listed(record, "keys"):
        try:
            check_content(key.get("text"))
        except InvalidInput as error:
            raise InvalidInput(f"keys: {error}") from None
        if not _is_language(key.get("language")):
            raise InvalidInput("keys: language: a code of two letters is wanted")
    if not 0 < len(record["keys"]) <= MAX_LIST:
        raise InvalidInput(f"keys: from 1 to {MAX_LIST:,} are wanted, not {len(record['keys'])}")
    for event in _listed(record, "history", "at", "action", "who", "why"):
        check_event(event)
    for outcome in _listed(record, "outcomes", "source", "helped", "hurt"):
        check_text("outcomes: source", outcome["source"], longest=MAX_SOURCE, empty=True)
        check_count("outcomes: helped", outcome["helped"])
        check_count("outcomes: hurt", outcome["hurt"])
    check_texts("prompt", record["prompt"])
    if not isinstance(record["judged"], dict):
        raise InvalidInput("judged: an object is wanted")
    for verdict in ("helped", "hurt"):
        check_texts("judged", record["judged"].get(verdict, []))
    if not isinstance(record["uses"], list):
        raise InvalidInput("uses: a list is wanted")
    for use in record["uses"]:
        check_micros("uses", use)


def _is_language(code: object) -> bool:
    return code is None or (isinstance(code, str) and len(code) == 2 and code.isascii())


def _is_hex(digest: str) -> bool:
    return all(digit in "0123456789abcdef" for digit in digest)


def _listed(record: dict[str, Any], name: str, *parts: str) -> list[dict[str, Any]]:
    """Return a list of objects that have some parts.

    Raises:
        InvalidInput: it is none.
    """
    found = record[name]
    if not isinstance(found, list) or not all(
        isinstance(one, dict) and one.keys() >= {*parts} for one in found
    ):
        raise InvalidInput(f"{name}: a list of objects with all their parts is wanted")
    return found


def _refuse_twice(records: Iterable[dict[str, Any]]) -> None:
    """Refuse two records of one id: an export has each once."""
    lines: dict[tuple[str, str], int] = {}
    for record in records:
        first = lines.setdefault((record["user"], record["id"]), record["line"])
        if first != record["line"]:
            raise InvalidInput(f"line {record['line']}: its id is that of line {first}")


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
    """Return what the column of a name holds of a record; the text's is called "value"."""
    field = "text" if name == "value" else name
    value = getattr(record.scope if name in ("agent", "session") else record, field)
    return micros(value) if isinstance(value, datetime) else value


def _json(number: int, line: str) -> dict[str, Any]:
    value = foreign.parsed(line)
    if not isinstance(value, dict):
        raise InvalidInput(f"line {number}: expected a JSON object, found {line[:40]!r}")
    return value
