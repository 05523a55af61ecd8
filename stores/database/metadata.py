"""Metadata of a record: what may be kept, and the JSON that is stored of it."""

import json
import re
from collections.abc import Mapping
from typing import Any

from memagent.errors import InvalidInput, one_line
from memagent.records import is_encodable

MAX_BYTES = 16_000_000
"""Bytes that the metadata of one record may have as JSON."""
MAX_DEPTH = 100
"""Objects and lists that may stand within one another."""
MAX_CELLS, MAX_CHARS = 32, 1_000
"""Names and values, and characters of each, of metadata that are too small to be too large."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def to_json(value: Any) -> str:
    """Return JSON as it is stored: nothing is escaped that need not be.

    SQLite compares the keys of objects as they are written, so a key must be written in one way.
    Half of a character cannot be written as UTF-8: it alone stays escaped.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text if text.isascii() else _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def plain_metadata(metadata: Mapping[Any, Any], name: str = "the metadata") -> dict[str, Any]:
    """Return metadata as JSON gives them back: texts as keys, lists instead of tuples.

    Raises:
        InvalidInput: they are not JSON, or exceed MAX_BYTES or MAX_DEPTH; `name` says what.
    """
    if _is_plain(metadata):
        return dict(metadata)
    try:
        text = to_json(dict(metadata))
        plain: dict[str, Any] = json.loads(text)
    except RecursionError as error:
        raise InvalidInput(f"{name} {_TOO_DEEP}") from error
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} cannot be kept as JSON: {one_line(error)}") from error
    if "\\ud" in text and has_half_character(plain):
        raise InvalidInput(f"{name} holds half of a character (a lone surrogate)")
    if to_json(plain) != text:
        raise InvalidInput(f"{name} cannot be kept as JSON: two keys are the same text")
    size = len(text.encode())
    if size > MAX_BYTES:
        raise InvalidInput(f"{name} has {size:,} bytes as JSON; one record takes {MAX_BYTES:,}")
    if text.count("{") + text.count("[") > MAX_DEPTH and depth(plain) > MAX_DEPTH:
        raise InvalidInput(f"{name} {_TOO_DEEP}")
    return plain


def _is_plain(metadata: Mapping[Any, Any]) -> bool:
    """Tell at little cost, for most metadata, that JSON gives them back as they are."""
    cells = [*metadata, *metadata.values()]
    if len(cells) > MAX_CELLS or not {*map(type, metadata)} <= {str}:
        return False
    texts = [cell for cell in cells if type(cell) is str]
    others = {type(cell) for cell in cells} - {str, bool, type(None)}
    return not others and all(len(text) <= MAX_CHARS and is_encodable(text) for text in texts)


_TOO_DEEP = f"is nested too deeply: at most {MAX_DEPTH} objects and lists"


def has_half_character(value: Any) -> bool:
    """Tell whether a text within a JSON value has a surrogate, which UTF-8 cannot write."""
    return bool(_SURROGATE.search(json.dumps(value, ensure_ascii=False)))


def depth(value: Any) -> int:
    """Return how many objects and lists of a JSON value stand within one another at most."""
    level, deepest = [value], 0
    while True:
        inner = [
            item
            for held in level
            if isinstance(held, dict | list)
            for item in (held.values() if isinstance(held, dict) else held)
        ]
        if not any(isinstance(held, dict | list) for held in level):
            return deepest
        deepest, level = deepest + 1, inner


def rewritten(metadata: str) -> str:
    """Return stored metadata as they are written now; what is damaged stays as it is."""
    try:
        return to_json(json.loads(metadata))
    except (TypeError, ValueError, RecursionError):
        return metadata
