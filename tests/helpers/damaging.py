"""What the fault tests share: a store to damage, and a judge of what a damaged one tells."""

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from memagent import Memory, Record, Scope
from memagent.errors import InvalidInput, StoreError
from memagent.testing import HashEmbedder
from memagent.types import NewRecord

EMBEDDER = HashEmbedder(32)
ADA, BOB = Scope(user="ada"), Scope(user="bob")
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
SECONDS = 60
"""After this long a call counts as hanging."""

Facts = dict[str, tuple[Any, ...]]
"""By a record's id what its digest covers, or SQLite's own indexes."""


def fill(memory: Memory) -> None:
    """Write records of every sort: dated, superseded, long, told twice, keyed with another."""
    for scope in (ADA, BOB):
        memory.add_many([f"{scope.user} note {n} about cats" for n in range(25)], scope=scope)
        memory.add("Zoe went to Xanadu.", scope=scope, who=scope.user, why="a test")
        memory.add("After that she went home.", scope=scope)
        memory.add("It rained.", scope=scope, valid_from=NOON, valid_to=NOON + timedelta(days=1))
        memory.add(" ".join(f"Sentence {n} of a long text." for n in range(300)), scope=scope)
        old = memory.add("I live in Pörto.", scope=scope, metadata={"page": 3}, sources=["letter"])
        new = memory.update(old.id, "I live in Lisbon.", scope=scope, why="moved")
        memory.update(new.id, "I live in Faro.", scope=scope)
        memory.add(f"{scope.user} note 3 about cats", scope=scope)
        session = Scope(user=scope.user, agent="clerk", session="s1")
        memory.add_many([NewRecord(text="tea", keys=("drink", "hot")), "two"], scope=session)
        memory.forget([memory.add("to be forgotten", scope=scope).id], scope=scope)


def facts_of(record: Record) -> tuple[Any, ...]:
    """Return what a digest or an index of SQLite's covers of a record."""
    scope = (record.scope.user, record.scope.agent, record.scope.session)
    return (*scope, record.kind, record.text, record.evidence, record.superseded)


def facts(records: list[Record]) -> Facts:
    return {record.id: facts_of(record) for record in records}


def everything(memory: Memory) -> list[Record]:
    return [
        record
        for scope in (ADA, BOB)
        for record in memory.list(scope=scope, limit=1000, everything=True)
    ]


def _found(memory: Memory) -> list[Record]:
    queries = ("cats", "Where do I live?", "Sentence 250", "hot drink", "Zoe")
    hits = [hit for scope in (ADA, BOB) for q in queries for hit in memory.search(q, scope=scope)]
    hits += [
        hit for scope in (ADA, BOB) for q in queries for hit in memory.recall(q, scope=scope).hits
    ]
    return [hit.record for hit in hits]


def _gone_through(memory: Memory) -> None:
    """Call what tells no records."""
    for scope in (ADA, BOB):
        list(memory.maintenance.export(scope=scope, vectors=True))
        for record in memory.list(scope=scope, limit=5):
            memory.history(record.id, scope=scope)
    memory.maintenance.stats()


def _written(memory: Memory) -> Iterator[str]:
    """Write, read back what was acknowledged, and yield what is not as it was told."""
    added = memory.add_many(["told to a damaged store", "She said so."], scope=ADA)
    yield from _untrue(memory.get([one.id for one in added], scope=ADA), facts(added), whole=True)
    new = memory.update(added[0].id, "told once more", scope=ADA)
    yield from _untrue(memory.get([new.id], scope=ADA), facts([new]), whole=True)
    memory.forget([new.id], scope=ADA)
    yield from _untrue(memory.get([new.id], scope=ADA), {})
    memory.maintenance.compact()


def judge(folder: Path, truth: Facts, *, write: bool = True) -> str:
    """Return what came of opening, reading, checking and maybe writing a damaged store.

    "refused" or "noticed" by `verify`, or "harmless". An error other than ours, a call that hangs,
    and a wrong answer that `verify` does not notice, fail.
    """
    complaints: list[str] = []
    wrong: list[str] = []
    problems: tuple[str, ...] = ()
    verbs: dict[str, Callable[[Memory], Any]] = {
        "list": lambda memory: wrong.extend(_untrue(everything(memory), truth, whole=True)),
        "get": lambda memory: wrong.extend(
            _untrue(
                memory.get(list(truth), scope=ADA) + memory.get(list(truth), scope=BOB),
                truth,
                whole=True,
            )
        ),
        "search": lambda memory: wrong.extend(_untrue(_found(memory), truth)),
        "others": _gone_through,
    }
    try:
        with within(SECONDS), Memory.open(folder, embedder=EMBEDDER) as memory:
            for verb in verbs.values():
                try:
                    verb(memory)
                except (StoreError, InvalidInput) as error:
                    complaints.append(str(error))
            problems = memory.maintenance.verify()
            try:
                if write:
                    wrong.extend(_written(memory))
            except (StoreError, InvalidInput) as error:
                complaints.append(str(error))
    except (StoreError, InvalidInput) as error:
        complaints.append(str(error))
    assert not [one for one in complaints if "\n" in one]
    assert problems or not wrong, wrong[:3]
    return "noticed" if problems else "refused" if complaints else "harmless"


def _untrue(records: list[Record], truth: Facts, *, whole: bool = False) -> Iterator[str]:
    told = facts(records)
    for one, fact in told.items():
        if truth.get(one) != fact:
            yield f"{one} is told as {fact}, and was {truth.get(one)}"
    if whole:
        yield from (f"{one} is not told" for one in truth.keys() - told.keys())


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Break off what takes longer: it hangs."""

    def hangs(*_: object) -> None:
        raise TimeoutError(f"it hangs: {seconds} s are over")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def replaced(folder: Path, files: dict[str, bytes]) -> Path:
    """Make a folder anew that holds these files."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder
