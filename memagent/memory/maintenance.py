"""Maintenance: a store as a whole: export, import, re-embedding, retention, checks."""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from memagent.embedding.encoder import FINGERPRINT_TEXT
from memagent.memory.arguments import checked
from memagent.memory.engine import Engine
from memagent.stores.database.filters import Filter
from memagent.stores.lifecycle import integrity, retention
from memagent.stores.lifecycle.retention import DECAY, Retained
from memagent.stores.ranking import Ranking
from memagent.stores.transfer import export, importing
from memagent.stores.transfer.lines import Format
from memagent.stores.transfer.reembed import Reembedded, reembed
from memagent.types import Policy, ScopeLike


@checked
class Maintenance:
    """Verbs that look after a store: check it, move it, and bound what is searched."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def now(self, *, scope: ScopeLike | None = None) -> datetime:
        """Return the time to write down: the clock's, but after the scope's newest record."""
        return self._engine.store.now(self._engine.scope(scope).user)

    def warm(self, *, scope: ScopeLike | None = None) -> float:
        """Load the embedder and a user's vectors now rather than at the first search.

        Returns the seconds it took.
        """
        started, seen = time.perf_counter(), Filter(scope=self._engine.scope(scope))
        vector = self._engine.encoder.query(FINGERPRINT_TEXT)
        self._engine.bank.search(FINGERPRINT_TEXT, vector, seen, Ranking())
        return time.perf_counter() - started

    def retain(
        self,
        capacity: int,
        *,
        scope: ScopeLike | None = None,
        policy: Policy = "activation",
        decay: float = DECAY,
        dry_run: bool = False,
    ) -> Retained:
        """Archive what is worth least until at most `capacity` records of the scope are at hand.

        What is archived is no longer searched, but kept: `list(everything=True)` shows it, and
        `restore` brings it back. "activation" goes by how often and how lately a record was written
        or shown, "lru" by the last time, "fifo" by the writing. Pinned records stay.
        """
        whose = self._engine.scope(scope)
        return retention.retain(
            self._engine.store, whose, capacity, policy, decay=decay, dry_run=dry_run
        )

    def export(self, *, scope: ScopeLike | None = None, vectors: bool = False) -> Iterator[str]:
        """Yield a scope's records as JSON lines, header first; the same content, the same bytes."""
        engine, whose = self._engine, self._engine.scope(scope)
        return export.export(engine.store, whose, engine.encoder.name, vectors=vectors)

    def import_(
        self, lines: Iterable[str], *, format: Format = "auto", user: str | None = None
    ) -> int:
        """Store records that are not there yet, by id; return how many were new.

        `lines` are what `export` writes, or what mem0 or LangGraph hand out as JSON or JSON lines;
        `format` is "memagent", "mem0", "langgraph", or "auto", which tells by the first line.
        `user` is whose memory they become; if None, whom the lines name (of a LangGraph item, the
        first part of its namespace).

        Raises:
            InvalidInput: a line or an item is not what was expected; the message gives its number.
        """
        engine = self._engine
        return importing.import_lines(
            engine.store, lines, engine.encoder, format=format, user=user, redactor=engine.redactor
        )

    def reembed(
        self,
        *,
        dry_run: bool = False,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Reembedded:
        """Move the store to the embedder it was opened with, and tell how alike the two see it.

        Resumable: what a call that was cut off had embedded is kept. Searches through a memory that
        was opened with the old embedder go on until the new vectors take over, all at once.
        """
        return reembed(
            self._engine.store,
            self._engine.encoder.fingerprint(),
            self._engine.encoder.documents_unchecked,
            dry_run=dry_run,
            progress=progress,
        )

    def verify(self) -> tuple[str, ...]:
        """Return what is wrong with the store, nothing if it is whole."""
        return tuple(integrity.problems(self._engine.store))

    def compact(self) -> integrity.Compacted:
        """Give free pages back and empty the write-ahead log; return the bytes before and after."""
        return integrity.compact(self._engine.store)

    def stats(self) -> dict[str, int]:
        """Return how many users, records, superseded ones, keys and events there are in all."""
        return self._engine.store.counts()
