"""Reads the released text format into stories of lines.

A sample story, with the question's answer and supporting lines after tabs:

    1 Mary moved to the bathroom.
    2 John went to the hallway.
    3 Where is Mary? <TAB>bathroom<TAB>1

Line numbers start at 1 with a new story, and questions count as lines. Most questions end in a
space before the tab. Supporting lines need not be sorted. Answers of tasks 8 and 19 hold commas: a
set in task 8, a sequence in task 19. One public copy of task 1 has `|` in place of all tabs. The
stories of some folders are told in other words or letters, so only the tabs tell a question.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from memagent.errors import InvalidInput

_LINE = re.compile(r"(\d+) (.+)")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a story; `gold` and `supports` are empty but for a question."""

    number: int
    text: str
    gold: tuple[str, ...] = ()
    supports: tuple[int, ...] = ()


def parse(text: str, where: str) -> Iterator[list[Line]]:
    """Yield the stories of a file in the released format.

    Raises:
        InvalidInput: a line is malformed; the message names file, line and what was expected.
    """
    story: list[Line] = []
    separator = "\t" if "\t" in text else "|"
    for position, raw in enumerate(text.removesuffix("\n").split("\n"), start=1):
        line = _parse_line(raw, f"{where}:{position}", story, separator)
        if line.number == 1 and story:
            yield story
            story = []
        story.append(line)
    if story:
        yield story


def _parse_line(raw: str, where: str, story: Sequence[Line], separator: str) -> Line:
    found = _LINE.fullmatch(raw.rstrip())
    if found is None:
        raise InvalidInput(f"{where}: expected 'ID text', found {raw[:60]!r}")
    number, text = int(found[1]), found[2]
    if number not in (1, len(story) + 1):
        raise InvalidInput(f"{where}: expected line ID {len(story) + 1} or 1, found {number}")
    question, *rest = text.split(separator)
    if not rest:
        return Line(number, text)
    gold = tuple(part.strip() for part in rest[0].split(","))
    if len(rest) != 2 or not question.strip() or not all(gold):
        raise InvalidInput(
            f"{where}: expected 'question<TAB>answer<TAB>supporting IDs', found {text[:60]!r}"
        )
    supports = rest[1].split()
    told = {str(line.number) for line in story if not line.gold} if number > 1 else set()
    if not supports or not told.issuperset(supports):
        raise InvalidInput(
            f"{where}: expected IDs of earlier statements as support, found {rest[1]!r}"
        )
    return Line(number, question.strip(), gold, tuple(int(one) for one in supports))
