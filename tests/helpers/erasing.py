"""Bytes of a store on disk, and words that stand nowhere else."""

import random
from pathlib import Path


def held(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def secret_words(count: int) -> list[str]:
    rng = random.Random(7)
    return ["q" + "".join(rng.choices("bcdfghjklmnpqrstvwxz", k=9)) for _ in range(count)]
