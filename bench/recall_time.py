"""Time of search, recall and adding with vectors at hand, beside another version of memagent.

    python bench/recall_time.py [--sizes 1000,100000] [--queries 300] [--against PYTHON]

No embedder is asked. The records are turns of generated conversations in sessions, and notes beside
them, all of one user. PYTHON is the interpreter of an environment that has the other version: each
version runs in a process of its own, and every batch and every question goes to both in turn, the
one that went first second the next time. Without it only this version is measured. Times are in
milliseconds, medians with their 95% interval (bootstrap): of the processor, which other processes
disturb less, and of the clock. The last table tells the parts of a recall.
"""

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import corpus
import numpy as np
from langchain_core.embeddings import Embeddings

from memagent import Memory, NewRecord, Scope

BATCH = 500
EVERY = 10
"""Every so many records one is a note that stands alone."""
NEAR = 0.6
"""Length of the noise on the vector of a record that makes that of a question about it."""
ADA = Scope(user="ada")
STAGES = {
    "candidates": ("memagent.stores.banks.candidates", "CandidateSearch", "search"),
    "features": ("memagent.recall.pipeline", None, "examine"),
    "ranker": ("memagent.recall.ranker", "Ranker", "scores"),
    "reading": ("memagent.recall.pipeline", None, "ranked"),
    "lessons": ("memagent.recall.lessons", "Lessons", "taught"),
    "selection": ("memagent.recall.recaller", None, "select"),
    "expansion": ("memagent.recall.expansion", "Expander", "expand"),
    "sources": ("memagent.compression.expand", "SourceExpander", "expand"),
}
"""Parts of a recall: the module, the class and the name of what is timed."""
Seconds = tuple[float, float]
"""Seconds of the processor and by the clock."""


class Known(Embeddings):
    """An embedder that looks up the questions' vectors, and makes others from a hash."""

    name = "all-MiniLM-L6-v2"

    def __init__(self, vectors: dict[str, Any]) -> None:
        self._vectors: dict[str, list[float]] = {
            text: vector.tolist() for text, vector in vectors.items()
        }

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        if text not in self._vectors:
            seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
            drawn = np.random.default_rng(seed).standard_normal(corpus.DIMENSIONS)
            self._vectors[text] = drawn.tolist()
        return self._vectors[text]


def write(folder: Path, size: int, queries: int) -> None:
    """Write records, questions and the vectors of both for the processes to read."""
    from memagent.evals.tasks.conversations.generator.generate import generate

    records: list[dict[str, Any]] = []
    asked: list[tuple[str, int]] = []
    seed = 0
    while len(records) < size:
        data = generate(name="bench", style="people", size="large", seed=seed)
        places: dict[tuple[str, str], int] = {}
        for conversation in data.conversations:
            for turn in conversation.turns:
                places[conversation.id, turn.id] = len(records)
                note = len(records) % EVERY == EVERY - 1
                records.append(
                    {
                        "text": turn.text,
                        "when": turn.when and turn.when.isoformat(),
                        "metadata": {} if note else {"role": turn.role, "name": turn.name},
                        "session": None if note else f"{conversation.id}/{turn.session}",
                    }
                )
        for question in data.questions:
            place = next((places[question.story, id] for id in question.evidence), None)
            if place is not None and place < size:
                asked.append((question.question, place))
        seed += 1
    vectors = corpus.vectors(size)
    rng = np.random.default_rng(0)
    chosen = [asked[place] for place in rng.permutation(len(asked))[:queries]]
    noise = rng.standard_normal((len(chosen), corpus.DIMENSIONS))
    noise *= NEAR / np.linalg.norm(noise, axis=1, keepdims=True)
    np.save(folder / "vectors.npy", vectors)
    np.save(folder / "asked.npy", vectors[[place for _, place in chosen]] + noise)
    questions = [text for text, _ in chosen]
    plan = {"records": records[:size], "questions": questions}
    (folder / "plan.json").write_text(json.dumps(plan))


class Worker:
    """One version of memagent in this process, which is told what to do line by line."""

    def __init__(self, folder: Path, store: Path) -> None:
        plan = json.loads((folder / "plan.json").read_text())
        self.questions = plan["questions"]
        self._records = plan["records"]
        self._vectors = np.load(folder / "vectors.npy")
        asked = np.load(folder / "asked.npy")
        embedder = Known(dict(zip(self.questions, asked, strict=True)))
        self._memory = Memory.open(store, embedder=embedder)
        self._stages: dict[str, float] = {}

    def add(self, batch: int) -> None:
        """Add one batch, a call a session as it is told."""
        place = slice(BATCH * batch, BATCH * (batch + 1))
        sessions: dict[str | None, list[int]] = {}
        for number in range(*place.indices(len(self._records))):
            sessions.setdefault(self._records[number]["session"], []).append(number)
        calls = [(session, rows, self._new(rows)) for session, rows in sessions.items()]
        with self._timed():
            for session, rows, new in calls:
                scope = Scope(user=ADA.user, session=session)
                self._memory.add_many(new, scope=scope, vectors=self._vectors[rows])

    def _new(self, rows: list[int]) -> list[NewRecord]:
        return [
            NewRecord(
                text=record["text"],
                valid_from=datetime.fromisoformat(record["when"]),
                metadata=record["metadata"],
            )
            for record in map(self._records.__getitem__, rows)
        ]

    def warm(self, _: int) -> None:
        with self._timed():
            self._memory.maintenance.warm(scope=ADA)

    def search(self, query: int) -> None:
        with self._timed():
            self._memory.search(self._question(query), scope=ADA, k=10)

    def recall(self, query: int) -> None:
        with self._timed():
            self._memory.recall(self._question(query), scope=ADA)

    def _question(self, query: int) -> str:
        """Return a question; there are fewer of a few records, which are asked again."""
        return str(self.questions[query % len(self.questions)])

    def stages(self, query: int) -> None:
        """Recall with its parts timed, which costs some time itself."""
        self._stages = dict.fromkeys(STAGES, 0.0)
        originals = []
        for name, (module, owner, function) in STAGES.items():
            holder = __import__(module, fromlist=["*"])
            holder = holder if owner is None else getattr(holder, owner)
            originals.append((holder, function, getattr(holder, function)))
            setattr(holder, function, self._counted(name, getattr(holder, function)))
        self.recall(query)
        for holder, function, original in originals:
            setattr(holder, function, original)

    def _counted(self, name: str, function: Any) -> Any:
        def counted(*arguments: Any, **named: Any) -> Any:
            started = time.process_time()
            try:
                return function(*arguments, **named)
            finally:
                self._stages[name] += time.process_time() - started

        return counted

    @contextmanager
    def _timed(self) -> Iterator[None]:
        busy, started = time.process_time(), time.perf_counter()
        yield
        self._seconds = time.process_time() - busy, time.perf_counter() - started

    def serve(self) -> None:
        """Do what the lines of the standard input say, and answer each with its seconds."""
        for line in sys.stdin:
            verb, number = line.split()
            getattr(self, verb)(int(number))
            print(json.dumps({"seconds": self._seconds, "stages": self._stages}), flush=True)


