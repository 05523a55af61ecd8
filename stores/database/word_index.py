"""Word index: which of a user's keys hold a word, kept in blocks of keys.

A row of `postings` holds, for one user, one word and one block of key ids, the keys of the block
that have the word, as their places in it (16 bits each, little-endian, rising). So a block is
written once and in order, whatever the size of the store, and a key is erased by its words alone:
`secure_delete` overwrites what the rows were. Keys beyond the last whole block wait; they are found
by reading them.

Words are indexed under their stems in the language of the key's text. The language is detected
when the key is written, and kept with it; where it cannot be told, it is the one in which the user
wrote most of late.
"""

import json
import logging
import sqlite3
import sys
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.errors import StoreError
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.rows import reading
from memagent.text.languages import detect
from memagent.text.words import fingerprint, terms

logger = logging.getLogger(__name__)

BLOCK = 4_096
"""Ids in a block; a new process reads as many keys that wait in some 20 ms."""
MADE_BY = "words"
"""Entry of `meta` for the tokenizer that made the words of the index."""
MAX_KEY = 2**63 - 1
UNDETECTED = "undetected"
"""Entry of `meta` for the first key whose language is still to be detected."""
RECENT = 64
"""Number of a user's newest keys that tell the language in which the user writes."""
KEYS = "SELECT id, CAST(substr(owner, 2) AS INTEGER) AS user, text, language FROM keys"
"""Keys as `postings_of` takes them."""
_RECENT = """
SELECT language, count(*)
FROM (SELECT language FROM keys WHERE owner = ? AND id < ? ORDER BY id DESC LIMIT ?)
WHERE language IS NOT NULL GROUP BY language ORDER BY count(*) DESC, language
"""
_LANGUAGES = """
WITH RECURSIVE found(language) AS (
    SELECT min(language) FROM keys WHERE owner = ?1
    UNION ALL
    SELECT (SELECT min(language) FROM keys WHERE owner = ?1 AND language > found.language)
    FROM found WHERE found.language IS NOT NULL
)
SELECT language FROM found WHERE language IS NOT NULL
"""
"""Each language of a user's keys, by as many looks into the index."""
Query = Callable[[str, Sequence[Any]], Iterable[Sequence[Any]]]


def languages_of(query: Query, owner: str) -> list[str]:
    """Return the languages (ISO 639-1) that a user's keys are written in."""
    return [row[0] for row in query(_LANGUAGES, (owner,))]


def recent_languages(query: Query, owner: str, before: int = MAX_KEY) -> Counter[str]:
    """Return how many of a user's newest keys are in which language, the most frequent first."""
    return Counter({row[0]: row[1] for row in query(_RECENT, (owner, before, RECENT))})


def detected(
    query: Query,
    owner: str,
    texts: Iterable[object],
    known: Sequence[str | None] = (),
    before: int = MAX_KEY,
) -> list[str | None]:
    """Return the languages of a user's texts, in order, but for those that are `known`.

    Where one cannot be told, it is the one that most of the user's texts before it have, which are
    in keys `before` an id.
    """
    counts, found = recent_languages(query, owner, before), list[str | None]()
    usual = max(counts, key=counts.__getitem__, default=None)
    for text, language in zip_longest(texts, known):
        if language is None and isinstance(text, str):
            language = detect(text, usual)
        if language is not None:
            counts[language] += 1
            if usual is None or counts[language] > counts[usual]:
                usual = language
        found.append(language or usual)
    return found


def index_words(db: sqlite3.Connection, most: int | None = None) -> int:
    """Index, within a transaction, the whole blocks that wait, at most so many; return how many.

    What another version of the tokenizer indexed is left to `bring_up_to_date`.
    """
    last, upto = db.execute(
        "SELECT coalesce((SELECT max(id) FROM keys), 0), words FROM settled"
    ).fetchone()
    first, end = _block_of(upto + 1), _block_of(last + 1)
    if first >= end or not _is_ours(db, upto):
        return 0
    blocks = range(first, end if most is None else min(end, first + most))
    for block in blocks:
        _index(db, block, upto)
    db.execute("UPDATE settled SET words = ?", (blocks[-1] * BLOCK + BLOCK - 1,))
    logger.debug("indexed the words of %d blocks of keys", len(blocks))
    return len(blocks)


