"""Byte search in files, run as a program of its own.

A process that opens and closes a SQLite file beside SQLite's own connection drops that connection's
locks (sqlite.org, "How To Corrupt An SQLite Database File", 2.2), so another process has to read.
It imports nothing but the standard library.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

CHUNK = 16 * 1024 * 1024


def scan(files: Sequence[Path], needles: Sequence[bytes]) -> list[tuple[Path, int]]:
    """Return where needles were found, as (file, number of the needle), each pair once.

    Raises:
        OSError: a file cannot be read; one that is gone by now holds nothing.
    """
    job = {"files": [str(file) for file in files], "needles": [needle.hex() for needle in needles]}
    outcome = subprocess.run(
        [sys.executable, "-I", __file__], input=json.dumps(job), capture_output=True, text=True
    )
    if outcome.returncode:
        raise OSError(outcome.stderr.strip().rpartition("\n")[2])
    return [(Path(file), number) for file, number in json.loads(outcome.stdout)]


def found(path: str, needles: Sequence[bytes]) -> set[int]:
    """Return the numbers of the needles that a file holds."""
    try:
        with Path(path).open("rb") as file:
            longest = max(map(len, needles), default=0)
            return {
                number
                for chunk in _chunks(file, longest)
                for number, needle in enumerate(needles)
                if needle in chunk
            }
    except FileNotFoundError:
        return set()


def _chunks(file: BinaryIO, overlap: int) -> Iterator[bytes]:
    """Yield a file in pieces that overlap, so that nothing is cut in two."""
    tail = b""
    while read := file.read(CHUNK):
        yield tail + read
        tail = (tail + read)[-overlap:] if overlap else b""


if __name__ == "__main__":
    job = json.load(sys.stdin)
    wanted = [bytes.fromhex(needle) for needle in job["needles"]]
    print(json.dumps([[file, number] for file in job["files"] for number in found(file, wanted)]))
