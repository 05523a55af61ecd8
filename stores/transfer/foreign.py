"""Exports of other memory layers, read as records of our own.

mem0 (read from its source, mem0ai 2.2.1): `Memory.get_all()` and `search()` return

    {"results": [{"id": "...", "memory": "Likes tea.", "hash": "...", "metadata": {"page": 3},
      "created_at": "2026-01-02T03:04:05+00:00", "updated_at": "...", "user_id": "ada", ...}]}

and the hosted client's pages hold the same list beside `count`, `next` and `previous`.

LangGraph (langgraph-checkpoint 4.3.2): `Item.dict()` is

    {"namespace": ["ada", "facts"], "key": "...", "value": {"text": "Likes tea.", "page": 3},
      "created_at": "2026-01-02T03:04:05+00:00", "updated_at": "..."}

and its server wraps a list of them in `{"items": [...]}`.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote

from memagent.errors import InvalidInput
from memagent.stores.banks.episodic import keys_of
from memagent.stores.banks.validation import check, check_scope
from memagent.stores.database.bounds import LAST_MICROS
from memagent.stores.database.filters import micros
from memagent.stores.database.rows import digest_of
from memagent.types import NewRecord, Record, Scope

Origin = Literal["mem0", "langgraph"]
Numbered = Iterable[tuple[int, str]]
"""Lines with their numbers in the file."""

TEXT_FIELDS = ("text", "content", "memory", "data")
"""Fields of a LangGraph value that may hold its text; the first that does counts."""
_NOT_KEPT = frozenset(
    "id memory metadata user_id agent_id run_id created_at updated_at expiration_date score"
    " score_details".split()
)
"""Fields of a mem0 memory that become parts of the record, or that only tell of one search."""
_EXPECTED = {
    "mem0": "a mem0 memory ('id', 'memory')",
    "langgraph": "a LangGraph item ('namespace', 'key', 'value')",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Item:
    """Item of either kind, in the terms of a record."""

    id: str
    text: str
    scope: Scope
    created: datetime | None
    updated: datetime | None
    valid_to: datetime | None = None
    evidence: bool = True
    metadata: Mapping[str, Any]


def records(
    lines: Numbered, origin: Origin | None, user: str | None, now: datetime
) -> Iterator[tuple[Record, bytes]]:
    """Yield the items of a JSON document, or of JSON lines, as (record, digest).

    `origin` is told from the first item if None. `user` is whose memory they become, instead of
    whom the items name. An item without a time is taken as from `now`.

    Raises:
        InvalidInput: a line or an item is not what was expected; the message gives its number.
    """
    for place, item in _items(lines):
        try:
            origin = origin or _origin_of(item)
            yield _shaped(_READERS[origin](item, user), origin, now)
        except InvalidInput as error:
            raise InvalidInput(f"{place}: {error}") from None


def _items(lines: Numbered) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every item with its place: its line, and its number where a line holds several."""
    for number, document in _documents(lines):
        several = _listed(document)
        for index, item in enumerate([document] if several is None else several, start=1):
            place = f"line {number}" if several is None else f"line {number}, item {index}"
            if not isinstance(item, dict):
                raise InvalidInput(f"{place}: expected a JSON object, found {str(item)[:40]!r}")
            if not encodable(item):
                raise InvalidInput(f"{place}: it holds half of a character (a lone surrogate)")
            yield place, item


def _documents(lines: Numbered) -> Iterator[tuple[int, Any]]:
    """Yield one document a line, or, if the first line is none, all lines as one document."""
    numbered = iter(lines)
    number, line = next(numbered, (1, ""))
    first = parsed(line)
    if first is None:
        whole = [(number, line), *numbered]
        try:
            yield number, json.loads(_joined(whole))
        except (ValueError, RecursionError) as error:
            at = getattr(error, "lineno", 1) + number - 1
            reason = getattr(error, "msg", "nested too deeply")
            raise InvalidInput(f"line {at}: expected a JSON object or list: {reason}") from None
        return
    yield number, first
    for number, line in numbered:
        document = parsed(line)
        if document is None:
            raise InvalidInput(f"line {number}: expected a JSON object, found {line[:40]!r}")
        yield number, document


def parsed(line: str) -> Any:
    """Return what a line of JSON holds, None if it is not JSON."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def encodable(value: Any) -> bool:
    """Tell whether all texts of a JSON value can be written as UTF-8."""
    try:
        return bool(json.dumps(value, ensure_ascii=False).encode())
    except (ValueError, RecursionError):
        return False


def _joined(numbered: list[tuple[int, str]]) -> str:
    """Join lines with the blank ones between them put back, so that JSON's line numbers hold."""
    first = numbered[0][0]
    whole = [""] * (numbered[-1][0] - first + 1)
    for number, line in numbered:
        whole[number - first] = line.rstrip("\n")
    return "\n".join(whole)


def _listed(document: Any) -> list[Any] | None:
    """Return the items of a list or of an answer that wraps one, None for a single item."""
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        for name in ("results", "items"):
            if isinstance(document.get(name), list):
                return list(document[name])
    return None


