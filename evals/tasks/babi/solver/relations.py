"""Places, shapes and sizes, from sentences that relate two of them: tasks 4, 17, 18 and 19."""

import re
from collections import deque
from collections.abc import Sequence

Facts = Sequence[tuple[int, str]]
Found = tuple[tuple[str, ...], frozenset[int]]
STEPS = {
    "north of": (0, 1),
    "south of": (0, -1),
    "east of": (1, 0),
    "west of": (-1, 0),
    "above": (0, 1),
    "below": (0, -1),
    "to the right of": (1, 0),
    "to the left of": (-1, 0),
}
"""Steps right and up from the second to the first."""
_RELATION = re.compile(rf"The (?P<one>.+) is (?P<how>{'|'.join(STEPS)}) the (?P<two>.+)\.")
_SIZE = re.compile(r"The (?P<one>.+) (?P<how>is bigger than|fits inside) the (?P<two>.+)\.")
Step = tuple[str, tuple[int, int], int]


def neighbour(facts: Facts, how: str, of: str) -> Found | None:
    """Say what is, say, "north of" a place that one line relates it to."""
    for name, step, line in _steps(facts).get(of, ()):
        if step == STEPS[how]:
            return (name,), frozenset({line})
    return None


def opposite(how: str) -> str:
    """Return the word for the way back."""
    right, up = STEPS[how]
    return next(one for one in STEPS if STEPS[one] == (-right, -up))


def path(facts: Facts, start: str, end: str) -> Found | None:
    """Return the compass letters of the shortest way from one place to another."""
    way = _way(facts, start, end)
    if way is None:
        return None
    letters = {(0, 1): "n", (0, -1): "s", (1, 0): "e", (-1, 0): "w"}
    return tuple(letters[step] for _, step, _ in way), frozenset(line for _, _, line in way)


def related(facts: Facts, one: str, how: str, two: str) -> Found | None:
    """Say whether one shape is, say, "above" another, by adding up the steps between them."""
    way = _way(facts, two, one)
    if way is None:
        return None
    right, up = (sum(step[axis] for _, step, _ in way) for axis in (0, 1))
    wanted_right, wanted_up = STEPS[how]
    yes = right * wanted_right + up * wanted_up > 0
    return ("yes" if yes else "no",), frozenset(line for _, _, line in way)


def _steps(facts: Facts) -> dict[str, list[Step]]:
    """Return, from each name, the names beside it with the step to them and the line."""
    steps: dict[str, list[Step]] = {}
    for line, text in facts:
        if found := _RELATION.fullmatch(text):
            one, two, (right, up) = found["one"], found["two"], STEPS[found["how"]]
            steps.setdefault(two, []).append((one, (right, up), line))
            steps.setdefault(one, []).append((two, (-right, -up), line))
    return steps


def _way(facts: Facts, start: str, end: str) -> list[Step] | None:
    steps = _steps(facts)
    ways: deque[tuple[str, list[Step]]] = deque([(start, [])])
    seen = {start}
    while ways:
        name, way = ways.popleft()
        if name == end:
            return way
        for step in steps.get(name, ()):
            if step[0] not in seen:
                seen.add(step[0])
                ways.append((step[0], [*way, step]))
    return None


def bigger(facts: Facts, one: str, two: str) -> Found | None:
    """Say whether one thing is bigger than another, by one thing between the two."""
    sizes = _sizes(facts)
    for big, small, word in ((one, two, "yes"), (two, one, "no")):
        for (over, middle), line in sizes.items():
            if over == big and (middle, small) in sizes:
                return (word,), frozenset({line, sizes[middle, small]})
    return None


def _sizes(facts: Facts) -> dict[tuple[str, str], int]:
    """Return the pairs of a bigger and a smaller thing, with their first line."""
    sizes: dict[tuple[str, str], int] = {}
    for line, text in facts:
        if found := _SIZE.fullmatch(text):
            pair = (found["one"], found["two"])
            sizes.setdefault(pair if "bigger" in found["how"] else pair[::-1], line)
    return sizes
