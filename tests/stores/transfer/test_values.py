"""Values out of range: an import refuses them whole, or every verb works afterwards."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from memagent import Memory, NewRecord, Scope
from memagent.errors import InvalidInput, MemagentError
from memagent.stores.database.metadata import MAX_DEPTH
from memagent.testing import HashEmbedder

ADA = Scope("ada")
FAR = datetime.max.replace(tzinfo=UTC)


def whole() -> list[str]:
    """Return an export with everything in it: versions, notes, lessons, uses, outcomes, moves."""
    with Memory.in_memory(embedder=HashEmbedder(8), recall="rules") as memory:
        first = memory.add("Zoe went to Xanadu.", scope=ADA, metadata={"page": 3}, who="ada")
        memory.add("After that she went home.", scope=ADA)
        memory.update(memory.add("I live in Porto.", scope=ADA).id, "I live in Faro.", scope=ADA)
        made = memory.add("a summary", scope=Scope("ada", session="s"), sources=[first.id, "book"])
        memory.changes.judge([made.id], "hurt", scope=ADA)
        memory.add_many(["She was shown it."], scope=ADA, recalled=[first.id, made.id])
        memory.changes.separate("summary of Xanadu", wanted=made.id, found=first.id, scope=ADA)
        memory.changes.archive(made.id, scope=ADA, why="old")
        return list(memory.maintenance.export(scope=ADA, vectors=True))


LINES = whole()
HEADER, *RECORDS = map(json.loads, LINES)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value within a JSON value."""
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    return [path, *(one for name, part in inner for one in paths(part, (*path, name)))]


PLACES = [(number, path) for number, record in enumerate(RECORDS) for path in paths(record) if path]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**31, 2**53, 2**63 - 1, 2**63, -(2**63), 10**30, -1, 0, 253402300799999999]),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["\0", "\ud800", " ", "x" * 1_001, "lesson", "ada"]),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    ),
    st.builds(lambda depth: json.loads("[" * depth + "]" * depth), st.integers(90, 400)),
    st.builds(lambda key, value: {key: value}, st.sampled_from(
        ["compressed", "change", "quotes", "memagent.key", "memagent.message", "role", "direction"]
    ), st.none() | st.integers() | st.text(max_size=3) | st.just({"by": 1, "session": 2})),
)  # fmt: skip


def changed(number: int, path: tuple[Any, ...], value: Any) -> list[str]:
    records = json.loads(json.dumps(RECORDS))
    place = records[number]
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return [LINES[0], *map(json.dumps, records)]


def every_verb_works(memory: Memory) -> None:
    """Call every reading verb, and those that write; what is refused is refused in words."""
    assert memory.maintenance.verify() == ()
    for user in memory.users():
        scope = Scope(user)
        records = memory.list(scope=scope, everything=True)
        verbs: list[Callable[[], object]] = [
            lambda scope=scope: memory.search("Where did Zoe go?", scope=scope, roles="all"),
            lambda scope=scope: memory.recall("Where was Zoe before Xanadu?", scope=scope),
            lambda scope=scope: list(memory.maintenance.export(scope=scope, vectors=True)),
            lambda scope=scope: memory.changes.list(scope=scope),
            lambda scope=scope: memory.maintenance.retain(2, scope=scope, dry_run=True),
            lambda scope=scope: memory.notes.compress(scope=scope),
            lambda scope=scope: memory.notes.compress_sessions(scope=scope),
            lambda scope=scope: memory.maintenance.now(scope=scope),
            lambda scope=scope: memory.add("Zoe came back.", scope=scope),
        ]
        for record in records:
            verbs += [
                lambda id=record.id, scope=scope: memory.get(id, scope=scope)[0].to_dict(),
                lambda id=record.id, scope=scope: memory.history(id, scope=scope),
                lambda id=record.id, scope=scope: memory.notes.sources(id, scope=scope, deep=True),
                lambda id=record.id, scope=scope: memory.changes.judge(id, "helped", scope=scope),
                lambda id=record.id, scope=scope: memory.changes.newest(id, scope=scope),
            ]
        for verb in verbs:
            verb()
        for record in records:
            with suppress(InvalidInput):  # superseded, or no change
                memory.update(record.id, "Zoe is in Faro now.", scope=scope)
            with suppress(InvalidInput):
                memory.changes.undo(record.id, scope=scope)
        memory.forget(everything=True, scope=scope)
        assert memory.count(scope=scope, everything=True) == 0
    assert memory.maintenance.verify() == ()


def imported(lines: list[str]) -> bool:
    """Import lines into a memory that holds something; tell whether they were taken."""
    with Memory.in_memory(embedder=HashEmbedder(8)) as memory:
        memory.add("my secret", scope=ADA)
        before = [record.to_dict() for record in memory.list(scope=ADA, everything=True)]
        try:
            memory.maintenance.import_(lines)
        except MemagentError as error:
            words = str(error)
        else:
            words = ""
        if words:
            assert words.startswith("line ")
            assert "\n" not in words
            assert memory.maintenance.stats()["records"] == 1
            assert [one.to_dict() for one in memory.list(scope=ADA, everything=True)] == before
            return False
        every_verb_works(memory)
        return True


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(st.sampled_from(PLACES), ODD)
@example((0, ("history", 0, "at")), 2**63 - 1)
@example((0, ("created",)), 253402300799999999)
@example((0, ("metadata",)), {"compressed": "x"})
@example((0, ("supersedes",)), RECORDS[0]["id"])
def test_any_value_of_an_export_is_refused_by_its_line_or_harmless(
    place: tuple[int, tuple[Any, ...]], value: Any
) -> None:
    imported(changed(*place, value))


def test_the_export_itself_is_taken() -> None:
    assert imported(LINES)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.sampled_from([path for path in paths(HEADER) if path]), ODD)
def test_any_value_of_a_header_is_refused_or_harmless(path: tuple[Any, ...], value: Any) -> None:
    header = json.loads(LINES[0])
    place = header
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    imported([json.dumps(header), *LINES[1:]])


def test_records_that_supersede_one_another_in_a_circle_are_refused() -> None:
    first, second = (number for number, one in enumerate(RECORDS) if "I live in" in one["value"])
    records = json.loads(json.dumps(RECORDS))
    records[first]["supersedes"] = records[second]["id"]
    with Memory.in_memory(embedder=HashEmbedder(8)) as memory:
        with pytest.raises(InvalidInput, match=r"^line \d+: it supersedes what supersedes it"):
            memory.maintenance.import_([LINES[0], *map(json.dumps, records)])
        assert memory.maintenance.stats()["records"] == 0


def test_an_id_twice_and_a_context_of_nothing_are_refused() -> None:
    twice = [*LINES, LINES[1]]
    assert not imported(twice)
    leaning = next(number for number, one in enumerate(RECORDS) if one["context"])
    assert not imported(changed(leaning, ("context",), ["nobody"]))


def test_a_bad_line_far_down_leaves_nothing_of_the_file() -> None:
    with Memory.in_memory(embedder=HashEmbedder(8)) as memory:
        memory.add_many([f"note number {n}" for n in range(450)], scope=ADA)
        lines = list(memory.maintenance.export(scope=ADA))
    bad = json.loads(lines[-1]) | {"recalled": -1}
    assert not imported([*lines[:-1], json.dumps(bad)])


@pytest.mark.parametrize(
    "item",
    [
        {"id": "\0", "memory": "x"},
        {"id": "x" * 1_001, "memory": "x"},
        {"id": "1", "memory": "x", "user_id": "a\0b"},
        {"id": "1", "memory": "x", "created_at": "9999-12-31T23:59:59"},
        {"id": "1", "memory": "x", "created_at": 10**30},
        {"id": "1", "memory": "x", "updated_at": "9999-12-31T23:59:59"},
        {"id": "1", "memory": "x", "expiration_date": "9999-12-31"},
        {"id": "1", "memory": "x", "metadata": {"deep": json.loads("[" * 200 + "]" * 200)}},
    ],
)
def test_what_others_export_is_held_to_the_same_bounds(item: dict[str, Any]) -> None:
    good = {"id": "0", "memory": "Likes tea.", "user_id": "ada"}
    assert not imported([json.dumps([good, {"user_id": "ada"} | item])])


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    "record",
    [
        NewRecord(text="x", id=""),
        NewRecord(text="x", id="a\0b"),
        NewRecord(text="x", id="\ud800"),
        NewRecord(text="x", id="x" * 1_001),
        NewRecord(text="x", supersedes="\ud800"),
        NewRecord(text="x", sources=("\ud800",)),
        NewRecord(text="x", sources=("s",) * 10_001),
        NewRecord(text="x", keys=("k",) * 10_001),
        NewRecord(text="x", evidence="yes"),  # type: ignore[arg-type]
        NewRecord(text="x", valid_from=FAR),
        NewRecord(text="x", valid_to=datetime.max.replace(tzinfo=UTC).isoformat()),  # type: ignore[arg-type]
        NewRecord(text="x", metadata=deep(MAX_DEPTH)),
        NewRecord(text="x", metadata=deep(5_000)),
        NewRecord(text="x", metadata={"\ud800": 1}),
        NewRecord(text="x", metadata={"n": float("nan")}),
        NewRecord(text="x", metadata={"n": "x" * 16_000_001}),
    ],
    ids=range(16),
)
def test_writers_keep_to_the_bounds(memory: Memory, record: NewRecord) -> None:
    with pytest.raises(InvalidInput):
        memory.add_many(["fine", record], scope=ADA)
    assert memory.count(scope=ADA) == 0


