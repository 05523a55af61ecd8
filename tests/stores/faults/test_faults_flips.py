"""How many flipped bits `verify` notices, column by column, and what the others change."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damaging import ADA, EMBEDDER, facts, fill, replaced

from memagent import Memory
from memagent.stores.database import word_index
from memagent.stores.database.rows import unpacked

FLIPS = int(os.environ.get("DAMAGE_FLIPS", "40"))
COVERED = (
    "records.value",
    "records.kind",
    "records.digest",
    "records.evidence",
    "records.superseded",
    "records.valid_from",
    "records.agent",
    "postings.keys",
)
"""Columns of which every flipped bit must be noticed."""
UNCOVERED = (
    "records.created",
    "records.valid_to",
    "records.affirmed",
    "records.sources",
    "records.metadata",
    "keys.text",
    "history.at",
    "history.action",
    "history.who",
    "meta.value",
)
"""Columns that no digest covers, or in which some bits say nothing; these are only counted."""


@pytest.fixture(scope="module", autouse=True)
def indexed() -> Iterator[None]:
    """Blocks so small that most words are in the index."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_index, "BLOCK", 16)
        yield


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    with Memory.open(tmp_path_factory.mktemp("flips"), embedder=EMBEDDER, recall="rules") as opened:
        fill(opened)
        assert opened.maintenance.verify() == ()
        yield opened


@contextmanager
def flipped(memory: Memory, column: str, rng: random.Random) -> Iterator[tuple[Any, Any]]:
    """Flip a bit of a value of a column while the block runs; yields the value before and after."""
    table, name = column.split(".")
    place = {"meta": "key", "postings": "user || ' ' || block || ' ' || word"}.get(table, "rowid")
    rows = memory.engine.store.query(
        f"SELECT {place} AS place, {name} AS held FROM {table} WHERE length({name}) > 0"
    )
    row = rng.choice(rows)
    before = row["held"]
    after, mark = _flipped(before, rng), "CAST(? AS TEXT)" if isinstance(before, str) else "?"
    memory.engine.store.query(
        f"UPDATE {table} SET {name} = {mark} WHERE {place} = ?", (after, row["place"])
    )
    try:
        yield before, after
    finally:
        memory.engine.store.query(
            f"UPDATE {table} SET {name} = ? WHERE {place} = ?", (before, row["place"])
        )


def _flipped(value: Any, rng: random.Random) -> Any:
    if isinstance(value, int):
        return value ^ (1 << rng.randrange(max(value.bit_length(), 8)))
    raw = bytearray(value.encode() if isinstance(value, str) else value)
    raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    return bytes(raw)


def noticed(memory: Memory, column: str, flips: int) -> int:
    rng, count = random.Random(column), 0
    for _ in range(flips):
        with flipped(memory, column, rng):
            count += bool(memory.maintenance.verify())
    assert memory.maintenance.verify() == ()
    return count


@pytest.mark.parametrize("column", COVERED)
def test_every_flipped_bit_of_what_a_record_says_or_is_found_by_is_noticed(
    memory: Memory, column: str
) -> None:
    count = noticed(memory, column, FLIPS)
    print(f"{column}: {count} of {FLIPS} flipped bits noticed")
    assert count == FLIPS


def test_flipped_bits_elsewhere_are_counted(memory: Memory) -> None:
    told = {column: noticed(memory, column, FLIPS // 4) for column in UNCOVERED}
    print(f"of {FLIPS // 4} flipped bits noticed: {told}")
    assert told["meta.value"] + told["keys.text"] + told["records.sources"] > 0


def test_a_flipped_bit_of_a_vector_is_noticed_when_it_moves_the_vector_s_length(
    memory: Memory,
) -> None:
    """A sign, or one of the last digits, leaves the length: the inner product moves unnoticed."""
    rng, count, moved = random.Random(8), 0, [0.0]
    for _ in range(5 * FLIPS):
        with flipped(memory, "keys.vector", rng) as (before, after):
            found = bool(memory.maintenance.verify())
        length = np.linalg.norm(unpacked([after]).astype(np.float64))
        assert found == (not abs(length - 1) <= 1e-3)
        count += found
        if not found:
            moved.append(float(np.abs(unpacked([after]) - unpacked([before])).max()))
    print(f"vectors: {count} of {5 * FLIPS} flipped bits noticed; the others move a product by")
    print(f"at most {max(moved):.3f}, in the median {np.median(moved):.5f}")
    assert 0 < count < 5 * FLIPS


def test_a_flipped_bit_on_the_disk_where_a_text_or_an_id_lies_is_noticed(tmp_path: Path) -> None:
    """An index of SQLite's keeps what the table held; every copy of the bytes is flipped in turn.

    What no index and no digest covers is the letter case and the punctuation of a key.
    """
    with Memory.open(tmp_path / "a", embedder=EMBEDDER) as memory:
        fill(memory)
        records = memory.list(scope=ADA, limit=5)
    whole = (tmp_path / "a" / "memory.db").read_bytes()
    rng, flips, count = random.Random(9), 0, 0
    for text in [part.encode() for record in records for part in (record.id, record.text)]:
        for at in [at for at in range(len(whole)) if whole.startswith(text, at)]:
            damaged = bytearray(whole)
            damaged[at + rng.randrange(len(text))] ^= 1 << rng.randrange(5)
            folder = replaced(tmp_path / "b", {"memory.db": bytes(damaged)})
            with Memory.open(folder, embedder=EMBEDDER) as memory:
                problems = memory.maintenance.verify()
                if not problems:
                    there = memory.get([record.id for record in records], scope=ADA)
                    assert facts(there) == facts(records)
            count, flips = count + bool(problems), flips + 1
    print(f"texts and ids on the disk: {count} of {flips} flipped bits noticed, the rest in keys")
    assert count > 10
