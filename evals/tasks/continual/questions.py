"""Questions that are asked again after every write, where the model's prompt has changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from memagent.errors import InvalidInput
from memagent.evals.metrics.continual import Results

Q = TypeVar("Q")


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """One round of asking: the mean score of each task, and how many questions were asked.

    `reused` questions kept their answer, since their prompt is the same. A task's score is None
    where it has no questions, or one of them `failed` to get an answer.
    """

    scores: tuple[float | None, ...]
    asked: int
    reused: int
    failed: int


class RepeatedQuestions(Generic[Q]):
    """Fixed questions on every task, asked before the first write and after each one.

    `questions[j]` are those on task j. `prompt_of` returns the whole prompt of a question now; it
    may read the memory, and must not write to it. `ask` gets the prompts that changed and returns
    an answer to each, in order, None where there is none; `score` grades one.

    A question without an answer is asked again in the next round. Where a callable raises, nothing
    is counted, and the same call can be made again.
    """

    def __init__(
        self,
        questions: Sequence[Sequence[Q]],
        *,
        prompt_of: Callable[[Q], str],
        ask: Callable[[Sequence[str]], Sequence[str | None]],
        score: Callable[[Q, str], float],
    ) -> None:
        self._questions = [
            (task, question) for task, some in enumerate(questions) for question in some
        ]
        self._tasks = len(questions)
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
            raise InvalidInput("the baseline is asked before the first write")
        self._baseline = self._measure()
        return self._baseline

    def after(self, task: int) -> Round:
        """Ask after a write that belongs to a task, and add a row to the results.

        Raises:
            InvalidInput: there are no questions for a task of that number.
        """
        if not 0 <= task < self._tasks:
            raise InvalidInput(f"expected a task below {self._tasks}; found {task}")
        measured = self._measure()
        self._rounds.append(measured)
        self._trained.append(task)
        return measured

    @property
    def rounds(self) -> tuple[Round, ...]:
        """Every round of asking, in order, the baseline first if it was asked."""
        return (*([self._baseline] if self._baseline else []), *self._rounds)

    @property
    def results(self) -> Results:
        """The scores of all tasks after every write so far."""
        return Results(
            scores=tuple(round.scores for round in self._rounds),
            trained=tuple(self._trained),
            baseline=self._baseline.scores if self._baseline else (),
        )

    def _measure(self) -> Round:
        prompts = [self._prompt_of(question) for _, question in self._questions]
        changed = [n for n, prompt in enumerate(prompts) if self._prompt_known(n) != prompt]
        answers = self._ask([prompts[n] for n in changed]) if changed else []
        judged = {
            n: None if answer is None else (prompts[n], self._score(self._questions[n][1], answer))
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
        places = [n for n, (of, _) in enumerate(self._questions) if of == task]
        scores = [self._known[n][1] for n in places if n in self._known]
        return sum(scores) / len(scores) if scores and len(scores) == len(places) else None
