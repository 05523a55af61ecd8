"""What is done to a memory as a whole or to what it holds: the second half of Memory's verbs."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memagent.embedding.encoder import Encoder
from memagent.errors import InvalidInput
from memagent.memory.enrichment import Enriched, enrich
from memagent.models.open_chat import open_chat
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import Filter
from memagent.stores.database.writer import Trace
from memagent.stores.lifecycle import integrity, key_repulsion, retention
from memagent.stores.lifecycle.erasure import Eraser
from memagent.stores.lifecycle.key_repulsion import Separated
from memagent.stores.lifecycle.retention import DECAY, Retained
from memagent.stores.transfer import export as transfer
from memagent.stores.transfer import importing
from memagent.stores.transfer.importing import Format
from memagent.stores.transfer.reembed import Reembedded, reembed
from memagent.types import Outcome, Policy, Receipt, Scope

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


class Upkeep:
    """Verbs that judge, keep, erase, move and check; `Memory` adds writing and reading."""

    _store: SqliteStore
    _encoder: Encoder
    _bank: EpisodicBank
    _eraser: Eraser

    def now(self, *, scope: Scope) -> datetime:
        """Return the time to write down: the clock's, but after the scope's newest record."""
        return self._store.now(scope.user)

    def judge(
        self,
        ids: Sequence[str],
        outcome: Outcome,
        *,
        scope: Scope,
        who: str | None = None,
        why: str | None = None,
    ) -> int:
        """Count that showing these records helped or hurt; return how many records there were.

        A record that hurt, or that comes from a source that did, is trusted less by `search`.

        Raises:
            InvalidInput: the outcome is neither "helped" nor "hurt".
        """
        if outcome not in ("helped", "hurt"):
            raise InvalidInput(f"an outcome is 'helped' or 'hurt', not {outcome!r}")
        records = self._store.get(scope, ids)
        return retention.judge(self._store, records, outcome, Trace(who=who, why=why))

    def enrich(
        self,
        model: "str | BaseChatModel" = "local",
        *,
        scope: Scope,
        limit: int | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> Enriched:
        """Let a chat model write questions that records answer, and find them by these as well.

        Resumable: what was enriched is not asked about again. `limit` bounds the records of this
        call, `progress` is told how many are done.

        Raises:
            ModelUnavailable: the model cannot be reached.
        """
        chat = open_chat(model)
        return enrich(self._store, self._encoder, chat, scope, limit=limit, progress=progress)

    def separate(
        self,
        query: str | None = None,
        *,
        wanted: str,
        found: str,
        scope: Scope,
        vector: ArrayLike | None = None,
        steps: int = 1,
        who: str | None = None,
        why: str | None = None,
    ) -> Separated:
        """Move apart the keys of two records that a query took for one another.

        The query (a text, or a `vector` of dimensions) should have found `wanted`, and found
        `found`. One step moves them a little, and what is confused again is moved again; more
        `steps` at once mend this query sooner and others less. Values stay as they are, a key stays
        within a cosine of 0.9 of what it was, and `move_back` undoes it.

        Raises:
            InvalidInput: the two are not two records of this scope, or the query is empty.
        """
        records = {record.id: record for record in self._store.get(scope, [wanted, found])}
        if len(records) != 2:
            raise InvalidInput(f"there are no two records {wanted!r} and {found!r} in this scope")
        self._encoder.check()
        return key_repulsion.separate(
            self._store,
            self._meaning(query, vector),
            records[wanted],
            records[found],
            Trace(who=who, why=why),
            steps=steps,
        )

    def move_back(self, ids: Sequence[str], *, scope: Scope, why: str | None = None) -> int:
        """Give records' keys the vectors they had before `separate`; return how many were moved."""
        records = self._store.get(scope, ids)
        return key_repulsion.move_back(self._store, records, Trace(why=why))

    def retain(
        self,
        capacity: int,
        *,
        scope: Scope,
        policy: Policy = "activation",
        decay: float = DECAY,
        dry_run: bool = False,
    ) -> Retained:
        """Archive what is worth least until at most `capacity` records of the scope are at hand.

        What is archived is no longer searched, but kept: `list(everything=True)` shows it, and
        `restore` brings it back. "activation" goes by how often and how lately a record was written
        or shown, "lru" by the last time, "fifo" by the writing. Pinned records stay.
        """
        return retention.retain(self._store, scope, capacity, policy, decay=decay, dry_run=dry_run)

    def archive(
        self,
        ids: Sequence[str],
        *,
        scope: Scope,
        who: str | None = None,
        why: str | None = None,
    ) -> int:
        """Archive these records, `restore` brings them back; return how many were at hand."""
        records = self._store.get(scope, ids)
        return retention.archive(self._store, records, trace=Trace(who=who, why=why))

    def restore(self, ids: Sequence[str], *, scope: Scope, why: str | None = None) -> int:
        """Bring archived records back to hand; return how many were archived."""
        return retention.restore(self._store, self._store.get(scope, ids), trace=Trace(why=why))

    def pin(
        self, ids: Sequence[str], *, scope: Scope, pinned: bool = True, why: str | None = None
    ) -> int:
        """Keep records from being archived, or no longer; return how many that changed."""
        records = self._store.get(scope, ids)
        return retention.pin(self._store, records, pinned=pinned, trace=Trace(why=why))

    def forget(
        self,
        ids: Sequence[str] = (),
        *,
        scope: Scope,
        source: str | None = None,
        where: Mapping[str, Any] | None = None,
        everything: bool = False,
        dry_run: bool = False,
    ) -> Receipt:
        """Erase records, by id, by a source, by a metadata filter, or everything in the scope.

        With a record go its other versions, what was made from it, their keys, vectors, full-text
        entries and history, and their bytes in the file and its log. `dry_run` only says what would
        go.

        Raises:
            InvalidInput: nothing says what to forget, or the filter is malformed.
        """
        if not (ids or source or where or everything):
            raise InvalidInput("say what to forget: ids, a source, a filter, or everything")
        wanted = list(ids)
        if source is not None or where is not None or everything:
            seen = Filter(scope=scope, metadata=where, source=source, everything=True)
            wanted += self._store.ids(seen)
        return self._eraser.forget(scope, wanted, dry_run=dry_run)

    def export(self, *, scope: Scope, vectors: bool = False) -> Iterator[str]:
        """Yield a scope's records as JSON lines, header first; the same content, the same bytes."""
        return transfer.export(self._store, scope, self._encoder.name, vectors=vectors)

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
        return importing.import_lines(self._store, lines, self._encoder, format=format, user=user)

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
            self._store,
            self._encoder.fingerprint(),
            self._encoder.documents_unchecked,
            dry_run=dry_run,
            progress=progress,
        )

    def verify(self) -> tuple[str, ...]:
        """Return what is wrong with the store, nothing if it is whole."""
        return tuple(integrity.problems(self._store))

    def compact(self) -> integrity.Compacted:
        """Give free pages back and empty the write-ahead log; return the bytes before and after."""
        return integrity.compact(self._store)

    def stats(self) -> dict[str, int]:
        """Return how many users, records, superseded ones, keys and events there are in all."""
        return self._store.counts()

    def _meaning(self, query: str | None, vector: ArrayLike | None) -> NDArray[np.float32]:
        if vector is not None:
            return self._encoder.normalise_one(vector)
        if query is None or not query.strip():
            raise InvalidInput("the query is empty: nothing to search for")
        return self._encoder.query(query)
