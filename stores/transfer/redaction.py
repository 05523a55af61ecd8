"""Redaction of records that are imported: their texts, keys, metadata, sources and history."""

from dataclasses import replace
from typing import Any

from memagent.errors import InvalidInput
from memagent.redaction.redactor import Redactor
from memagent.stores.database.rows import closed_digest, digest_of, moment_of
from memagent.types import NewRecord, Scope

NAMES = ("id", "supersedes", "user", "agent", "session")


def redact(records: list[dict[str, Any]], redactor: Redactor) -> bool:
    """Take secrets out of records, in place; return whether there were any.

    Raises:
        InvalidInput: an id, or a name of a scope, holds a secret; the message gives its line.
    """
    for record in records:
        try:
            for name in NAMES:
                redactor.refuse(name, record[name])
        except InvalidInput as error:
            raise InvalidInput(f"line {record.get('line', '?')}: {error}") from None
        for event in record["history"]:
            event["who"], event["why"] = redactor.text(event["who"]), redactor.text(event["why"])
    entries = [_entry(record) for record in records]
    changed = False
    for record, entry, clean in zip(records, entries, redactor.records(entries), strict=True):
        if clean is entry:
            continue
        changed = True
        if clean.text != entry.text:
            record["digest"] = _digest(record, entry, clean)
        record["value"], record["metadata"] = clean.text, clean.metadata
        record["sources"] = list(clean.sources)
        for key, text in zip(record["keys"], clean.keys, strict=True):
            key["text"] = text
    return changed


def _entry(record: dict[str, Any]) -> NewRecord:
    return NewRecord(
        text=record["value"],
        kind=record["kind"],
        evidence=bool(record["evidence"]),
        keys=tuple(key["text"] for key in record["keys"]),
        sources=tuple(record["sources"]),
        metadata=record["metadata"],
    )


def _digest(record: dict[str, Any], entry: NewRecord, clean: NewRecord) -> str:
    """Return the digest of a record without its secrets, dated or undated as the one it had."""
    scope = Scope(user=record["user"], agent=record["agent"], session=record["session"])
    for since in (None, moment_of(record["valid_from"])):
        before, after = (digest_of(replace(one, valid_from=since), scope) for one in (entry, clean))
        if record["superseded"]:
            before, after = (closed_digest(digest, record["id"]) for digest in (before, after))
        if record["digest"].startswith(before.hex()):
            return after.hex()
    return str(record["digest"])  # it fits no content: storing it fails, and says so
