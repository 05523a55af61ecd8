"""Residue of forgotten records: in the database's rows, and in the bytes of its files."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from memagent.errors import StoreError
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.rows import unpacked
from memagent.stores.database.word_index import keys_in
from memagent.stores.lifecycle.bytescan import scan
from memagent.text.languages import detect
from memagent.text.words import terms

SAME = 0.999
"""From this cosine on, two vectors count as made of the same text."""
ROWS = 4096
MIN_BYTES = 6
"""Shorter byte strings are in any large file by chance."""
NAMES = ("vector", "first")
"""A key's vector, and the one it had at first, before it was moved away from others."""
_VECTORS = (
    "SELECT record, vector FROM keys UNION ALL SELECT k.record, o.vector FROM original_vectors o"
    " JOIN keys k ON k.id = o.key"
)
_OWN = (
    "SELECT 'SQLite format 3' AS text UNION ALL SELECT sql FROM sqlite_master UNION ALL"
    " SELECT key || value FROM meta UNION ALL SELECT action"
    " FROM history UNION ALL SELECT name FROM users"
)
"""The texts of a database that are nobody's memories."""
WINDOW = 24
"""A longer text is looked for in pieces of so many characters, as pages cut it apart."""

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Needle:
    """Bytes to look for, and the text or vector of a stored record that would explain them."""

    part: Literal["text", "word", "id", "vector"]
    raw: bytes
    origin: str | bytes


def vectors_of(store: SqliteStore, user: str, ids: Sequence[str]) -> list[bytes]:
    """Return the vectors of a user's records, and of those that are keyed together with them."""
    rows = store.query(
        f"SELECT k.vector FROM ({_VECTORS}) k JOIN records r ON r.seq = k.record"
        " JOIN users u ON u.id = r.user WHERE u.name = ?1 AND"
        " (r.id IN (SELECT value FROM json_each(?2)) OR EXISTS (SELECT 1 FROM"
        " json_each(r.context) c WHERE c.value IN (SELECT value FROM json_each(?2))))",
        (user, json.dumps(list(ids))),
    )
    return list(dict.fromkeys(row["vector"] for row in rows))


def vectors_left(
    store: SqliteStore, user: str, ids: Sequence[str], vectors: Sequence[bytes], embed: Embed
) -> list[frozenset[str]]:
    """Return for each vector what the database holds of it that no living key's text explains.

    A key explains its vector if its record is there to stay, and if its text gives that vector, or
    gave it before the key was moved away from others.
    """
    if not vectors:
        return []
    suspects = list(_alike(store, user, ids, unpacked(vectors)))
    texts = [row["text"] for row, _ in suspects]
    own = embed(texts) if texts else ()
    left: list[set[str]] = [set() for _ in vectors]
    for (row, numbers), living in zip(suspects, own, strict=True):
        first = unpacked([row["first"]])[0]
        if row["gone"] or float(living @ first) <= SAME:
            for number in numbers:
                left[number].add(f"key {row['id']} holds its vector")
    return [frozenset(traces) for traces in left]


def _alike(
    store: SqliteStore, user: str, ids: Sequence[str], wanted: NDArray[np.float32]
) -> Iterator[tuple[Any, list[int]]]:
    """Yield the rows of keys whose vector is as good as one of those wanted, with their numbers."""
    last = 0
    while rows := store.query(
        "SELECT k.id, k.text, k.vector, coalesce(o.vector, k.vector) AS first, r.id IS NULL OR"
        " (u.name = ?1 AND r.id IN (SELECT value FROM json_each(?2))) AS gone FROM keys k"
        " LEFT JOIN original_vectors o ON o.key = k.id"
        " LEFT JOIN records r ON r.seq = k.record LEFT JOIN users u ON u.id = r.user"
        " WHERE k.id > ?3 AND length(k.vector) = ?4 ORDER BY k.id LIMIT ?5",
        (user, json.dumps(list(ids)), last, 2 * wanted.shape[1], ROWS),
    ):
        now, first = (unpacked([row[name] for row in rows]) @ wanted.T for name in NAMES)
        for row, near in zip(rows, (now > SAME) | (first > SAME), strict=True):
            if near.any():
                yield row, np.flatnonzero(near).tolist()
        last = rows[-1]["id"]


def ghosts(store: SqliteStore, keys: Sequence[int]) -> list[int]:
    """Return those of some keys' ids that the database does not have (any more)."""
    rows = store.query(
        "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM keys)",
        (json.dumps(list(keys)),),
    )
    return [row["value"] for row in rows]


