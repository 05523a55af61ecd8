"""A damaged database: the truth, or an error of ours, or a finding of `verify`; never a lie."""

import os
import random
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from damaging import EMBEDDER, Facts, everything, facts, fill, judge, replaced

from memagent import Memory
from memagent.stores.database import word_index

ROUNDS = int(os.environ.get("DAMAGE_ROUNDS", "25"))
PAGE = 4096
"""What is damaged at a time: a page, or a part of one where a store's pages are larger."""
INDEXED = {"id", "user", "digest", "session", "supersedes", "owner", "record", "name", "key"}
Store = tuple[bytes, Facts]


@pytest.fixture(scope="module", autouse=True)
def indexed() -> Iterator[None]:
    """Blocks so small that most words are in the index."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_index, "BLOCK", 16)
        yield


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The bytes of a database that was closed, and what it holds; it has no page to spare."""
    folder = tmp_path_factory.mktemp("whole")
    with Memory.open(folder, embedder=EMBEDDER, recall="rules") as memory:
        fill(memory)
        memory.maintenance.compact()
        truth = facts(everything(memory))
        assert memory.maintenance.verify() == ()
    return (folder / "memory.db").read_bytes(), truth


def judged(tmp_path: Path, store: Store, damaged: Iterable[bytes]) -> Counter[str]:
    told = Counter(
        judge(replaced(tmp_path / "damaged", {"memory.db": content}), store[1], write=not n % 3)
        for n, content in enumerate(damaged)
    )
    print(f"{told.total()} times: {dict(told)}")
    return told


def test_the_judge_finds_nothing_in_a_whole_store(tmp_path: Path, store: Store) -> None:
    assert judged(tmp_path, store, [store[0]]) == {"harmless": 1}


def test_the_judge_finds_a_wrong_value(tmp_path: Path, store: Store) -> None:
    """A lie that `verify` cannot know of: the truth is changed instead of the store."""
    lied = {one: (*fact[:-1], not fact[-1]) for one, fact in store[1].items()}
    with pytest.raises(AssertionError, match="is told as"):
        judged(tmp_path, (store[0], lied), [store[0]])


