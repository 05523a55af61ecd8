"""Cost of `forget`, beside the same store without the promise that no byte is left.

    python bench/forget.py [--sizes 20k,100k,100k:10] [--repeats 20]

Two copies of one store take turns within every repeat. In one, records are forgotten as a user
does. In the other, the same rows are deleted by one plain statement in a transaction of its own:
`secure_delete` is off, words stay in their index, nothing that leans on the records is looked for,
and the write-ahead log is not emptied. What is forgotten is drawn from the user with the most
records. The first search after a `forget` is timed too, beside the search before it.
"""

import argparse
import json
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import corpus
import numpy as np
from arguments import Case, Parser, WrongUsage, cases, number

from memagent import Memory, Scope
from memagent.stores.database.connection import FILE_NAME
from memagent.testing import HashEmbedder
from memagent.types import NewRecord

COUNTS = (1, 100)
"""Numbers of records that are forgotten at once."""


def fill(folder: Path, case: Case, batch: int, seed: int) -> None:
    """Make a store of synthetic records."""
    size, users = case
    rng = np.random.default_rng(seed)
    with Memory.open(folder, embedder=HashEmbedder(corpus.DIMENSIONS)) as memory:
        texts = iter(corpus._texts(rng, size))
        for user, count in enumerate(corpus.user_counts(size, users).tolist()):
            scope = Scope(user=corpus.user_name(user))
            for start in range(0, count, batch):
                some = [NewRecord(text=next(texts)) for _ in range(min(batch, count - start))]
                vectors = rng.standard_normal((len(some), corpus.DIMENSIONS), dtype=np.float32)
                memory.add_many(some, scope=scope, vectors=vectors)


def delete(db: sqlite3.Connection, seqs: Sequence[int]) -> None:
    """Delete rows and what refers to them, and promise nothing."""
    db.execute("BEGIN IMMEDIATE")
    among = "IN (SELECT value FROM json_each(?))"
    db.execute(f"DELETE FROM records WHERE seq {among}", (json.dumps(list(seqs)),))
    db.execute("COMMIT")


def measure(memory: Memory, plain: sqlite3.Connection, repeats: int, seed: int) -> dict[str, Any]:
    """Forget and delete in turns; all times in milliseconds."""
    scope, rng = Scope(user=corpus.user_name(0)), random.Random(seed)
    rows = memory.engine.store.query(
        "SELECT r.seq, r.id FROM records r JOIN users u ON u.id = r.user WHERE u.name = ?",
        (scope.user,),
    )
    rng.shuffle(rows)
    vectors = corpus.vectors(repeats * len(COUNTS), seed)
    found: dict[str, list[float]] = {}

    def search(turn: int) -> None:
        memory.search(f"word {turn}", scope=scope, vector=vectors[turn % len(vectors)])

    search(0)
    for turn in range(repeats):
        for count in COUNTS:
            some, rows = rows[:count], rows[count:]
            seqs, ids = zip(*some, strict=True)
            calls = {
                "search before": partial(search, turn),
                "forget": partial(memory.forget, ids, scope=scope),
                "delete": partial(delete, plain, seqs),
                "search after": partial(search, turn),
            }
            for name, call in calls.items():
                started = time.perf_counter()
                call()
                spent = (time.perf_counter() - started) * 1_000
                found.setdefault(f"{name} {count}", []).append(spent)
    return {name: spread(times) for name, times in found.items()}


def spread(times: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(times, [50, 95]).tolist()
    return {"p50": p50, "p95": p95}


def render(results: list[dict[str, Any]]) -> str:
    lines = [
        "| records | users | at once | forget p50 / p95 ms | plain delete p50 / p95 ms | ratio |"
        " search before, first after, ms |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for result in results:
        for count in COUNTS:
            ours, plain = result[f"forget {count}"], result[f"delete {count}"]
            before, after = result[f"search before {count}"], result[f"search after {count}"]
            cells = [
                f"{result['size']:,} | {result['users']} | {count}",
                f"{ours['p50']:.1f} / {ours['p95']:.1f}",
                f"{plain['p50']:.1f} / {plain['p95']:.1f}",
                f"{ours['p50'] / plain['p50']:.1f} | {before['p50']:.1f}, {after['p50']:.1f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    reading = Parser(description=str(__doc__).split("\n\n")[0])
    add = reading.add_argument
    add("--sizes", default="20k,100k", help="records, by commas; SIZE:USERS for another --users")
    add("--users", type=number, default=1, help="users; the r-th has a share of 1/r")
    add("--repeats", type=number, default=20, help="how often each is measured")
    add("--batch", type=number, default=500, help="records that one call adds")
    add("--seed", type=int, default=0, help="of everything random")
    add("--out", type=Path, default=Path("runs/forget"), help="folder for forget.json")
    add("--scratch", type=Path, help="folder for the stores; --out if not given")
    asked: argparse.Namespace = reading.parse_args()
    results = []
    try:
        asked.out.mkdir(parents=True, exist_ok=True)
        for case in cases(asked.sizes, asked.users):
            with tempfile.TemporaryDirectory(dir=asked.scratch or asked.out) as name:
                ours, plain = Path(name) / "ours", Path(name) / "plain"
                fill(ours, case, asked.batch, asked.seed)
                shutil.copytree(ours, plain)
                db = sqlite3.connect(plain / FILE_NAME, isolation_level=None)
                for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = OFF"):
                    db.execute(f"PRAGMA {pragma}")
                with Memory.open(ours, embedder=HashEmbedder(corpus.DIMENSIONS)) as memory:
                    found = measure(memory, db, asked.repeats, asked.seed)
                db.close()
            results.append({"size": case[0], "users": case[1], **found})
            (asked.out / "forget.json").write_text(json.dumps(results))
            print(render(results), file=sys.stderr, flush=True)
    except (WrongUsage, OSError) as error:
        reading.error(str(error))
    print(render(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
