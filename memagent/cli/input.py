"""Lines from a file or from standard input, and lines into a file."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from memagent.errors import InvalidInput


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
    where = "standard input" if file is None else str(file)
    try:
        raw = sys.stdin.buffer.read() if file is None else file.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"{where} cannot be read: {(error.strerror or str(error)).lower()}"
        ) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{where} is not UTF-8 text (byte {error.start})") from error
    if "\0" in text:
        raise InvalidInput(f"{where} holds binary data (a NUL byte)")
    if not text.strip():
        raise InvalidInput(f"{where} is empty: nothing to remember")
    return text


def write_lines(file: Path, lines: Iterable[str]) -> None:
    """Write a file whole or not at all: it takes its name when its last line is on the disk.

    Raises:
        InvalidInput: it cannot be written.
    """
    arriving = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with arriving.open("w", encoding="utf-8") as out:
            out.writelines(f"{line}\n" for line in lines)
            out.flush()
            os.fsync(out.fileno())
        arriving.replace(file)
    except OSError as error:
        raise InvalidInput(
            f"{file} cannot be written: {(error.strerror or str(error)).lower()}"
        ) from error
    finally:
        arriving.unlink(missing_ok=True)
