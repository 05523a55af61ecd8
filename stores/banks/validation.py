"""Validation of new records: the one check before anything is stored."""

import json
from collections.abc import Mapping
from typing import Any

from memagent.errors import InvalidInput
from memagent.stores.database.filters import KINDS, check_times
from memagent.types import NewRecord

MAX_CHARS = 1_000_000
"""Characters that the text of one record may have."""


def check(entry: NewRecord) -> None:
    """Check that an entry can be stored.

    Raises:
        InvalidInput: a text is empty, too long, binary, or not text; the metadata is not JSON; or a
            field has another type than it should have.
    """
    _check_fields(entry)
    for text in (entry.text, *entry.keys):
        _check_text(text)
    if entry.metadata:
        try:
            json.dumps(dict(entry.metadata), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"the metadata cannot be kept as JSON: {error}") from error


def _check_fields(entry: NewRecord) -> None:
    if entry.id is not None and not isinstance(entry.id, str):
        raise InvalidInput(f"id: a text is wanted, not {entry.id!r}")
    if entry.kind not in KINDS:
        raise InvalidInput(f"kind: one of {', '.join(KINDS)} is wanted, not {entry.kind!r}")
    for name, texts in (("keys", entry.keys), ("sources", entry.sources)):
        if not isinstance(texts, tuple | list) or not all(isinstance(one, str) for one in texts):
            raise InvalidInput(f"{name}: several texts are wanted, not {texts!r}")
    if not isinstance(entry.metadata, Mapping):
        raise InvalidInput(f"metadata: a mapping is wanted, not {entry.metadata!r}")
    check_times(valid_from=entry.valid_from, valid_to=entry.valid_to)


def _check_text(text: Any) -> None:
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
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput("the text holds half of a character (a lone surrogate)") from error
