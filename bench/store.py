"""memagent's store beside its peers and beside the limit: raw FAISS with one SQLite table.

Each store runs in a process of its own. The stores take turns within every repeat, and each figure
is also given as a ratio to the limit's of the same repeat. Start it on a quiet machine, with
--scratch on a real disk: most stores wait for the disk at every add.
"""

import argparse
import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import corpus
import numpy as np
import report
from arguments import Case, WrongUsage, cases, given_vectors, limits, parser, systems
from peers import SYSTEMS

HERE = Path(__file__).parent
QUIET = {
    "ANONYMIZED_TELEMETRY": "False",
    "MEM0_TELEMETRY": "False",
    "HF_HUB_OFFLINE": "1",
    "PYTHONWARNINGS": "ignore",
}
"""Variables that keep peers from sending anything."""
SETTINGS = (
    "sizes users peer_limit repeats batch singles queries k search_seconds timeout seed"
).split()


class WorkerFailed(Exception):
    """A process that measures did not end well; the message says why, in one line."""


class Bench:
    """One measurement: what was asked for, and what was found so far."""

    def __init__(self, asked: argparse.Namespace, scratch: Path) -> None:
        self._asked = asked
        self._scratch = scratch
        self._limits = limits(asked.peer_limit)
        self._given_up: dict[str, str] = {}
        settings = {name: getattr(asked, name) for name in SETTINGS}
        self.found: dict[str, Any] = {
            "settings": {**settings, "vectors": "given" if asked.vectors else "synthetic"},
            "machine": machine(),
            "runs": [],
            "left_out": [],
            "end_to_end": [],
        }

    def measure(self, case: Case, names: list[str], given: corpus.Vectors | None) -> None:
        """Run every store in turn, as often as repeats are wanted, in another order each time."""
        size, users = case
        asked = self._asked
        say(f"{size:,} records, {users:,} users: making the corpus")
        place = self._scratch / "corpus"
        place.mkdir()
        corpus.write(
            place,
            size=size,
            users=users,
            singles=asked.singles,
            batch=asked.batch,
            queries=asked.queries,
            k=asked.k,
            seed=asked.seed,
            given=given,
        )
        running = [name for name in names if not self._over_limit(case, name)]
        for repeat in range(asked.repeats):
            turn = repeat % len(running)
            for name in running[turn:] + running[:turn]:
                if name in self._given_up:
                    self._leave_out(case, name, self._given_up[name])
                else:
                    self._run(case, name, repeat, place)
        if asked.end_to_end:
            self._end_to_end(case, place)
        shutil.rmtree(place)

    def save(self) -> None:
        """Write all figures so far, and the tables made from them."""
        (self._asked.out / "store.json").write_text(json.dumps(self.found))
        (self._asked.out / "store.md").write_text(report.render(self.found))

    def _run(self, case: Case, name: str, repeat: int, place: Path) -> None:
        """Fill a fresh store in one process, reopen it in another, and keep the figures."""
        size, users = case
        kind = next(one for one in SYSTEMS if one.name == name)
        k = f"--k={self._asked.k}"
        seconds = f"--search-seconds={self._asked.search_seconds}"
        run = {"system": name, "size": size, "users": users, "repeat": repeat}
        started = time.perf_counter()
        try:
            with tempfile.TemporaryDirectory(dir=self._scratch) as store:
                places = [name, str(place), store]
                run |= self._worker(["worker.py", k, seconds, "fill", *places])
                if kind.persistent:
                    run["reopen"] = self._worker(["worker.py", k, "reopen", *places])
        except WorkerFailed as failure:
            if name == "limit":
                raise
            self._given_up[name] = f"at {size:,} records: {failure}"
            self._leave_out(case, name, self._given_up[name])
            return
        say(
            f"{size:,} records, {users:,} users, repeat {repeat + 1}, {name}:"
            f" {time.perf_counter() - started:.1f} s"
        )
        told = {"promise": kind.promise, "exact_ranking": kind.exact_ranking}
        self.found["runs"].append({**run, **told})
        self.save()

    def _end_to_end(self, case: Case, place: Path) -> None:
        """Keep what memagent takes beside the real embedder."""
        try:
            with tempfile.TemporaryDirectory(dir=self._scratch) as store:
                done = self._worker(["end_to_end.py", str(place), store])
        except WorkerFailed as failure:
            self._leave_out(case, "memagent end to end", str(failure))
        else:
            say(f"{case[0]:,} records, {case[1]:,} users: end to end done")
            self.found["end_to_end"].append({"size": case[0], "users": case[1], **done})
            self.save()

    def _worker(self, command: list[str]) -> dict[str, Any]:
        """Run a script, and return what it wrote to the file that it is told last."""
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            result = Path(folder) / "result.json"
            try:
                subprocess.run(
                    [sys.executable, str(HERE / command[0]), *command[1:], str(result)],
                    env={**os.environ, **QUIET},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                    check=True,
                    timeout=self._asked.timeout,
                )
            except subprocess.TimeoutExpired as error:
                raise WorkerFailed(f"took over {self._asked.timeout:,} seconds") from error
            except subprocess.CalledProcessError as error:
                raise WorkerFailed(self._last_words(error)) from error
            done: dict[str, Any] = json.loads(result.read_text())
            return done

    def _last_words(self, error: subprocess.CalledProcessError) -> str:
        lines = str(error.stderr).strip().splitlines()
        if error.returncode < 0 or not lines:
            return f"ended with status {error.returncode}"
        return lines[-1].replace(str(self._scratch), "SCRATCH")

    def _over_limit(self, case: Case, name: str) -> bool:
        most = self._limits.get(name, case[0])
        if case[0] > most:
            self._leave_out(case, name, f"over its --peer-limit of {most:,} records")
        return case[0] > most

    def _leave_out(self, case: Case, name: str, why: str) -> None:
        size, users = case
        one = {"system": name, "size": size, "users": users, "why": why}
        if one not in self.found["left_out"]:
            say(f"{size:,} records, {users:,} users: {name} left out, {why}")
            self.found["left_out"].append(one)


def machine() -> dict[str, Any]:
    """Return what was measured on; no names."""
    return {
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.system(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "numpy": np.__version__,
    }


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    description, hint = str(__doc__).split("\n\n")
    reading = parser(f"{description} {hint}")
    asked = reading.parse_args()
    try:
        wanted, names = cases(asked.sizes, asked.users), systems(asked.systems)
        limits(asked.peer_limit)
        given = given_vectors(asked, wanted)
        if (asked.out / "store.json").exists():
            raise WrongUsage(f"{asked.out} holds a measurement already: name another --out")
        asked.out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=asked.scratch or asked.out) as scratch:
            bench = Bench(asked, Path(scratch))
            for case in wanted:
                bench.measure(case, names, given)
        bench.save()
    except (WrongUsage, OSError) as error:
        reading.error(str(error))
    except WorkerFailed as failure:
        say(f"bench: {failure}")
        return 1
    print(report.render(bench.found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
