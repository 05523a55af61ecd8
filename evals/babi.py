"""bAbI (Weston et al. 2015), in the released format.

A sample story, with the question's answer and supporting lines after tabs:

    1 Mary moved to the bathroom.
    2 John went to the hallway.
    3 Where is Mary? <TAB>bathroom<TAB>1

Line numbers start at 1 with a new story, and questions count as lines. Most questions end in a
space before the tab. Supporting lines need not be sorted. Answers of tasks 8 and 19 hold commas: a
set in task 8, a sequence in task 19. One public copy of task 1 has `|` in place of the tabs.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from memagent.errors import InvalidInput, RunError
from memagent.evals.babi_world import GENERATED, generate
from memagent.evals.task import Sample, Source, Task

Split = Literal["test", "train"]
TASKS = range(1, 21)
ORDERED = (19,)
ASKED_SHARE = 5
"""Of a training file, the last fifth of the stories is asked."""
_LINE = re.compile(r"(\d+) (.+)")
_QUESTION = re.compile(r"(?P<question>[^\t|]+?\?)\s*[\t|](?P<answer>[^\t|]+)[\t|](?P<supports>.*)")


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    gold: tuple[str, ...] = ()
    supports: tuple[int, ...] = ()


def load(folder: Path | None, number: int, split: Split | None) -> Task:
    """Return one task from the released files, or with no folder from generated stories.

    The test file is asked where there is one; else, or with `split` "train", the last fifth of the
    training stories is asked, and only the first four fifths are training samples.

    Raises:
        RunError: the files are not there, or this task cannot be generated.
        InvalidInput: a line is malformed; the message names file, line and what was expected.
    """
    if folder is None:
        return _generated(number, split)
    train, test = _file(folder, number, "train"), _file(folder, number, "test")
    if train is None:
        raise RunError(f"no file qa{number}_*_train.txt in {folder}")
    if split == "test" and test is None:
        raise RunError(
            f"no file qa{number}_*_test.txt in {folder}: without --split test, the last fifth of"
            " the training stories is asked"
        )
    use_test = test is not None and split != "train"
    texts = [(str(path), _read(path)) for path in (train, test if use_test else None) if path]
    return _task(number, "released", texts)


def parse(text: str, where: str) -> Iterator[list[_Line]]:
    """Yield the stories of a file in the released format.

    Raises:
        InvalidInput: a line is malformed.
    """
    story: list[_Line] = []
    for position, raw in enumerate(text.splitlines(), start=1):
        line = _parse_line(raw, f"{where}:{position}", story)
        if line.number == 1 and story:
            yield story
            story = []
        story.append(line)
    if story:
        yield story


def _parse_line(raw: str, where: str, story: Sequence[_Line]) -> _Line:
    found = _LINE.fullmatch(raw.rstrip())
    if found is None:
        raise InvalidInput(f"{where}: expected 'ID text', found {raw[:60]!r}")
    number, text = int(found[1]), found[2]
    if number not in (1, len(story) + 1):
        raise InvalidInput(f"{where}: expected line ID {len(story) + 1} or 1, found {number}")
    if not ("\t" in text or "|" in text):
        return _Line(number, text)
    asked = _QUESTION.fullmatch(text)
    if asked is None:
        raise InvalidInput(
            f"{where}: expected 'question?<TAB>answer<TAB>supporting IDs', found {text[:60]!r}"
        )
    supports = asked["supports"].split()
    told = {str(line.number) for line in story if not line.gold}
    if not supports or not told.issuperset(supports):
        raise InvalidInput(
            f"{where}: expected IDs of earlier statements as support, found {asked['supports']!r}"
        )
    gold = tuple(part.strip() for part in asked["answer"].split(","))
    return _Line(number, asked["question"], gold, tuple(int(one) for one in supports))


def _task(number: int, source: Source, texts: Sequence[tuple[str, str]]) -> Task:
    """Make a task of a training text alone, or of a training and a test text."""
    name = f"babi/{number}"
    stories = [list(parse(text, where)) for where, text in texts]
    if len(stories) == 1:
        cut = len(stories[0]) - max(1, len(stories[0]) // ASKED_SHARE)
        training, asked, split = stories[0][:cut], stories[0][cut:], "train, last fifth"
    else:
        (training, asked), split = stories, "test"
    return Task(
        name=name,
        source=source,
        split=split,
        training=list(_samples(training, f"{name}/train", number)),
        asked=list(_samples(asked, f"{name}/asked", number)),
        sha256=hashlib.sha256("".join(text for _, text in texts).encode()).hexdigest(),
    )


def _samples(stories: Sequence[Sequence[_Line]], prefix: str, number: int) -> Iterator[Sample]:
    for index, story in enumerate(stories):
        facts: list[tuple[int, str]] = []
        for line in story:
            if not line.gold:
                facts.append((line.number, line.text))
                continue
            yield Sample(
                id=f"{prefix}/{index}/{line.number}",
                story=f"{prefix}/{index}",
                facts=tuple(facts),
                question=line.text,
                gold=line.gold,
                supports=line.supports,
                ordered=number in ORDERED,
            )


def _generated(number: int, split: Split | None) -> Task:
    if number not in GENERATED:
        known = ", ".join(str(one) for one in GENERATED)
        raise RunError(
            f"task {number} needs the released files: set MEMAGENT_DATA to a folder that holds"
            f" babi/en (generated without them: {known})"
        )
    texts = [("generated train", generate(number, seed=1))]
    if split != "train":
        texts.append(("generated test", generate(number, seed=2)))
    return _task(number, "generated", texts)


def _file(folder: Path, number: int, split: Split) -> Path | None:
    return next(iter(sorted(folder.glob(f"qa{number}_*_{split}.txt"))), None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{path}: expected UTF-8 text, found byte {error.start} to be none"
        ) from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
