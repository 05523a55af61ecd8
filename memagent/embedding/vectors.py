"""Vectors, whoever made them: their check (finite, not all zero), and products of a few."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.errors import EmbeddingError, InvalidInput

SHOWN = 40
"""Characters of a text that an error shows."""
BLOCK = 250_000
"""Multiplications of one product at most: for more, OpenBLAS begins to share them out to threads,
which wait for one another on a machine that has other work."""


def unit_rows(
    vectors: Any, rows: int | None = None, dimensions: int | None = None
) -> NDArray[np.float32]:
    """Return vectors (rows x dimensions), each scaled to length one.

    The lengths are computed in double precision, where neither large nor tiny numbers get lost.

    Raises:
        BadVector: they are not so many rows of so many finite numbers, or one is all zeros.
    """
    array = _array(vectors)
    if rows is not None and len(array) != rows:
        raise BadVector(f"{len(array)} vectors for {rows} texts")
    if dimensions is not None and len(array) and array.shape[1] != dimensions:
        raise BadVector(f"{array.shape[1]} numbers, not {dimensions}", 0)
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        what = "NaN" if np.isnan(array[row]).any() else "an infinite number"
        raise BadVector(f"{what} in it", row)
    # Scaled first: the square of a large number is infinite, of a tiny one zero.
    largest = np.abs(array).max(axis=1, keepdims=True, initial=0)
    if not largest.all():
        raise BadVector("zeros alone", int(np.argmin(largest)))
    scaled = array / largest
    lengths = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))[:, None]
    return np.asarray(scaled / lengths, dtype=np.float32)


def inner_products(
    vectors: NDArray[np.float32], others: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the inner products of a few vectors with some others (rows x others)."""
    rows = max(1, BLOCK // max(1, others.size))
    blocks = [vectors[start : start + rows] @ others.T for start in range(0, len(vectors), rows)]
    return np.concatenate([np.empty((0, len(others)), dtype=np.float32), *blocks])


def embedded(
    vectors: Any, texts: Sequence[str], name: str, dimensions: int | None = None
) -> NDArray[np.float32]:
    """Return an embedder's vectors of texts (texts x dimensions), each scaled to length one.

    Raises:
        EmbeddingError: one of them cannot be used; the message names the text.
    """
    try:
        return unit_rows(vectors, len(texts), dimensions)
    except BadVector as error:
        where = ""
        if error.row is not None and error.row < len(texts):
            text = " ".join(texts[error.row].split())
            short = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
            where = f" for text {error.row + 1} of {len(texts)}, {short!r}"
        raise EmbeddingError(
            f"the embedder {name} gave {error.problem}{where}: nothing was stored"
        ) from error


class BadVector(InvalidInput):
    """A vector cannot be used: `problem` says why, `row` which one, None if it is no single one."""

    def __init__(self, problem: str, row: int | None = None) -> None:
        super().__init__(f"vectors: {problem}" if row is None else f"vector {row + 1}: {problem}")
        self.problem = problem
        self.row = row


def _array(vectors: Any) -> NDArray[np.float64]:
    """Return rows of numbers as an array, refusing what is none."""
    try:
        array = np.asarray(vectors)
    except (ValueError, TypeError, OverflowError):  # rows of different lengths
        array = np.empty(0, dtype=object)
    if array.ndim == 2 and array.dtype.kind in "fiu" and array.shape[1]:
        return np.asarray(array, dtype=np.float64)
    if array.dtype.kind in "fiu" and array.shape in ((0,), (0, 0)):
        return np.empty((0, 0))
    first = next(iter(vectors), None) if isinstance(vectors, Sequence) and vectors else None
    if isinstance(first, np.ndarray):
        length = int(first.size)
    else:
        length = len(first) if isinstance(first, Sequence) else 0
    for row, vector in enumerate(vectors if isinstance(vectors, Sequence) else ()):
        if (problem := _problem(vector, length)) is not None:
            raise BadVector(problem, row)
    raise BadVector("something other than rows of numbers")


def _problem(vector: Any, length: int) -> str | None:
    """Return what is wrong with one row, None if nothing is."""
    if vector is None or isinstance(vector, str | bytes):
        return "nothing" if vector is None else "a string instead of numbers"
    try:
        array = np.asarray(vector)
    except (ValueError, TypeError, OverflowError):
        return "something other than a row of numbers"
    if array.ndim != 1 or array.dtype.kind not in "fiu" or not array.size:
        return "something other than a row of numbers" if array.size else "an empty vector"
    return None if array.size == length else f"{array.size} numbers, not {length}"