def needles(
    texts: Sequence[str],
    ids: Sequence[str],
    vectors: Sequence[bytes],
    more: Sequence[str] = (),
    *,
    languages: Sequence[str] = (),
) -> list[Needle]:
    """Return what to look for of forgotten texts, ids and vectors, and of `more` of their texts.

    A text is looked for in pieces, and its words as the word index holds them in the language that
    it seems to be in, or in one of the user's `languages`.
    """
    found = [_text("id", id) for id in ids if len(id) >= 2 * MIN_BYTES]
    for text in (*texts, *more):
        starts = range(0, max(len(text) - WINDOW, 0) + 1, WINDOW)
        found += [_text("text", text[start : start + WINDOW]) for start in starts]
    found += [_text("word", term) for text in texts for term in _terms(text, languages)]
    for vector in vectors:
        for start in range(0, len(vector), 256):
            found.append(Needle(part="vector", raw=vector[start : start + 32], origin=vector))
    return [
        needle
        for needle in dict.fromkeys(found)
        if len(needle.raw) >= MIN_BYTES and any(needle.raw)
    ]


def _terms(text: str, languages: Sequence[str]) -> set[str]:
    return set().union(*(terms(text, one) for one in {None, detect(text), *languages}))


def bytes_left(
    store: SqliteStore, user: str, ids: Sequence[str], wanted: Sequence[Needle]
) -> list[frozenset[str]]:
    """Return for each needle which files hold it though no living record explains it.

    The files are those beside the database and the snapshots; a store in RAM has none.

    Raises:
        StoreError: a file cannot be read.
    """
    left: list[set[str]] = [set() for _ in wanted]
    try:
        places = scan(_files(store), [needle.raw for needle in wanted])
    except OSError as error:
        raise StoreError(f"the files of {store.location} cannot be searched: {error}") from error
    explained = {number: _explained(store, user, ids, wanted[number]) for _, number in places}
    for file, number in places:
        if not explained[number]:
            left[number].add(f"{file.name} holds bytes of its {wanted[number].part}")
    return [frozenset(traces) for traces in left]


def _files(store: SqliteStore) -> list[Path]:
    if store.location == ":memory:":
        return []
    folders = (Path(store.location).parent, store.index_folder)
    there = [folder for folder in folders if folder is not None and folder.is_dir()]
    return sorted(file for folder in there for file in folder.iterdir() if file.is_file())


def _text(part: Literal["text", "word", "id"], text: str) -> Needle:
    return Needle(part=part, raw=text.encode(), origin=text)


def _explained(store: SqliteStore, user: str, ids: Sequence[str], needle: Needle) -> bool:
    """Tell whether a record that is there to stay, or the schema itself, holds a needle's text."""
    values = (user, json.dumps(list(ids)), needle.origin)
    staying = (
        "FROM records r JOIN users u ON u.id = r.user LEFT JOIN {keys} k ON k.record = r.seq"
        " LEFT JOIN history h ON h.record = r.seq"
        " WHERE NOT (u.name = ?1 AND r.id IN (SELECT value FROM json_each(?2)))"
    )
    if needle.part == "vector":
        among = staying.format(keys=f"({_VECTORS})")
        return bool(store.query(f"SELECT 1 {among} AND k.vector = ?3 LIMIT 1", values))
    columns = (
        "r.id r.kind r.value r.metadata r.sources r.context r.supersedes r.agent r.session u.name"
        " k.text h.who h.why"
    ).split()
    held = " || char(10) || ".join(f"coalesce({column}, '')" for column in columns)
    if needle.part == "word" and _is_word_of(store, needle.origin):
        return True
    return bool(
        store.query(
            f"SELECT 1 {staying.format(keys='keys')} AND instr(lower({held}), lower(?3))"
            f" UNION ALL SELECT 1 FROM ({_OWN}) WHERE instr(lower(text), lower(?3)) LIMIT 1",
            values,
        )
    )


def _is_word_of(store: SqliteStore, word: str | bytes) -> bool:
    """Tell whether the index says of a stored key that it holds a word, and the key does."""
    for row in store.query("SELECT block, keys FROM postings WHERE word = ?", (word,)):
        ids = keys_in(row["block"], row["keys"]).tolist()
        for key in store.query(
            "SELECT text, language FROM keys WHERE typeof(text) = 'text'"
            " AND id IN (SELECT value FROM json_each(?))",
            (json.dumps(ids),),
        ):
            if word in terms(key["text"], key["language"]):
                return True
    return False
