"""Indexes of FAISS for one large scope: recall, latency, build time and bytes of each.

    python bench/index.py [--size 100000] [--vectors FILE.npy] [--queries 200] [--only signs]

One thread, k = 10, every candidate in one process on the same vectors, queries that are not stored.
Candidates that do not keep whole vectors propose rows, which the half-precision vectors rank again,
as the store does. Without a file the vectors are those of `bench/corpus.py`.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import corpus
import faiss
import numpy as np

K = 10
BITS = 512
Search = Callable[[np.ndarray], np.ndarray]


def candidates(vectors: np.ndarray) -> dict[str, Callable[[], tuple[faiss.Index, Search]]]:
    """Return, by name, what builds an index and returns it with its search."""
    dimensions = vectors.shape[1]
    kinds = faiss.ScalarQuantizer
    metric = faiss.METRIC_INNER_PRODUCT
    half = faiss.IndexScalarQuantizer(dimensions, kinds.QT_fp16, metric)
    half.add(vectors)
    codes = faiss.vector_to_array(half.codes).reshape(len(vectors), -1)
    lists = int(4 * len(vectors) ** 0.5)

    def again(query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        rows = rows[rows >= 0]
        few = faiss.IndexScalarQuantizer(dimensions, kinds.QT_fp16, metric)
        few.add_sa_codes(codes[rows])
        return rows[few.search(query[None], K)[1][0]]

    def plain(index: faiss.Index) -> tuple[faiss.Index, Search]:
        index.train(vectors[:20_000])
        index.add(vectors)
        return index, lambda query: index.search(query[None], K)[1][0]

    def proposing(index: faiss.Index, depth: int, how: object) -> tuple[faiss.Index, Search]:
        if not index.is_trained:
            index.train(vectors[: max(20_000, 40 * lists)])
        if not index.ntotal:
            index.add(vectors)
        return index, lambda query: again(query, index.search(query[None], depth, params=how)[1][0])

    def signs(depth: int) -> tuple[faiss.Index, Search]:
        rotation = faiss.RandomRotationMatrix(dimensions, BITS)
        rotation.init(7)
        index = faiss.IndexBinaryFlat(BITS)
        index.use_heap = False
        centre = vectors[:10_000].mean(axis=0)

        def bits(some: np.ndarray) -> np.ndarray:
            return np.packbits(rotation.apply(some - centre) > 0, axis=1)

        index.add(bits(vectors))
        return index, lambda query: again(query, index.search(bits(query[None]), depth)[1][0])

    def sketch(depth: int) -> tuple[faiss.Index, Search]:
        rotation = faiss.RandomRotationMatrix(dimensions, dimensions)
        rotation.init(7)
        index = faiss.IndexRaBitQ(dimensions, metric)
        rotated = rotation.apply(vectors)
        index.train(rotated[:10_000])
        index.add(rotated)
        return index, lambda query: again(
            query, index.search(rotation.apply(query[None]), depth)[1][0]
        )

    built: dict[str, faiss.Index] = {}

    def once(name: str, make: Callable[[], faiss.Index]) -> faiss.Index:
        if name not in built:
            built[name] = make()
        return built[name]

    def inverted() -> faiss.Index:
        return faiss.index_factory(dimensions, f"IVF{lists},SQ8", metric)

    def graph() -> faiss.Index:
        index = faiss.IndexHNSWSQ(dimensions, kinds.QT_8bit, 32, metric)
        index.hnsw.efConstruction = 80
        return index

    found: dict[str, Callable[[], tuple[faiss.Index, Search]]] = {
        "flat, single precision": lambda: plain(faiss.IndexFlatIP(dimensions)),
        "flat, half precision": lambda: plain(
            faiss.IndexScalarQuantizer(dimensions, kinds.QT_fp16, metric)
        ),
        "flat, 8 bit": lambda: plain(faiss.IndexScalarQuantizer(dimensions, kinds.QT_8bit, metric)),
    }
    for depth in (100, 200, 400):
        found[f"RaBitQ, {depth} again"] = lambda depth=depth: sketch(depth)
    for depth in (200, 400, 800):
        found[f"{BITS} signs, {depth} again"] = lambda depth=depth: signs(depth)
    for probes in (16, 64, 256):
        found[f"IVF{lists},SQ8, {probes} lists, 40 again"] = lambda probes=probes: proposing(
            once("ivf", inverted), 40, faiss.SearchParametersIVF(nprobe=probes)
        )
    for effort in (64, 256):
        found[f"HNSW32,SQ8, effort {effort}, 40 again"] = lambda effort=effort: proposing(
            once("hnsw", graph), 40, faiss.SearchParametersHNSW(efSearch=effort)
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--vectors", help="a .npy file of unit vectors; the last are the queries")
    parser.add_argument("--only", default="", help="a part of the names of the indexes wanted")
    arguments = parser.parse_args()
    faiss.omp_set_num_threads(1)
    wanted = arguments.size + arguments.queries
    if arguments.vectors:
        whole = np.load(arguments.vectors)[:wanted].astype(np.float32)
    else:
        whole = corpus.vectors(wanted)
    vectors, queries = whole[: -arguments.queries], whole[-arguments.queries :]
    exact = faiss.IndexFlatIP(vectors.shape[1])
    exact.add(vectors)
    truth = [set(row.tolist()) for row in exact.search(queries, K)[1]]
    print(f"{len(vectors):,} vectors, {len(queries)} queries, one thread\n")
    print("| index | recall@10 | p50 ms | build s |\n|---|---|---|---|")
    for name, build in candidates(vectors).items():
        if arguments.only not in name:
            continue
        started = time.perf_counter()
        _, search = build()
        seconds = time.perf_counter() - started
        hits, spent = 0, []
        for query, right in zip(queries, truth, strict=True):
            began = time.perf_counter()
            rows = search(query)
            spent.append(1000 * (time.perf_counter() - began))
            hits += len(right & set(rows.tolist()))
        recall = hits / (K * len(queries))
        print(
            f"| {name} | {recall:.4f} | {statistics.median(spent):.2f} | {seconds:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
