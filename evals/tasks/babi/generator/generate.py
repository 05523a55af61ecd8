"""Generator of stories for all twenty tasks, in the released wording and format.

A world holds the facts, and a reader's knowledge those that the story mentions. A question is asked
only when its answer follows from that, and its supports are the lines that the released files would
name.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from memagent.errors import InvalidInput
from memagent.evals.tasks.babi.generator import logic, movement, objects, positions, shapes, sizes
from memagent.evals.tasks.babi.generator.story import Story

MOST_DISTRACTORS = 6


@dataclass(frozen=True, slots=True)
class Kind:
    """Writer of a task's stories, their number for 1,000 questions, and their possible lengths."""

    write: Callable[[Story], None]
    stories: int
    shortest: int
    longest: int


KINDS = {
    1: Kind(movement.one_fact, 200, 5, 500),
    2: Kind(objects.two_facts, 200, 5, 500),
    3: Kind(objects.three_facts, 200, 5, 500),
    4: Kind(positions.neighbour, 1000, 2, 12),
    5: Kind(objects.gifts, 200, 5, 500),
    6: Kind(objects.yes_or_no, 200, 5, 500),
    7: Kind(objects.counts, 200, 5, 500),
    8: Kind(objects.lists, 200, 5, 500),
    9: Kind(movement.negation, 200, 5, 500),
    10: Kind(movement.doubt, 200, 5, 500),
    11: Kind(movement.pronouns, 200, 10, 500),
    12: Kind(movement.pairs, 200, 5, 500),
    13: Kind(movement.pair_pronouns, 200, 10, 500),
    14: Kind(logic.times, 200, 5, 75),
    15: Kind(logic.fears, 250, 5, 24),
    16: Kind(logic.colours, 1000, 3, 41),
    17: Kind(shapes.positions, 125, 2, 8),
    18: Kind(sizes.sizes, 200, 2, 20),
    19: Kind(positions.path, 1000, 2, 13),
    20: Kind(logic.motives, 94, 2, 40),
}
GENERATED = tuple(KINDS)
"""The tasks that can be generated: all of them."""


def generate(
    number: int,
    *,
    seed: int,
    stories: int | None = None,
    length: int | None = None,
    distractors: int = 0,
) -> str:
    """Return the text of a file of stories; the same arguments give the same text.

    `stories` is as many as make about 1,000 questions where it is None. `length` is the least
    number of statements of a story, without distractors, and None is as in the released files.
    `distractors` is how many statements about people, places or things that nobody asks about come
    with each question, or with all the facts of a story of tasks 4 and 15 to 19.

    Raises:
        InvalidInput: there is no such task, or not of that length or with those distractors.
    """
    kind = KINDS.get(number)
    if kind is None:
        raise InvalidInput(f"expected a task from 1 to {len(KINDS)}, found {number}")
    if length is not None and not kind.shortest <= length <= kind.longest:
        raise InvalidInput(
            f"expected a length from {kind.shortest} to {kind.longest} statements for task"
            f" {number}, found {length}"
        )
    if not 0 <= distractors <= MOST_DISTRACTORS:
        raise InvalidInput(f"expected 0 to {MOST_DISTRACTORS} distractors, found {distractors}")
    rng = random.Random(f"babi-{number}-{seed}-{length}-{distractors}")
    lines: list[str] = []
    for _ in range(kind.stories if stories is None else stories):
        story = Story(rng=rng, length=length, distractors=distractors)
        kind.write(story)
        lines += story.lines
    return "".join(f"{line}\n" for line in lines)
