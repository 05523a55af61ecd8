"""Exact nearest neighbours in numpy: the reference every index is held against."""

import numpy as np
from numpy.typing import NDArray


def nearest(
    vectors: NDArray[np.float32],
    query: NDArray[np.float32],
    n: int,
    allowed: NDArray[np.bool_] | None = None,
) -> list[tuple[int, float]]:
    """Return the `n` rows of largest inner product as (row, product), best first, ties by row.

    `vectors` is rows x dimensions, `query` dimensions, `allowed` one flag a row.
    """
    products = vectors @ query
    rows = np.arange(len(vectors)) if allowed is None else np.flatnonzero(allowed)
    best = rows[np.lexsort((rows, -products[rows]))][:n]
    return [(int(row), float(products[row])) for row in best]
