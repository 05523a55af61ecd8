"""`kill -9` at random instants: nothing acknowledged is lost, nothing forgotten comes back."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from memagent import Memory, Scope
from memagent.testing import HashEmbedder

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "25"))
WORKER = """
import itertools, random, sys
from memagent import Memory, Scope
from memagent.testing import HashEmbedder

rng, scope = random.Random(int(sys.argv[2])), Scope(user="ada")
memory = Memory.open(sys.argv[1], embedder=HashEmbedder(16))
held = [record.id for record in memory.list(scope=scope, limit=10**6)]

def acknowledge(*words):
    sys.stdout.write(" ".join(words) + "\\n")
    sys.stdout.flush()

acknowledge("ready")
for number in itertools.count():
    choice = rng.random()
    if choice < 0.5 or len(held) < 3:
        many = [f"note {sys.argv[2]} {number} {part}" for part in range(rng.randint(1, 5))]
        added = [record.id for record in memory.add_many(many, scope=scope)]
        held += added
        acknowledge("add", *added)
    elif choice < 0.75:
        old = held.pop(rng.randrange(len(held)))
        new = memory.update(old, f"new {sys.argv[2]} {number}", scope=scope).id
        held.append(new)
        acknowledge("update", old, new)
    elif choice < 0.95:
        gone = held.pop(rng.randrange(len(held)))
        acknowledge("forgetting", gone)
        receipt = memory.forget([gone], scope=scope)
        acknowledge("forget", *receipt.asked, *receipt.derived)
    else:
        memory.compact()
        acknowledge("compact")
"""


def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path, ada: Scope) -> None:
    rng = random.Random(11)
    living: set[str] = set()
    forgotten: set[str] = set()
    operations = 0
    for number in range(ROUNDS):
        acknowledged = _killed_after(rng.uniform(0.0, 0.25), tmp_path / "m", number)
        operations += len(acknowledged)
        unsure: set[str] = set()
        for action, *ids in acknowledged:
            unsure = set(ids) if action == "forgetting" else set()
            if action in ("add", "update"):
                living |= set(ids)
            elif action == "forget":
                living -= set(ids)
                forgotten |= set(ids)
        with Memory.open(tmp_path / "m", embedder=HashEmbedder(16)) as memory:
            assert memory.verify() == ()
            found = {one.id for one in memory.list(scope=ada, limit=10**6, everything=True)}
            if unsure - found:  # the last call was cut short after its commit
                gone = living - found
                assert unsure <= gone
                living -= gone
                forgotten |= gone
            assert living - found == set()
            assert forgotten & found == set()
            living |= found
    print(f"{ROUNDS} kills, {operations} operations acknowledged, {len(living)} records held")
    assert operations > ROUNDS


def _killed_after(seconds: float, folder: Path, number: int) -> list[list[str]]:
    """Run the worker, kill it `seconds` after it is ready, and return what it acknowledged."""
    command = [sys.executable, "-P", "-c", WORKER, str(folder), str(number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        try:
            worker.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.kill(worker.pid, signal.SIGKILL)
        lines = worker.stdout.read().split("\n")
    return [line.split() for line in lines[:-1]]
