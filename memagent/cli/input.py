"""Lines from a file or from standard input, and lines into a file."""

import sys
from collections.abc import Iterable
from pathlib import Path

from memagent.errors import InvalidInput
from memagent.files import decode_text, read_text, reason, write_atomic


def records_of(file: Path | None) -> list[str]:
    """Return the non-blank lines of a file, or of standard input when it is None.

    Raises:
        InvalidInput: it cannot be read, is not UTF-8 text, or holds no record.
    """
    return [line.strip() for line in _text_of(file).splitlines() if line.strip()]


def lines_of(file: Path | None) -> list[str]:
    """Return all lines of a file, or of standard input when it is None, as JSON needs them.

    Only a line feed ends a line: JSON texts may hold the other characters that end one elsewhere.

    Raises:
        InvalidInput: it cannot be read, is not UTF-8 text, or is blank.
    """
    return _text_of(file).split("\n")


def _text_of(file: Path | None) -> str:
    text = read_text(file) if file is not None else _standard_input()
    if not text.strip():
        raise InvalidInput(f"{file or 'standard input'} is empty: nothing to remember")
    return text


def _standard_input() -> str:
    try:
        raw = sys.stdin.buffer.read()
    except OSError as error:
        raise InvalidInput(f"standard input cannot be read: {reason(error)}") from error
    return decode_text(raw, "standard input")


def write_lines(file: Path, lines: Iterable[str]) -> None:
    """Write lines to a file, as a whole or not at all.

    Raises:
        InvalidInput: the file cannot be written.
    """
    try:
        write_atomic(file, (f"{line}\n" for line in lines))
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {reason(error)}") from error
