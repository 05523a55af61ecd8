"""A writer that says what has been done, for the test that kills it; see `test_crash.py`."""

import itertools
import random
from multiprocessing.connection import Connection
from pathlib import Path

from memagent import Memory, Scope
from memagent.stores.transfer import reembed
from memagent.testing import HashEmbedder

SIZES = (16, 24)
"""Of the two embedders between which the store is moved."""


def write(folder: Path, seed: int, size: int, said: Connection) -> None:
    """Write, forget and re-embed for ever, and acknowledge each call when it has returned."""
    rng, scope = random.Random(seed), Scope(user="ada")
    reembed.BATCH = 8
    memory = Memory.open(folder, embedder=HashEmbedder(size))
    held = [record.id for record in memory.list(scope=scope, limit=10**6)]

    def acknowledge(*words: object) -> None:
        said.send_bytes(" ".join(map(str, words)).encode())

    acknowledge("ready")
    for number in itertools.count():
        choice = rng.random()
        if choice < 0.45 or len(held) < 3:
            many = [f"note {seed} {number} {part}" for part in range(rng.randint(1, 5))]
            added = [record.id for record in memory.add_many(many, scope=scope)]
            held += added
            acknowledge("add", *added)
        elif choice < 0.65:
            old = held.pop(rng.randrange(len(held)))
            new = memory.update(old, f"new {seed} {number}", scope=scope).id
            held.append(new)
            acknowledge("update", old, new)
        elif choice < 0.85:
            gone = held.pop(rng.randrange(len(held)))
            acknowledge("forgetting", gone)
            receipt = memory.forget([gone], scope=scope)
            acknowledge("forget", *receipt.asked, *receipt.derived)
        elif choice < 0.9:
            memory.maintenance.compact()
            acknowledge("compact")
        else:
            memory.close()
            size = sum(SIZES) - size
            memory = Memory.open(folder, embedder=HashEmbedder(size))
            acknowledge("reembedding", size)
            memory.maintenance.reembed()
            acknowledge("reembed", size)
