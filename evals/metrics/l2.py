"""L2 metrics of lifelong learning, from blocks of training and of evaluation.

After the metrics of DARPA's L2M programme (New et al., 2022). Scores are from 0 to 100. A metric
that is not defined is None. Curves are taken as they are, and not smoothed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal, get_args

from memagent.errors import InvalidInput

TERMINAL_PART = 10
"""Terminal performance is the mean over the last one of so many parts of a training block."""
LEAST_SATURATION = 0.2
"""The share of the expert's saturation below which sample efficiency is zero."""
_ROUNDING = 1e-9
"""A slope nearer to zero than this is that of a level curve, but for rounding."""
Variant = Literal["mrlep", "mrtlp"]
"""Maintenance against the evaluation after, or the terminal performance of, the newest training."""
Direction = Literal["forward", "backward"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """One block of training: the score of each experience on one task, in order.

    Raises:
        InvalidInput: there is no score, or one is not between 0 and 100.
    """

    task: int
    curve: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.curve:
            raise InvalidInput("training: expected one score at least")
        _check(self.curve)

    @property
    def terminal(self) -> float:
        """The mean score of the last tenth of the experiences, of one at least."""
        return _average(self.curve[-ceil(len(self.curve) / TERMINAL_PART) :])


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """One block of evaluation: `scores[task]` are the scores on a task; empty was not measured.

    Raises:
        InvalidInput: a score is not between 0 and 100.
    """

    scores: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        for scores in self.scores:
            _check(scores)

    def terminal(self, task: int) -> float | None:
        """Return the mean score on a task, None where it was not measured."""
        return mean_defined(self.scores[task]) if task < len(self.scores) else None


Block = Training | Evaluation


@dataclass(frozen=True, kw_only=True, slots=True)
class Transfer:
    """Transfer from training one task to another: the other's evaluations before and after it.

    It is forward if the other had not been trained yet, backward if it had.
    """

    trained: int
    measured: int
    direction: Direction
    before: float
    after: float

    @property
    def contrast(self) -> float | None:
        """(after - before) / (after + before), from -1 to 1; None where both are zero."""
        total = self.after + self.before
        return (self.after - self.before) / total if total else None

    @property
    def ratio(self) -> float | None:
        """The quotient after / before; None where before is zero."""
        return self.after / self.before if self.before else None


def performance_maintenance(
    blocks: Sequence[Block], variant: Variant = "mrlep"
) -> dict[int, float | None]:
    """Return by task how it held after training: 0 is kept, negative forgotten, positive gained.

    The mean, over the evaluations that come after the first one since the task's newest training,
    of that evaluation - reference. The reference is that first evaluation ("mrlep"), or the
    terminal performance of that training ("mrtlp"). None for a task without such evaluations, or
    whose reference was not measured.

    Raises:
        InvalidInput: there is no such variant.
    """
    if variant not in get_args(Variant):
        raise InvalidInput(f"performance maintenance: expected mrlep or mrtlp; found {variant!r}")
    found: dict[int, float | None] = {}
    for task in dict.fromkeys(block.task for block in blocks if isinstance(block, Training)):
        changes: list[float] = []
        known = True
        for reference, later in _kept(blocks, task, variant):
            known = known and reference is not None
            changes += [] if reference is None else [score - reference for score in later]
        found[task] = mean_defined(changes) if known else None
    return found


def transfers(blocks: Sequence[Block]) -> tuple[Transfer, ...]:
    """Return every transfer that was measured: wherever training stands between two evaluations."""
    found: list[Transfer] = []
    trained: set[int] = set()
    for place, block in enumerate(blocks):
        if not isinstance(block, Training):
            continue
        around = blocks[place - 1 : place + 2] if place else ()
        found += _transfers(around, trained - {block.task}) if len(around) == 3 else []
        trained.add(block.task)
    return tuple(found)


def relative_performance(curve: Sequence[float], expert: Sequence[float]) -> float | None:
    """Return the sum of a learner's training curve as a share of a single-task expert's.

    Both are cut to the shorter one's length. None where the expert's sum is zero.
    """
    shared = min(len(curve), len(expert))
    total = sum(expert[:shared])
    return sum(curve[:shared]) / total if total else None


def sample_efficiency(curve: Sequence[float], expert: Sequence[float]) -> float | None:
    """Return how high a learner gets, and how soon, as a share of a single-task expert's.

    The quotient of the saturations (learner / expert), times that of the experiences until them
    (expert / learner). Saturation is the highest score of a curve, first reached after that many
    experiences. 0 where the learner saturates below 20% of the expert, or the line fitted to its
    curve falls. None where a curve is empty or the expert never scores.
    """
    if not curve or not expert or not max(expert):
        return None
    learner_top, expert_top = max(curve), max(expert)
    if learner_top < LEAST_SATURATION * expert_top or _falls(curve):
        return 0.0
    sooner = (expert.index(expert_top) + 1) / (curve.index(learner_top) + 1)
    return learner_top / expert_top * sooner


def learning_curve(blocks: Iterable[Block], task: int) -> tuple[float, ...]:
    """Return all training scores of a task, block after block: what is held against an expert's."""
    training = [block for block in blocks if isinstance(block, Training) and block.task == task]
    return tuple(score for block in training for score in block.curve)


def recovery_time(curve: Sequence[float], level: float) -> int | None:
    """Return how many experiences it takes to reach a level, None where it is never reached."""
    return next((place for place, score in enumerate(curve, start=1) if score >= level), None)


def recovery_times(blocks: Iterable[Block]) -> dict[int, tuple[int | None, ...]]:
    """Return by task, for each training after its first, how soon it was where it had ended.

    In experiences, until the terminal performance of the training before; None is never.
    """
    levels: dict[int, float] = {}
    found: dict[int, tuple[int | None, ...]] = {}
    for block in blocks:
        if not isinstance(block, Training):
            continue
        if block.task in levels:
            time = recovery_time(block.curve, levels[block.task])
            found[block.task] = (*found.get(block.task, ()), time)
        levels[block.task] = block.terminal
    return found


def mean_defined(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are defined, None where none is."""
    known = [value for value in values if value is not None]
    return _average(known) if known else None


def _kept(
    blocks: Sequence[Block], task: int, variant: Variant
) -> Iterator[tuple[float | None, list[float]]]:
    """Yield, for each training of a task that was evaluated later, the reference and the scores."""
    places = [
        place
        for place, block in enumerate(blocks)
        if isinstance(block, Training) and block.task == task
    ]
    for start, end in zip(places, [*places[1:], len(blocks)], strict=True):
        evaluations = [block for block in blocks[start:end] if isinstance(block, Evaluation)]
        scores = [block.terminal(task) for block in evaluations]
        later = [score for score in scores[1:] if score is not None]
        training = blocks[start]
        if later and isinstance(training, Training):
            yield (scores[0] if variant == "mrlep" else training.terminal), later


def _transfers(around: Sequence[Block], trained: set[int]) -> list[Transfer]:
    """Return the transfers from a training to what the evaluations on its two sides measured."""
    before, training, after = around
    if not (
        isinstance(before, Evaluation)
        and isinstance(training, Training)
        and isinstance(after, Evaluation)
    ):
        return []
    found = []
    for task in range(min(len(before.scores), len(after.scores))):
        first, second = before.terminal(task), after.terminal(task)
        if task != training.task and first is not None and second is not None:
            direction: Direction = "backward" if task in trained else "forward"
            found.append(
                Transfer(
                    trained=training.task,
                    measured=task,
                    direction=direction,
                    before=first,
                    after=second,
                )
            )
    return found


def _falls(curve: Sequence[float]) -> bool:
    """Tell whether the straight line through a curve (least squares) falls."""
    from scipy.stats import linregress

    return len(curve) > 1 and bool(linregress(range(len(curve)), curve).slope < -_ROUNDING)


def _average(scores: Sequence[float]) -> float:
    return sum(scores) / len(scores)


def _check(scores: Sequence[float]) -> None:
    wrong = [score for score in scores if not 0 <= score <= 100]
    if wrong:
        raise InvalidInput(f"expected scores from 0 to 100; found {wrong[0]}")
