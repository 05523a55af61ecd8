"""Eight processes write and search one file, each in a user of its own and in one of two shared."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memagent import Memory, Scope
from memagent.testing import HashEmbedder

PROCESSES = 8
STEPS = int(os.environ.get("PROCESS_STEPS", "25"))
WORKER = """
import json, random, sys, time
from memagent import Memory, Scope
from memagent.testing import HashEmbedder

folder, number, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = random.Random(number)
own, shared = Scope(user=f"own{number}"), Scope(user=f"shared{number % 2}")
print("ready", flush=True)
sys.stdin.readline()
for number_of_store in range(10):  # stores that are made by all at once
    Memory.open(f"{folder}/new{number_of_store}", embedder=HashEmbedder(16)).close()
memory = Memory.open(folder, embedder=HashEmbedder(16))
held, gone, words = {own: {}, shared: {}}, set(), iter(range(10**9))

def tell(action, scope, started, **more):
    line = {"process": number, "action": action, "user": scope.user, "started": started}
    print(json.dumps(line | {"ended": time.monotonic_ns()} | more), flush=True)

def text():
    return f"w{number}x{next(words)} is a word of process {number}"

def add(scope, texts):
    started = time.monotonic_ns()
    if len(texts) == 1:
        records = [memory.add(texts[0], scope=scope)]
    else:
        records = memory.add_many(texts, scope=scope)
    added = {record.id: record.text for record in records}
    assert list(added.values()) == texts
    held[scope] |= added
    tell("add", scope, started, added=added)
    return records

def search(scope, query):
    started = time.monotonic_ns()
    hits = memory.search(query, scope=scope, k=20)
    found = [hit.record.id for hit in hits]
    assert {hit.record.scope.user for hit in hits} <= {scope.user}, "another user's record"
    assert not gone & set(found), "a record came back that this process was told is gone"
    tell("search", scope, started, found=found)
    return hits

def find(scope, record):
    hits = search(scope, record.text)
    assert record.id in [hit.record.id for hit in hits], f"{record.text!r} is not found"
    assert record.context or hits[0].record == record, f"{record.text!r} is not found first"

for step in range(steps):
    scope, choice = rng.choice([own, shared]), rng.random()
    if choice < 0.4 or len(held[scope]) < 4:
        records = add(scope, [text() for _ in range(rng.choice([1, 1, 5]))])
        find(scope, records[-1])
    elif choice < 0.5:
        find(own, add(own, [f"She says that {text()}"])[0])  # keyed with what was told before it
    elif choice < 0.6:
        started, fact = time.monotonic_ns(), f"everybody knows fact {rng.randrange(5)}"
        record = memory.add(fact, scope=shared)
        tell("fact", shared, started, id=record.id, fact=fact)
        assert record.id in [hit.record.id for hit in search(shared, fact)]
    elif choice < 0.75:
        old, started = rng.choice(list(held[scope])), time.monotonic_ns()
        new = memory.update(old, text(), scope=scope)
        gone.add(old)
        held[scope].pop(old)
        held[scope][new.id] = new.text
        tell("update", scope, started, old=old, id=new.id, value=new.text)
        find(scope, new)
    elif choice < 0.9:
        chosen, started = rng.sample(list(held[scope]), 2), time.monotonic_ns()
        tell("forgetting", scope, started)
        receipt = memory.forget(chosen, scope=scope)
        erased = [*receipt.asked, *receipt.derived]
        gone |= set(erased)
        assert set(chosen) == set(receipt.asked)
        queries = [held[scope].pop(one) for one in chosen]
        tell("forget", scope, started, erased=erased)
        for query in queries:
            assert query not in [hit.record.text for hit in search(scope, query)]
    else:
        started = time.monotonic_ns()
        listed = [record.id for record in memory.list(scope=scope, limit=10**6)]
        tell("list", scope, started, listed=listed)
