"""A memory that was opened before a fork: parent and child both keep what they acknowledge."""

import asyncio
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from forking import FORKED, Child, in_child
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memagent import AsyncMemory, Memory, Scope
from memagent.errors import StoreError
from memagent.stores.database import connection
from memagent.testing import HashEmbedder

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]
ADA = Scope(user="ada")
FORK = multiprocessing.get_context("fork") if hasattr(os, "fork") else multiprocessing
STEPS = st.lists(
    st.tuples(st.sampled_from(["parent", "child"]), st.sampled_from(["add", "forget", "close"])),
    max_size=8,
)


def texts(folder: Path) -> set[str]:
    with Memory.open(folder, embedder=HashEmbedder()) as memory:
        assert memory.maintenance.verify() == ()
        return {record.text for record in memory.list(scope=ADA, limit=10**6)}


class Actor:
    """One of the two, which does its steps and knows what must be there afterwards."""

    def __init__(self, name: str, memory: Memory) -> None:
        self.name, self.memory, self.held = name, memory, dict[str, str]()
        self.number, self.closed = 0, False

    def act(self, action: str) -> None:
        if self.closed:
            with pytest.raises(StoreError, match="closed"):
                self.memory.add("too late", scope=ADA)
        elif action == "close":
            self.memory.close()
            self.closed = True
        elif action == "forget" and self.held:
            id, text = self.held.popitem()
            assert self.memory.forget(id, scope=ADA).records == 1
            assert text not in [hit.text for hit in self.memory.search(text, scope=ADA)]
        else:
            self.number += 1
            text = f"{self.name} note {self.number}"
            self.held[self.memory.add(text, scope=ADA).id] = text
            assert self.memory.search(text, scope=ADA)[0].text == text


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS, used=st.booleans())
def test_in_any_order_both_keep_what_they_acknowledge(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]], used: bool
) -> None:
    folder = tmp_path_factory.mktemp("fork")
    memory = Memory.open(folder, embedder=HashEmbedder())
    if used:
        memory.add("before the fork", scope=ADA)
        memory.search("the fork", scope=ADA)
    acting, done = os.pipe()

    def child(wait: Callable[[], None]) -> set[str]:
        actor = Actor("child", memory)
        for who, action in steps:
            if who == "child":
                wait()
                actor.act(action)
                os.write(done, b"x")
        return set(actor.held.values())

    forked, actor = Child(child), Actor("parent", memory)
    for who, action in steps:
        if who == "parent":
            actor.act(action)
        else:
            forked.go()
            assert os.read(acting, 1)
    kept = forked.result() | set(actor.held.values())
    memory.close()
    os.close(acting)
    os.close(done)
    assert texts(folder) - {"before the fork"} == kept


def test_both_write_at_once(tmp_path: Path) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        memory.add("before the fork", scope=ADA)

        def write(name: str) -> None:
            for number in range(40):
                memory.add(f"{name} {number}", scope=ADA)

        children = [Child(lambda _, name=f"child{n}": write(name)) for n in range(3)]
        write("parent")
        for child in children:
            child.result()
    assert len(texts(tmp_path)) == 1 + 4 * 40


def test_a_fork_while_other_threads_write_and_search(tmp_path: Path) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        memory.add("before the fork", scope=ADA)
        stop, written = threading.Event(), list[str]()

        def write() -> None:
            while not stop.is_set():
                written.append(memory.add(f"thread {len(written)}", scope=ADA).text)

        def search() -> None:
            while not stop.is_set():
                assert memory.search("thread", scope=ADA)

        def act() -> list[str]:
            added = [memory.add(f"child {os.getpid()} {n}", scope=ADA).text for n in range(3)]
            assert added[0] in [hit.text for hit in memory.search(added[0], scope=ADA)]
            return added

        threads = [threading.Thread(target=act) for act in (write, search)]
        for thread in threads:
            thread.start()
        added = [text for _ in range(12) for text in in_child(act)]
        stop.set()
        for thread in threads:
            thread.join()
    assert texts(tmp_path) == {"before the fork", *written, *added}


def test_a_fork_of_a_fork_writes_after_both_before_it_ended(tmp_path: Path) -> None:
    """As a daemon does, which forks twice."""
    memory = Memory.open(tmp_path, embedder=HashEmbedder())
    memory.add("before the fork", scope=ADA)

    def first(wait: Callable[[], None]) -> Any:
        memory.add("child", scope=ADA)

        def second(wait: Callable[[], None]) -> str:
            wait()
            return memory.add("grandchild", scope=ADA).text

        grandchild = Child(second)
        memory.close()
        wait()
        grandchild.go()
        return grandchild.result()

    child = Child(first)
    memory.close()
    child.go()
    assert child.result() == "grandchild"
    assert texts(tmp_path) == {"before the fork", "child", "grandchild"}


def test_a_fork_waits_for_a_transaction_of_another_thread(tmp_path: Path) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        begun, forking = threading.Event(), threading.Event()

        def write() -> None:
            with memory.engine.store.transaction() as db:
                db.execute("INSERT INTO meta VALUES ('long', 'one')")
                begun.set()
                forking.wait(0.2)  # nothing tells when the fork is under way

        thread = threading.Thread(target=write)
        thread.start()
        begun.wait()
        assert in_child(lambda: memory.engine.store.meta("long")) == "one"
        thread.join()
        assert memory.engine.store.meta("long") == "one"


