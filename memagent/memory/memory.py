"""Memory: the one public door to what is stored."""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import ArrayLike, NDArray

from memagent.compression.expand import SourceExpander
from memagent.embedding.encoder import PROBE, Encoder
from memagent.embedding.open_embedder import open_embedder
from memagent.errors import InvalidInput
from memagent.memory.changes import Changes, edited
from memagent.memory.compression import Banking
from memagent.memory.maintenance import Upkeep
from memagent.recall.multi_hop import MAX_HOPS
from memagent.recall.recaller import Recaller
from memagent.stores.banks.compression import CompressionBank
from memagent.stores.banks.episodic import EpisodicBank, Given, keys_of
from memagent.stores.banks.hop_directions import HopDirectionBank
from memagent.stores.database import connection
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import Filter
from memagent.stores.database.writer import Trace
from memagent.stores.index import embedding_cache
from memagent.stores.index.embedding_cache import VectorCache
from memagent.stores.index.partitions import MAX_BYTES
from memagent.stores.lifecycle.erasure import Eraser
from memagent.stores.ranking import Ranking
from memagent.types import Event, Hits, Kind, NewRecord, Recollection, Record, Scope

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Versions:
    """Verbs over the versions of records, for `Memory` to inherit."""

    _store: SqliteStore
    _bank: EpisodicBank

    def update(
        self,
        id: str,
        text: str,
        *,
        scope: Scope,
        valid_from: datetime | None = None,
        who: str | None = None,
        why: str | None = None,
    ) -> Record:
        """Put a new version in the place of a record, and return it; the old one stays as history.

        The old version is closed at the time from which the new one holds (now if not given). A
        second call with the same text changes nothing.

        Raises:
            InvalidInput: there is no such record, or `id` is not its newest version.
        """
        connection = self._store.versions(scope, id)
        if not connection:
            raise InvalidInput(f"there is no record {id!r} in this scope")
        old = connection[-1]
        if old.text == text:
            return old
        if old.id != id:
            raise InvalidInput(f"record {id!r} is superseded: its newest version is {old.id!r}")
        keys, metadata = edited(old, text)
        note = NewRecord(
            text=text,
            keys=keys,
            kind=old.kind,
            valid_from=valid_from or self._store.now(scope.user),
            evidence=old.evidence,
            supersedes=old.id,
            sources=old.sources,
            metadata=metadata,
        )
        trace = Trace(who=who, why=why)
        (new,) = self._bank.write([note], old.scope, self._told, trace=trace)
        return new

    def newest(self, ids: Sequence[str], *, scope: Scope) -> dict[str, Record]:
        """Return the newest version of each record, by the id that was asked for.

        The id may be any version's; unknown ones are left out.
        """
        return connection.newest(self._store, scope, ids)

    def history(self, id: str, *, scope: Scope) -> tuple[Event, ...]:
        """Return what happened to a record and its other versions, in order."""
        connection = self._store.versions(scope, id)
        return tuple(self._store.history([record.seq for record in connection]))

    def _told(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        raise NotImplementedError


class Memory(Upkeep, Banking, Changes, Versions):
    """Records of what was said and read, kept in one folder; open it with `Memory.open`.

    Every verb takes a `Scope`, and sees and touches nothing outside it. Safe to share between
    threads; several processes may use one folder.
    """

    def __init__(
        self,
        store: SqliteStore,
        embedder: Embeddings,
        index_bytes: int = MAX_BYTES,
        cache_bytes: int = embedding_cache.MAX_BYTES,
    ) -> None:
        self._store = store
        self._encoder = Encoder(embedder, store.meta, store.set_meta)
        self._cache = VectorCache(store, cache_bytes)
        self._bank = EpisodicBank(store, index_bytes)
        self._eraser = Eraser(store, self._encoder.documents, keys_of)
        rationales = HopDirectionBank(store, self._bank, self._encoder.documents)
        self._recaller = Recaller(store, self._bank, rationales, self._encoder)
        self._notes = CompressionBank(store, self._bank, self._encoder.documents)
        self._expander = SourceExpander(self._notes, self._encoder)

    @classmethod
    def open(
        cls,
        folder: str | Path | None,
        *,
        embedder: str | Embeddings = "all-MiniLM-L6-v2",
        index_bytes: int = MAX_BYTES,
        cache_bytes: int = embedding_cache.MAX_BYTES,
    ) -> Self:
        """Open the memory in a folder, making it if need be; None keeps it in RAM only.

        `index_bytes` bounds the vectors that are held in RAM; those used longest ago make room.
        `cache_bytes` bounds the file beside the store that spares embedding a text again.

        Raises:
            StoreError: the folder cannot be used, or holds a database of another program.
            EmbedderMismatch: on first use, if it was written with another embedder.
        """
        place = None if folder is None else Path(folder).expanduser()
        return cls(SqliteStore(place), open_embedder(embedder), index_bytes, cache_bytes)

    def add(
        self,
        text: str,
        *,
        scope: Scope,
        id: str | None = None,
        keys: Sequence[str] = (),
        kind: Kind = "episode",
        valid_from: datetime | None = None,
        valid_to: datetime | None = None,
        sources: Sequence[str] = (),
        metadata: dict[str, Any] | None = None,
        who: str | None = None,
        why: str | None = None,
    ) -> Record:
        """Remember one text as it is, and return its record; no language model is asked.

        The same id, or the same undated text in the same scope, is the same record: nothing is
        stored twice, and undated text counts as told again now. `keys` are what it is found by (the
        text itself if none are given); it holds from `valid_from` until `valid_to`. `who` and `why`
        go into its history.

        Raises:
            InvalidInput: the text is empty, binary, or over a million characters, or the id is that
                of a record with another text.
        """
        note = NewRecord(
            text=text,
            id=id,
            keys=tuple(keys),
            kind=kind,
            valid_from=valid_from,
            valid_to=valid_to,
            sources=tuple(sources),
            metadata=metadata or {},
        )
        return self.add_many([note], scope=scope, who=who, why=why)[0]

    def add_many(
        self,
        notes: Iterable[str | NewRecord],
        *,
        scope: Scope,
        vectors: ArrayLike | None = None,
        recalled: Sequence[str] = (),
        who: str | None = None,
        why: str | None = None,
    ) -> list[Record]:
        """Remember several texts in one transaction: all of them, or none.

        `vectors` (rows x dimensions) spares the embedder: one row for each note's text, or for each
        of its keys if it has some, in order, made with the embedder the memory was opened with.
        `recalled` are the ids of records that were shown to the model on the way to these texts.

        Raises:
            InvalidInput: a text cannot be remembered, or the vectors do not fit.
        """
        whole = [one if isinstance(one, NewRecord) else NewRecord(text=one) for one in notes]
        if not whole:
            return []
        shown = self._store.get(scope.across_sessions(), recalled) if recalled else ()
        used = [record.seq for record in shown]
        given = None
        if vectors is not None:
            made_for = self._encoder.check()
            given = Given(self._encoder.given(vectors), made_for)
        trace = Trace(who=who, why=why)
        return self._bank.write(whole, scope, self._told, given=given, used=used, trace=trace)

    def search(
        self,
        query: str | None = None,
        *,
        scope: Scope,
        k: int = 10,
        vector: ArrayLike | None = None,
        kind: Kind | None = None,
        where: Mapping[str, Any] | None = None,
        as_of: datetime | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        min_score: float = 0.0,
        tokens: int | None = None,
        half_life: timedelta | None = None,
        diversity: float = 0.0,
        explain: bool = False,
    ) -> Hits:
        """Return the `k` best records for a query, best first, with the parts of their scores.

        The query is a text, a `vector` of the embedder (dimensions), or both: the words of the one
        and the meaning of the other. What was superseded or has run out is left out, or with
        `as_of` what did not hold then. `since` and `until` (exclusive) bound `valid_from`. `where`
        filters metadata: `{"page": {"gte": 3}}`, with eq, ne, in, lt, lte, gt, gte, exists, and,
        or, not.

        A hit scores at least `min_score`; the result says how many did not. Together the values
        have at most `tokens` tokens (of four characters). A `half_life` lets newer records win,
        `diversity` (0 to 1) unlike ones, and `explain` puts ranks and factors into each hit's
        `why`.

        Raises:
            InvalidInput: the query is empty, the filter malformed, or a number out of its range.
        """
        seen = Filter(scope=scope, kind=kind, metadata=where, as_of=as_of, since=since, until=until)
        ranking = Ranking(
            k=k,
            min_score=min_score,
            tokens=tokens,
            half_life=half_life,
            diversity=diversity,
            explain=explain,
        )
        with self._encoder.steady():
            return self._bank.search(query, self._meaning(query, vector), seen, ranking)

    def recall(
        self,
        question: str,
        *,
        scope: Scope,
        k: int = 5,
        learned_scope: Scope | None = None,
        as_of: datetime | None = None,
        where: Mapping[str, Any] | None = None,
        max_hops: int = MAX_HOPS,
        expand: bool = True,
    ) -> Recollection:
        """Return what to show a model for a question: at most `k` first hits, oldest first.

        What a list or a count rests on may be twice as many. `learned_scope` names another scope
        whose rationales advise the search; the own scope if None. `as_of` asks what was known to
        hold at a time, and `where` filters metadata as in `search`. It looks again with what it
        found, `max_hops` times in all at most; 1 is never again. With `expand` it looks behind
        notes that are not enough, into what they were made from.
        """
        seen = Filter(scope=scope, evidence=True, as_of=as_of, metadata=where)
        with self._encoder.steady():
            found = self._recaller.recall(question, seen, k, learned_scope or scope, max_hops)
            return self._expander.expand(question, found, scope) if expand else found

    def learn_direction(
        self, question: str, answer: str, *, scope: Scope, learned_scope: Scope | None = None
    ) -> bool:
        """Learn from a right answer which way of looking leads to it; tell if there was one."""
        return self._recaller.learn(question, answer, scope, learned_scope or scope)

    def get(self, ids: Sequence[str], *, scope: Scope) -> list[Record]:
        """Return records by id, in the order asked for; unknown ones are left out."""
        return self._store.get(scope, ids)

    def list(
        self,
        *,
        scope: Scope,
        limit: int = 100,
        kind: Kind | None = None,
        where: Mapping[str, Any] | None = None,
        everything: bool = False,
    ) -> list[Record]:
        """Return the records written last, newest first; superseded ones only with `everything`."""
        seen = Filter(scope=scope, kind=kind, metadata=where, everything=everything)
        return self._store.newest(seen, limit)

    def sessions(self, *, scope: Scope, start: str = "") -> tuple[str, ...]:
        """Return the names of a scope's sessions that begin with `start`, in order."""
        return connection.sessions(self._store, scope, start)

    def warm(self, *, scope: Scope) -> float:
        """Load the embedder and a user's vectors now rather than at the first search.

        Returns the seconds it took.
        """
        started = time.perf_counter()
        self._bank.search(PROBE, self._encoder.query(PROBE), Filter(scope=scope), Ranking())
        return time.perf_counter() - started

    @property
    def embeddings(self) -> Embeddings:
        """The embedder that the memory was opened with."""
        return self._encoder.embeddings

    def close(self) -> None:
        """Close the file, leaving snapshots of large indexes beside it."""
        self._bank.close()
        self._cache.close()
        self._store.close()

    def _told(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of what is to be remembered, those told before from the cache."""
        return self._cache.documents(texts, self._encoder.check(), self._encoder.documents)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
