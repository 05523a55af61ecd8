"""Compression bank: short notes that stand for longer records and stay linked to them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from memagent.stores.banks.episodic import Embed, EpisodicBank, PrecomputedVectors, keys_of
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.derived import COMPRESSED_KEY, DerivedNote, derived_notes
from memagent.stores.database.filters import Filter
from memagent.stores.database.rows import unpacked
from memagent.stores.database.writer import Trace
from memagent.stores.index.lexical import MAX_MATCHES
from memagent.stores.lifecycle.retention import archive
from memagent.text.english import stem, words
from memagent.types import KeyedBy, NewRecord, Record, Scope


class Rarity:
    """Inverse document frequency of words within one user's keys; each word is looked up once.

    A weight is in [0, 1]: 1 for a word in one key, 0 for a word in all of them.
    """

    def __init__(self, bank: EpisodicBank, scope: Scope) -> None:
        self._bank = bank
        self._scope = scope
        self._all = max(1, min(MAX_MATCHES, bank.size(scope)))
        self._known: dict[str, float] = {}

    def __call__(self, text: str) -> dict[str, float]:
        """Return the weight of each content word of a text, by its stem."""
        held = {stem(word.lower()): word for word in words(text)}
        new = [word for root, word in held.items() if root not in self._known]
        if new:
            counts = self._bank.counts(self._scope, new)
            self._known |= {stem(word): self._weight(count) for word, count in counts.items()}
        return {root: self._known[root] for root in held if root in self._known}

    def _weight(self, count: int) -> float:
        if self._all == 1:
            return 1.0
        return 1 - min(1.0, math.log(max(1, count)) / math.log(self._all))


PAGE = 100
STANDS_FOR = "a note stands for it"
"""Reason in the history of a record that was archived as a note stands for it."""
DEPTH = 8
"""More levels of notes made from notes than there are."""


class CompressionBank:
    """Notes on records: which are due, how they are stored, and what they were made from."""

    def __init__(self, store: SqliteStore, episodes: EpisodicBank, embed: Embed) -> None:
        self._store = store
        self._episodes = episodes
        self._embed = embed

    def due(self, scope: Scope, by: str, longer: int) -> Iterator[tuple[Record, str | None]]:
        """Yield the records of a scope without a note made by these settings, in order of writing.

        Only records that hold now, are not archived and have more than `longer` characters. With
        each comes the id of the note that a new one replaces: made by other settings, or stale
        since the record was superseded.
        """
        notes = derived_notes(self._store, scope)
        by_source = {
            (source, note.scope): note
            for note in notes
            if note.session is None
            for source in note.sources
        }
        where = replace(Filter(scope=scope), kind="episode", evidence=True)
        condition, values = where.condition()
        last = 0
        while rows := self._store.query(
            f"SELECT r.seq FROM records r WHERE {condition} AND r.seq > ? AND length(r.value) > ?"
            " ORDER BY r.seq LIMIT ?",
            (*values, last, longer, PAGE),
        ):
            last = rows[-1]["seq"]
            for record in self._store.read.records([row["seq"] for row in rows]):
                held = by_source.get((record.id, record.scope))
                if held is None or held.by != by:
                    yield record, held.id if held else self._stale(record)

    def _stale(self, record: Record) -> str | None:
        """Return the note on the version that a record has superseded, if it has no newer one."""
        if record.supersedes is None:
            return None
        rows = self._store.query(
            "SELECT n.id FROM records n, json_each(n.sources) j WHERE n.user = ?"
            " AND n.agent IS ? AND n.session IS ?"
            f" AND n.kind = 'note' AND json_type(n.metadata, '$.{COMPRESSED_KEY}') = 'object'"
            f" AND json_extract(n.metadata, '$.{COMPRESSED_KEY}.session') IS NULL"
            " AND NOT n.superseded AND j.value = ? ORDER BY n.seq DESC LIMIT 1",
            (
                self._store.user(record.scope.user),
                record.scope.agent,
                record.scope.session,
                record.supersedes,
            ),
        )
        return str(rows[0]["id"]) if rows else None

    def keep(self, note: NewRecord, scope: Scope, trace: Trace, keys: KeyedBy) -> Record | None:
        """Write a note on records, unless one of them was forgotten or superseded meanwhile.

        It is found by its "own" text, or by the keys of what it was made from, as these are found:
        a note that names half as much is found half as often, but its key need not be its value.
        """
        own = tuple(keys_of(note.text))
        made_for = self._store.meta("embedder") or ""
        vectors = self._embed(own) if keys == "own" else None
        with self._store.transaction():
            sources = self._store.read.get(scope, note.sources)
            if len(sources) < len(note.sources) or any(source.superseded for source in sources):
                return None
            context: list[str] = []
            if vectors is None:  # the keys of a source hold words of what it leans on, too
                context = [id for source in sources for id in source.context]
                found = self._keys([source.seq for source in sources])
                own, vectors = tuple(found), unpacked(list(found.values()))
                made_for = self._store.meta("embedder") or ""
            self._store.set_meta(COMPRESSED_KEY, "yes")
            whole, precomputed = replace(note, keys=own), PrecomputedVectors(vectors, made_for)
            (record,) = self._episodes.write(
                [whole],
                scope,
                self._embed,
                precomputed=precomputed,
                context=context,
                trace=trace,
            )
        return record

    def _keys(self, seqs: Sequence[int]) -> dict[str, bytes]:
        """Return the keys of records with their vectors, each once."""
        rows = self._store.read.chunked(
            "SELECT text, vector FROM keys WHERE record IN (*) ORDER BY id", seqs
        )
        return {row["text"]: row["vector"] for row in rows}

    def summaries(self, scope: Scope) -> list[DerivedNote]:
        """Return the notes on sessions that hold now, in the order of writing."""
        return [note for note in derived_notes(self._store, scope) if note.session is not None]

    def archive_sources(self, scope: Scope) -> int:
        """Archive the records of a scope that a note stands for; return how many there were.

        What a note stands for is reached through it; `restore` brings it back. Notes and pinned
        records stay.
        """
        by_source = {
            (id, note.scope) for note in derived_notes(self._store, scope) for id in note.sources
        }
        found = self._store.read.get(scope, sorted({id for id, _ in by_source}))
        records = [
            record
            for record in found
            if record.kind != "note" and (record.id, record.scope) in by_source
        ]
        return archive(self._store, records, trace=Trace(why=STANDS_FOR))

    def sources(self, scope: Scope, record_id: str, *, deep: bool) -> list[Record]:
        """Return the records that a record was made from, archived ones too, oldest first.

        With `deep`, in the place of notes on notes what these were made from, and so on down.
        """
        found = self._store.read.get(scope, _sources_of(self._store.read.get(scope, [record_id])))
        for _ in range(DEPTH if deep else 0):
            notes = [record for record in found if _is_note(record)]
            if not notes:
                break
            below = self._store.read.get(scope, _sources_of(notes))
            found = [record for record in found if not _is_note(record)] + below
        return sorted(
            {record.seq: record for record in found}.values(), key=lambda record: record.moment
        )


def _is_note(record: Record) -> bool:
    return COMPRESSED_KEY in record.metadata and bool(record.sources)


def _sources_of(records: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(source for record in records for source in record.sources))
