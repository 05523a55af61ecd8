"""What it cost to read documents and to write notes on them: kept in a run's folder, and told."""

import json
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from memagent.compression.job import CompressionReport
from memagent.errors import RunError
from memagent.evals.tasks.documents.documents import Document
from memagent.memory.memory import Memory
from memagent.types import NewRecord, Scope

DOCUMENTS_FILE = "documents.jsonl"
NOTES_FILE = "notes.jsonl"
_COUNTS = ("stream", "way", "notes", "failed", "dropped", "before", "after")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What it cost to read documents: seconds, and bytes on the disk, of them all."""

    stream: str
    documents: int
    seconds: float
    bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Compressing:
    """What it cost to write notes on documents in one way, and what came of it.

    `before` and `after` are the tokens of the documents that got notes, and of the notes; `dropped`
    counts what a model claimed without support, `failed` the documents that nothing came of, and
    `asked` and `answered` are held-back questions about the documents.
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
        with (folder / file).open("a", encoding="utf-8") as opened:
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
    reading = [_reading(one) for one in _sums(folder / DOCUMENTS_FILE, ("stream",))]
    notes = [_notes(one) for one in _sums(folder / NOTES_FILE, ("stream", "way"))]
    return {name: rows for name, rows in (("reading", reading), ("notes", notes)) if rows}


def _sums(path: Path, names: tuple[str, ...]) -> Iterable[dict[str, Any]]:
    """Return the lines of a file, those of the same names as one: a run may have gone on."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
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


BATCH = 64
"""How many documents one transaction writes."""
Writing = Callable[[Document], NewRecord]
"""How a document is kept: what is told of it, and what it is found by."""
_WRITING = threading.RLock()
"""One shelf is written at a time, so that what one costs is not counted with another."""


def raw(document: Document) -> NewRecord:
    """Keep a passage as it is, found by its sentences."""
    return NewRecord(
        text=document.text,
        id=str(document.number),
        keys=document.keys(),
        valid_from=document.when,
        metadata={"group": document.group},
    )


class Corpus:
    """The documents of one stream, written in one way into a scope of its own.

    Several arms may share one, in threads; what an interrupted run wrote is not written again.
    """

    def __init__(self, stream: str, folder: Path | None = None) -> None:
        self.scope = Scope(user=stream)
        self._folder = folder
        self._full = False
        self._compressed = False

    def fill(self, memory: Memory, documents: Sequence[Document], writing: Writing = raw) -> None:
        """Write the documents that are not there yet, in order, and keep what that cost."""
        with _WRITING:
            if self._full:
                return
            before, started, written = bytes_on_disk(memory, self._folder), time.perf_counter(), 0
            for start in range(0, len(documents), BATCH):
                some = documents[start : start + BATCH]
                there = memory.get([str(one.number) for one in some], scope=self.scope)
                known = {record.id for record in there}
                new = [writing(one) for one in some if str(one.number) not in known]
                memory.add_many(new, scope=self.scope)
                written += len(new)
            seconds = time.perf_counter() - started
            self._full = True
            if written:
                cost = Reading(
                    stream=self.scope.user,
                    documents=written,
                    seconds=seconds,
                    bytes=bytes_on_disk(memory, self._folder) - before,
                )
                keep(self._folder, DOCUMENTS_FILE, cost)

    def compress(self, memory: Memory, way: str, write: Callable[[], CompressionReport]) -> None:
        """Write the notes of one way on what was filled in, once, and keep what that cost."""
        with _WRITING:
            if self._compressed:
                return
            before, started = bytes_on_disk(memory, self._folder), time.perf_counter()
            done = asdict(write())
            seconds = time.perf_counter() - started
            del done["archived"]
            self._compressed = True
            if done["notes"] or done["failed"]:
                cost = Compressing(
                    stream=self.scope.user,
                    way=way,
                    seconds=seconds,
                    bytes=bytes_on_disk(memory, self._folder) - before,
                    **done,
                )
                keep(self._folder, NOTES_FILE, cost)


_CORPORA: "weakref.WeakKeyDictionary[Memory, dict[str, Corpus]]" = weakref.WeakKeyDictionary()
_MAKING = threading.Lock()


def corpus_of(memory: Memory, stream: str, folder: Path | None = None) -> Corpus:
    """Return the shelf of a stream, the same for the same memory."""
    with _MAKING:
        shelves = _CORPORA.setdefault(memory, {})
        if stream not in shelves:
            shelves[stream] = Corpus(stream, folder)
        return shelves[stream]
