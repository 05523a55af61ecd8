from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.stores.database import deferred_indexing, word_index
from memagent.stores.database.deferred_indexing import IndexedUpTo, indexed_up_to
from memagent.stores.database.filters import Filter
from memagent.testing import HashEmbedder
from memagent.types import NewRecord

WORDS = ["ant", "bee", "cat", "dog"]
USERS = ["ada", "bob"]
users = st.sampled_from(USERS)
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)


class DeferredIndexingMachine(RuleBasedStateMachine):
    """Indexed or not, whoever wrote it: what holds a word is found, and what is known is known."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(deferred_indexing, "MAX_DEFERRED", 3)
        self.patch.setattr(word_index, "BLOCK", 4)
        self.folder = TemporaryDirectory()
        self.memories = [self.opened(), self.opened()]

    def opened(self) -> Memory:
        return Memory.open(self.folder.name, embedder=HashEmbedder(8))

    def teardown(self) -> None:
        for memory in self.memories:
            memory.close()
        self.folder.cleanup()
        self.patch.undo()

    @rule(user=users, many=st.lists(texts, min_size=1, max_size=3), which=st.integers(0, 1))
    def add(self, user: str, many: list[str], which: int) -> None:
        self.memories[which].add_many(many, scope=Scope(user=user))

    @rule(user=users, text=texts, which=st.integers(0, 1))
    def fail(self, user: str, text: str, which: int) -> None:
        """What is rolled back leaves its numbers to others."""
        notes = [NewRecord(text=text), NewRecord(text="new", supersedes="none")]
        with pytest.raises(InvalidInput):
            self.memories[which].add_many(notes, scope=Scope(user=user))

    @rule(user=users, position=st.integers(0, 3), text=texts, which=st.integers(0, 1))
    def update(self, user: str, position: int, text: str, which: int) -> None:
        memory, scope = self.memories[which], Scope(user=user)
        known = {record.text for record in memory.list(scope=scope)}
        for record in memory.list(scope=scope)[position : position + 1]:
            if text not in known:
                memory.update(record.id, text, scope=scope)

    @rule(user=users, position=st.integers(0, 3), which=st.integers(0, 1))
    def forget(self, user: str, position: int, which: int) -> None:
        memory, scope = self.memories[which], Scope(user=user)
        ids = [record.id for record in memory.list(scope=scope)][position : position + 1]
        memory.forget(ids or ["none"], scope=scope)

    @rule(which=st.integers(0, 1))
    def reopen(self, which: int) -> None:
        self.memories[which].close()
        self.memories[which] = self.opened()

    @rule(which=st.integers(0, 1))
    def compact(self, which: int) -> None:
        self.memories[which].maintenance.compact()

    @invariant()
    def words_are_found(self) -> None:
        for memory in self.memories:
            for user in USERS:
                scope = Scope(user=user)
                lexical, held = memory.engine.bank._words, memory.list(scope=scope)
                for word in WORDS:
                    best = list(
                        lexical.search(Filter(scope=scope), lexical.terms(scope, word), 99).best
                    )
                    wanted = {one.seq for one in held if word in one.text.split()}
                    assert _records(memory, best) == wanted

    @invariant()
    def what_is_known_is_not_stored_again(self) -> None:
        for memory in self.memories:
            for user in USERS:
                told = memory.list(scope=Scope(user=user))
                held = [one for one in told if one.supersedes is None]  # an update has a time
                again = memory.add_many([one.text for one in held], scope=Scope(user=user))
                assert [one.id for one in again] == [one.id for one in held]

    @invariant()
    def it_is_whole(self) -> None:
        assert self.memories[0].maintenance.verify() == ()


def _records(memory: Memory, keys: list[int]) -> set[int]:
    marks = ",".join("?" * len(keys))
    rows = memory.engine.store.query(f"SELECT record FROM keys WHERE id IN ({marks})", keys)
    return {row[0] for row in rows}


TestSettling = DeferredIndexingMachine.TestCase
TestSettling.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)


def test_what_waits_is_settled_when_there_is_enough_of_it(
    tmp_path: Path, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deferred_indexing, "MAX_DEFERRED", 2)
    monkeypatch.setattr(word_index, "BLOCK", 2)
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        memory.add("one", scope=ada)
        assert indexed_up_to(memory.engine.store.query) == IndexedUpTo(1, 0)
        memory.add("two", scope=ada)
        assert indexed_up_to(memory.engine.store.query) == IndexedUpTo(1, 0)
        memory.add("three", scope=ada)
        assert indexed_up_to(memory.engine.store.query) == IndexedUpTo(3, 3)
        assert memory.engine.store.query("SELECT count(*) FROM digests")[0][0] == 3


def test_what_waits_takes_no_lock_to_be_found(tmp_path: Path, ada: Scope) -> None:
    with (
        Memory.open(tmp_path, embedder=HashEmbedder()) as memory,
        Memory.open(tmp_path, embedder=HashEmbedder()) as other,
    ):
        memory.add("ant", scope=ada)
        with memory.engine.store.transaction():
            assert other.search("ant", scope=ada)[0].record.text == "ant"


def test_a_record_that_its_content_does_not_lead_to_is_told(memory: Memory, ada: Scope) -> None:
    record = memory.add("ant", scope=ada)
    memory.maintenance.compact()
    with memory.engine.store.transaction() as db:
        db.execute("UPDATE digests SET digest = x'00'")
    assert [one for one in memory.maintenance.verify() if record.id in one]
    with memory.engine.store.transaction() as db:
        db.execute("UPDATE digests SET record = 9")
    assert [one for one in memory.maintenance.verify() if "record 9" in one]
