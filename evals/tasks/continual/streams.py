"""Streams over several bAbI tasks, with questions that are asked again after every update.

An update is one session of the memory, of the task that the stream has next; a column of the
results is a task. There are two kinds of stream:

- "stories": an update tells the memory one story, all in one scope. A column's probes ask what is
  told by the stories that the stream has of its task; they cannot be answered before. People get
  names of their own in each story, so that each question has one answer for good. A sample:

      update 1, babi/11   1 Fate moved to the garden.    2 Afterwards she went to the office.
      update 2, babi/12   1 Ruta and Zori went to the hallway.
      Where is Fate? office, asked before any update, after update 1, and after update 2

- "lessons": an update is one training question with its answer, from which the memory learns where
  to look on. A column's probes are held-out questions on stories that were told before the stream.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice, product
from math import isfinite

from memagent.errors import InvalidInput
from memagent.evals.task import Sample, Task
from memagent.evals.tasks import babi


def recurring(tasks: int, length: int, *, exponent: float, seed: int = 0) -> tuple[int, ...]:
    """Return a stream of `length` task indices, from 0 to `tasks` - 1, each drawn by its lag.

    The lag is 1 for the task of the step before, 2 for that of two steps before. Before the stream
    begins, every task counts as seen once, in an order that the seed draws. The same seed is the
    same stream, and a longer one begins with it. With an exponent of about 1 or more some tasks may
    not come at all.

    Raises:
        InvalidInput: there is no task, the length is negative, or the exponent is negative or not
            finite.
    """
    if tasks < 1 or length < 0:
        raise InvalidInput(
            f"stream: expected a task at least and a length of 0 or more; found {tasks} tasks and"
            f" a length of {length}"
        )
    chances([], exponent)
    return tuple(islice(_steps(tasks, exponent, random.Random(seed)), length))


def chances(lags: Sequence[int], exponent: float) -> list[float]:
    """Return the probability that each task comes next, by how many steps ago it was last seen.

    Raises:
        InvalidInput: the exponent is negative or not finite, or a lag is below 1.
    """
    if not isfinite(exponent) or exponent < 0 or any(lag < 1 for lag in lags):
        raise InvalidInput(
            f"stream: expected an exponent of 0 or more and lags of 1 or more; found {exponent}"
            f" and {list(lags)}"
        )
    if not lags:
        return []
    # Against the shortest lag, so that a large exponent leaves something to divide by.
    shortest = min(lags)
    weights = [(lag / shortest) ** -exponent for lag in lags]
    return [weight / sum(weights) for weight in weights]


def lags_of(stream: Sequence[int]) -> list[int | None]:
    """Return for each step how many steps ago its task was last seen, None where it is new."""
    seen: dict[int, int] = {}
    found: list[int | None] = []
    for step, task in enumerate(stream):
        found.append(step - seen[task] if task in seen else None)
        seen[task] = step
    return found


def _steps(tasks: int, exponent: float, draw: random.Random) -> Iterator[int]:
    last = [-place for place in range(1, tasks + 1)]
    draw.shuffle(last)
    step = 0
    while True:
        lags = [step - seen for seen in last]
        (task,) = draw.choices(range(tasks), chances(lags, exponent))
        yield task
        last[task] = step
        step += 1


STORIES = (1, 11, 12, 13)
"""bAbI tasks that ask for people alone: things have the same names in every story."""
LESSONS = (1, 2, 3, 11)
_PEOPLE = re.compile(r"\b(?:Daniel|John|Mary|Sandra)\b")
_SYLLABLES = ("BDFGKLMNPRSTVZ", "aeiou", "lmnrt", "aeio")


@dataclass(frozen=True, slots=True)
class Stream:
    """Tasks by name, which of them each update is of, what it tells, and the probes of each."""

    kind: str
    columns: tuple[str, ...]
    order: tuple[int, ...]
    updates: tuple[Sample, ...]
    probes: tuple[tuple[Sample, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked(Sample):
    """A probe as asked after so many updates, 0 for before any; `column` is its task's."""

    stream: Stream
    probe: Sample
    update: int
    column: int


def stream(kind: str, *, updates: int, probes: int, exponent: float, seed: int) -> Stream:
    """Return a stream of generated stories; the same seed gives the same."""
    numbers = STORIES if kind == "stories" else LESSONS
    order = recurring(len(numbers), updates, exponent=exponent, seed=seed)
    tasks = [told_task(number) for number in numbers]
    rng = random.Random(f"continual-{kind}-{seed}")
    told: list[Sample] = []
    if kind == "stories":
        names = ["".join(one).capitalize() for one in product(*_SYLLABLES)]
        rng.shuffle(names)
        lasts = [_shuffled(_lasts(task.asked), rng) for task in tasks]
        for number, column in enumerate(order):
            sample = lasts[column][order[:number].count(column)]
            told.append(renamed(sample, [names.pop() for _ in range(4)]))
        asked = [
            tuple(one for one, of in zip(told, order, strict=True) if of == column)[:probes]
            for column in range(len(numbers))
        ]
    else:
        lessons = [_shuffled(task.training, rng) for task in tasks]
        told = [
            lessons[column][order[:number].count(column)] for number, column in enumerate(order)
        ]
        asked = [tuple(_shuffled(task.asked, rng)[:probes]) for task in tasks]
    return Stream(kind, tuple(task.name for task in tasks), order, tuple(told), tuple(asked))


@cache
def told_task(number: int) -> Task:
    """Return a generated bAbI task, made once: telling a thousand stories takes a second."""
    return babi.load(None, number, None)


def samples(name: str, whole: Stream) -> list[Asked]:
    """Return every probe as asked before the first update and after each one, in order."""
    return [
        _asked(name, whole, update, column, number, probe)
        for update in range(len(whole.updates) + 1)
        for column, some in enumerate(whole.probes)
        for number, probe in enumerate(some)
    ]


def _asked(name: str, whole: Stream, update: int, column: int, number: int, probe: Sample) -> Asked:
    """Return one probe as asked after an update; its facts are what the updates told so far."""
    facts = [text for one in whole.updates[:update] for _, text in one.facts]
    return Asked(
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


def _lasts(asked: Sequence[Sample]) -> list[Sample]:
    """Return of each story the last question, which asks what holds at its end."""
    return list({one.story: one for one in asked}.values())


def _shuffled(some: Sequence[Sample], rng: random.Random) -> list[Sample]:
    return rng.sample(list(some), len(some))
