"""Fields of the JSON files of a data set, read with errors that name the file and the place.

An error says where it is, what was expected there and what was found: "locomo10.json: conversation
3 (conv-44), question 17: expected 'evidence' as a list of ids such as 'D1:3', found 7".
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from memagent.errors import InvalidInput, RunError, shown
from memagent.files import read_text

NO_TURN = "evidence that names no turn"
NO_DATE = "sessions without a date"
NO_WORDS = "turns without words"
"""Reasons for which a part of a file is left out."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields of one JSON object; `place` says where it stands, as "file.json: question 3"."""

    place: str
    values: dict[str, Any]

    @classmethod
    def of(cls, value: Any, place: str) -> "Fields":
        """Return the fields of a value that has to be an object.

        Raises:
            InvalidInput: it is none.
        """
        if not isinstance(value, dict):
            raise InvalidInput(f"{place}: expected an object, found {shown(value)}")
        return cls(place, value)

    def error(self, key: str, expected: str) -> InvalidInput:
        """Return the error that a field is not what was expected."""
        found = shown(self.values[key]) if key in self.values else "no such field"
        return InvalidInput(f"{self.place}: expected {key!r} as {expected}, found {found}")

    def text(self, key: str, expected: str = "text") -> str:
        """Return a field that has to be text with words in it, without space around it.

        Raises:
            InvalidInput: it is none.
        """
        text = _text_of(self.values.get(key))
        if not text:
            raise self.error(key, expected)
        return text

    def optional_text(self, key: str) -> str:
        """Return a field that may be text, empty where there is none.

        Raises:
            InvalidInput: it is something else.
        """
        if self.values.get(key) is None:
            return ""
        text = _text_of(self.values[key])
        if text is None:
            raise self.error(key, "text")
        return text

    def label(self, key: str, expected: str = "text or a number") -> str:
        """Return a field that has to be text or a number, such as an answer or an id, as text.

        Raises:
            InvalidInput: it is neither.
        """
        label = label_of(self.values.get(key))
        if not label:
            raise self.error(key, expected)
        return label

    def items(self, key: str, expected: str) -> list[Any]:
        """Return a field that has to be a list.

        Raises:
            InvalidInput: it is none.
        """
        items = self.values.get(key)
        if not isinstance(items, list):
            raise self.error(key, expected)
        return items

    def labels(self, key: str, expected: str) -> list[str]:
        """Return a field that has to be a list of texts or numbers, as texts.

        Raises:
            InvalidInput: it is none.
        """
        labels = [label_of(item) for item in self.items(key, expected)]
        if any(label is None for label in labels):
            raise self.error(key, expected)
        return [label for label in labels if label]

    def objects(self, key: str, noun: str, expected: str) -> Iterator["Fields"]:
        """Return a field that has to be a list of objects, each placed as "noun 3".

        Raises:
            InvalidInput: it is none.
        """
        return objects_of(self.items(key, expected), self.place, noun)


def objects_of(values: Sequence[Any], place: str, noun: str) -> Iterator[Fields]:
    """Return the fields of each object of a list, placed as "noun 3" within `place`.

    Raises:
        InvalidInput: one of the values is no object.
    """
    where = f"{place} " if place.endswith(":") else f"{place}, "
    for number, value in enumerate(values, start=1):
        yield Fields.of(value, f"{where}{noun} {number}")


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        InvalidInput: it cannot be read, is empty, or is no JSON; the message has line and column.
    """
    return parse_json(read_text(path), path.name)


def read_list(path: Path, expected: str) -> list[Any]:
    """Return what a JSON file holds, which has to be a list with something in it.

    Raises:
        InvalidInput: it is none; `expected` says what it should list.
    """
    values = read_json(path)
    if not isinstance(values, list) or not values:
        raise InvalidInput(f"{path.name}: expected a list of {expected}, found {shown(values)}")
    return values


def file_of(path: Path, pattern: str, variant: str | None = None, option: str = "--file") -> Path:
    """Return a file, or the one in a folder whose name has the pattern, as "questions_*.csv".

    `variant` is what stands in place of the asterisk, up to an underscore.

    Raises:
        RunError: the folder has none of them, or several; `option` chooses one.
    """
    if not path.is_dir():
        return path
    start, end = pattern.split("*")
    files = {file.name[len(start) : -len(end)]: file for file in sorted(path.glob(pattern))}
    found = {
        name: file
        for name, file in files.items()
        if variant is None or variant in (name, name.partition("_")[0])
    }
    if variant in found or len(found) == 1:
        return found[variant] if variant in found else next(iter(found.values()))
    if not found:
        raise RunError(f"{path} holds no file {start}{variant or '*'}{end}")
    raise RunError(f"{path} holds several files: name one with {option} ({', '.join(found)})")


def parse_json(text: str, place: str) -> Any:
    """Return a JSON text as values.

    Raises:
        InvalidInput: it is empty or no JSON; the message has line and column.
    """
    if not text.strip():
        raise InvalidInput(f"{place} is empty: expected JSON")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"{place}: expected JSON, found something else in line {error.lineno},"
            f" column {error.colno} ({error.msg})"
        ) from error
    except RecursionError as error:
        raise InvalidInput(f"{place}: expected JSON, found lists too deep in each other") from error
    except ValueError as error:
        raise InvalidInput(f"{place}: expected JSON, found a number of too many digits") from error


def label_of(value: Any) -> str | None:
    """Return a text or a number as text, without space around it; None if it is neither."""
    if isinstance(value, bool):
        return None
    return str(value) if isinstance(value, int | float) else _text_of(value)


def time_of(text: str, *layouts: str) -> datetime | None:
    """Return the time that a text says in one of the layouts of `strptime`, in UTC.

    None if it says none: a chat without dates is read too.
    """
    for layout in layouts:
        try:
            return datetime.strptime(text.strip(), layout).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def _text_of(value: Any) -> str | None:
    """Return a text without space around it; None if it is none, or no text that can be kept."""
    if not isinstance(value, str) or "\0" in value:
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None  # an escape in the JSON stands for half of a character
    return value.strip()