def erase_words(db: sqlite3.Connection, records: Sequence[int]) -> None:
    """Erase the words of some records' keys, within the transaction that deletes the keys.

    Raises:
        StoreError: another version of the tokenizer indexed them, by other words perhaps.
    """
    keys = db.execute(
        f"{KEYS} WHERE record IN (SELECT value FROM json_each(?)) AND id <= (SELECT words"
        " FROM settled)",
        (json.dumps(list(records)),),
    ).fetchall()
    if not keys:
        return
    if not _is_ours(db, 1):
        raise StoreError(
            "another version of memagent has indexed the memory's words meanwhile: close the"
            " memory and open it again"
        )
    emptied: list[tuple[int, int, str]] = []
    changed: list[tuple[bytes, int, int, str]] = []
    for user, block, word, gone in postings_of(keys):
        place = (user, block, word)
        row = db.execute(
            "SELECT keys FROM postings WHERE user = ? AND block = ? AND word = ?", place
        ).fetchone()
        if row is None:
            continue  # the index was damaged: `verify` tells
        left = _offsets(row[0])
        for offset in gone:
            left = left[left != offset]
        if len(left):
            changed.append((left.tobytes(), *place))
        else:
            emptied.append(place)
    db.executemany("DELETE FROM postings WHERE user = ? AND block = ? AND word = ?", emptied)
    db.executemany(
        "UPDATE postings SET keys = ? WHERE user = ? AND block = ? AND word = ?", changed
    )


def bring_up_to_date(store: SqliteStore) -> None:
    """Index all words anew if another tokenizer did, a block in a transaction.

    Keys of earlier versions get their language first. Where that is broken off, it goes on at the
    next opening; what waits is found all the same.
    """
    while store.meta(UNDETECTED) is not None:
        with store.transaction() as db:
            _detect(db)
    ((upto, last),) = store.query(
        "SELECT words, coalesce((SELECT max(id) FROM keys), 0) FROM settled"
    )
    foreign = upto > 0 and store.meta(MADE_BY) != fingerprint()
    if not foreign and _block_of(last + 1) == _block_of(upto + 1):
        return
    if foreign:
        with store.transaction() as db:
            if not _is_ours(db, 1):  # another process may have come first
                db.execute("DELETE FROM postings")
                db.execute("UPDATE settled SET words = 0")
                db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (MADE_BY, fingerprint()))
    logger.info("indexing the words of %d keys", last)
    more = 1
    while more:
        with store.transaction() as db:
            more = index_words(db, most=1)


def postings_of(keys: Iterable[Sequence[Any]]) -> Iterator[tuple[int, int, str, "array[int]"]]:
    """Yield the postings of keys, given as `KEYS` has them by rising id, in the index's order.

    A posting is a user, a block, a word, and the places of the keys in the block.

    A text that damage has made none holds no words.
    """
    new = partial(array, "H")
    blocks: dict[tuple[int, int], dict[str, array[int]]] = defaultdict(lambda: defaultdict(new))
    for key, user, text, language in keys:
        block, offset = divmod(key, BLOCK)
        words = blocks[user, block]
        for word in terms(text, language) if isinstance(text, str) else ():
            words[word].append(offset)
    for (user, block), words in sorted(blocks.items()):
        for word in sorted(words):
            yield user, block, word, words[word]


def blocks_amiss(store: SqliteStore) -> Iterator[tuple[int, int]]:
    """Yield, as (user, block), the blocks that do not hold the words of their keys and no others.

    Raises:
        StoreError: they cannot be read, or another version of the tokenizer indexed them.
    """
    ((upto,),) = store.query("SELECT words FROM settled")
    if upto and store.meta(MADE_BY) != fingerprint():
        raise StoreError(f"the words of {store.location} were indexed by another version")
    places = store.query(
        "SELECT CAST(substr(owner, 2) AS INTEGER), id / ?1 FROM keys WHERE id <= ?2"
        " UNION SELECT user, block FROM postings",
        (BLOCK, upto),
    )
    with reading("the word index"):
        for user, block in places:
            if _is_amiss(store, user, block, upto):
                yield user, block


