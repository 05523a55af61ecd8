import exact_search
import numpy as np
import pytest

from memagent.stores.database.rows import packed, unpacked
from memagent.stores.index import vectors
from memagent.stores.index.vectors import Vectors

ROWS, DIMENSIONS = 3_000, 96


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "SKETCH_FROM", 1_000)


def unit(array: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    return unpacked(packed((array / lengths).astype(np.float32)))


@pytest.fixture
def clustered() -> np.ndarray:
    """Vectors that have neighbours, as those of sentences do."""
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((60, DIMENSIONS))
    return unit(centres[rng.integers(0, 60, ROWS)] + 0.4 * rng.standard_normal((ROWS, DIMENSIONS)))


@pytest.fixture
def scattered() -> np.ndarray:
    """Vectors without any neighbourhood: every one is about as far as every other."""
    return unit(np.random.default_rng(2).standard_normal((ROWS, 384)))


def filled(rows: np.ndarray) -> Vectors:
    held = Vectors(rows.shape[1])
    for start in range(0, len(rows), 700):
        held.add(rows[start : start + 700])
    return held


@pytest.mark.parametrize("share", [1.0, 0.6, 0.01])
def test_a_sketch_finds_what_exact_search_finds(clustered: np.ndarray, share: float) -> None:
    held = filled(clustered)
    rng = np.random.default_rng(3)
    allowed = None if share == 1 else rng.random(ROWS) < share
    found = 0
    for query in unit(clustered[:50] + 0.1 * rng.standard_normal((50, DIMENSIONS))):
        wanted = exact_search.nearest(clustered, query, 10, allowed)
        got = held.search(query, 10, allowed)
        assert got[0][1] == pytest.approx(wanted[0][1], abs=1e-5)
        found += len({row for row, _ in got} & {row for row, _ in wanted})
        assert allowed is None or all(allowed[row] for row, _ in got)
    assert held.sketched
    assert found >= 0.99 * 500


@pytest.mark.parametrize("dimensions", [13, 600])
def test_a_vector_of_any_length_is_sketched(dimensions: int) -> None:
    rng = np.random.default_rng(5)
    centres = 3 + rng.standard_normal((60, dimensions))  # far from zero, all on the same side
    rows = unit(centres[rng.integers(0, 60, ROWS)] + 0.3 * rng.standard_normal((ROWS, dimensions)))
    held = filled(rows)
    found = [held.search(query, 1, None)[0][0] for query in rows[:50]]
    assert held.sketched
    assert found == list(range(50))


def test_what_a_sketch_cannot_tell_apart_is_searched_exactly(
    scattered: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "DEPTHS", (50, 100))  # 800 would be a good part of these rows
    held = filled(scattered)
    query = unit(np.random.default_rng(4).standard_normal((1, 384)))[0]
    wanted = exact_search.nearest(scattered, query, 10)
    got = held.search(query, 10, None)
    assert not held.sketched
    assert [row for row, _ in got] == [row for row, _ in wanted]


def test_few_rows_are_not_sketched(clustered: np.ndarray) -> None:
    held = filled(clustered[:999])
    assert len(held.search(clustered[0], 5, None)) == 5
    assert not held.sketched
    held.add(clustered[999:])
    assert held.search(clustered[2_000], 1, None)[0][0] == 2_000
    assert held.sketched


def test_more_rows_than_a_sketch_proposes_are_searched_exactly(clustered: np.ndarray) -> None:
    held = filled(clustered)
    got = held.search(clustered[0], 900, None)
    wanted = exact_search.nearest(clustered, clustered[0], 900)
    assert [score for _, score in got] == pytest.approx([score for _, score in wanted], abs=1e-5)


def test_the_state_makes_the_same_vectors(clustered: np.ndarray) -> None:
    held = filled(clustered)
    before = held.search(clustered[5], 10, None)
    again = Vectors(DIMENSIONS)
    again.restore(held.state())
    assert again.sketched
    for name, array in held.state().items():
        assert np.array_equal(again.state()[name], array), name
    assert again.search(clustered[5], 10, None) == before
    assert len(again) == ROWS
    assert again.bytes == held.bytes
    again.add(clustered[:1])
    assert {row for row, _ in again.search(clustered[0], 2, None)} == {0, ROWS}