class Version:
    """One version of memagent in a process of its own."""

    def __init__(self, name: str, python: str, folder: Path) -> None:
        self.name = name
        here = Path(__file__).resolve()
        self._process = subprocess.Popen(
            [python, str(here), "--worker", str(folder), str(folder / name)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
        )

    def ask(self, verb: str, number: int) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{verb} {number}\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def alternated(versions: list[Version], verb: str, count: int) -> dict[str, list[Seconds]]:
    """Return the milliseconds of each version, which take turns in going first."""
    found: dict[str, list[Seconds]] = {version.name: [] for version in versions}
    for number in range(count):
        for version in versions if number % 2 == 0 else versions[::-1]:
            busy, clock = version.ask(verb, number)["seconds"]
            found[version.name].append((1000 * busy, 1000 * clock))
    return found


def interval(values: Any, statistic: Any = np.median) -> tuple[float, float]:
    """Return the 95% interval of a statistic of rows, by 1,000 samples of them."""
    rng, rows = np.random.default_rng(0), np.asarray(values)
    drawn = [statistic(rows[rng.integers(len(rows), size=len(rows))], axis=0) for _ in range(1000)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def row(size: int, verb: str, times: dict[str, list[Seconds]], first: str) -> str:
    """Return a line of the table: medians, and of the pairs the difference and the ratio."""
    cells = []
    for name, pairs in times.items():
        busy = [pair[0] for pair in pairs]
        low, high = interval(busy)
        clock = statistics.median(pair[1] for pair in pairs)
        cells.append(f"{statistics.median(busy):.2f} ({low:.2f}-{high:.2f}), {clock:.2f}")
        if name != first:
            pair = np.array(
                [[new[0], old[0]] for new, old in zip(times[first], pairs, strict=True)]
            )
            cells += compared(pair)
    return f"| {size:,} | {verb} | {len(times[first])} | {' | '.join(cells)} |"


def compared(pair: Any) -> list[str]:
    """Return the difference and the ratio of two medians, of the pairs (new, old)."""

    def difference(rows: Any, axis: int) -> float:
        new, old = np.median(rows, axis=axis)
        return float(new - old)

    def ratio(rows: Any, axis: int) -> float:
        new, old = np.median(rows, axis=axis)
        return float(new / old)

    return [
        f"{statistic(pair, axis=0):+.2f} ({low:+.2f} to {high:+.2f})"
        for statistic in (difference, ratio)
        for low, high in [interval(pair, statistic)]
    ]


def measure(size: int, queries: int, against: str | None) -> list[str]:
    """Return the lines of one size: of adding, of the questions, and of the parts of a recall."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write(folder, size, queries)
        versions = [Version("this", sys.executable, folder)]
        if against is not None:
            versions.append(Version("other", against, folder))
        times = {"add_many, a batch": alternated(versions, "add", -(-size // BATCH))}
        for verb in ("warm", "search", "recall"):  # what is read first is read only once
            alternated(versions, verb, 1 if verb == "warm" else 20)
        for verb in ("search", "recall"):
            times[verb] = alternated(versions, verb, queries)
        lines = [row(size, verb, found, "this") for verb, found in times.items()]
        if against is not None:
            pairs = {"this": times["recall"]["this"], "other": times["search"]["other"]}
            lines.append(row(size, "recall beside the other's search", pairs, "this"))
        parts = [versions[0].ask("stages", number)["stages"] for number in range(queries)]
        for name in STAGES:
            milliseconds = statistics.median(1000 * part[name] for part in parts)
            lines.append(f"| {size:,} | recall: {name} | {queries} | {milliseconds:.2f} |")
        for version in versions:
            version.close()
        return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", default="1000,100000")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--against", metavar="PYTHON")
    parser.add_argument("--worker", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        Worker(*arguments.worker).serve()
        return
    columns = ["records", "what", "n", "processor ms (95%), clock ms"]
    if arguments.against:
        columns += ["the other: processor ms (95%), clock ms", "difference", "ratio"]
    print(f"| {' | '.join(columns)} |", "|---" * len(columns) + "|", sep="\n", flush=True)
    for size in arguments.sizes.split(","):
        print(*measure(int(size), arguments.queries, arguments.against), sep="\n", flush=True)


if __name__ == "__main__":
    main()
