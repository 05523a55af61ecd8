"""Neighbours of keys: those of the records before and after in the same session or source."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REACH = 32
"""Number of keys on each side among which a neighbour is looked for."""
NEAREST = 4
"""Number of keys on each side that are looked at first: the neighbour mostly is one of them."""
FEW = 32
"""So many rows are looked around at once."""
NONE = -1
"""Row of a neighbour that is not there, and the number of a text that a record does not have."""


@dataclass(frozen=True, slots=True)
class Around:
    """Keys with their records and their neighbours on either side, a value a key."""

    keys: NDArray[np.int64]
    records: NDArray[np.int64]
    before: "Side"
    after: "Side"


@dataclass(frozen=True, slots=True)
class Side:
    """Neighbours on one side: key ids (0 for none), records, and whether they pass."""

    keys: NDArray[np.int64]
    records: NDArray[np.int64]
    passing: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Compared:
    """Keys and their neighbours with the vectors of the keys, and all their cosines to a query.

    `before` and `after` are the cosines of the neighbours, 0 without one.
    """

    around: Around
    vectors: NDArray[np.float32]
    cosines: NDArray[np.float32]
    before: NDArray[np.float32]
    after: NDArray[np.float32]


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
        near = REACH if len(left) <= FEW else NEAREST
        for reach in (np.arange(1, near + 1), np.arange(near + 1, REACH + 1)):
            if len(left) and len(reach):
                columns = (group, agents, records, hidden)
                found[left] = _nearest(rows[left], step * reach, *columns)
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


def nothing_around() -> Around:
    """Return no keys."""
    ids = np.empty(0, dtype=np.int64)
    side = Side(keys=ids, records=ids, passing=np.empty(0, dtype=bool))
    return Around(keys=ids, records=ids, before=side, after=side)


def nothing_compared(dimensions: int) -> Compared:
    """Return no keys, compared with a query."""
    cosines = np.empty(0, dtype=np.float32)
    vectors = np.empty((0, dimensions), dtype=np.float32)
    return Compared(nothing_around(), vectors, cosines, cosines, cosines)
