"""A writer that says what has been done, for the test that kills it; see `test_crash.py`."""

import random
import re
from multiprocessing.connection import Connection
from pathlib import Path

from memagent import Memory, Scope
from memagent.stores.transfer import reembed
from memagent.testing import HashEmbedder
from memagent.types import NewRecord

WORD = re.compile("q[b-z]{9}")
SAID = re.compile(r"(?:met|left) (q[b-z]{9})\.")
"""A word that stands in one text alone, and in the keys of those that lean on it."""
SIZES = (16, 24)
"""Of the two embedders between which the store is moved."""


def word_of(rng: random.Random) -> str:
    """Return a word that stands nowhere else."""
    return "q" + "".join(rng.choices("bcdfghjklmnpqrstvwxz", k=9))


def write(folder: Path, seed: int, size: int, said: Connection) -> None:
    """Write, forget and re-embed for ever, and acknowledge each call when it has returned."""
    rng, scope = random.Random(seed), Scope(user="ada")
    reembed.BATCH = 8
    memory = Memory.open(folder, embedder=HashEmbedder(size), recall="rules")
    held = [record.id for record in memory.list(scope=scope, limit=10**6)]

    def acknowledge(*words: object) -> None:
        said.send_bytes(" ".join(map(str, words)).encode())

    acknowledge("ready")
    while True:
        choice = rng.random()
        if choice < 0.45 or len(held) < 3:
            words = [word_of(rng) for _ in range(rng.randint(1, 5))]
            many = [f"{rng.choice(('She', 'Zoe'))} met {word}." for word in words]
            records = memory.add_many([NewRecord(text=text) for text in many], scope=scope)
            if rng.random() < 0.3:  # a reply goes with what it was made from
                sources = [records[0].id]
                told = NewRecord(text=f"Zoe met {words[0]}.", sources=sources, evidence=False)
                records += memory.add_many([told], scope=scope)
            added = [record.id for record in records]
            held += added
            acknowledge("add", *added)
        elif choice < 0.65:
            old = held.pop(rng.randrange(len(held)))
            new = memory.update(old, f"She left {word_of(rng)}.", scope=scope).id
            held.append(new)
            acknowledge("update", old, new)
        elif choice < 0.85:
            gone = held.pop(rng.randrange(len(held)))
            acknowledge("forgetting", gone)
            receipt = memory.forget([gone], scope=scope)
            held = [id for id in held if id not in receipt.derived]
            acknowledge("forget", *receipt.asked, *receipt.derived)
        elif choice < 0.9:
            memory.maintenance.compact()
            acknowledge("compact")
        else:
            memory.close()
            size = sum(SIZES) - size
            memory = Memory.open(folder, embedder=HashEmbedder(size), recall="rules")
            acknowledge("reembedding", size)
            memory.maintenance.reembed()
            acknowledge("reembed", size)
