"""Learning from success: problems are solved several times, and what was right is kept."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from memagent.errors import ContextTooLong, InvalidInput
from memagent.learning.problems import Check, Problem, answer_key
from memagent.learning.rationales import Rationales, Standing
from memagent.models import replies
from memagent.prompts import SOLVE, render
from memagent.types import Examples

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage


MIN_SHARE = 0.7


@dataclass(frozen=True, kw_only=True, slots=True)
class Vote:
    """The answer that most samples give, and the share of the samples that give it."""

    answer: str
    share: float


def majority_vote(answers: Sequence[str]) -> Vote:
    """Return the most frequent answer; of equally frequent ones the first given.

    An answer that is empty is none, but counts as a sample.
    """
    counts = Counter(answer for answer in answers if answer)
    if not counts:
        return Vote(answer="", share=0.0)
    answer, count = counts.most_common(1)[0]
    return Vote(answer=answer, share=count / len(answers))


CHARS_PER_TOKEN = 4
ASSUMED = 150
"""How many tokens a solution is taken to have when its cost is told beforehand."""
Progress = Callable[[int, int], None]
"""How many problems are done and how many rationales were kept in; nothing out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LearningOptions:
    """LearningOptions problems are solved: how often each, how much chance there is in it, and
    which chance.

    `min_share` is the share of the samples that an answer needs where there is no check. So many
    problems are solved side by side.
    """

    samples: int = 5
    temperature: float = 0.7
    seed: int = 0
    min_share: float = MIN_SHARE
    concurrency: int = 4

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidInput: a number is out of its range.
        """
        if self.samples < 1 or self.concurrency < 1:
            raise InvalidInput("learning: expected at least one sample and one problem at a time")
        if self.temperature < 0 or not 0 < self.min_share <= 1:
            raise InvalidInput(
                "learning: expected a temperature from 0 and a min_share within (0, 1]"
            )
        if self.samples > 1 and self.temperature == 0:
            raise InvalidInput("learning: at a temperature of 0 all samples are the same; raise it")


@dataclass(frozen=True, kw_only=True, slots=True)
class CostEstimate:
    """What learning would take: problems left and done before, requests, and tokens by estimate."""

    problems: int
    done: int
    requests: int
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Learned:
    """What learning did: problems worked on, those with a kept rationale, and what was kept.

    `kept` counts rationales that may be shown, `warnings` those that may not, `failed` requests
    that were refused, and the tokens are those that the server counted.
    """

    problems: int = 0
    solved: int = 0
    kept: int = 0
    warnings: int = 0
    skipped: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sampled:
    problem: Problem
    texts: tuple[str, ...]
    failed: int
    prompt_tokens: int
    completion_tokens: int


def pending(problems: Sequence[Problem], rationales: Rationales) -> list[Problem]:
    """Return the problems that nothing was learnt from yet, each once."""
    done = rationales.done()
    return [one for key, one in {one.id: one for one in problems}.items() if key not in done]


def estimate_cost(
    problems: Sequence[Problem],
    rationales: Rationales,
    how: LearningOptions,
    examples: Examples = (),
) -> CostEstimate:
    """Return what learning from these problems would take."""
    todo = pending(problems, rationales)
    prompts = (_messages(one, examples) for one in todo)
    chars = sum(len(str(message.content)) for prompt in prompts for message in prompt)
    requests = how.samples * len(todo)
    return CostEstimate(
        problems=len(todo),
        done=len(problems) - len(todo),
        requests=requests,
        prompt_tokens=how.samples * chars // CHARS_PER_TOKEN,
        completion_tokens=ASSUMED * requests,
    )


def learn(
    chat: "BaseChatModel",
    rationales: Rationales,
    problems: Sequence[Problem],
    check: Check | None,
    how: LearningOptions,
    *,
    examples: Examples = (),
    progress: Progress = lambda done, kept: None,
) -> Learned:
    """Solve each problem several times, and keep the solutions that are right.

    Wrong ones are kept as warnings. Without a check those are kept whose answer reaches the
    min_share's share, and marked as self-generated. What came of a problem is written at once, so
    that a call that was cut off goes on with the next problem.

    Raises:
        InvalidInput: there is neither a check nor a second sample.
        ModelUnavailable: the model's server does not answer; what was learnt is kept.
    """
    if check is None and how.samples < 2:
        raise InvalidInput("learning: without a check it takes at least two samples to agree")
    todo = pending(problems, rationales)
    learned = Learned(skipped=len(problems) - len(todo))
    for number, sampled in enumerate(_all_sampled(chat, todo, how, examples), start=1):
        told = graded(sampled.problem, sampled.texts, check, how.min_share, how.samples)
        if told:
            rationales.keep(sampled.problem, told)
        kept = sum(standing in ("right", "self-generated") for _, standing, _ in told)
        learned = replace(
            learned,
            problems=number,
            solved=learned.solved + bool(kept),
            kept=learned.kept + kept,
            warnings=learned.warnings + len(told) - kept,
            failed=learned.failed + sampled.failed,
            prompt_tokens=learned.prompt_tokens + sampled.prompt_tokens,
            completion_tokens=learned.completion_tokens + sampled.completion_tokens,
        )
        progress(number, learned.kept)
    return learned


def graded(
    problem: Problem,
    texts: Sequence[str],
    check: Check | None,
    min_share: float,
    samples: int | None = None,
) -> list[tuple[str, Standing, float]]:
    """Return each different solution with its standing and the share of its answer.

    The share is of all `samples`, which may be more than the texts that came of them.
    """
    answers = [answer_key(problem, text) for text in texts]
    answers += [""] * ((samples or len(texts)) - len(texts))
    winner = majority_vote(answers)
    told: dict[str, tuple[str, Standing, float]] = {}
    for text, answer in zip(texts, answers, strict=False):
        standing: Standing
        if check is not None:
            standing = "right" if check(problem, text) else "wrong"
        elif answer == winner.answer and winner.share >= min_share - 1e-9:
            standing = "self-generated"
        else:
            standing = "undecided"
        told.setdefault(text, (text, standing, answers.count(answer) / len(answers)))
    return list(told.values())


def _all_sampled(
    chat: "BaseChatModel", problems: Sequence[Problem], how: LearningOptions, examples: Examples
) -> Iterator[_Sampled]:
    """Yield what came of each problem, in order; problems are solved side by side."""
    with ThreadPoolExecutor(how.concurrency) as pool:
        waiting = []
        try:
            for problem in problems:
                waiting.append(pool.submit(_sampled, chat, problem, how, examples))
                if len(waiting) == 2 * how.concurrency:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _sampled(
    chat: "BaseChatModel", problem: Problem, how: LearningOptions, examples: Examples
) -> _Sampled:
    messages = _messages(problem, examples)
    texts: list[str] = []
    failed = prompt = completion = 0
    for number in range(how.samples):
        drawn = chat.bind(temperature=how.temperature, seed=how.seed + number)
        try:
            for text, call in replies.reply(cast("BaseChatModel", drawn), messages):
                if call is not None:
                    prompt += call.usage.prompt_tokens
                    completion += call.usage.completion_tokens
                elif text.strip():
                    texts.append(text.strip())
        except ContextTooLong:
            failed += 1
    return _Sampled(
        problem=problem,
        texts=tuple(texts),
        failed=failed,
        prompt_tokens=prompt,
        completion_tokens=completion,
    )


def _messages(problem: Problem, examples: Examples) -> "list[BaseMessage]":
    chosen = examples(problem.question, problem.evidence) if callable(examples) else examples
    return render(problem.question, problem.evidence, instructions=SOLVE, examples=chosen)
