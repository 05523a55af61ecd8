"""One of the processes that write and search one file; see `test_faults_processes.py`."""

import itertools
import random
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from memagent import Hit, Memory, Record, Scope
from memagent.testing import HashEmbedder


def compete(folder: Path, number: int, steps: int, parent: Connection) -> None:
    """Wait for the others, work, and send what went wrong and what was done."""
    parent.send("ready")
    assert parent.recv() == "go"
    try:
        for new in range(10):  # stores that are made by all at once
            Memory.open(folder / f"new{new}", embedder=HashEmbedder(16)).close()
        with Memory.open(folder, embedder=HashEmbedder(16), recall="rules") as memory:
            competitor = Competitor(memory, number)
            for _ in range(steps):
                competitor.step()
    except Exception:
        parent.send((traceback.format_exc(), []))
    else:
        parent.send((None, competitor.lines))


class Competitor:
    """Writes and searches as a user of its own and as a shared one, and checks what it is told."""

    def __init__(self, memory: Memory, number: int) -> None:
        self.memory, self.number, self.rng = memory, number, random.Random(number)
        self.own, self.shared = Scope(user=f"own{number}"), Scope(user=f"shared{number % 2}")
        self.held: dict[Scope, dict[str, str]] = {self.own: {}, self.shared: {}}
        self.gone: set[str] = set()
        self.words = itertools.count()
        self.lines: list[dict[str, Any]] = []

    def step(self) -> None:
        scope, choice = self.rng.choice([self.own, self.shared]), self.rng.random()
        if choice < 0.4 or len(self.held[scope]) < 4:
            records = self.add(scope, [self.text() for _ in range(self.rng.choice([1, 1, 5]))])
            self.find(scope, records[-1])
        elif choice < 0.5:  # keyed with what was told before it
            self.find(self.own, self.add(self.own, [f"She says that {self.text()}"])[0])
        elif choice < 0.6:
            self.add_fact()
        elif choice < 0.75:
            self.update(scope)
        elif choice < 0.9:
            self.forget(scope)
        else:
            started = time.monotonic_ns()
            listed = [record.id for record in self.memory.list(scope=scope, limit=10**6)]
            self.tell("list", scope, started, listed=listed)

    def tell(self, action: str, scope: Scope, started: int, **more: object) -> None:
        line = {"process": self.number, "action": action, "user": scope.user, "started": started}
        self.lines.append(line | {"ended": time.monotonic_ns()} | more)

    def text(self) -> str:
        return f"w{self.number}x{next(self.words)} is a word of process {self.number}"

    def add(self, scope: Scope, texts: list[str]) -> list[Record]:
        started = time.monotonic_ns()
        if len(texts) == 1:
            records = [self.memory.add(texts[0], scope=scope)]
        else:
            records = list(self.memory.add_many(texts, scope=scope))
        added = {record.id: record.text for record in records}
        assert list(added.values()) == texts
        self.held[scope] |= added
        self.tell("add", scope, started, added=added)
        return records

    def add_fact(self) -> None:
        started, fact = time.monotonic_ns(), f"everybody knows fact {self.rng.randrange(5)}"
        record = self.memory.add(fact, scope=self.shared)
        self.tell("fact", self.shared, started, id=record.id, fact=fact)
        assert record.id in [hit.record.id for hit in self.search(self.shared, fact)]

    def update(self, scope: Scope) -> None:
        held = self.held[scope]
        old, started = self.rng.choice(list(held)), time.monotonic_ns()
        new = self.memory.update(old, self.text(), scope=scope)
        self.gone.add(old)
        held.pop(old)
        held[new.id] = new.text
        self.tell("update", scope, started, old=old, id=new.id, value=new.text)
        self.find(scope, new)

    def forget(self, scope: Scope) -> None:
        chosen, started = self.rng.sample(list(self.held[scope]), 2), time.monotonic_ns()
        self.tell("forgetting", scope, started)
        receipt = self.memory.forget(chosen, scope=scope)
        erased = [*receipt.asked, *receipt.derived]
        self.gone |= set(erased)
        assert set(chosen) == set(receipt.asked)
        queries = [self.held[scope].pop(id_) for id_ in chosen]
        self.tell("forget", scope, started, erased=erased)
        for query in queries:
            assert query not in [hit.record.text for hit in self.search(scope, query)]

    def search(self, scope: Scope, query: str) -> list[Hit]:
        started = time.monotonic_ns()
        hits = list(self.memory.search(query, scope=scope, k=20))
        found = [hit.record.id for hit in hits]
        assert {hit.record.scope.user for hit in hits} <= {scope.user}, "another user's record"
        assert not self.gone & set(found), "a record came back that this process was told is gone"
        self.tell("search", scope, started, found=found)
        return hits

    def find(self, scope: Scope, record: Record) -> None:
        hits = self.search(scope, record.text)
        assert record.id in [hit.record.id for hit in hits], f"{record.text!r} is not found"
        assert record.context or hits[0].record == record, f"{record.text!r} is not found first"
