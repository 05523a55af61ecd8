"""One store measured in a process of its own; `store.py` starts it and reads the JSON it leaves.

python bench/worker.py fill chroma CORPUS STORE RESULT [--k 10] [--search-seconds 60]
python bench/worker.py reopen chroma CORPUS STORE RESULT [--k 10]
"""

import argparse
import importlib
import json
import resource
import sys
import time
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from corpus import Corpus, Query
from peers import SYSTEMS
from systems import System

MIN_SEARCHES = 20
"""So many are timed even when their time is up."""


def fill(system: System, corpus: Corpus, k: int, search_seconds: float) -> dict[str, Any]:
    """Load the corpus, search in it, and say what it took; all times in seconds."""
    before = psutil.Process().memory_info().rss
    system.open()
    batches: list[tuple[int, float]] = []
    for batch in corpus.batches():
        shaped = system.shape(batch)
        started = time.perf_counter()
        system.add(shaped)
        batches.append((len(batch.texts), time.perf_counter() - started))
    loaded = len(batches) - corpus.plan["singles"]
    started = time.perf_counter()
    system.settle()
    settled = time.perf_counter() - started
    searched = search(system, corpus, k, search_seconds)
    after = psutil.Process().memory_info().rss
    started = time.perf_counter()
    system.close()
    return {
        "batches": batches[:loaded],
        "singles": [seconds for _, seconds in batches[loaded:]],
        "settle": settled,
        **searched,
        "close": time.perf_counter() - started,
        "bytes": sum(path.stat().st_size for path in system.folder.rglob("*") if path.is_file()),
        "records": sum(count for count, _ in batches),
        "memory_before": before,
        "memory_after": after,
        "memory_peak": peak_memory(),
        "versions": {name: version(name) for name in system.packages},
    }


def search(system: System, corpus: Corpus, k: int, seconds: float) -> dict[str, Any]:
    """Ask each scope once, so that what loads lazily has loaded; then time the queries."""
    queries = corpus.queries()
    first = first_of_each_user(queries)
    firsts = [timed(system, query, k)[0] for query in first]
    counts = {f"user{number:04d}": count for number, count in enumerate(corpus.plan["counts"])}
    taken: list[tuple[int, float]] = []
    recalls: dict[str, list[float]] = defaultdict(list)
    for query in queries:
        if sum(one for _, one in taken) > seconds and len(taken) >= MIN_SEARCHES:
            break
        spent, found = timed(system, query, k)
        taken.append((counts[query.user], spent))
        recalls[query.user].append(len(query.truth.intersection(found)) / len(query.truth))
    return {
        "first_searches": firsts,
        "searches": taken,
        "recalls": dict(recalls),
    }


def reopen(system: System, corpus: Corpus, k: int) -> dict[str, Any]:
    """Open a filled store in a new process, and ask: first the largest scope, then all of them."""
    queries = first_of_each_user(corpus.queries())
    before = psutil.Process().memory_info().rss
    started = time.perf_counter()
    system.open()
    opened = time.perf_counter() - started
    found = system.search(queries[0], k)
    answered = time.perf_counter() - started
    for query in queries[1:]:
        system.search(query, k)
    whole = time.perf_counter() - started
    system.close()
    return {
        "open": opened,
        "first_answer": answered,
        "every_scope": whole,
        "found": len(found),
        "memory_before": before,
        "memory_peak": peak_memory(),
    }


def timed(system: System, query: Query, k: int) -> tuple[float, list[str]]:
    started = time.perf_counter()
    found = system.search(query, k)
    return time.perf_counter() - started, found


def first_of_each_user(queries: list[Query]) -> list[Query]:
    """Return one query a user; users are numbered from the largest to the smallest."""
    first: dict[str, Query] = {}
    for query in queries:
        first.setdefault(query.user, query)
    return [first[user] for user in sorted(first)]


def peak_memory() -> int:
    """Return the most memory in bytes that this process had resident.

    Linux counts it into getrusage what the parent had when it started this process, so there the
    kernel's figure for the process alone is read.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("phase", choices=("fill", "reopen"))
    parser.add_argument("system", choices=[one.name for one in SYSTEMS])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("store", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--search-seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    corpus = Corpus(arguments.corpus)
    kind = next(one for one in SYSTEMS if one.name == arguments.system)
    system = kind(arguments.store, corpus.plan["dimensions"])
    started = time.perf_counter()
    for name in kind.imports:
        importlib.import_module(name)
    imported = time.perf_counter() - started
    if arguments.phase == "fill":
        result = fill(system, corpus, arguments.k, arguments.search_seconds)
    else:
        result = reopen(system, corpus, arguments.k)
    arguments.result.write_text(json.dumps({"imports": imported, **result}))


if __name__ == "__main__":
    main()