memory.close()
"""


@dataclass
class Truth:
    """What the processes were told: every record with its user and value, and when it went."""

    added: dict[str, tuple[str, str, int]]
    superseded: dict[str, tuple[int, int]]
    forgotten: dict[str, tuple[int, int]]

    def gone(self, record: str) -> tuple[int, int]:
        """When the call that ended a record's life began and ended; never, for one that lives."""
        ends = [one[record] for one in (self.superseded, self.forgotten) if record in one]
        return min(ends, default=(2**63, 2**63))


def test_processes_on_one_file_lose_nothing_and_see_the_truth(tmp_path: Path) -> None:
    told = list(_run(tmp_path))
    truth = _truth(told)
    facts = {(one["user"], one["fact"], one["id"]) for one in told if one["action"] == "fact"}
    with Memory.open(tmp_path, embedder=HashEmbedder(16)) as memory:
        assert memory.maintenance.verify() == ()
        users = sorted({user for user, _, _ in truth.added.values()} | {one[0] for one in facts})
        listed = [
            record
            for user in users
            for record in memory.list(scope=Scope(user=user), limit=10**6, everything=True)
        ]
        stats = memory.maintenance.stats()
    found = {one.id: (one.scope.user, one.text, one.superseded) for one in listed}
    wanted = {
        one: (user, value, one in truth.superseded)
        for one, (user, value, _) in truth.added.items()
        if one not in truth.forgotten
    }
    assert found == wanted | {one: (user, fact, False) for user, fact, one in facts}
    assert len(found) == stats["records"]
    assert len({(user, fact) for user, fact, _ in facts}) == len(facts), "a fact was stored twice"
    seen = _check_what_was_seen(told, truth)
    counts = Counter(one["action"] for one in told)
    print(f"{PROCESSES} processes: {dict(counts)}; {len(found)} records held, {seen} ids seen")
    assert counts["add"] > PROCESSES
    spans = {one["process"]: one for one in reversed(told)}, {one["process"]: one for one in told}
    first, last = ([one["started"] for one in span.values()] for span in spans)
    assert len(first) == PROCESSES
    assert max(first) < min(last), "the processes did not work at the same time"
    assert seen > 100


def _run(folder: Path) -> Iterator[dict[str, Any]]:
    """Start all processes, let them go at once, and yield what each was told, in its order."""
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-P", "-c", WORKER, str(folder), str(number), str(STEPS)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for number in range(PROCESSES)
        ]
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        with ThreadPoolExecutor(PROCESSES) as pool:
            ended = list(pool.map(lambda worker: worker.communicate("go\n"), workers))
    for worker, (told, complaint) in zip(workers, ended, strict=True):
        assert worker.returncode == 0, complaint
        yield from map(json.loads, told.splitlines())


def _truth(told: list[dict[str, Any]]) -> Truth:
    truth = Truth(added={}, superseded={}, forgotten={})
    for one in told:
        span = (one["started"], one["ended"])
        if one["action"] == "add":
            for record, value in one["added"].items():
                assert record not in truth.added, "an id was given twice"
                truth.added[record] = (one["user"], value, one["ended"])
        elif one["action"] == "update":
            truth.added[one["id"]] = (one["user"], one["value"], one["ended"])
            truth.superseded[one["old"]] = span
        elif one["action"] == "forget":
            truth.forgotten |= dict.fromkeys(one["erased"], span)
    return truth


def _check_what_was_seen(told: list[dict[str, Any]], truth: Truth) -> int:
    """Compare with what any process had been told before a call began; return ids looked at."""
    looked = 0
    for one in told:
        seen = one.get("found") or one.get("listed") or []
        for record in seen:
            assert truth.gone(record)[1] >= one["started"], f"{one['action']} shows what was gone"
            if record in truth.added:
                assert truth.added[record][0] == one["user"], "another user's record"
        looked += len(seen)
        if one["action"] == "list":
            there = {
                record
                for record, (user, _, ended) in truth.added.items()
                if user == one["user"]
                and ended < one["started"]
                and truth.gone(record)[0] > one["ended"]
            }
            assert there <= set(seen), "a record that was acknowledged is not listed"
    return looked
