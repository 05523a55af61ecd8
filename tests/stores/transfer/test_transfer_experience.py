"""What a memory has been through is exported too: uses, outcomes, and keys that were moved."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest

from memagent import Memory, NewRecord, Scope
from memagent.errors import InvalidInput
from memagent.testing import HashEmbedder

TABLES = {
    "uses": "SELECT r.id, x.at FROM uses x JOIN records r ON r.seq = x.record ORDER BY 1, 2",
    "outcomes": "SELECT u.name, source, helped, hurt FROM outcomes JOIN users u ON u.id = user"
    " ORDER BY 1, 2",
    "original_vectors": "SELECT r.id, k.text, o.vector FROM original_vectors o JOIN keys k"
    " ON k.id = o.key JOIN records r ON r.seq = k.record ORDER BY 1, 2",
}


def near(angle: float) -> np.ndarray:
    vector = np.zeros(64, dtype=np.float32)
    vector[:2] = np.cos(angle), np.sin(angle)
    return vector


def experienced(memory: Memory, ada: Scope) -> None:
    """Fill a memory and let it be used, judged and moved."""
    notes = [
        NewRecord(id="monday", text="the meeting", keys=("day", "week"), sources=("page", "book")),
        NewRecord(id="tuesday", text="a meeting", sources=("page",)),
        NewRecord(id="plain", text="nothing came of it"),
    ]
    memory.add_many(notes, scope=ada, vectors=[near(a) for a in (0.1, 1.5, 0.13, 3)])
    memory.add("shown", scope=ada, id="last")
    for text in ("first answer", "second answer"):
        memory.add_many([text], scope=ada, recalled=["monday", "plain"])
    memory.changes.judge(["monday"], "helped", scope=ada)
    memory.changes.judge(["tuesday"], "hurt", scope=ada)
    memory.changes.separate(scope=ada, vector=near(0.3), wanted="monday", found="tuesday")


def rows(memory: Memory, table: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in memory.engine.store.query(TABLES[table])]


def parsed(lines: list[str]) -> dict[str, dict[str, object]]:
    return {one["id"]: one for one in map(json.loads, lines[1:])}


@pytest.mark.parametrize("vectors", [True, False])
def test_what_was_experienced_makes_the_round_trip(
    tmp_path: Path, ada: Scope, vectors: bool
) -> None:
    with Memory.open(tmp_path / "a", embedder=HashEmbedder()) as memory:
        experienced(memory, ada)
        lines = list(memory.maintenance.export(scope=ada, vectors=vectors))
        before = {table: rows(memory, table) for table in TABLES}
    assert [len(held) for held in before.values()] == [4, 2, 2]
    with Memory.open(tmp_path / "b", embedder=HashEmbedder()) as other:
        for new in (6, 0):
            assert other.maintenance.import_(lines) == new
            assert list(other.maintenance.export(scope=ada, vectors=vectors)) == lines
            assert rows(other, "uses") == before["uses"]
            assert rows(other, "outcomes") == before["outcomes"]
            moved = before["original_vectors"] if vectors else []
            assert rows(other, "original_vectors") == moved
        assert other.maintenance.verify() == ()


def test_what_was_taken_over_counts_as_it_did(memory: Memory, ada: Scope) -> None:
    experienced(memory, ada)

    def told(asked: Memory) -> list[tuple[str, float, float]]:
        hits = asked.search("meeting answer", scope=ada, explain=True)
        return [(hit.record.id, hit.score, hit.why["reliability"]) for hit in hits]

    with Memory.in_memory(embedder=HashEmbedder()) as other:
        other.maintenance.import_(memory.maintenance.export(scope=ada, vectors=True))
        assert told(other) == told(memory)
        assert min(reliability for *_, reliability in told(other)) < 1
        for policy in ("lru", "activation"):
            kept = other.maintenance.retain(2, scope=ada, policy=policy, dry_run=True)
            assert kept == memory.maintenance.retain(2, scope=ada, policy=policy, dry_run=True)


def test_keys_that_were_moved_can_be_moved_back_in_the_other_store(
    memory: Memory, ada: Scope
) -> None:
    experienced(memory, ada)
    with Memory.in_memory(embedder=HashEmbedder()) as other:
        other.maintenance.import_(memory.maintenance.export(scope=ada, vectors=True))
        for each in (memory, other):
            assert each.changes.move_back(["monday", "tuesday"], scope=ada).changed == 2
        there, here = (
            [row[0] for row in each.engine.store.query("SELECT vector FROM keys ORDER BY id")]
            for each in (memory, other)
        )
        assert there == here


def test_lines_of_what_nothing_came_of_are_as_they_always_were(memory: Memory, ada: Scope) -> None:
    memory.add("tea", scope=ada)
    memory.search("tea", scope=ada)
    (line,) = list(memory.maintenance.export(scope=ada, vectors=True))[1:]
    assert not {"uses", "outcomes"} & json.loads(line).keys()
    assert json.loads(line)["keys"][0].keys() == {"text", "vector"}


def without(line: str) -> str:
    """Return a line as it was before it told of uses, outcomes and first vectors."""
    record = json.loads(line)
    record.pop("uses", None)
    record.pop("outcomes", None)
    for key in record["keys"]:
        key.pop("original", None)
    return json.dumps(record)


def test_an_old_export_is_imported_as_before(memory: Memory, ada: Scope) -> None:
    experienced(memory, ada)
    header, *lines = memory.maintenance.export(scope=ada, vectors=True)
    with Memory.in_memory(embedder=HashEmbedder()) as other:
        assert other.maintenance.import_([header, *map(without, lines)]) == 6
        assert [rows(other, table) for table in TABLES] == [[], [], []]
        again = list(other.maintenance.export(scope=ada, vectors=True))[1:]
        assert list(map(json.loads, again)) == list(map(json.loads, map(without, lines)))
        assert other.maintenance.verify() == ()


def test_another_embedder_makes_new_vectors_and_leaves_no_first_ones(
    memory: Memory, ada: Scope
) -> None:
    experienced(memory, ada)
    with Memory.in_memory(embedder=HashEmbedder(32)) as other:
        assert other.maintenance.import_(memory.maintenance.export(scope=ada, vectors=True)) == 6
        assert rows(other, "original_vectors") == []
        assert rows(other, "uses") == rows(memory, "uses")
        assert other.maintenance.verify() == ()


def test_first_vectors_in_full_precision_are_taken_over_too(memory: Memory, ada: Scope) -> None:
    experienced(memory, ada)
    lines = list(memory.maintenance.export(scope=ada, vectors=True))
    record = json.loads(lines[1])
    raw = np.frombuffer(base64.b64decode(record["keys"][0]["original"]), dtype="<f2")
    record["keys"][0]["original"] = base64.b64encode(raw.astype("<f4").tobytes()).decode()
    with Memory.in_memory(embedder=HashEmbedder()) as other:
        other.maintenance.import_([lines[0], json.dumps(record), *lines[2:]])
        assert list(other.maintenance.export(scope=ada, vectors=True)) == lines


def test_counts_of_a_source_that_both_stores_know_are_not_added_up(
    memory: Memory, ada: Scope
) -> None:
    experienced(memory, ada)
    with Memory.in_memory(embedder=HashEmbedder()) as other:
        other.add("a page of the same book", scope=ada, id="own", sources=["page"])
        for outcome in ("hurt", "hurt", "hurt"):
            other.changes.judge(["own"], outcome, scope=ada)
        other.maintenance.import_(memory.maintenance.export(scope=ada))
        assert rows(other, "outcomes") == [("ada", "book", 1, 0), ("ada", "page", 1, 3)]


def test_a_source_that_goes_by_another_id_there_keeps_its_counts(
    memory: Memory, ada: Scope
) -> None:
    memory.add("the source", scope=ada, id="here")
    memory.add("made from it", scope=ada, id="made", sources=["here"])
    memory.changes.judge(["made"], "hurt", scope=ada)
    with Memory.in_memory(embedder=HashEmbedder()) as other:
        other.add("the source", scope=ada, id="there")
        assert other.maintenance.import_(memory.maintenance.export(scope=ada)) == 1
        assert rows(other, "outcomes") == [("ada", "there", 0, 1)]


def test_only_the_scope_s_own_sources_are_told_of(memory: Memory, ada: Scope) -> None:
    experienced(memory, ada)
    bob = Scope(user="bob", session="s")
    memory.add("bob's page", scope=bob, id="b", sources=["page"])
    memory.changes.judge(["b"], "helped", scope=bob)
    told = parsed(list(memory.maintenance.export(scope=bob)))
    assert told["b"]["outcomes"] == [{"source": "page", "helped": 1, "hurt": 0}]
    mine = parsed(list(memory.maintenance.export(scope=ada)))
    assert mine["tuesday"]["outcomes"] == [{"source": "page", "helped": 1, "hurt": 1}]


@pytest.mark.parametrize(
    ("part", "value", "complaint"),
    [
        ("uses", None, "its uses is malformed"),
        ("uses", ["May"], "its (uses|outcomes) is malformed"),
        ("uses", [True], "its (uses|outcomes) is malformed"),
        ("uses", [2**70], "its uses is malformed"),
        ("outcomes", {}, "its outcomes is malformed"),
        ("outcomes", [3], "its (uses|outcomes) is malformed"),
        ("outcomes", [{"source": "page"}], "its (uses|outcomes) is malformed"),
        (
            "outcomes",
            [{"source": 3, "helped": 1, "hurt": 0}],
            "its (uses|outcomes) is malformed",
        ),
        (
            "outcomes",
            [{"source": "page", "helped": -1, "hurt": 0}],
            "its (uses|outcomes) is malformed",
        ),
        (
            "outcomes",
            [{"source": "page", "helped": 1.5, "hurt": 0}],
            "its (uses|outcomes) is malformed",
        ),
        ("original", None, "a key has no vector, or a malformed one"),
        ("original", "%", "a key has no vector, or a malformed one"),
        ("original", "AAAA", "expected vectors of 64 finite numbers"),
    ],
)
def test_what_is_malformed_is_named_by_its_line_and_nothing_is_kept(
    memory: Memory, ada: Scope, part: str, value: object, complaint: str
) -> None:
    experienced(memory, ada)
    lines = list(memory.maintenance.export(scope=ada, vectors=True))
    record = json.loads(lines[1])
    (record["keys"][0] if part == "original" else record)[part] = value
    with Memory.in_memory(embedder=HashEmbedder()) as other:
        with pytest.raises(InvalidInput, match=f"line 2: .*{complaint}"):
            other.maintenance.import_([lines[0], json.dumps(record), *lines[2:]])
        assert other.maintenance.stats()["records"] == 0


def test_counts_of_what_is_no_source_of_the_record_are_left_out(memory: Memory, ada: Scope) -> None:
    memory.add("tea", scope=ada, id="t")
    header, line = memory.maintenance.export(scope=ada)
    told = json.loads(line) | {"outcomes": [{"source": "page", "helped": 1, "hurt": 0}]}
    with Memory.in_memory(embedder=HashEmbedder()) as other:
        assert other.maintenance.import_([header, json.dumps(told)]) == 1
        assert list(other.maintenance.export(scope=ada)) == [header, line]
