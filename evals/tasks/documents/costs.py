"""Costs of reading documents and of writing notes on them, kept in a run's folder."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from memagent.errors import RunError
from memagent.files import private, split_lines
from memagent.memory.memory import Memory

DOCUMENTS_FILE = "documents.jsonl"
NOTES_FILE = "notes.jsonl"
_COUNTS = ("stream", "way", "notes", "failed", "dropped", "before", "after")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """Cost of reading documents: seconds, and bytes on the disk, of them all."""

    stream: str
    documents: int
    seconds: float
    bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Compressing:
    """Cost of writing notes on documents in one way, and its outcome.

    `before` and `after` are the tokens of the documents that got notes, and of the notes; `dropped`
    counts claims of a model without support, `failed` the documents that got no note, and `asked`
    and `answered` are held-back questions about the documents.
    """

    stream: str
    way: str
    notes: int
    failed: int
    dropped: int
    before: int
    after: int
    asked: int
    answered: int
    seconds: float
    bytes: int


def keep(folder: Path | None, file: str, cost: Reading | Compressing) -> None:
    """Add a line to a file of the run's folder, if it has one."""
    if folder is not None:
        with open(folder / file, "a", encoding="utf-8", opener=private) as opened:
            opened.write(json.dumps(asdict(cost)) + "\n")


def bytes_on_disk(memory: Memory, folder: Path | None) -> int:
    """Return how many bytes a run's memory has on the disk, once its log is empty."""
    if folder is None:
        return 0
    memory.maintenance.compact()
    files = (folder / "memory").rglob("*")
    return sum(path.stat().st_size for path in files if path.is_file())


def costs(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the tables `reading` and `notes` of a run, each left out where there is none.

    Seconds and bytes are a document's mean; `ratio` is how many times shorter notes are, and
    `held_back` the share of the held-back questions that they still answer.

    Raises:
        RunError: a file of it is malformed.
    """
    reading = [_reading(row) for row in _sums(folder / DOCUMENTS_FILE, ("stream",))]
    notes = [_notes(row) for row in _sums(folder / NOTES_FILE, ("stream", "way"))]
    return {name: rows for name, rows in (("reading", reading), ("notes", notes)) if rows}


def _sums(path: Path, names: tuple[str, ...]) -> Iterable[dict[str, Any]]:
    """Return the lines of a file, those of the same names as one: a run may have gone on."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    try:
        for line in split_lines(path.read_text(encoding="utf-8").strip()):
            row = json.loads(line)
            held = found.setdefault(tuple(row[name] for name in names), {})
            for name, value in row.items():
                held[name] = value if name in names else held.get(name, 0) + value
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: expected one cost a line as JSON ({error!r})") from error
    return found.values()


def _reading(row: Mapping[str, Any]) -> dict[str, Any]:
    count = row["documents"]
    return {
        "stream": row["stream"],
        "documents": count,
        "seconds_per_document": row["seconds"] / count,
        "bytes_per_document": row["bytes"] / count,
    }


def _notes(row: Mapping[str, Any]) -> dict[str, Any]:
    count = max(1, row["notes"] + row["failed"])
    return {
        **{name: row[name] for name in _COUNTS},
        "ratio": row["before"] / row["after"] if row["after"] else None,
        "held_back": row["answered"] / row["asked"] if row["asked"] else None,
        "seconds_per_document": row["seconds"] / count,
        "bytes_per_document": row["bytes"] / count,
    }
