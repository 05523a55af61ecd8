"""Lines from a file or from standard input, records as JSON lines, and lines into a file."""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from memagent.errors import InvalidInput
from memagent.files import decode_text, read_stream, read_text, reason, split_lines, write_atomic
from memagent.stores.banks.validation import check
from memagent.types import Kind, NewRecord, Role

FIELDS = {
    "text": "a text",
    "id": "a text",
    "keys": "a list of texts",
    "kind": f"one of {', '.join(get_args(Kind))}",
    "valid_from": "a time as ISO 8601",
    "valid_to": "a time as ISO 8601",
    "sources": "a list of texts",
    "metadata": "an object",
    "role": f"one of {', '.join(get_args(Role))}",
    "name": "a text",
}
"""Fields of a record in `add --jsonl`, and what each holds. A role and a name are metadata, too."""

STANDARD_INPUT = "standard input"


def texts_of(file: Path | None) -> list[str]:
    """Return the non-blank lines of a file, or of standard input when it is None.

    Raises:
        InvalidInput: it cannot be read, is not UTF-8 text, or holds no record.
    """
    return [line.strip() for line in split_lines(_text_of(file)) if line.strip()]


def lines_of(file: Path | None) -> list[str]:
    """Return all lines of a file, or of standard input when it is None, as JSON needs them.

    Raises:
        InvalidInput: it cannot be read, is not UTF-8 text, or is blank.
    """
    return split_lines(_text_of(file))


def json_records(file: Path | None) -> list[NewRecord]:
    """Return the records of a file of JSON lines, or of standard input when it is None.

    Raises:
        InvalidInput: it cannot be read, or a line is not a record; the line and field are named.
    """
    records = []
    for number, line in enumerate(lines_of(file), start=1):
        if line.strip():
            try:
                records.append(_json_record(line))
            except InvalidInput as error:
                raise InvalidInput(f"line {number}: {error}") from error
    return records


def _json_record(line: str) -> NewRecord:
    from memagent.memory.messages import evidence_in

    try:
        fields = json.loads(line)
    except ValueError as error:
        raise InvalidInput(f"not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise InvalidInput("a JSON object is wanted")
    if unknown := [name for name in fields if name not in FIELDS]:
        raise InvalidInput(f"unknown field {unknown[0]!r}; there are {', '.join(FIELDS)}")
    values = {name: _field(name, value) for name, value in fields.items() if value is not None}
    if "text" not in values:
        raise InvalidInput("the field 'text' is missing")
    role, name = values.pop("role", None), values.pop("name", None)
    said = {key: value for key, value in (("role", role), ("name", name)) if value is not None}
    values["metadata"] = {**values.get("metadata", {}), **said}
    record = NewRecord(**values, evidence=evidence_in(role, values["text"]) if role else True)
    check(record)
    return record


def _field(name: str, value: Any) -> Any:
    """Return the value of a field, read as what the field holds."""
    kind, good = FIELDS[name], isinstance(value, str) and bool(value.strip())
    if kind == "an object":
        good = isinstance(value, dict)
    elif kind == "a list of texts":
        good = isinstance(value, list) and all(isinstance(text, str) for text in value)
        value = tuple(value) if good else value
    elif good and kind.startswith("one of"):
        good = value in get_args(Kind if name == "kind" else Role)
    elif good and kind.startswith("a time"):
        try:
            value = datetime.fromisoformat(value).astimezone()
        except (ValueError, OverflowError):
            good = False
    if not good:
        raise InvalidInput(f"{name}: {kind} is wanted, not {json.dumps(value)}")
    return value


def _text_of(file: Path | None) -> str:
    text = read_text(file) if file is not None else _standard_input()
    if not text.strip():
        raise InvalidInput(f"{file or 'standard input'} is empty: nothing to remember")
    return text


def _standard_input() -> str:
    try:
        return read_stream(sys.stdin.buffer, STANDARD_INPUT)
    except OSError as error:
        raise InvalidInput(f"{STANDARD_INPUT} cannot be read: {reason(error)}") from error


def typed_lines() -> Iterator[str]:
    """Yield the lines of standard input as they come.

    Raises:
        InvalidInput: it cannot be read, or a line is not UTF-8 text; the line is named.
    """
    try:
        for number, line in enumerate(sys.stdin.buffer, start=1):
            yield decode_text(line, f"line {number} of {STANDARD_INPUT}").rstrip("\r\n")
    except OSError as error:
        raise InvalidInput(f"{STANDARD_INPUT} cannot be read: {reason(error)}") from error


def write_lines(file: Path, lines: Iterable[str]) -> None:
    """Write lines to a file that only its owner may read, as a whole or not at all.

    Raises:
        InvalidInput: the file cannot be written.
    """
    try:
        write_atomic(file, (f"{line}\n" for line in lines))
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {reason(error)}") from error
