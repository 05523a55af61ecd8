"""Corpus of documents, which several arms share and which is written into the memory once."""

import logging
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from memagent.compression.job import CompressionReport
from memagent.evals.tasks.documents.costs import (
    DOCUMENTS_FILE,
    NOTES_FILE,
    Compressing,
    Reading,
    bytes_on_disk,
    keep,
)
from memagent.evals.tasks.documents.documents import Document
from memagent.memory.memory import Memory
from memagent.types import NewRecord, Scope

logger = logging.getLogger(__name__)
BATCH = 64
"""Number of documents that one transaction writes."""
_WRITING = threading.RLock()
"""One corpus is written at a time, so that the costs of two are not counted together."""


def record_of(document: Document, timed: bool) -> NewRecord:
    """Return a passage as an application writes it: of its source, and found by its sentences.

    Its date is that of the record, which is shown with it; where times do not count (`timed`) it
    has none.
    """
    prefix = f"{document.date}. " if document.date else ""
    return NewRecord(
        text=document.text.removeprefix(prefix),
        id=str(document.number),
        keys=document.keys(),
        valid_from=document.when if timed else None,
        sources=(document.group,),
        metadata={"group": document.group},
    )


class Corpus:
    """The documents of one stream, written in one way into a scope of its own.

    Several arms may share one, in threads; documents that an interrupted run wrote are not written
    again.
    """

    def __init__(self, stream: str, folder: Path | None = None) -> None:
        self.scope = Scope(user=stream)
        self._folder = folder
        self._full = False
        self._compressed = False

    def fill(self, memory: Memory, documents: Sequence[Document], timed: bool) -> None:
        """Write the documents that are not in the memory yet, in order, and keep the cost."""
        with _WRITING:
            if self._full:
                return
            before, started, written = bytes_on_disk(memory, self._folder), time.perf_counter(), 0
            for start in range(0, len(documents), BATCH):
                batch = documents[start : start + BATCH]
                records = memory.get([str(document.number) for document in batch], scope=self.scope)
                known = {record.id for record in records}
                new = [
                    record_of(document, timed)
                    for document in batch
                    if str(document.number) not in known
                ]
                memory.add_many(new, scope=self.scope)
                written += len(new)
            seconds = time.perf_counter() - started
            self._full = True
            if written:
                logger.info("wrote %d documents in %.1f s", written, seconds)
                cost = Reading(
                    stream=self.scope.user,
                    documents=written,
                    seconds=seconds,
                    bytes=bytes_on_disk(memory, self._folder) - before,
                )
                keep(self._folder, DOCUMENTS_FILE, cost)

    def compress(self, memory: Memory, way: str, write: Callable[[], CompressionReport]) -> None:
        """Write notes on the documents in one way, once, and keep the cost."""
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
    """Return the corpus of a stream, the same for the same memory."""
    with _MAKING:
        corpora = _CORPORA.setdefault(memory, {})
        if stream not in corpora:
            corpora[stream] = Corpus(stream, folder)
        return corpora[stream]
