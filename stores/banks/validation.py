"""Validation of new records: the one check before anything is stored."""

from typing import Any

from memagent.errors import InvalidInput, shown
from memagent.records import require_whole
from memagent.stores.database.bounds import (
    LAST_MICROS,
    check_metadata,
    check_text,
    check_texts,
)
from memagent.stores.database.filters import KINDS, check_times, micros
from memagent.types import NewRecord, Scope

MAX_CHARS = 1_000_000
"""Characters that the text of one record may have."""


def check(entry: NewRecord) -> None:
    """Check that an entry can be stored.

    Raises:
        InvalidInput: a text is empty, too long, binary, or not text; the metadata is not JSON, too
            deep or too large; or a field has another type than it should have, or is out of range.
    """
    _check_fields(entry)
    for text in (entry.text, *entry.keys):
        check_content(text)
    check_metadata(entry.metadata)


def check_scope(scope: Scope) -> None:
    """Check the names of a scope that is written to.

    Raises:
        InvalidInput: one is too long, or holds a NUL byte.
    """
    for name in ("user", "agent", "session"):
        value = getattr(scope, name)
        if value is not None:
            check_text(f"scope: {name}", value)


def _check_fields(entry: NewRecord) -> None:
    for name, id in (("id", entry.id), ("supersedes", entry.supersedes)):
        if id is not None:
            check_text(name, id)
    if not isinstance(entry.kind, str) or entry.kind not in KINDS:
        raise InvalidInput(f"kind: one of {', '.join(KINDS)} is wanted, not {shown(entry.kind)}")
    if type(entry.evidence) is not bool:
        raise InvalidInput(f"evidence: true or false is wanted, not {shown(entry.evidence)}")
    check_texts("sources", entry.sources)
    check_texts("keys", entry.keys, longest=MAX_CHARS)
    check_times(valid_from=entry.valid_from, valid_to=entry.valid_to)
    if entry.valid_from is not None and micros(entry.valid_from) > LAST_MICROS:
        raise InvalidInput(f"valid_from: a time before 9999-12-31 is wanted: {entry.valid_from}")


def check_content(text: Any) -> None:
    """Check a text that is remembered, or a key.

    Raises:
        InvalidInput: it is empty, too long, binary, or not text.
    """
    if not isinstance(text, str):
        raise InvalidInput(f"a text is wanted, not {type(text).__name__}")
    if not text or text.isspace():
        raise InvalidInput("the text is empty: nothing to remember")
    if len(text) > MAX_CHARS:
        raise InvalidInput(
            f"the text has {len(text):,} characters; one record takes {MAX_CHARS:,}: split it"
        )
    if "\0" in text:
        raise InvalidInput("the text holds a NUL byte: binary data is not remembered")
    require_whole("the text", text)
