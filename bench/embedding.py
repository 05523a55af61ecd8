"""Our embedder beside stock sentence-transformers: throughput, latency of a query, fidelity.

    python bench/embedding.py [--texts 128] [--repeats 7] [--threads 0]

Both embed the same texts, in turns; what is given are the ratios of a repeat, their median and
their range. The processor's seconds are given too, since they depend less on what else runs.
"""

import argparse
import itertools
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from memagent import open_embedder
from memagent.config import load_settings
from memagent.embedding.precision import BENCHMARK_PASSAGES, BENCHMARK_QUESTIONS
from memagent.models.weights import MINILM, locate
from memagent.stores.database.connection import SqliteStore
from memagent.stores.index.embedding_cache import VectorCache
from memagent.types import Precision

NAME = MINILM.name
Embed = Callable[[list[str]], Any]
Spent = dict[str, list[tuple[float, float]]]
"""Wall-clock and processor seconds of every repeat."""


def passages() -> Iterator[str]:
    """Yield distinct texts of two sentences, of about 156 characters."""
    pairs = list(itertools.permutations(BENCHMARK_PASSAGES, 2))
    random.Random(0).shuffle(pairs)
    for one, other in pairs:
        yield f"{one} {other}"


def questions() -> Iterator[str]:
    """Yield distinct questions."""
    for number, question in enumerate(itertools.cycle(BENCHMARK_QUESTIONS)):
        yield f"{question[:-1]} {number}?"


