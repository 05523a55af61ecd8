"""Asking the same questions after every write, and only where a write can have changed the answer.

A model that decodes greedily answers the same prompt in the same way. So a probe whose prompt is
what it was the last time keeps its answer: it costs a recall, and no call of the model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from memagent.errors import InvalidInput
from memagent.evals.metrics.continual import Results

P = TypeVar("P")


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """One time of asking: the mean score of each task, and how many probes were how dealt with.

    A task's score is None where it has no probes, or one of them `failed` to get an answer.
    """

    scores: tuple[float | None, ...]
    asked: int
    reused: int
    failed: int


class ProbeSet(Generic[P]):
    """Fixed questions on every task, asked before the first write and after each one.

    `probes[j]` are those on task j. `prompt_of` returns all that the model would be shown for a
    probe now; it may look at the memory, and must not write to it. `ask` is given the prompts that
    changed and returns an answer to each, in order, None where there is none; `score` judges one.

    A probe without an answer is asked again the next time. Where a callable raises, nothing is
    counted, and the same call can be made again.
    """

    def __init__(
        self,
        probes: Sequence[Sequence[P]],
        *,
        prompt_of: Callable[[P], str],
        ask: Callable[[Sequence[str]], Sequence[str | None]],
        score: Callable[[P, str], float],
    ) -> None:
        self._probes = [(task, probe) for task, some in enumerate(probes) for probe in some]
        self._tasks = len(probes)
        self._prompt_of, self._ask, self._score = prompt_of, ask, score
        self._known: dict[int, tuple[str, float]] = {}
        self._baseline: Round | None = None
        self._rounds: list[Round] = []
        self._trained: list[int] = []

    def before(self) -> Round:
        """Ask before any write: the baseline.

        Raises:
            InvalidInput: there was a write already.
        """
        if self._rounds:
            raise InvalidInput("probes: the baseline is asked before the first write")
        self._baseline = self._measure()
        return self._baseline

    def after(self, task: int) -> Round:
        """Ask after a write that belongs to a task, and add a row to the results.

        Raises:
            InvalidInput: there are no probes for a task of that number.
        """
        if not 0 <= task < self._tasks:
            raise InvalidInput(f"probes: expected a task below {self._tasks}; found {task}")
        measured = self._measure()
        self._rounds.append(measured)
        self._trained.append(task)
        return measured

    @property
    def rounds(self) -> tuple[Round, ...]:
        """Every time of asking, in order, the baseline first if it was asked."""
        return (*([self._baseline] if self._baseline else []), *self._rounds)

    @property
    def results(self) -> Results:
        """The scores of all tasks after every write so far."""
        return Results(
            scores=tuple(one.scores for one in self._rounds),
            trained=tuple(self._trained),
            baseline=self._baseline.scores if self._baseline else (),
        )

    def _measure(self) -> Round:
        prompts = [self._prompt_of(probe) for _, probe in self._probes]
        changed = [n for n, prompt in enumerate(prompts) if self._prompt_known(n) != prompt]
        answers = self._ask([prompts[n] for n in changed]) if changed else []
        judged = {
            n: None if answer is None else (prompts[n], self._score(self._probes[n][1], answer))
            for n, answer in zip(changed, answers, strict=True)
        }
        for n, outcome in judged.items():
            self._known.pop(n, None)
            if outcome is not None:
                self._known[n] = outcome
        return Round(
            scores=tuple(self._mean(task) for task in range(self._tasks)),
            asked=len(changed),
            reused=len(prompts) - len(changed),
            failed=len(prompts) - len(self._known),
        )

    def _prompt_known(self, n: int) -> str | None:
        return self._known[n][0] if n in self._known else None

    def _mean(self, task: int) -> float | None:
        places = [n for n, (of, _) in enumerate(self._probes) if of == task]
        scores = [self._known[n][1] for n in places if n in self._known]
        return sum(scores) / len(scores) if scores and len(scores) == len(places) else None