def test_where_the_parent_does_not_stop_writing_the_child_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "FORK_SECONDS", 0.05)
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        begun, done = threading.Event(), threading.Event()

        def write() -> None:
            with memory.engine.store.transaction() as db:
                db.execute("INSERT INTO meta VALUES ('long', 'one')")
                begun.set()
                done.wait()

        thread = threading.Thread(target=write)
        thread.start()
        begun.wait()
        told = in_child(lambda: refusal(lambda: memory.add("lost?", scope=ADA)))
        done.set()
        thread.join()
        assert "was being written when this process was forked" in told
        assert memory.engine.store.meta("long") == "one"
        memory.add("after", scope=ADA)
    assert texts(tmp_path) == {"after"}


def test_a_fork_within_a_transaction_is_the_parents_alone(tmp_path: Path) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:

        def within() -> tuple[str, str]:
            return refusal(lambda: memory.add("lost?", scope=ADA)), refusal(leave)

        def leave() -> None:
            block.__exit__(None, None, None)

        block = memory.engine.store.transaction()
        block.__enter__().execute("INSERT INTO meta VALUES ('long', 'one')")
        for told in in_child(within):
            assert "was being written when this process was forked" in told
        leave()
        assert memory.engine.store.meta("long") == "one"
        assert in_child(lambda: memory.add("after", scope=ADA).text) == "after"
    assert texts(tmp_path) == {"after"}


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(StoreError) as caught:
        act()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_memory_in_ram_can_be_read_in_the_child_but_not_written() -> None:
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        memory.add("The apple is in the kitchen.", scope=ADA)

        def act() -> tuple[str, str]:
            found = memory.search("Where is the apple?", scope=ADA)[0].text
            return found, refusal(lambda: memory.add("lost?", scope=ADA))

        found, told = in_child(act)
        assert found == "The apple is in the kitchen."
        assert "belongs to the process that opened it" in told
        memory.add("after", scope=ADA)
        assert memory.count(scope=ADA) == 2


def test_a_search_under_way_in_the_parent_does_not_stop_the_childs(
    tmp_path: Path,
) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        memory.add("The apple is in the kitchen.", scope=ADA)
        memory.search("apple", scope=ADA)
        with memory.engine.bank.vectors._partitions["ada"].lock:
            assert in_child(lambda: memory.search("apple", scope=ADA)[0].key)


ENDS = """
import os, sys
from memagent import Memory
from memagent.testing import HashEmbedder
memory = Memory.open(sys.argv[1], embedder=HashEmbedder())
memory.add("before the fork", scope="ada")
pid = os.fork()
if pid == 0:
    {child}
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
memory.add("after the child", scope="ada")
with Memory.open(sys.argv[1], embedder=HashEmbedder()) as other:
    assert other.count(scope="ada") == memory.count(scope="ada") == {count}
print("done")
"""


@pytest.mark.parametrize(
    ("child", "count"),
    [("pass", 2), ("memory.add('child', scope='ada')", 3), ("memory.close()", 2)],
)
def test_a_child_that_ends_leaves_the_parent_all_it_had(
    tmp_path: Path, child: str, count: int
) -> None:
    command = [sys.executable, "-c", ENDS.format(child=child, count=count), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("done\n", "")
    assert len(texts(tmp_path)) == count


def add(memory: Memory, number: int) -> str:
    return memory.add(f"task {number}", scope=ADA).text


@pytest.mark.parametrize("context", [FORK, FORKED], ids=["fork", "forkserver"])
def test_a_memory_is_handed_to_a_pool_of_processes(tmp_path: Path, context: Any) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        memory.add("before", scope=ADA)
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            done = list(pool.map(add, [memory] * 6, range(6)))
    assert texts(tmp_path) == {"before", *done}


def test_a_pickled_memory_opens_the_same_folder_with_the_same_settings(tmp_path: Path) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder(16), scope="ada", cache_bytes=0) as memory:
        memory.add("before")
        with pickle.loads(pickle.dumps(memory)) as copy:
            assert copy.list()[0].text == "before"
            assert copy.notes.sources(copy.list()[0].id) == []
            assert copy.probes is not memory.probes
            copy.add("from the copy")
        assert memory.count() == 2
        again = pickle.loads(pickle.dumps(AsyncMemory(memory)))
        assert asyncio.run(again.count()) == 2
        again.sync.close()
    with Memory.in_memory(embedder=HashEmbedder()) as ram:
        assert "in RAM" in refusal(lambda: pickle.dumps(ram))


def test_an_async_memory_goes_on_in_the_child(tmp_path: Path) -> None:
    async def begin() -> AsyncMemory:
        memory = await AsyncMemory.open(tmp_path, embedder=HashEmbedder())
        await asyncio.gather(*(memory.add(f"before {n}", scope=ADA) for n in range(3)))
        return memory

    memory = asyncio.run(begin())

    async def go_on() -> int:
        await asyncio.gather(*(memory.add(f"after {n}", scope=ADA) for n in range(3)))
        return await memory.count(scope=ADA)

    assert in_child(lambda: asyncio.run(go_on())) == 6
    assert asyncio.run(memory.count(scope=ADA)) == 6
    memory.sync.close()
