"""The compression bank: short notes that stand for longer records, and stay linked to them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from memagent.stores.banks.episodic import Embed, EpisodicBank, Given, keys_of
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.derived import MARK, Made, made
from memagent.stores.database.filters import Filter
from memagent.stores.database.rows import unpacked
from memagent.stores.database.writer import Trace
from memagent.stores.index.lexical import MAX_MATCHES
from memagent.stores.lifecycle.retention import archive
from memagent.text.english import stem, words
from memagent.types import KeyedBy, NewRecord, Record, Scope


class Rarity:
    """Weighs the words of a text by how few of a user's keys hold them; each is looked up once.

    The weight is an inverse document frequency in [0, 1]: 1 for what one key holds, 0 for what all
    do.
    """

    def __init__(self, bank: EpisodicBank, scope: Scope) -> None:
        self._bank = bank
        self._scope = scope
        self._all = max(1, min(MAX_MATCHES, bank.size(scope)))
        self._known: dict[str, float] = {}

    def __call__(self, text: str) -> dict[str, float]:
        """Return the weight of each content word of a text, by its stem."""
        held = {stem(word.lower()): word for word in words(text)}
        new = [word for one, word in held.items() if one not in self._known]
        if new:
            counts = self._bank.counts(self._scope, new)
            self._known |= {stem(word): self._weight(count) for word, count in counts.items()}
        return {one: self._known[one] for one in held if one in self._known}

    def _weight(self, count: int) -> float:
        if self._all == 1:
            return 1.0
        return 1 - min(1.0, math.log(max(1, count)) / math.log(self._all))


PAGE = 100
DEPTH = 8
"""More levels of notes made from notes than there are."""


class CompressionBank:
    """Knows which records want a note, writes notes, and leads from a note to its sources."""

    def __init__(self, store: SqliteStore, episodes: EpisodicBank, embed: Embed) -> None:
        self._store = store
        self._episodes = episodes
        self._embed = embed

    def due(self, scope: Scope, by: str, longer: int) -> Iterator[tuple[Record, str | None]]:
        """Yield the records of a scope without a note made by these settings, in order of writing.

        Only what holds, is at hand and has more than `longer` characters. With each comes the id of
        the note that a new one takes the place of: made by other settings, or stale since the
        record was superseded.
        """
        whole = [one for one in made(self._store, scope.user) if one.session is None]
        by_source = {source: one for one in whole for source in one.sources}
        where = replace(Filter(scope=scope), kind="episode", evidence=True)
        condition, values = where.condition()
        last = 0
        while rows := self._store.query(
            f"SELECT r.seq FROM records r WHERE {condition} AND r.seq > ? AND length(r.value) > ?"
            " ORDER BY r.seq LIMIT ?",
            (*values, last, longer, PAGE),
        ):
            last = rows[-1]["seq"]
            for record in self._store.records([row["seq"] for row in rows]):
                held = by_source.get(record.id)
                if held is None or held.by != by:
                    yield record, held.id if held else self._stale(record)

    def _stale(self, record: Record) -> str | None:
        """Return the note on the version that a record has superseded, if it has no newer one."""
        if record.supersedes is None:
            return None
        rows = self._store.query(
            "SELECT n.id FROM records n, json_each(n.sources) j WHERE n.user = ?"
            f" AND n.kind = 'note' AND json_extract(n.metadata, '$.{MARK}') IS NOT NULL"
            f" AND json_extract(n.metadata, '$.{MARK}.session') IS NULL"
            " AND NOT n.superseded AND j.value = ? ORDER BY n.seq DESC LIMIT 1",
            (self._store.user(record.scope.user), record.supersedes),
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
            sources = self._store.get(Scope(user=scope.user), note.sources)
            if len(sources) < len(note.sources) or any(one.superseded for one in sources):
                return None
            if vectors is None:
                found = self._keys([one.seq for one in sources])
                own, vectors = tuple(found), unpacked(list(found.values()))
                made_for = self._store.meta("embedder") or ""
            self._store.set_meta(MARK, "yes")
            whole, given = replace(note, keys=own), Given(vectors, made_for)
            (record,) = self._episodes.write([whole], scope, self._embed, given=given, trace=trace)
        return record

    def _keys(self, seqs: Sequence[int]) -> dict[str, bytes]:
        """Return the keys of records with their vectors, each once."""
        rows = self._store.chunked(
            "SELECT text, vector FROM keys WHERE record IN (*) ORDER BY id", seqs
        )
        return {row["text"]: row["vector"] for row in rows}

    def summaries(self, scope: Scope) -> list[Made]:
        """Return the notes on sessions that hold now, in the order of writing."""
        return [one for one in made(self._store, scope.user) if one.session is not None]

    def archive_sources(self, scope: Scope) -> int:
        """Archive the records of a scope that a note stands for; return how many there were.

        What a note stands for is reached through it; `restore` brings it back. Notes and pinned
        records stay.
        """
        ids = {source for one in made(self._store, scope.user) for source in one.sources}
        records = [one for one in self._store.get(scope, sorted(ids)) if one.kind != "note"]
        return archive(self._store, records, trace=Trace(why="a note stands for it"))

    def sources(self, scope: Scope, record_id: str, *, deep: bool) -> list[Record]:
        """Return the records that a record was made from, archived ones too, oldest first.

        With `deep`, in the place of notes on notes what these were made from, and so on down.
        """
        found = self._store.get(scope, _sources_of(self._store.get(scope, [record_id])))
        for _ in range(DEPTH if deep else 0):
            notes = [one for one in found if _is_note(one)]
            if not notes:
                break
            below = self._store.get(scope, _sources_of(notes))
            found = [one for one in found if not _is_note(one)] + below
        return sorted({one.seq: one for one in found}.values(), key=lambda one: one.moment)


def _is_note(record: Record) -> bool:
    return MARK in record.metadata and bool(record.sources)


def _sources_of(records: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(source for record in records for source in record.sources))
