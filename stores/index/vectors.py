"""Vectors of one partition: searched exactly while few, by a sketch and exact rescoring when many.

A sketch holds the signs of the centred, projected vectors (Charikar, STOC 2002, section 3). It
proposes the rows with the fewest signs other than the query's, and their exact products decide. It
is used only while a sample shows that it finds the exact neighbours. What else was measured, and
why not an inverted file or a graph: `docs/results/index-choice.md`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

SKETCH_FROM = 20_000
"""With fewer rows to search, the exact search is as fast."""
DEPTHS = (200, 400, 800, 1_600, 3_200)
"""Numbers of rows that the sketch may propose: the least that reaches MIN_RECALL on the sample."""
MIN_RECALL = 0.995
SAMPLE = 40
NEAREST = 10
SEED = 7
LEAST_BITS = 512
"""FAISS compares 64 bytes faster than 48, and more signs tell more."""
BLOCK = 10_000
"""Number of vectors that are sketched at a time; the mean of the first as many is their centre."""


class Vectors:
    """Rows of unit vectors in the order they were added; FAISS searches them by inner product."""

    def __init__(self, dimensions: int) -> None:
        self._exact = _exact(dimensions)
        self._sketch: Any = None
        self._rotation: Any = None
        self._centre: NDArray[np.float32] = np.zeros(dimensions, dtype=np.float32)
        self._depth = 0
        self._judged = 0

    def __len__(self) -> int:
        return int(self._exact.ntotal)

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self._exact.d)

    @property
    def bytes(self) -> int:
        """About how much memory the vectors and their sketch take."""
        sketched = 0 if self._sketch is None else len(self) * int(self._sketch.code_size)
        return len(self) * 2 * self.dimensions + sketched

    @property
    def sketched(self) -> bool:
        """True if large searches go through a sketch."""
        return self._sketch is not None and self._depth > 0

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Append rows (rows x dimensions)."""
        with _one_thread():
            self._exact.add(vectors)
            if self._sketch is not None:
                self._add_to_sketch(vectors)

    def remove(self, rows: NDArray[np.bool_]) -> None:
        """Remove the rows that are marked; the others keep their order."""
        faiss = _faiss()
        marked = faiss.IDSelectorBitmap(np.packbits(rows, bitorder="little"))
        with _one_thread():
            self._exact.remove_ids(marked)
            if self._sketch is not None:
                self._sketch.remove_ids(marked)

    def search(
        self, query: NDArray[np.float32], n: int, allowed: NDArray[np.bool_] | None
    ) -> list[tuple[int, float]]:
        """Return the `n` best rows as (row, inner product), best first, among those allowed."""
        if len(self) < SKETCH_FROM:
            with _one_thread():
                return self._exactly(query, n, allowed)
        among = len(self) if allowed is None else int(np.count_nonzero(allowed))
        with _one_thread():
            self._prepare()
            if self.sketched and n <= self._depth and among >= SKETCH_FROM:
                return self._by_sketch(query, n, allowed, self._depth)
            return self._exactly(query, n, allowed)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that `restore` makes the same vectors from."""
        faiss = _faiss()
        arrays = {"exact": faiss.serialize_index(self._exact)}
        if self._sketch is not None:
            arrays["sketch"] = faiss.serialize_index_binary(self._sketch)
            arrays["centre"] = self._centre
            arrays["judged"] = np.array([self._depth, self._judged], dtype=np.int64)
        return arrays

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take over what `state` returned."""
        faiss = _faiss()
        self._exact = faiss.deserialize_index(arrays["exact"])
        if "sketch" in arrays:
            self._sketch = _counting(faiss.deserialize_index_binary(arrays["sketch"]))
            self._centre = arrays["centre"]
            self._depth, self._judged = arrays["judged"].tolist()
            self._rotation = self._rotated_by()

    def rows(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return vectors by row (rows x dimensions)."""
        return np.asarray(self._codes()[rows].view("<f2"), dtype=np.float32)

    def _codes(self) -> NDArray[np.uint8]:
        """Return FAISS's own memory of the vectors (rows x bytes): asking it for them is slow."""
        code_size = int(self._exact.code_size)
        codes = _faiss().rev_swig_ptr(self._exact.codes.data(), len(self) * code_size)
        return np.asarray(codes).reshape(-1, code_size)

    def _exactly(
        self, query: NDArray[np.float32], n: int, allowed: NDArray[np.bool_] | None
    ) -> list[tuple[int, float]]:
        scores, rows = self._exact.search(query[np.newaxis, :], n, params=_only(allowed))
        found = zip(rows[0].tolist(), scores[0].tolist(), strict=True)
        return [(row, score) for row, score in found if row >= 0]

    def _by_sketch(
        self, query: NDArray[np.float32], n: int, allowed: NDArray[np.bool_] | None, depth: int
    ) -> list[tuple[int, float]]:
        signs = self._signs(query[np.newaxis, :])
        _, rows = self._sketch.search(signs, depth, params=_only(allowed))
        proposed = rows[0][rows[0] >= 0]
        again = _exact(self.dimensions)
        again.add_sa_codes(self._codes()[proposed])
        scores, places = again.search(query[np.newaxis, :], min(n, len(proposed)))
        return list(zip(proposed[places[0]].tolist(), scores[0].tolist(), strict=True))

    def _prepare(self) -> None:
        """Make a sketch once it is faster, and measure it again whenever the rows doubled."""
        if len(self) < SKETCH_FROM or len(self) < 2 * self._judged:
            return
        if self._sketch is None:
            faiss = _faiss()
            self._rotation = self._rotated_by()
            self._sketch = _counting(faiss.IndexBinaryFlat(self._rotation.d_out))
            first = self.rows(np.arange(min(BLOCK, len(self)), dtype=np.int64))
            self._centre = first.mean(axis=0)
            for start in range(0, len(self), BLOCK):
                end = min(start + BLOCK, len(self))
                self._add_to_sketch(self.rows(np.arange(start, end, dtype=np.int64)))
        self._judged = len(self)
        self._depth = next((depth for depth in DEPTHS if self._recall(depth) >= MIN_RECALL), 0)

    def _rotated_by(self) -> Any:
        bits = max(LEAST_BITS, -(-self.dimensions // 64) * 64)
        rotation = _faiss().RandomRotationMatrix(self.dimensions, bits)
        with _one_thread():
            rotation.init(SEED)
        return rotation

    def _add_to_sketch(self, vectors: NDArray[np.float32]) -> None:
        self._sketch.add(self._signs(vectors))

    def _signs(self, vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the signs of each vector, one bit each (rows x bytes)."""
        return np.packbits(self._rotation.apply(vectors - self._centre) > 0, axis=1)

    def _recall(self, depth: int) -> float:
        """Return which share of the exact nearest rows the sketch finds, for a sample of rows."""
        sample = np.linspace(0, len(self) - 1, SAMPLE, dtype=np.int64)
        found = 0
        for itself, query in zip(sample.tolist(), self.rows(sample), strict=True):
            n = NEAREST + 1  # its own row is found by any sketch, and counts for none
            exact = {row for row, _ in self._exactly(query, n, None) if row != itself}
            found += len(exact & {row for row, _ in self._by_sketch(query, n, None, depth)})
        return found / (SAMPLE * NEAREST)


def _exact(dimensions: int) -> Any:
    """Return an empty index that compares half-precision vectors as they are."""
    faiss = _faiss()
    half = faiss.ScalarQuantizer.QT_fp16
    return faiss.IndexScalarQuantizer(dimensions, half, faiss.METRIC_INNER_PRODUCT)


def _counting(sketch: Any) -> Any:
    """Return an index of bits that counts rows by their distance, which is faster than a heap."""
    sketch.use_heap = False
    return sketch


def _only(allowed: NDArray[np.bool_] | None) -> Any:
    """Return what holds a search to the rows allowed; None if all are."""
    if allowed is None:
        return None
    faiss = _faiss()
    return faiss.SearchParameters(
        sel=faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Search within this thread: FAISS's own threads spin on and slow whoever comes next."""
    faiss = _faiss()
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def _faiss() -> Any:
    """Import FAISS when it is first needed; untyped, as its types leave out its own wrappers."""
    import faiss

    return faiss
