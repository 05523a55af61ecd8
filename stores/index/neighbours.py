"""Neighbours of keys: those of the records before and after in the same session or source."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REACH = 32
"""Number of keys on each side among which a neighbour is looked for."""
NEAREST = 4
"""Number of keys on each side that are looked at first: the neighbour mostly is one of them."""
NONE = -1
"""Row of a neighbour that is not there, and the number of a text that a record does not have."""


@dataclass(frozen=True, slots=True)
class Around:
    """Keys with their neighbours, as arrays of one value a key.

    `records`, `vectors` and `cosines` (to a query) are those of the keys, `before` and `after` the
    neighbours on either side.
    """

    keys: NDArray[np.int64]
    records: NDArray[np.int64]
    vectors: NDArray[np.float32]
    cosines: NDArray[np.float32]
    before: "Side"
    after: "Side"


@dataclass(frozen=True, slots=True)
class Side:
    """Neighbours on one side: key ids (0 for none), records, cosines, and whether they pass."""

    keys: NDArray[np.int64]
    records: NDArray[np.int64]
    cosines: NDArray[np.float32]
    passing: NDArray[np.bool_]


def neighbours(
    rows: NDArray[np.int64],
    step: int,
    records: NDArray[np.int64],
    groups: tuple[NDArray[np.int64], NDArray[np.int64]],
    agents: NDArray[np.int64],
    hidden: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the row of the nearest key of another record beside each row, `NONE` without one.

    `step` is -1 for those before and 1 for those after; the columns are those of the whole table.
    `groups` are sessions and sources: a record with a session has its neighbours there, one without
    among the records of its source, and one without either has none.
    """
    found = np.full(len(rows), NONE, dtype=np.int64)
    sessions, sources = groups
    by_session = sessions[rows] != NONE
    by_source = ~by_session & (sources[rows] != NONE)
    for group, grouped in ((sessions, by_session), (sources, by_source)):
        left = np.flatnonzero(grouped)
        for reach in (range(1, NEAREST + 1), range(NEAREST + 1, REACH + 1)):
            if len(left):
                columns = (group, agents, records, hidden)
                found[left] = _nearest(rows[left], step * np.array(reach), *columns)
                left = left[found[left] == NONE]
    return found


def _nearest(
    rows: NDArray[np.int64],
    steps: NDArray[np.int64],
    group: NDArray[np.int64],
    agents: NDArray[np.int64],
    records: NDArray[np.int64],
    hidden: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return, for each row, the first place in `steps` from it that is its neighbour, or `NONE`."""
    places = rows[:, None] + steps
    inside = (places >= 0) & (places < len(records))
    places = np.where(inside, places, 0)
    same = inside & (group[places] == group[rows][:, None]) & (hidden[places] == 0)
    same &= (agents[places] == agents[rows][:, None]) & (records[places] != records[rows][:, None])
    first = same.argmax(axis=1)
    return np.where(same.any(axis=1), places[np.arange(len(rows)), first], NONE)


def nothing_around(dimensions: int) -> Around:
    """Return no keys."""
    ids, cosines = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    side = Side(keys=ids, records=ids, cosines=cosines, passing=np.empty(0, dtype=bool))
    vectors = np.empty((0, dimensions), dtype=np.float32)
    return Around(keys=ids, records=ids, vectors=vectors, cosines=cosines, before=side, after=side)