def _is_amiss(store: SqliteStore, user: int, block: int, upto: int) -> bool:
    first = block * BLOCK
    keys = store.query(
        f"{KEYS} WHERE owner = ? AND id BETWEEN ? AND ? ORDER BY id",
        (f"u{user}", first, min(first + BLOCK - 1, upto)),
    )
    rows = store.query(
        "SELECT word, keys FROM postings WHERE user = ? AND block = ?", (user, block)
    )
    expected = {word: _packed(held) for _, _, word, held in postings_of(keys)}
    return {row["word"]: row["keys"] for row in rows} != expected


def keys_in(block: int, held: object) -> NDArray[np.int64]:
    """Return the key ids of a row of `postings`, rising.

    Raises:
        StoreError: the row is damaged.
    """
    return block * BLOCK + _offsets(held).astype(np.int64)


def _detect(db: sqlite3.Connection) -> None:
    """Detect the languages of the first keys that have none yet, as many as a block's.

    What our tokenizer has indexed already stays as it was indexed.
    """
    row = db.execute("SELECT value FROM meta WHERE key = ?", (UNDETECTED,)).fetchone()
    if row is None:
        return  # another process came first
    (upto,) = db.execute("SELECT words FROM settled").fetchone()
    indexed = upto if upto and _is_ours(db, upto) else 0
    keys = db.execute(
        "SELECT owner, id, text FROM keys WHERE id >= ? AND language IS NULL ORDER BY id LIMIT ?",
        (max(int(row[0]), indexed + 1), BLOCK),
    ).fetchall()
    if not keys:
        db.execute("DELETE FROM meta WHERE key = ?", (UNDETECTED,))
        return
    by_owner: dict[str, list[tuple[int, object]]] = defaultdict(list)
    for owner, key, text in keys:
        by_owner[owner].append((key, text))
    for owner, held in by_owner.items():
        texts = (text for _, text in held)
        languages = detected(db.execute, owner, texts, before=held[0][0])
        db.executemany(
            "UPDATE keys SET language = ? WHERE id = ?",
            [(language, key) for language, (key, _) in zip(languages, held, strict=True)],
        )
    db.execute("UPDATE meta SET value = ? WHERE key = ?", (str(keys[-1][1] + 1), UNDETECTED))
    logger.info("detected the languages of %d keys", len(keys))


def _index(db: sqlite3.Connection, block: int, upto: int) -> None:
    keys = db.execute(
        f"{KEYS} WHERE id BETWEEN ? AND ? ORDER BY id",
        (max(block * BLOCK, upto + 1), block * BLOCK + BLOCK - 1),
    )
    rows = ((user, block, word, _packed(held)) for user, block, word, held in postings_of(keys))
    db.executemany("INSERT INTO postings(user, block, word, keys) VALUES (?, ?, ?, ?)", rows)


def _is_ours(db: sqlite3.Connection, upto: int) -> bool:
    """Tell whether our tokenizer made the index; an empty one becomes ours."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (MADE_BY,)).fetchone()
    if row is not None and row[0] == fingerprint():
        return True
    if upto:
        return False
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (MADE_BY, fingerprint()))
    return True


def _packed(offsets: "array[int]") -> bytes:
    if sys.byteorder == "big":
        offsets = offsets[:]
        offsets.byteswap()
    return offsets.tobytes()


def _block_of(key: int) -> int:
    return key // BLOCK


def _offsets(held: object) -> NDArray[np.uint16]:
    with reading("the word index"):
        if not isinstance(held, bytes):
            raise TypeError("a posting that is none")
        return np.frombuffer(held, dtype="<u2")
