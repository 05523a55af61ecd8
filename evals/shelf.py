"""Documents written into a memory, each once, by whatever arms read them."""

import json
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from memagent.evals.documents import Document
from memagent.memory import Memory
from memagent.types import Note, Scope

DOCUMENTS_FILE = "documents.jsonl"
BATCH = 64
"""How many documents one transaction writes."""
Writing = Callable[[Document], Note]
"""How a document is kept: what is told of it, and what it is found by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What it cost to read documents: seconds, and bytes on the disk, of them all."""

    stream: str
    documents: int
    seconds: float
    bytes: int


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
        self._filling = threading.Lock()

    def fill(self, memory: Memory, documents: Sequence[Document], writing: Writing = raw) -> None:
        """Write the documents that are not there yet, in order, and keep what that cost."""
        with self._filling:
            if self._full:
                return
            before, started, written = self._bytes(), time.perf_counter(), 0
            for start in range(0, len(documents), BATCH):
                some = documents[start : start + BATCH]
                there = memory.get([str(one.number) for one in some], scope=self.scope)
                known = {record.id for record in there}
                new = [writing(one) for one in some if str(one.number) not in known]
                memory.add_many(new, scope=self.scope)
                written += len(new)
            seconds = time.perf_counter() - started
            self._full = True
            if written and self._folder is not None:
                cost = Reading(
                    stream=self.scope.user,
                    documents=written,
                    seconds=seconds,
                    bytes=self._bytes() - before,
                )
                with (self._folder / DOCUMENTS_FILE).open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(cost)) + "\n")

    def _bytes(self) -> int:
        if self._folder is None:
            return 0
        files = (self._folder / "memory").rglob("*")
        return sum(path.stat().st_size for path in files if path.is_file())


_SHELVES: "weakref.WeakKeyDictionary[Memory, dict[str, Shelf]]" = weakref.WeakKeyDictionary()
_MAKING = threading.Lock()


def shelf_of(memory: Memory, stream: str, folder: Path | None = None) -> Shelf:
    """Return the shelf of a stream, the same for the same memory."""
    with _MAKING:
        shelves = _SHELVES.setdefault(memory, {})
        if stream not in shelves:
            shelves[stream] = Shelf(stream, folder)
        return shelves[stream]
