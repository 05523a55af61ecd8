"""Cost of one turn for the memory at growing size, beside raw FAISS with one SQLite table.

    python bench/recall.py [--sizes 1000,10000] [--turns 50]

Embedding is real, and what it takes is told apart from all else that the agent does in a turn; the
language model is scripted and not counted. Turns of one kind look once, those of the other look on.
All else is told as the median with its 95% interval (bootstrap), and as processor time, which other
processes disturb less. Ours and the raw search alternate within one process; the last column is the
median of their ratios.
"""

import argparse
import random
import sqlite3
import statistics
import tempfile
import time

import faiss
import numpy as np
from langchain_core.embeddings import Embeddings

from memagent import Agent, Memory, Scope, open_embedder
from memagent.testing import ScriptedChat

PEOPLE = [f"Person{n}" for n in range(50)]
VERBS = ["moved to", "likes", "visited", "bought"]
ADA = Scope(user="ada")
QUESTIONS = {
    "looks once": "Where is {}, or what did they buy, time {}?",
    "looks on": "Who visited what {} bought before number {}?",
}


class Timed(Embeddings):
    """An embedder that counts its seconds, by the clock and of the processor."""

    def __init__(self, embedder: Embeddings) -> None:
        self.name = embedder.name
        self.seconds = self.processor = 0.0
        self._embedder = embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        started, busy = time.perf_counter(), time.process_time()
        vectors = self._embedder.embed_documents(texts)
        self.seconds += time.perf_counter() - started
        self.processor += time.process_time() - busy
        return vectors

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def sentences(count: int) -> list[str]:
    rng = random.Random(count)
    return [
        f"{rng.choice(PEOPLE)} {rng.choice(VERBS)} the thing{rng.randrange(400)} number {n}."
        for n in range(count)
    ]


def raw_search(index: faiss.Index, rows: sqlite3.Connection, query: np.ndarray) -> float:
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # or its threads spin on into what is measured next
    started = time.perf_counter()
    _, found = index.search(query, 10)
    faiss.omp_set_num_threads(threads)
    marks = ",".join("?" * 10)
    rows.execute(f"SELECT * FROM rows WHERE id IN ({marks})", found[0].tolist()).fetchall()
    return time.perf_counter() - started


def measure(size: int, turns: int) -> None:
    embedder = Timed(open_embedder("all-MiniLM-L6-v2"))
    texts = sentences(size)
    vectors = np.array(embedder.embed_documents(texts), dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder, Memory.open(folder, embedder=embedder) as memory:
        for start in range(0, size, 500):
            some = slice(start, start + 500)
            memory.add_many(texts[some], scope=ADA, vectors=vectors[some])
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        rows = sqlite3.connect(":memory:")
        rows.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT)")
        rows.executemany("INSERT INTO rows VALUES (?, ?)", enumerate(texts))
        agent = Agent(memory=memory, model=ScriptedChat(lambda _: f"thing {random.random()}"))
        memory.maintenance.warm(scope=ADA)
        for kind, asked in QUESTIONS.items():
            report(kind, size, turns, agent, embedder, asked, index, rows)


def report(
    kind: str,
    size: int,
    turns: int,
    agent: Agent,
    embedder: Timed,
    asked: str,
    index: faiss.Index,
    rows: sqlite3.Connection,
) -> None:
    """Ask, and print what a turn took in milliseconds."""
    embedding, searching, rest, processor, ratios = [], [], [], [], []
    for turn in range(turns):
        question = asked.format(PEOPLE[turn % 50], turn)
        embedder.seconds = embedder.processor = 0.0
        started, busy = time.perf_counter(), time.process_time()
        timings = agent.ask(question, scope=ADA).timings
        whole = time.perf_counter() - started - timings.model
        processor.append(1000 * (time.process_time() - busy - embedder.processor))
        embedding.append(1000 * embedder.seconds)
        searching.append(1000 * timings.search)
        rest.append(1000 * (whole - embedding[-1] / 1000))
        query = np.array([embedder.embed_query(question)], dtype=np.float32)
        ratios.append(timings.search / raw_search(index, rows, query))
    worst = sorted(rest)[int(0.95 * turns)]
    low, high = interval(rest)
    middle = [statistics.median(one) for one in (embedding, searching, processor, rest)]
    cells = " | ".join(f"{value:.1f}" for value in middle)
    spread = f"({low:.1f}-{high:.1f}) | {worst:.1f} | {statistics.median(ratios):.0f}"
    print(f"| {size:,} | {kind} | {cells} {spread} |")


def interval(values: list[float]) -> tuple[float, float]:
    """Return the 95% interval of a median, by 2,000 samples of the values."""
    rng = random.Random(0)
    medians = [statistics.median(rng.choices(values, k=len(values))) for _ in range(2000)]
    low, *_, high = statistics.quantiles(medians, n=40)
    return low, high


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="1000,10000")
    parser.add_argument("--turns", type=int, default=50)
    arguments = parser.parse_args()
    columns = ("embed ms", "search ms", "processor ms", "all else ms", "p95", "search / raw FAISS")
    print(f"| records | question | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 2) + "|")
    for size in arguments.sizes.split(","):
        measure(int(size), arguments.turns)


if __name__ == "__main__":
    main()
