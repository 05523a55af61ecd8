"""What one turn costs the memory at growing size, beside raw FAISS with one SQLite table.

    python bench/recall.py [--sizes 1000,10000] [--turns 50]

Embedding is real; the language model is scripted, so that only the memory's share is measured.
Ours and the raw search alternate within one process; the last column is the median of their ratios.
"""

import argparse
import random
import sqlite3
import statistics
import tempfile
import time

import faiss
import numpy as np

from memagent import Agent, Memory, Scope, open_embedder
from memagent.testing import ScriptedChat

PEOPLE = [f"Person{n}" for n in range(50)]
VERBS = ["moved to", "likes", "visited", "bought"]
ADA = Scope(user="ada")


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
    embedder = open_embedder("all-MiniLM-L6-v2")
    texts = sentences(size)
    with tempfile.TemporaryDirectory() as folder, Memory.open(folder, embedder=embedder) as memory:
        for start in range(0, size, 500):
            memory.add_many(texts[start : start + 500], scope=ADA)
        vectors = np.array(embedder.embed_documents(texts), dtype=np.float32)
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        rows = sqlite3.connect(":memory:")
        rows.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT)")
        rows.executemany("INSERT INTO rows VALUES (?, ?)", enumerate(texts))
        agent = Agent(memory=memory, model=ScriptedChat(lambda _: f"thing {random.random()}"))
        memory.warm(scope=ADA)
        ours, ratios = [], []
        for turn in range(turns):
            question = f"Where is {PEOPLE[turn % 50]}, or what did they buy, time {turn}?"
            timings = agent.ask(question, scope=ADA).timings
            query = np.array([embedder.embed_query(question)], dtype=np.float32)
            ours.append(timings)
            ratios.append(timings.search / raw_search(index, rows, query))
    parts = ("embed", "search", "write", "memory")
    medians = [statistics.median(1000 * getattr(one, part) for one in ours) for part in parts]
    worst = sorted(1000 * one.memory for one in ours)[int(0.95 * turns)]
    cells = " | ".join(f"{value:.1f}" for value in medians)
    print(f"| {size:,} | {cells} | {worst:.1f} | {statistics.median(ratios):.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="1000,10000")
    parser.add_argument("--turns", type=int, default=50)
    arguments = parser.parse_args()
    print("| records | embed ms | search ms | write ms | memory ms | p95 | search / raw FAISS |")
    print("|---|---|---|---|---|---|---|")
    for size in arguments.sizes.split(","):
        measure(int(size), arguments.turns)


if __name__ == "__main__":
    main()
