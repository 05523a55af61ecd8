"""bAbI (Weston et al. 2015) as tasks: from the released files, or from generated stories."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from memagent.errors import InvalidInput, RunError
from memagent.evals.task import Sample, Source, Task
from memagent.evals.tasks.babi.checksums import CHECKSUMS
from memagent.evals.tasks.babi.generator.generate import generate
from memagent.files import read_text

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
    statements = {str(line.number) for line in story if not line.gold} if number > 1 else set()
    if not supports or not statements.issuperset(supports):
        raise InvalidInput(
            f"{where}: expected IDs of earlier statements as support, found {rest[1]!r}"
        )
    return Line(number, question.strip(), gold, tuple(int(line) for line in supports))


Split = Literal["test", "train"]
Variant = Literal["en", "en-10k", "hn", "hn-10k", "shuffled", "shuffled-10k"]
"""The released folders: English, Hindi in Latin letters, shuffled letters; -10k: more stories."""
TASKS = range(1, 21)
ORDERED = (19,)
ASKED_SHARE = 5
"""Of a training file, the last fifth of the stories is asked."""


def load(folder: Path | None, number: int, split: Split | None) -> Task:
    """Return one task from the released files of a variant, or with no folder from our own stories.

    The test file is asked where there is one; else, or with `split` "train", the last fifth of the
    training stories is asked, and only the first four fifths are training samples.

    Raises:
        RunError: the files are not there.
        InvalidInput: a line is malformed; the message names file, line and what was expected.
    """
    if folder is None:
        return generated(number, split)
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
    edited = differing(folder, number)
    task = _task(number, "edited" if edited else "released", texts)
    return replace(task, edited=tuple(edited))


def generated(
    number: int,
    split: Split | None = None,
    *,
    seed: int = 1,
    length: int | None = None,
    distractors: int = 0,
) -> Task:
    """Return one task of generated stories, with the `length` and `distractors` of `generate`.

    Raises:
        InvalidInput: the task cannot be generated at that length or with those distractors.
    """
    seeds = (2 * seed - 1, 2 * seed) if split != "train" else (2 * seed - 1,)
    texts = [
        (
            f"generated, seed {text_seed}",
            generate(number, seed=text_seed, length=length, distractors=distractors),
        )
        for text_seed in seeds
    ]
    return _task(number, "generated", texts)


def differing(folder: Path, number: int) -> list[str]:
    """Return the names of a task's files that are named as released but hold something else."""
    known = CHECKSUMS.get(folder.name, {})
    return [
        path.name
        for path in sorted(folder.glob(f"qa{number}_*.txt"))
        if path.name in known and hashlib.sha256(_bytes(path)).hexdigest() != known[path.name]
    ]


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


def _samples(stories: Sequence[Sequence[Line]], prefix: str, number: int) -> Iterator[Sample]:
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


def _file(folder: Path, number: int, split: Split) -> Path | None:
    return next(iter(sorted(folder.glob(f"qa{number}_*_{split}.txt"))), None)


def _read(path: Path) -> str:
    """Return a file's text, with any line endings."""
    return read_text(path).replace("\r\n", "\n")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
