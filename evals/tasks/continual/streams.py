"""Streams over several bAbI tasks, with questions that are asked again after every update.

An update is one session of the memory, of the task that the stream has next; a column of the
results is a task. There are two kinds of stream:

- "stories": an update writes one story into the memory, all in one scope. A column's probes ask
  about the stories that the stream has of its task; they cannot be answered before. People get
  names of their own in each story, so that each question has one answer for good. A sample:

      update 1, babi/11   1 Fate moved to the garden.    2 Afterwards she went to the office.
      update 2, babi/12   1 Ruta and Zori went to the hallway.
      Where is Fate? office, asked before any update, after update 1, and after update 2

- "lessons": an update is one training question with its answer, from which the English rules learn
  the direction of hops. A column's probes are held-out questions on stories that were written
  before the stream.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

from memagent.evals.task import Sample, Task
from memagent.evals.tasks import babi
from memagent.evals.tasks.continual.recurrence import recurring

STORIES = (1, 11, 12, 13)
"""bAbI tasks that ask for people alone: things have the same names in every story."""
LESSONS = (1, 2, 3, 11)
_PEOPLE = re.compile(r"\b(?:Daniel|John|Mary|Sandra)\b")
_SYLLABLES = ("BDFGKLMNPRSTVZ", "aeiou", "lmnrt", "aeio")


@dataclass(frozen=True, slots=True)
class Stream:
    """Tasks by name, the task of each update, its story, and the probes of each task."""

    kind: str
    columns: tuple[str, ...]
    order: tuple[int, ...]
    updates: tuple[Sample, ...]
    probes: tuple[tuple[Sample, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamQuestion(Sample):
    """A probe as asked after so many updates, 0 for before any; `column` is its task's."""

    stream: Stream
    probe: Sample
    update: int
    column: int


def stream(kind: str, *, updates: int, probes: int, exponent: float, seed: int) -> Stream:
    """Return a stream of generated stories; the same seed gives the same."""
    numbers = STORIES if kind == "stories" else LESSONS
    order = recurring(len(numbers), updates, exponent=exponent, seed=seed)
    tasks = [generated_task(number) for number in numbers]
    rng = random.Random(f"continual-{kind}-{seed}")
    stories: list[Sample] = []
    if kind == "stories":
        names = ["".join(syllables).capitalize() for syllables in product(*_SYLLABLES)]
        rng.shuffle(names)
        lasts = [_shuffled(_lasts(task.asked), rng) for task in tasks]
        for number, column in enumerate(order):
            sample = lasts[column][order[:number].count(column)]
            stories.append(renamed(sample, [names.pop() for _ in range(4)]))
        probed = [
            tuple(story for story, of in zip(stories, order, strict=True) if of == column)[:probes]
            for column in range(len(numbers))
        ]
    else:
        lessons = [_shuffled(task.training, rng) for task in tasks]
        stories = [
            lessons[column][order[:number].count(column)] for number, column in enumerate(order)
        ]
        probed = [tuple(_shuffled(task.asked, rng)[:probes]) for task in tasks]
    return Stream(kind, tuple(task.name for task in tasks), order, tuple(stories), tuple(probed))


@cache
def generated_task(number: int) -> Task:
    """Return a generated bAbI task, made once: generating a thousand stories takes a second."""
    return babi.load(None, number, None)


def samples(name: str, whole: Stream) -> list[StreamQuestion]:
    """Return every probe as asked before the first update and after each one, in order."""
    return [
        _question(name, whole, update, column, number, probe)
        for update in range(len(whole.updates) + 1)
        for column, some in enumerate(whole.probes)
        for number, probe in enumerate(some)
    ]


def _question(
    name: str, whole: Stream, update: int, column: int, number: int, probe: Sample
) -> StreamQuestion:
    """Return one probe as asked after an update; its facts are those of the updates so far."""
    facts = [text for story in whole.updates[:update] for _, text in story.facts]
    return StreamQuestion(
        id=f"{name}/{update}/{column}/{number}",
        story=name,
        facts=tuple(enumerate(facts, start=1)),
        question=probe.question,
        gold=probe.gold,
        supports=(),
        ordered=probe.ordered,
        stream=whole,
        probe=probe,
        update=update,
        column=column,
    )


def renamed(sample: Sample, names: Sequence[str]) -> Sample:
    """Return a story in which the people have other names."""
    people = dict(zip(("Daniel", "John", "Mary", "Sandra"), names, strict=True))

    def other(text: str) -> str:
        return _PEOPLE.sub(lambda found: people[found[0]], text)

    return replace(
        sample,
        facts=tuple((line, other(text)) for line, text in sample.facts),
        question=other(sample.question),
    )


def _lasts(samples: Sequence[Sample]) -> list[Sample]:
    """Return of each story the last question, which asks what holds at its end."""
    return list({sample.story: sample for sample in samples}.values())


def _shuffled(some: Sequence[Sample], rng: random.Random) -> list[Sample]:
    return rng.sample(list(some), len(some))
