import numpy as np

from memagent.stores.index.neighbours import FEW, NEAREST, NONE, REACH, neighbours, nothing_compared

RECORDS = np.array([1, 1, 2, 3, 4, 5])
SESSIONS = np.array([7, 7, 8, 7, NONE, NONE])
SOURCES = np.array([NONE, NONE, NONE, NONE, 9, 9])
AGENTS = np.full(6, NONE)
HIDDEN = np.zeros(6, dtype=np.int64)


def beside(rows: list[int], step: int, hidden: np.ndarray = HIDDEN) -> list[int]:
    groups = (SESSIONS, SOURCES)
    return neighbours(np.array(rows), step, RECORDS, groups, AGENTS, hidden).tolist()


def test_the_neighbour_is_the_nearest_of_another_record_in_the_session() -> None:
    assert beside([3, 1, 0], -1) == [1, NONE, NONE]
    assert beside([0, 2], 1) == [3, NONE]


def test_without_a_session_the_source_counts() -> None:
    assert beside([5], -1) == [4]
    assert beside([4], -1) == [NONE]


def test_hidden_records_are_passed_over() -> None:
    assert beside([3], -1, np.array([1, 1, 0, 0, 0, 0])) == [NONE]


def test_neighbours_are_looked_for_within_reach() -> None:
    size = REACH + 2
    records, far = np.arange(size), np.full(size, 5)
    far[0] = far[-1] = 6
    found = neighbours(
        np.array([size - 1]),
        -1,
        records,
        (far, np.full(size, NONE)),
        np.full(size, NONE),
        np.zeros(size, dtype=np.int64),
    )
    assert found.tolist() == [NONE]


def test_many_rows_have_the_neighbours_that_each_has_alone() -> None:
    rng = np.random.default_rng(0)
    size = 5 * FEW
    columns = (
        np.arange(size) // 2,
        (rng.integers(-1, 12, size), rng.integers(-1, 3, size)),
        rng.integers(0, 2, size),
        rng.integers(0, 2, size),
    )
    for step in (-1, 1):
        together = neighbours(np.arange(size), step, *columns)
        alone = [neighbours(np.array([row]), step, *columns)[0] for row in range(size)]
        assert together.tolist() == alone
        assert NEAREST < np.abs(together - np.arange(size))[together != NONE].max() <= REACH


def test_nothing_is_around_no_keys() -> None:
    assert nothing_compared(3).vectors.shape == (0, 3)
