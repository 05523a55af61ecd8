"""Documents written into a memory, each once, by whatever arms read them."""

import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from memagent.compression.job import Compacted
from memagent.evals.costs import (
    DOCUMENTS_FILE,
    NOTES_FILE,
    Compressing,
    Reading,
    bytes_on_disk,
    keep,
)
from memagent.evals.documents import Document
from memagent.memory.memory import Memory
from memagent.types import Note, Scope

BATCH = 64
"""How many documents one transaction writes."""
Writing = Callable[[Document], Note]
"""How a document is kept: what is told of it, and what it is found by."""
_WRITING = threading.RLock()
"""One shelf is written at a time, so that what one costs is not counted with another."""


def raw(document: Document) -> Note:
    """Keep a passage as it is, found by its sentences."""
    return Note(
        text=document.text,
        id=str(document.number),
        keys=document.keys(),
        valid_from=document.when,
        metadata={"group": document.group},
    )


class Shelf:
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

    def compress(self, memory: Memory, way: str, write: Callable[[], Compacted]) -> None:
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


_SHELVES: "weakref.WeakKeyDictionary[Memory, dict[str, Shelf]]" = weakref.WeakKeyDictionary()
_MAKING = threading.Lock()


def shelf_of(memory: Memory, stream: str, folder: Path | None = None) -> Shelf:
    """Return the shelf of a stream, the same for the same memory."""
    with _MAKING:
        shelves = _SHELVES.setdefault(memory, {})
        if stream not in shelves:
            shelves[stream] = Shelf(stream, folder)
        return shelves[stream]
