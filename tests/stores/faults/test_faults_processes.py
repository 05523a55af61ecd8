"""Eight processes write and search one file, each in a user of its own and in one of two shared."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from competing import compete
from forking import FORKED

from memagent import Memory, Scope
from memagent.testing import HashEmbedder

PROCESSES = 8
STEPS = int(os.environ.get("PROCESS_STEPS", "25"))


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
    """Start all processes, let them go at once, and yield what each did, in its order."""
    ends = []
    for number in range(PROCESSES):
        end, other = FORKED.Pipe()
        FORKED.Process(target=compete, args=(folder, number, STEPS, other)).start()
        other.close()
        ends.append(end)
    for end in ends:
        assert end.recv() == "ready"
    for end in ends:
        end.send("go")
    for end in ends:
        complaint, lines = end.recv()
        assert complaint is None, complaint
        yield from lines


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
