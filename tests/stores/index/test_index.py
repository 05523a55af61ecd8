from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import exact_search
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from memagent import Memory, Scope
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import Filter
from memagent.stores.index import snapshot, vectors
from memagent.stores.index.partitions import VectorIndex
from memagent.testing import HashEmbedder
from memagent.types import NewRecord

EMBEDDER = HashEmbedder(16)


class Reversed(HashEmbedder):
    """Another embedder of the same size."""

    def embed_query(self, text: str) -> list[float]:
        return super().embed_query(text[::-1])


ANOTHER = Reversed(16)
WORDS = ["ant", "bee", "cat", "dog", "eel", "fox"]
USERS = ["ada", "bob"]
START = datetime(2024, 1, 1, tzinfo=UTC)

users = st.sampled_from(USERS)
sessions = st.sampled_from([None, "s1", "s2"])
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
hours = st.integers(0, 5).map(lambda n: START + timedelta(hours=n))


def vector(text: str, embedder: HashEmbedder = EMBEDDER) -> np.ndarray:
    return np.array(embedder.embed_query(text), dtype=np.float32)


def exact(store: SqliteStore, where: Filter, query: np.ndarray) -> list[tuple[int, float]]:
    """What exact numpy search over the rows of the database finds, all of it, best first."""
    condition, values = where.condition()
    rows = store.query(
        "SELECT k.id, k.vector FROM keys k JOIN records r ON r.seq = k.record"
        f" WHERE {condition} ORDER BY k.id",
        values,
    )
    if not rows:
        return []
    vectors = np.array(
        [np.frombuffer(row["vector"], dtype=np.float16).astype(np.float32) for row in rows]
    )
    return [
        (rows[row]["id"], product)
        for row, product in exact_search.nearest(vectors, query, len(rows))
    ]


class StoreMachine(RuleBasedStateMachine):
    """Whatever is done, by whichever connection, the index finds what exact search finds."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = pytest.MonkeyPatch()
        for module in (vectors, snapshot):  # so that a few records are sketched and kept in a file
            self.patches.setattr(module, "SKETCH_FROM", 3)
        self.folder = TemporaryDirectory()
        self.embedder = EMBEDDER
        self.open()

    def open(self) -> None:
        self.memory = Memory.open(self.folder.name, embedder=self.embedder)
        self.other = Memory.open(self.folder.name, embedder=self.embedder)
        self.index = VectorIndex(self.memory.engine.store)

    def close(self) -> None:
        self.index.save()
        self.memory.close()
        self.other.close()

    def teardown(self) -> None:
        self.close()
        self.folder.cleanup()
        self.patches.undo()

    @rule(user=users, session=sessions, text=texts, evidence=st.booleans(), day=hours)
    def add(self, user: str, session: str, text: str, evidence: bool, day: datetime) -> None:
        note = NewRecord(
            text=text, evidence=evidence, valid_from=day, metadata={"words": len(text)}
        )
        self.memory.add_many([note], scope=Scope(user=user, session=session))

    @rule(user=users, text=texts)
    def add_from_another_connection(self, user: str, text: str) -> None:
        self.other.add(text, scope=Scope(user=user))

    @rule(user=users, position=st.integers(0, 5), text=texts, day=hours)
    def update(self, user: str, position: int, text: str, day: datetime) -> None:
        for record in self.memory.list(scope=Scope(user=user))[position : position + 1]:
            self.memory.update(record.id, text, scope=Scope(user=user), valid_from=day)

    @rule(user=users, position=st.integers(0, 5), ours=st.booleans())
    def forget(self, user: str, position: int, ours: bool) -> None:
        memory = self.memory if ours else self.other
        records = memory.list(scope=Scope(user=user))[position : position + 1]
        memory.forget([record.id for record in records] or ["none"], scope=Scope(user=user))

    @rule()
    def reopen(self) -> None:
        self.close()
        self.open()

    @rule()
    def reembed(self) -> None:
        self.close()
        self.embedder = ANOTHER if self.embedder is EMBEDDER else EMBEDDER
        with Memory.open(self.folder.name, embedder=self.embedder) as memory:
            memory.maintenance.reembed()
        self.open()

    @rule()
    def compact(self) -> None:
        self.memory.maintenance.compact()

    @rule()
    def evict(self) -> None:
        self.index.clear()

    @rule(user=users)
    def damage(self, user: str) -> None:
        if user in self.index._partitions:
            self.index._partitions[user].vectors._exact.reset()

    @rule()
    def verify(self) -> None:
        assert self.memory.maintenance.verify() == ()

    @invariant()
    def index_is_exact(self) -> None:
        query = vector("cat dog")
        for user in USERS:
            scope = Scope(user=user)
            for where in (
                Filter(scope=scope),
                Filter(scope=scope, evidence=True),
                Filter(scope=scope, everything=True),
                Filter(scope=Scope(user=user, session="s1"), kind="episode"),
                Filter(scope=scope, as_of=START + timedelta(hours=2)),
                Filter(
                    scope=scope, since=START + timedelta(hours=1), until=START + timedelta(hours=4)
                ),
                Filter(scope=scope, metadata={"words": {"lt": 8}}),
            ):
                wanted = exact(self.memory.engine.store, where, query)
                found = self.index.search(where, query, 4)
                products = dict(wanted)
                assert [score for _, _, score in found] == pytest.approx(
                    [product for _, product in wanted[:4]], abs=1e-5
                )
                for key_id, _, score in found:
                    assert products[key_id] == pytest.approx(score, abs=1e-5)


StoreMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestStoreMachine = StoreMachine.TestCase


def test_partitions_used_longest_ago_make_room(tmp_path: Path) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        for user in ("a", "b", "c"):
            memory.add("cat", scope=Scope(user=user))
        one = VectorIndex(memory.engine.store)
        one.search(Filter(scope=Scope(user="a")), vector("cat", HashEmbedder()), 1)
        index = VectorIndex(memory.engine.store, max_bytes=2 * one.bytes)
        for user in ("a", "b", "c", "a"):
            assert index.search(Filter(scope=Scope(user=user)), vector("cat", HashEmbedder()), 1)
        assert index.users == ("c", "a")
        assert index.bytes == 2 * one.bytes


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Memory, Memory]]:
    with (
        Memory.open(tmp_path, embedder=HashEmbedder()) as one,
        Memory.open(tmp_path, embedder=HashEmbedder()) as other,
    ):
        yield one, other


def test_a_process_follows_what_another_adds_updates_and_forgets(
    two: tuple[Memory, Memory], ada: Scope
) -> None:
    writer, reader = two

    def seen() -> list[str]:
        return [hit.record.text for hit in reader.search("cat", scope=ada)]

    assert seen() == []
    first = writer.add("a cat", scope=ada)
    assert seen() == ["a cat"]
    second = writer.update(first.id, "a big cat", scope=ada)
    assert seen() == ["a big cat"]
    writer.forget([second.id], scope=ada)
    assert seen() == []
