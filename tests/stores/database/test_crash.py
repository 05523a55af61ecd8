"""`kill -9` at random instants: nothing acknowledged is lost, nothing forgotten comes back.

The store is moved to and fro between two embedders meanwhile: at any instant it is of one of them,
whole.
"""

import base64
import json
import os
import random
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
from crashing import SAID, SIZES, WORD, write
from erasing import held as held_bytes
from forking import FORKED

from memagent import Memory, Scope
from memagent.errors import EmbedderMismatch
from memagent.testing import HashEmbedder

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "25"))


def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path, ada: Scope) -> None:
    rng = random.Random(11)
    living: set[str] = set()
    forgotten: set[str] = set()
    words: set[str] = set()
    told: Counter[str] = Counter()
    size = SIZES[0]
    for number in range(ROUNDS):
        acknowledged = _killed_after(
            rng.randrange(12), rng.uniform(0.0, 0.05), tmp_path / "m", number, size
        )
        told.update(action for action, *_ in acknowledged)
        unsure: set[str] = set()
        moving = False
        for action, *ids in acknowledged:
            unsure = set(ids) if action == "forgetting" else set()
            moving = action == "reembedding"
            if action in ("add", "update"):
                living |= set(ids)
            elif action == "forget":
                living -= set(ids)
                forgotten |= set(ids)
            elif action == "reembed":
                size = int(ids[0])
        found, before = _size_of(tmp_path / "m", ada), size
        assert found == size or moving, f"the store is of {found} dimensions, not of {size}"
        told["cut off while moving"] += moving
        size = found
        with Memory.open(tmp_path / "m", embedder=HashEmbedder(size)) as memory:
            assert memory.maintenance.verify() == ()
            _check_vectors(memory, ada, size)
            records = memory.list(scope=ada, limit=10**6, everything=True)
            held = {one.id for one in records}
            living_words = {word for one in records for word in WORD.findall(one.text)}
            in_keys = {word for one in records for key in one.keys for word in WORD.findall(key)}
            assert in_keys <= living_words, "a key holds a forgotten word"
        if unsure - held:  # the last call was cut short after its commit
            gone = living - held
            assert unsure <= gone
            living -= gone
            forgotten |= gone
        assert living - held == set()
        assert forgotten & held == set()
        words |= living_words
        raw = held_bytes(tmp_path / "m").decode("latin-1")
        in_files = {*SAID.findall(raw), *(words & set(WORD.findall(raw)))}
        assert in_files <= living_words, "a file holds a forgotten word"
        living |= held
        told["moved by a call cut short"] += size != before
    print(f"{ROUNDS} kills, acknowledged: {dict(told)}; {len(living)} records held")
    assert told.total() > ROUNDS
    assert told["reembed"] > 0


def _size_of(folder: Path, scope: Scope) -> int:
    """Return of which embedder a store is; it must be of one, and refuse the other."""
    taken = []
    for size in SIZES:
        with Memory.open(folder, embedder=HashEmbedder(size)) as memory:
            try:
                memory.search("note", scope=scope)
            except EmbedderMismatch:
                continue
            taken.append(size)
    (size,) = taken
    return size


def _check_vectors(memory: Memory, scope: Scope, size: int) -> None:
    """Compare every vector with what the embedder makes of its text."""
    for line in list(memory.maintenance.export(scope=scope, vectors=True))[1:]:
        for key in json.loads(line)["keys"]:
            raw = np.frombuffer(base64.b64decode(key["vector"]), dtype="<f2")
            assert len(raw) == size
            assert np.allclose(raw, HashEmbedder(size).embed_query(key["text"]), atol=1e-3)


def _killed_after(
    calls: int, seconds: float, folder: Path, number: int, size: int
) -> list[list[str]]:
    """Run a writer, kill it some calls and seconds after it is ready, and return what it said."""
    heard, said = FORKED.Pipe(duplex=False)
    writer = FORKED.Process(target=write, args=(folder, number, size, said))
    writer.start()
    said.close()
    with heard:
        assert heard.recv_bytes() == b"ready"
        lines = [heard.recv_bytes().decode() for _ in range(calls)]
        writer.join(seconds)
        writer.kill()
        writer.join()
        assert writer.exitcode == -signal.SIGKILL
        with suppress(EOFError):
            while True:
                lines.append(heard.recv_bytes().decode())
    return [line.split() for line in lines]