@pytest.mark.parametrize("name", ["a\0b", "x" * 1_001])
def test_names_of_scopes_are_bounded_where_they_are_written(memory: Memory, name: str) -> None:
    for scope in (Scope(name), Scope("ada", agent=name), Scope("ada", session=name)):
        with pytest.raises(InvalidInput, match="scope: "):
            memory.add("x", scope=scope)
        assert memory.list(scope=scope) == []


def test_half_a_character_names_nobody_and_nothing(memory: Memory) -> None:
    for action in (
        lambda: Scope("\ud800"),
        lambda: memory.get("\ud800", scope=ADA),
        lambda: memory.forget(["\ud800"], scope=ADA),
        lambda: memory.add("x", scope=ADA, why="\ud800"),
    ):
        with pytest.raises(InvalidInput):
            action()


DAMAGE = {
    "records SET created = 9223372036854775807": "created",
    "records SET affirmed = 253402300799999999": "affirmed",
    "records SET valid_to = 'x'": "",
    "records SET helped = -3": "helped",
    "records SET recalled = 'often'": "recalled",
    "records SET sources = '[5]'": "sources",
    "records SET sources = '{'": "",
    "records SET metadata = '[]'": "metadata",
    "records SET pinned = 7": "pinned",
    "records SET supersedes = id": "supersede",
    "history SET at = 9223372036854775807": "history",
    "history SET action = 'x'": "history",
    "history SET who = x'ff'": "who",
    "uses SET at = 9223372036854775807": "use",
    "outcomes SET hurt = -2": "book",
    "keys SET vector = x'00'": "vector",
    "keys SET text = x'ff'": "key",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_in_already_is_found_and_can_be_forgotten(tmp_path: Path, damage: str) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder(8)) as memory:
        memory.add("my secret", scope=ADA, id="s", sources=["book"], who="ada")
        memory.add("another", scope=ADA, id="other")
        memory.add_many(["shown"], scope=ADA, recalled=["s"])
        memory.changes.judge("s", "hurt", scope=ADA)
    with sqlite3.connect(tmp_path / "memory.db") as db:
        db.execute(f"UPDATE {damage}")
    db.close()
    with Memory.open(tmp_path, embedder=HashEmbedder(8)) as memory:
        problems = memory.maintenance.verify()
        assert problems
        assert any(DAMAGE[damage] in problem for problem in problems)
        for verb in (
            lambda: memory.list(scope=ADA),
            lambda: memory.search("secret", scope=ADA),
            lambda: memory.recall("What is my secret?", scope=ADA),
            lambda: memory.history("s", scope=ADA),
            lambda: memory.changes.newest("s", scope=ADA),
            lambda: memory.update("s", "new", scope=ADA),
            lambda: memory.add("more", scope=ADA),
            lambda: list(memory.maintenance.export(scope=ADA)),
            lambda: memory.maintenance.retain(1, scope=ADA, dry_run=True),
        ):
            with suppress(MemagentError):
                verb()
        memory.forget(everything=True, scope=ADA)
        assert memory.count(scope=ADA, everything=True) == 0
        assert memory.maintenance.verify() == ()
