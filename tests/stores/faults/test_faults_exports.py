"""Damaged exports: every line is taken over as it was written, or refused by its number."""

import json
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.testing import HashEmbedder

FLIPS = int(os.environ.get("EXPORT_FLIPS", "300"))
ADA = Scope(user="ada")
ODD = (None, "", "text", -1, 2**70, 1.5, True, [], [1], {}, {"a": 1}, [None])
TRUTH = ("id", "user", "agent", "session", "kind", "value", "evidence", "superseded")
"""What a digest covers, or SQLite's own indexes."""


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """An export with vectors: versions, sources, metadata, experience, and a joint key."""
    with Memory.in_memory(embedder=HashEmbedder(16), recall="rules") as memory:
        first = memory.add("Zoe went to Xanadu.", scope=ADA, metadata={"page": 3}, who="ada")
        memory.add("After that she went home.", scope=ADA)
        memory.update(memory.add("I live in Porto.", scope=ADA).id, "I live in Faro.", scope=ADA)
        made = memory.add("a summary", scope=Scope(user="ada", session="s"), sources=[first.id])
        memory.changes.judge([made.id], "hurt", scope=ADA)
        memory.add_many(["She was shown it."], scope=ADA, recalled=[first.id, made.id])
        memory.changes.separate("summary of Xanadu", wanted=made.id, found=first.id, scope=ADA)
        return list(memory.maintenance.export(scope=ADA, vectors=True))


def truth(lines: list[str]) -> dict[str, object]:
    return {one["id"]: {name: one[name] for name in TRUTH} for one in map(json.loads, lines[1:])}


def test_a_value_of_another_kind_is_refused_by_its_line(lines: list[str]) -> None:
    told: Counter[str] = Counter()
    for number in range(1, len(lines)):
        whole = json.loads(lines[number])
        for place, name in enumerate(whole):
            for odd in ODD[(number + place) % 3 :: 3]:  # in three lines each value was everywhere
                damaged = [*lines[:number], json.dumps(whole | {name: odd}), *lines[number + 1 :]]
                told[_imported(damaged, lines)] += 1
    print(f"{told.total()} values put in the place of others: {dict(told)}")
    assert told["refused"] > told["harmless"]


def test_a_flipped_bit_is_refused_by_its_line_or_changes_nothing_that_counts(
    lines: list[str],
) -> None:
    rng, told = random.Random(5), Counter[str]()
    for _ in range(FLIPS):
        number = rng.randrange(1, len(lines))
        raw = bytearray(lines[number].encode())
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        damaged = [*lines[:number], raw.decode(errors="replace"), *lines[number + 1 :]]
        told[_imported(damaged, lines)] += 1
    print(f"{FLIPS} bits flipped in an export: {dict(told)}")
    assert told["refused"] > FLIPS / 4


def _imported(damaged: list[str], lines: list[str]) -> str:
    """Import damaged lines: they are refused, or what a digest covers is as it was."""
    with Memory.in_memory(embedder=HashEmbedder(16)) as memory:
        try:
            memory.maintenance.import_(damaged)
        except InvalidInput as error:
            told, kept = str(error), memory.maintenance.stats()["records"]
        else:
            return _taken_over(memory, lines)
    assert (told[:5], kept) == ("line ", 0)
    return "refused"


def _taken_over(memory: Memory, lines: list[str]) -> str:
    users = [row["name"] for row in memory.engine.store.query("SELECT name FROM users")]
    found = [
        line
        for user in users
        for line in list(memory.maintenance.export(scope=Scope(user=user)))[1:]
    ]
    told, wanted = truth([lines[0], *found]), truth(lines)
    if told == wanted:
        return "noticed by verify" if memory.maintenance.verify() else "outside of any digest"
    for one in told.keys() & wanted.keys():
        assert told[one] | {"user": "ada"} == wanted[one]
    return "of another id or user"


def test_what_names_a_record_that_is_there_under_another_id_names_that(tmp_path: Path) -> None:
    with Memory.in_memory(embedder=HashEmbedder(), recall="rules") as memory:
        first = memory.add("Zoe went to Xanadu.", scope=ADA)
        memory.add("After that she went home.", scope=ADA)
        memory.add("X. is a city", scope=ADA, sources=[first.id, "atlas"])
        lines = list(memory.maintenance.export(scope=ADA))
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        there = memory.add("Zoe went to Xanadu.", scope=ADA)
        assert memory.maintenance.import_(lines) == 2
        assert memory.maintenance.import_(lines) == 0
        derived, leaning, _ = memory.list(scope=ADA)
        assert (leaning.context, derived.sources) == ((there.id,), (there.id, "atlas"))
        assert memory.maintenance.verify() == ()
        receipt = memory.forget([there.id], scope=ADA)
        assert (receipt.records, receipt.rekeyed) == (2, 1)
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"Xanadu" not in files
    assert b"went home" in files
