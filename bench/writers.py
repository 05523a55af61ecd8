"""Waiting of an add while many processes write to one store, with and without the queue.

    python bench/writers.py [--processes 16] [--seconds 10] [--repeats 3] [--scratch FOLDER]

All processes add records, one at a time, as fast as they can, and wait for the disk each time. The
two take turns within every repeat: the queue of `memory.lock`, and SQLite's own waiting, which is
what 0.2.0 had. Each line has adds a second, the median, the 99th percentile and the longest add in
milliseconds, errors, the largest write-ahead log in MB, and last the ratio of the 99th percentiles.
With --threads each process writes in so many threads.
"""

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from memagent import Memory
from memagent.errors import MemagentError
from memagent.testing import HashEmbedder

SPAWN = multiprocessing.get_context("spawn")
USERS = 4


def write(folder: Path, number: int, asked: argparse.Namespace, queued: bool, start: Any) -> Any:
    """Add records for the given time; return the seconds of each, and the errors."""
    seconds: list[float] = []
    errors: list[str] = []

    def add(memory: Memory, thread: int) -> None:
        end = time.monotonic() + asked.seconds
        while time.monotonic() < end:
            started = time.perf_counter()
            try:
                memory.add(
                    f"note {len(seconds)} of writer {number}.{thread}", scope=f"u{number % USERS}"
                )
            except MemagentError as error:
                errors.append(str(error))
            seconds.append(time.perf_counter() - started)

    with Memory.open(folder, embedder=HashEmbedder()) as memory:
        if not queued:
            memory.engine.store._queue._file = None
        memory.add(f"the first of writer {number}", scope="first")
        start.wait()
        threads = [threading.Thread(target=add, args=(memory, n)) for n in range(asked.threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return seconds, errors


def run(
    folder: Path, number: int, asked: argparse.Namespace, queued: bool, start: Any, end: Any
) -> None:
    end.send(write(folder, number, asked, queued, start))


def measure(asked: argparse.Namespace, queued: bool) -> float:
    """Let all processes write to a new store; print the figures, and return the 99th percentile."""
    with tempfile.TemporaryDirectory(dir=asked.scratch) as scratch:
        folder = Path(scratch)
        Memory.open(folder, embedder=HashEmbedder()).close()
        start, ends, log = SPAWN.Barrier(asked.processes + 1), [], 0
        for number in range(asked.processes):
            end, other = SPAWN.Pipe()
            arguments = (folder, number, asked, queued, start, other)
            SPAWN.Process(target=run, args=arguments).start()
            ends.append(end)
        start.wait()
        while not all(end.poll() for end in ends):
            with suppress(FileNotFoundError):  # the last one has closed it
                log = max(log, (folder / "memory.db-wal").stat().st_size)
            time.sleep(0.1)
        outcomes = [end.recv() for end in ends]
    seconds = sorted(one for outcome in outcomes for one in outcome[0])
    errors = [one for outcome in outcomes for one in outcome[1]]
    p99 = seconds[int(0.99 * len(seconds))]
    print(
        f"{'queue' if queued else 'SQLite alone':12} {len(seconds) / asked.seconds:6.0f}/s"
        f"  p50 {1000 * statistics.median(seconds):6.1f}  p99 {1000 * p99:6.0f}"
        f"  max {1000 * seconds[-1]:6.0f}  errors {len(errors)}  log {log / 1e6:.0f} MB",
        *sorted(set(errors)),
        flush=True,
    )
    return p99


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--processes", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scratch", type=Path, help="a folder on a real disk")
    asked = parser.parse_args()
    for repeat in range(asked.repeats):
        order = (True, False) if repeat % 2 == 0 else (False, True)
        p99 = {queued: measure(asked, queued) for queued in order}
        print(f"p99 without the queue / with it: {p99[False] / p99[True]:.1f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
