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
    records = [line.strip() for line in text.splitlines() if line.strip()]
    if not records:
        raise InvalidInput(f"{where} is empty: nothing to remember")
    return records


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