def test_a_file_that_was_cut(tmp_path: Path, store: Store) -> None:
    whole, rng = store[0], random.Random(1)
    sizes = {1, 99, 100, 511, 512, PAGE - 1, len(whole) - 1, len(whole) - PAGE}
    sizes |= set(range(PAGE, len(whole), PAGE * 7))
    sizes |= {rng.randrange(len(whole)) for _ in range(ROUNDS // 4)}
    cut = [
        whole[:size] for size in sorted(sizes) if any(whole[size:])
    ]  # zeros are read all the same
    told = judged(tmp_path, store, cut)
    assert told["harmless"] == 0


def test_pages_of_zeros(tmp_path: Path, store: Store) -> None:
    whole = store[0]
    rng = random.Random(2)
    pages = range(0, len(whole), PAGE)
    chosen = pages if len(pages) <= ROUNDS else [0, *rng.sample(pages, ROUNDS)]
    zeroed = (whole[:at] + bytes(PAGE) + whole[at + PAGE :] for at in chosen)
    told = judged(tmp_path, store, zeroed)
    assert told["noticed"] + told["refused"] > told["harmless"]


def test_small_blocks_of_zeros_and_of_noise(tmp_path: Path, store: Store) -> None:
    whole, rng = store[0], random.Random(3)

    def damaged() -> Iterable[bytes]:
        for number in range(ROUNDS):
            at, size = rng.randrange(len(whole)), rng.choice([1, 4, 64, 512])
            noise = bytes(size) if number % 2 else rng.randbytes(size)
            yield (whole[:at] + noise + whole[at + size :])[: len(whole)]

    judged(tmp_path, store, damaged())


def flipped(whole: bytes, at: int, bit: int) -> bytes:
    return whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :]


def test_a_flipped_bit_in_the_header(tmp_path: Path, store: Store) -> None:
    rng = random.Random(4)
    places = range(100) if ROUNDS >= 100 else sorted(rng.sample(range(100), ROUNDS))
    judged(tmp_path, store, (flipped(store[0], at, rng.randrange(8)) for at in places))


def test_a_flipped_bit_in_the_schema(tmp_path: Path, store: Store) -> None:
    """The pages that hold the text of the tables, indexes and triggers."""
    rng = random.Random(5)
    texts = [at for at in range(len(store[0])) if store[0].startswith(b"CREATE ", at)]
    places = [rng.choice(texts) + rng.randrange(400) for _ in range(ROUNDS)]
    judged(tmp_path, store, (flipped(store[0], at, rng.randrange(8)) for at in places))


def test_a_flipped_bit_anywhere(tmp_path: Path, store: Store) -> None:
    whole, rng = store[0], random.Random(6)
    places = [rng.randrange(len(whole)) for _ in range(3 * ROUNDS)]
    judged(tmp_path, store, (flipped(whole, at, rng.randrange(8)) for at in places))


def test_a_flipped_bit_in_a_page_of_the_tree(tmp_path: Path, store: Store) -> None:
    """The first bytes of a page: its kind, its number of cells, and where they are."""
    whole, rng = store[0], random.Random(7)
    pages = range(PAGE, len(whole), PAGE)
    places = [rng.choice(pages) + rng.randrange(24) for _ in range(ROUNDS)]
    told = judged(tmp_path, store, (flipped(whole, at, rng.randrange(8)) for at in places))
    assert told["noticed"] + told["refused"] > 0


def test_rows_that_were_lost_or_swapped(tmp_path: Path, store: Store) -> None:
    """What no bit says: rows gone from one table alone, or values exchanged between two rows."""
    for sql in (
        "DELETE FROM records WHERE seq = 3",
        "DELETE FROM keys WHERE record = 3",
        "DELETE FROM users WHERE name = 'bob'",
        "DELETE FROM postings WHERE word > 'h'",
        "UPDATE postings SET keys = 7 WHERE word = 'cat'",
        "UPDATE settled SET words = 0",
        "DELETE FROM sqlite_sequence",
        "UPDATE sqlite_sequence SET seq = 2",
        "UPDATE records SET value = (SELECT value FROM records WHERE seq = 2) WHERE seq = 3",
        "UPDATE records SET superseded = 0",
        "UPDATE records SET superseded = 1 WHERE seq = 3",
        "UPDATE records SET session = 's1' WHERE seq = 3",
        "UPDATE records SET evidence = 3 WHERE seq = 3",
        "UPDATE records SET metadata = '{' WHERE seq = 3",
        "UPDATE records SET sources = '7' WHERE seq = 3",
        "UPDATE records SET created = 1e300 WHERE seq = 3",
        "UPDATE records SET created = 9223372036854775807 WHERE seq = 3",
        "UPDATE records SET value = x'ff' WHERE seq = 3",
        "UPDATE records SET value = CAST(x'ff' AS TEXT) WHERE seq = 3",
        "UPDATE records SET user = 99 WHERE seq = 3",
        "UPDATE keys SET vector = x'' WHERE id = 3",
        "UPDATE keys SET vector = x'000102' WHERE id = 3",
        "UPDATE keys SET vector = zeroblob(length(vector)) WHERE id = 3",
        "UPDATE keys SET vector = zeroblob(2 * length(vector)) WHERE id = 3",
        "UPDATE keys SET vector = 'text' WHERE id = 3",
        "UPDATE keys SET owner = 'u2' WHERE id = 3",
        "UPDATE keys SET text = 'nothing of the sort' WHERE id = 3",
        "UPDATE meta SET value = '{' WHERE key = 'embedder'",
        "UPDATE meta SET value = '{}' WHERE key = 'embedder'",
        "UPDATE meta SET value = '[]' WHERE key = 'embedder'",
        "UPDATE keys SET text = x'00' WHERE id = 3",
        "UPDATE records SET affirmed = 'text'",
        "UPDATE records SET helped = 'text', hurt = x'00'",
        "UPDATE history SET at = 9223372036854775807",
    ):
        folder = replaced(tmp_path / "damaged", {"memory.db": store[0]})
        with closing(sqlite3.connect(folder / "memory.db", isolation_level=None)) as db:
            db.execute(sql)
        assert judge(folder, store[1]) in ("noticed", "refused"), sql


def test_a_schema_that_says_something_else_is_noticed(tmp_path: Path, store: Store) -> None:
    """What SQLite would go by without a word: other indexes, triggers, columns and defaults."""
    for here, there in (
        ("PRIMARY KEY (user, block, word)", "PRIMARY KEY (user, word, block)"),
        ("word TEXT NOT NULL", "word BLOB NOT NULL"),
        ("PRIMARY KEY (user, digest)", "PRIMARY KEY (user, record)"),
        ("recalled INTEGER", "reca11ed INTEGER"),
        ("DEFAULT '[]'", "DEFAULT '{}'"),
    ):
        damaged = store[0].replace(here.encode(), there.encode())
        assert len(damaged) == len(store[0])
        assert damaged != store[0]
        folder = replaced(tmp_path / "damaged", {"memory.db": damaged})
        assert judge(folder, store[1]) in ("noticed", "refused"), there


def test_a_value_of_another_kind_in_any_column(tmp_path: Path, store: Store) -> None:
    """What damage makes of the byte that says of which kind a value is.

    Not in a column with an index, which would be changed along; the disk leaves it to disagree.
    """
    told: Counter[str] = Counter()
    with Memory.in_memory(embedder=EMBEDDER) as memory:
        columns = {
            table: [row["name"] for row in memory.engine.store.query(f"PRAGMA table_info({table})")]
            for table in ("records", "keys", "users", "history", "changes", "meta")
        }
    for table in columns:
        for column in set(columns[table]) - INDEXED:
            for value in ("NULL", "x'ff'", "'text'", "-1"):
                told[_put(tmp_path, store, table, f"{column} = {value}")] += 1
    print(f"{told.total()} times: {dict(told)}")
    assert told["noticed"] + told["refused"] > told["harmless"]


def _put(tmp_path: Path, store: Store, table: str, value: str) -> str:
    """Judge a store with one value replaced, which the schema forbade when it was written."""
    loose = re.sub(rb"(?<! IS) NOT NULL", b"         ", store[0])
    place = "key = 'embedder'" if table == "meta" else "rowid = 2"
    folder = replaced(tmp_path / "damaged", {"memory.db": loose})
    with closing(sqlite3.connect(folder / "memory.db", isolation_level=None)) as db:
        try:
            db.execute(f"UPDATE {table} SET {value} WHERE {place}")
        except sqlite3.Error:
            return "not possible"
    raw = bytearray((folder / "memory.db").read_bytes())
    for at in range(0, len(loose), PAGE):
        strict = store[0][at : at + PAGE]
        if strict != loose[at : at + PAGE]:  # a page of the schema
            raw[at : at + PAGE] = strict
    (folder / "memory.db").write_bytes(raw)
    return judge(folder, store[1], write=False)