def spent(call: Callable[[], object]) -> tuple[float, float]:
    """Return the wall-clock and the processor seconds of a call."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


def measured(ways: dict[str, Embed], given: Sequence[list[str]]) -> Spent:
    """Embed each of the given lists in every way, in turns, beginning at another each time."""
    found: Spent = {name: [] for name in ways}
    names = list(ways)
    for turn, texts in enumerate(given):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            embed = ways[name]
            found[name].append(spent(lambda embed=embed, texts=texts: embed(texts)))
    return found


def ratio(found: Spent, name: str, clock: int) -> str:
    """Return how many times as fast as stock a way is: median and range over the repeats."""
    each = [
        a[clock] / max(b[clock], 1e-9) for a, b in zip(found["stock"], found[name], strict=True)
    ]
    return f"{statistics.median(each):.2f} ({min(each):.2f}-{max(each):.2f})"


def percentile(values: Sequence[float], share: float) -> float:
    return float(np.quantile(values, share))


def fidelity(right: Any, ours: Embed) -> tuple[float, float, float]:
    """Return mean and least cosine to stock's vectors, and recall@10 on the benchmark's texts."""
    split = len(BENCHMARK_PASSAGES)
    found = np.asarray(ours([*BENCHMARK_PASSAGES, *BENCHMARK_QUESTIONS]))
    cosine = np.einsum("ij,ij->i", right, found)
    wanted, got = (
        np.argsort(-(one[split:] @ one[:split].T), axis=1)[:, :10] for one in (right, found)
    )
    shared = [len(set(a) & set(b)) for a, b in zip(wanted.tolist(), got.tolist(), strict=True)]
    return float(cosine.mean()), float(cosine.min()), sum(shared) / (10 * len(shared))


def ways(precisions: Sequence[Precision]) -> dict[str, Embed]:
    """Return stock sentence-transformers and our embedder in some precisions."""
    from sentence_transformers import SentenceTransformer

    folder = locate(MINILM, load_settings().home / "models")
    stock = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    found: dict[str, Embed] = {
        "stock": lambda texts: stock.encode(
            texts, normalize_embeddings=True, show_progress_bar=False
        )
    }
    for one in precisions:
        embedder: Any = open_embedder(NAME, precision=one)
        name = f"auto ({embedder.precision})" if one == "auto" else one
        found[name] = embedder.embed_documents
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=128)
    parser.add_argument("--queries", type=int, default=20, help="of each repeat")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as torch takes")
    parser.add_argument("--precisions", default="auto,float32,int8")
    return parser.parse_args()


def main() -> None:
    import torch

    asked = arguments()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    compared = ways(asked.precisions.split(","))
    texts, singles = passages(), questions()
    for embed in compared.values():  # the first call is slow in every way
        embed(list(BENCHMARK_PASSAGES[:8]))
        embed(list(BENCHMARK_QUESTIONS[:1]))
    batches = [list(itertools.islice(texts, asked.texts)) for _ in range(asked.repeats)]
    alone = [[next(singles)] for _ in range(asked.queries * asked.repeats)]
    many, one = measured(compared, batches), measured(compared, alone)
    length = statistics.mean(len(text) for batch in batches for text in batch)
    print(
        f"{NAME}, {torch.get_num_threads()} threads, torch {torch.__version__},"
        f" load {os.getloadavg()[0]:.1f}; {asked.repeats} repeats of {asked.texts} texts"
        f" ({length:.0f} characters on average) and {asked.queries} queries\n"
    )
    print(
        "| way | texts/s | x stock | x stock, processor | query p50 ms | p95 ms | x stock |", end=""
    )
    print(" x stock, processor | cosine, least | recall@10 |\n" + "|---" * 10 + "|")
    right = np.asarray(compared["stock"]([*BENCHMARK_PASSAGES, *BENCHMARK_QUESTIONS]))
    for name, embed in compared.items():
        speed = statistics.median(asked.texts / wall for wall, _ in many[name])
        delays = [1000 * wall for wall, _ in one[name]]
        mean, least, recall = fidelity(right, embed)
        cells = [name, f"{speed:.0f}", ratio(many, name, 0), ratio(many, name, 1)]
        cells += [f"{percentile(delays, 0.5):.1f}", f"{percentile(delays, 0.95):.1f}"]
        cells += [ratio(grouped(one, asked.queries), name, clock) for clock in (0, 1)]
        cells += [f"{mean:.4f}, {least:.4f}", f"{recall:.3f}"]
        print(f"| {' | '.join(cells)} |", flush=True)
    print("\n| texts a call | embedding, processor us a text | kept | found |\n|---|---|---|---|")
    ours = next(embed for name, embed in compared.items() if name != "stock")
    for size in (1, 64):
        print(cached(ours, texts, size, asked.repeats))


def cached(embed: Embed, texts: Iterator[str], size: int, repeats: int) -> str:
    """Return what the cache beside a store costs and spares a text, in calls of `size` texts."""
    folder = Path(tempfile.mkdtemp(prefix="memagent-"))
    store = SqliteStore(folder)
    cache = VectorCache(store)
    rows = [once(cache, embed, list(itertools.islice(texts, size))) for _ in range(repeats)]
    cache.close()
    store.close()
    shutil.rmtree(folder)
    each = [1e6 * statistics.median(column) / size for column in zip(*rows, strict=True)]
    return f"| {size} | {each[0]:.0f} | {each[1]:.0f} | {each[2]:.0f} |"


def once(cache: VectorCache, embed: Embed, texts: list[str]) -> tuple[float, float, float]:
    """Return the processor seconds of embedding texts, of keeping them, and of finding them."""
    vectors = np.asarray(embed(list(BENCHMARK_PASSAGES[: len(texts)])), dtype=np.float32)
    return (
        spent(lambda: embed(texts))[1],
        spent(lambda: cache.documents(texts, "any", lambda _: vectors))[1],
        spent(lambda: cache.documents(texts, "any", lambda _: vectors))[1],
    )


def grouped(found: Spent, size: int) -> Spent:
    """Return the medians of each repeat's queries."""
    return {
        name: [
            (
                statistics.median(wall for wall, _ in rows[start : start + size]),
                statistics.median(processor for _, processor in rows[start : start + size]),
            )
            for start in range(0, len(rows), size)
        ]
        for name, rows in found.items()
    }


if __name__ == "__main__":
    main()
