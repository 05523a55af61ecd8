"""Memory: the public door to what is stored."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from langchain_core.embeddings import Embeddings
from langchain_core.messages import BaseMessage
from numpy.typing import ArrayLike

from memagent.errors import InvalidInput, shown
from memagent.memory import arguments
from memagent.memory.changes import Changes, next_version
from memagent.memory.deletion_probes import DeletionProbes
from memagent.memory.engine import HOME, RAM, Engine
from memagent.memory.maintenance import Maintenance
from memagent.memory.messages import records_of, visible
from memagent.memory.notes import Notes
from memagent.memory.profile import Profile
from memagent.recall.reranker import Reranker
from memagent.recall.strategy import RECORDS, TOKENS, RecallQuery
from memagent.redaction.redactor import Detector
from memagent.stores.database.connection import sessions
from memagent.stores.database.filters import Filter, Period
from memagent.stores.ranking import Ranking
from memagent.types import (
    Event,
    Hits,
    Ids,
    Kind,
    NewRecord,
    Receipt,
    Recollection,
    Record,
    Records,
    Scope,
    ScopeLike,
    StrategyName,
    ids_of,
)


@arguments.checked
class Memory:
    """Records of what was said and read, kept in one folder; open it with `Memory.open`.

    A verb sees and touches nothing outside its `scope`: a `Scope`, a user's name, or the scope the
    memory was opened with. Safe to share between threads; several processes may use one folder.
    What is done less often stands on five parts: `notes` compresses records and leads back to
    them, `changes` judges, corrects and undoes, `profile` holds what is lasting about a user,
    `maintenance` looks after the store, and `probes` finds and checks what is forgotten.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.default_scope = engine.default_scope
        self.notes = Notes(engine)
        self.changes = Changes(engine)
        self.profile = Profile(engine)
        self.maintenance = Maintenance(engine)
        self.probes = DeletionProbes(self)

    @classmethod
    def open(
        cls,
        folder: str | Path | Any = HOME,
        *,
        embedder: str | Embeddings | None = None,
        index_bytes: int | None = None,
        cache_bytes: int | None = None,
        scope: ScopeLike | None = None,
        recall: StrategyName | None = None,
        reranker: str | Reranker | None = None,
        redaction: str | Detector | None = None,
    ) -> Self:
        """Open the memory in a folder, making it if need be.

        Without a folder it is the one that the command line uses, with its settings, and the user
        as the default `scope`. `index_bytes` bounds the vectors held in RAM; those used longest ago
        make room. `cache_bytes` bounds the file beside the store that spares embedding a text
        again. `recall` is "ranked" (default) or "rules"; a `reranker` is what `open_reranker`
        takes, and `redaction` what `open_redactor` takes: "on" takes secrets out of what is stored.

        Raises:
            StoreError: the folder cannot be used, or holds a database of another program.
            EmbedderMismatch: on first use, if it was written with another embedder.
        """
        parts = embedder, index_bytes, cache_bytes, scope, recall, reranker, redaction
        return cls(Engine.open(folder, *parts))

    @classmethod
    def in_memory(
        cls,
        *,
        embedder: str | Embeddings | None = None,
        index_bytes: int | None = None,
        scope: ScopeLike | None = None,
        recall: StrategyName | None = None,
        reranker: str | Reranker | None = None,
        redaction: str | Detector | None = None,
    ) -> Self:
        """Open a new memory that is kept in RAM only, and is gone when it is closed."""
        return cls(Engine.open(RAM, embedder, index_bytes, 0, scope, recall, reranker, redaction))

    def add(
        self,
        text: str,
        *,
        scope: ScopeLike | None = None,
        id: str | None = None,
        keys: Sequence[str] = (),
        kind: Kind = "episode",
        valid_from: datetime | None = None,
        valid_to: datetime | None = None,
        sources: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        who: str | None = None,
        why: str | None = None,
    ) -> Record:
        """Remember one text as it is, and return its record; no language model is asked.

        The same id, or the same undated text in the same scope, is the same record: nothing is
        stored twice, and new metadata and sources are merged into it, which its history tells.
        `keys` are the texts it is found by (its own if none are given); it holds from `valid_from`
        until `valid_to`. `who` and `why` go into its history.

        Raises:
            InvalidInput: the text is empty, binary, or over a million characters, or the id is that
                of a record with another text.
        """
        record = NewRecord(
            text=text,
            id=id,
            keys=arguments.texts("keys", keys),
            kind=kind,
            valid_from=valid_from,
            valid_to=valid_to,
            sources=arguments.texts("sources", sources),
            metadata={} if metadata is None else metadata,
        )
        return self.add_many([record], scope=scope, who=who, why=why)[0]

    def add_many(
        self,
        records: Iterable[str | NewRecord],
        *,
        scope: ScopeLike | None = None,
        within: ScopeLike | None = None,
        vectors: ArrayLike | None = None,
        recalled: Sequence[str] = (),
        who: str | None = None,
        why: str | None = None,
    ) -> list[Record]:
        """Remember several texts in one transaction: all of them, or none.

        `vectors` (rows x dimensions) spares the embedder: one row for each record's text, or for
        each of its keys if it has some, in order, made with the embedder the memory was opened
        with. `recalled` are the ids of records that were shown to the model on the way to these.
        Records can only name what lies `within` a scope that holds `scope`, or else in `scope`
        itself: what they supersede, their sources, and what was recalled.

        Raises:
            InvalidInput: a text cannot be remembered, an id is taken, or the vectors do not fit.
        """
        whose, new = self.engine.scope(scope), arguments.new_records(records)
        reach, trace = whose if within is None else Scope.of(within), self.engine.trace(who, why)
        used = arguments.listed("recalled", recalled)
        return self.engine.write(new, whose, reach, vectors, used, trace) if new else []

    def add_messages(
        self,
        messages: Iterable[Mapping[str, Any] | BaseMessage],
        *,
        scope: ScopeLike | None = None,
        valid_from: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> list[Record]:
        """Remember messages of a conversation, in order, in one transaction: all, or none.

        A message is one of langchain-core, or a mapping with `role` ("user", "assistant", "system"
        or "tool") and `content`, and, where known, `name` (the speaker, by which it is also found),
        `timestamp` (a datetime, or ISO 8601) and `id` (the record's). Only what a user states
        counts as evidence: questions and replies are found by `search` with `roles`. `valid_from`
        is the time of messages without one.

        Raises:
            InvalidInput: a message is malformed; its place is named, and nothing is written.
        """
        new = records_of(messages, valid_from, {} if metadata is None else metadata)
        return self.add_many(new, scope=scope)

    def update(
        self,
        id: str,
        text: str | None = None,
        *,
        scope: ScopeLike | None = None,
        metadata: Mapping[str, Any] | None = None,
        valid_from: datetime | None = None,
        who: str | None = None,
        why: str | None = None,
    ) -> Record:
        """Put a new version in the place of a record, and return it; the old one stays as history.

        `metadata` is merged into the record's; a value of None removes its key. The old version is
        closed at the time from which the new one holds (now if not given). A second call with the
        same content changes nothing.

        Raises:
            InvalidInput: there is no such record, `id` is not its newest version, or neither text
                nor metadata is given.
        """
        whose = self.engine.scope(scope)
        old, new = next_version(self.engine, whose, id, text, metadata, valid_from)
        if new is None:
            return old
        trace, bank = self.engine.trace(who, why), self.engine.bank
        (record,) = bank.write([new], old.scope, self.engine.embed, trace=trace, within=whose)
        return record

    def search(
        self,
        query: str | None = None,
        *,
        scope: ScopeLike | None = None,
        k: int = 10,
        vector: ArrayLike | None = None,
        roles: str | Sequence[str] | None = None,
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
        and the meaning of the other. Questions and replies are left out unless `roles` asks for
        them: "all", or some of "user", "assistant", "system", "tool". So is what was superseded or
        has run out, or with `as_of` what did not hold then. `since` and `until` (exclusive) bound
        `valid_from`. `where` filters metadata: `{"page": {"gte": 3}}`, with eq, ne, in, contains,
        lt, lte, gt, gte, exists, and, or, not.

        A hit scores at least `min_score`; the result says how many did not. Together the texts have
        at most `tokens` tokens (of four characters). A `half_life` lets newer records win,
        `diversity` (0 to 1) unlike ones, and `explain` puts factors into each hit's `why`.

        Raises:
            InvalidInput: the query is empty, the filter malformed, or a number out of its range.
        """
        time = Period(as_of=as_of, since=since, until=until)
        seen = visible(self.engine.scope(scope), roles, where, time, kind)
        ranking = Ranking(
            k=arguments.count("k", k),
            min_score=min_score,
            tokens=tokens,
            half_life=half_life,
            diversity=diversity,
            explain=explain,
        )
        with self.engine.encoder.expect_unchanged():
            vector = self.engine.query_vector(query, vector)
            return self.engine.pipeline.search(query, vector, seen, ranking)

    def recall(
        self,
        question: str,
        *,
        scope: ScopeLike | None = None,
        k: int = RECORDS,
        tokens: int | None = TOKENS,
        roles: str | Sequence[str] | None = None,
        learned_scope: ScopeLike | None = None,
        as_of: datetime | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        where: Mapping[str, Any] | None = None,
        expand: bool = True,
    ) -> Recollection:
        """Return what to show a model for a question: at most `k` records, oldest first.

        Their texts have at most `tokens` tokens (of four characters) together; an excerpt of the
        best is shown however long. `roles`, `where` and the times are those of `search`. `expand`
        replaces notes that do not answer by sentences of their sources. Rules follow the hop
        directions learned in `learned_scope`.
        """
        whose, k = self.engine.scope(scope), arguments.count("k", k)
        seen = visible(whose, roles, where, Period(as_of=as_of, since=since, until=until))
        learned = whose if learned_scope is None else Scope.of(learned_scope)
        query = RecallQuery(question, where=seen, learned_scope=learned, k=k, tokens=tokens)
        with self.engine.encoder.expect_unchanged():
            found = self.engine.strategy.recall(query)
            return self.engine.expander.expand(question, found, whose) if expand else found

    def get(self, ids: Ids, *, scope: ScopeLike | None = None) -> Records:
        """Return records by id (one or several), in the order asked for; `missing` has the rest."""
        return self.engine.records(self.engine.scope(scope), ids_of(ids))

    def list(
        self,
        *,
        scope: ScopeLike | None = None,
        limit: int = 100,
        after: str | None = None,
        kind: Kind | None = None,
        where: Mapping[str, Any] | None = None,
        everything: bool = False,
    ) -> Records:
        """Return the records written last, newest first; superseded ones only with `everything`.

        A page has at most `limit` records; pass its `next` as `after` for the next page. What is
        written meanwhile moves no record to another page.

        Raises:
            InvalidInput: the limit is not positive, or `after` is not a record of the scope.
        """
        whose, limit = self.engine.scope(scope), arguments.count("limit", limit)
        seen = Filter(scope=whose, kind=kind, metadata=where, everything=everything)
        found = self.engine.store.read.newest(seen, limit + 1, before=after)
        return Records(found[:limit], next=found[limit - 1].id if len(found) > limit else None)

    def count(
        self,
        *,
        scope: ScopeLike | None = None,
        kind: Kind | None = None,
        where: Mapping[str, Any] | None = None,
        everything: bool = False,
    ) -> int:
        """Return how many records `list` would go through."""
        whose = self.engine.scope(scope)
        seen = Filter(scope=whose, kind=kind, metadata=where, everything=everything)
        return self.engine.store.read.count(seen)

    def users(self) -> tuple[str, ...]:
        """Return the names of the users who have records, in order."""
        return self.engine.store.read.users()

    def sessions(self, *, scope: ScopeLike | None = None, start: str = "") -> tuple[str, ...]:
        """Return the names of a scope's sessions that begin with `start`, in order."""
        return sessions(self.engine.store, self.engine.scope(scope), start)

    def history(self, id: str, *, scope: ScopeLike | None = None) -> tuple[Event, ...]:
        """Return what happened to a record and its other versions, in order.

        Raises:
            InvalidInput: there is no such record.
        """
        versions = self.engine.store.read.versions(self.engine.scope(scope), id)
        if not versions:
            raise InvalidInput(f"there is no record {shown(id)} in this scope")
        return tuple(self.engine.store.history([record.seq for record in versions]))

    def forget(
        self,
        ids: Ids = (),
        *,
        scope: ScopeLike | None = None,
        source: str | None = None,
        where: Mapping[str, Any] | None = None,
        everything: bool = False,
        dry_run: bool = False,
    ) -> Receipt:
        """Erase records, by id (one or several), source, metadata filter, or all of the scope.

        With a record go its other versions, what was made from it, their keys, vectors, words and
        history, and their bytes in the file and its log. `dry_run` only says what would go. The
        receipt's `missing` has the ids that are not in the scope.

        Raises:
            InvalidInput: nothing says what to forget, or the filter is malformed.
        """
        whose, wanted = self.engine.scope(scope), ids_of(ids)
        if not (wanted or source or where is not None or everything):
            raise InvalidInput("say what to forget: ids, a source, a filter, or everything")
        found: Sequence[str] = ()
        if source is not None or where is not None or everything:
            seen = Filter(scope=whose, metadata=where, source=source, everything=True)
            found = self.engine.store.ids(seen)
        missing = self.engine.store.read.missing_ids(whose, wanted)
        receipt = self.engine.eraser.forget(whose, [*wanted, *found], dry_run=dry_run)
        return replace(receipt, missing=missing)

    def close(self) -> None:
        """Close the file, leaving snapshots of large indexes beside it."""
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