def _origin_of(item: dict[str, Any]) -> Origin:
    if {"id", "memory"} <= item.keys():
        return "mem0"
    if {"namespace", "key", "value"} <= item.keys():
        return "langgraph"
    known = ", ".join(_EXPECTED.values())
    raise InvalidInput(f"expected the header of a memagent export, {known}")


def _shaped(found: _Item, origin: Origin, now: datetime) -> tuple[Record, bytes]:
    check_scope(found.scope)
    entry = NewRecord(
        text=found.text,
        id=found.id,
        valid_to=found.valid_to,
        valid_from=found.created,
        evidence=found.evidence,
        sources=(origin,),
        metadata=found.metadata,
    )
    check(entry)
    created = found.created or now
    record = Record(
        id=found.id,
        kind=entry.kind,
        text=entry.text,
        keys=tuple(keys_of(entry.text)),
        scope=found.scope,
        created=created,
        valid_from=created,
        valid_to=found.valid_to,
        # What was rewritten there later was known to hold later: it counts as affirmed then.
        affirmed=found.updated if found.updated and found.updated > created else None,
        sources=entry.sources,
        evidence=entry.evidence,
        metadata=entry.metadata,
    )
    return record, digest_of(entry, found.scope)


def _mem0(item: dict[str, Any], user: str | None) -> _Item:
    """Read a mem0 memory: the fields that have no place in a record go into its metadata."""
    id, text = _text(item, "id", "mem0"), _text(item, "memory", "mem0")
    owner = user or item.get("user_id")
    if not owner:
        raise InvalidInput("the memory has no 'user_id': say whose it is (user=, or --user)")
    own = item.get("metadata") or {}
    if not isinstance(own, dict):
        raise InvalidInput(f"'metadata': expected an object, found {own!r}")
    rest = {name: item[name] for name in item if name not in _NOT_KEPT and item[name] is not None}
    return _Item(
        id=id,
        text=text,
        scope=Scope(
            user=owner, agent=item.get("agent_id") or None, session=item.get("run_id") or None
        ),
        created=_moment(item, "created_at"),
        updated=_moment(item, "updated_at"),
        valid_to=_expiry(item),
        evidence=item.get("role") != "assistant",
        metadata=rest | own,
    )


def _langgraph(item: dict[str, Any], user: str | None) -> _Item:
    """Read a LangGraph item; keys repeat between namespaces, so the id is made of both."""
    key, namespace, value = (
        _text(item, "key", "langgraph"),
        item.get("namespace"),
        item.get("value"),
    )
    if not isinstance(namespace, list) or not all(isinstance(part, str) for part in namespace):
        raise InvalidInput(f"'namespace': expected a list of texts, found {namespace!r}")
    if not isinstance(value, dict):
        raise InvalidInput(f"'value': expected an object, found {value!r}")
    if not (user or namespace):
        raise InvalidInput("the namespace is empty: say whose item it is (user=, or --user)")
    found = _text_within(value)
    text, rest = found or (json.dumps(value, ensure_ascii=False, sort_keys=True), value)
    return _Item(
        id="/".join(quote(part, safe="") for part in (*namespace, key)),
        text=text,
        scope=Scope(user=user or namespace[0]),
        created=_moment(item, "created_at"),
        updated=_moment(item, "updated_at"),
        metadata=rest | {"langgraph_namespace": namespace, "langgraph_key": key},
    )


_READERS: dict[Origin, Callable[[dict[str, Any], str | None], _Item]] = {
    "mem0": _mem0,
    "langgraph": _langgraph,
}


def _text_within(value: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return a value's text and the rest of it, None if no field holds one.

    LangMem keeps the text one level down: {"kind": "Memory", "content": {"content": "..."}}.
    """
    for name in TEXT_FIELDS:
        held = value.get(name)
        rest = {other: value[other] for other in value if other != name}
        if isinstance(held, str) and held.strip():
            return held, rest
        if isinstance(held, dict) and (inner := _text_within(held)):
            return inner[0], rest | ({name: inner[1]} if inner[1] else {})
    return None


def _text(item: dict[str, Any], name: str, origin: Origin) -> str:
    held = item.get(name)
    if not isinstance(held, str) or not held.strip():
        raise InvalidInput(f"{name!r}: expected a text in {_EXPECTED[origin]}, found {held!r}")
    return held


def _moment(item: dict[str, Any], name: str) -> datetime | None:
    """Return a time, None where there is none; one without a zone is local time."""
    held = item.get(name)
    if held is None:
        return None
    try:
        moment = datetime.fromisoformat(held).astimezone(UTC)
        if micros(moment) > LAST_MICROS:
            raise ValueError("no time is left for what comes after it")
        return moment
    except (TypeError, ValueError, OverflowError):
        raise InvalidInput(
            f"{name!r}: expected a time such as '2026-01-02T03:04:05+00:00', found {held!r}"
        ) from None


def _expiry(item: dict[str, Any]) -> datetime | None:
    """Return the end of the last day on which mem0 shows a memory; its days are those of UTC."""
    held = item.get("expiration_date")
    if not held:
        return None
    try:
        last = date.fromisoformat(held[:10])
        return datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    except (TypeError, ValueError, OverflowError):
        raise InvalidInput(
            f"'expiration_date': expected a day such as '2026-01-31', found {held!r}"
        ) from None
