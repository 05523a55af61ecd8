"""Learning from solved problems: samples several solutions of each and stores the right ones."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from memagent.errors import ContextTooLong, ForgottenMeanwhile, InvalidInput
from memagent.learning.problems import Check, Problem, answer_key
from memagent.learning.rationales import SHOWN, Rationales, Standing
from memagent.models import replies
from memagent.prompts import SOLVE, render
from memagent.types import Example, Examples

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

logger = logging.getLogger(__name__)

MIN_SHARE = 0.7
"""The share of samples that an answer needs to be stored without a check."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Vote:
    """The most frequent answer among samples, and the share of the samples that give it."""

    answer: str
    share: float


def majority_vote(answers: Sequence[str]) -> Vote:
    """Return the most frequent answer; of equally frequent ones the first.

    An empty string is no answer, but counts as a sample.
    """
    counts = Counter(answer for answer in answers if answer)
    if not counts:
        return Vote(answer="", share=0.0)
    answer, count = counts.most_common(1)[0]
    return Vote(answer=answer, share=count / len(answers))


CHARS_PER_TOKEN = 4
TOKENS_PER_SOLUTION = 150
"""The tokens of a solution in a cost estimate."""
Progress = Callable[[int, int], None]
"""Receives the number of problems done, and of rationales stored to be shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LearningOptions:
    """Options of learning: samples for each problem, their temperature, and the first seed.

    `min_share` is the share of the samples that an answer needs without a check. `concurrency`
    problems are solved in parallel.

    Raises:
        InvalidInput: a number is out of its range.
    """

    samples: int = 5
    temperature: float = 0.7
    seed: int = 0
    min_share: float = MIN_SHARE
    concurrency: int = 4

    def __post_init__(self) -> None:
        if self.samples < 1 or self.concurrency < 1:
            raise InvalidInput("learning: expected at least one sample and one problem at a time")
        if self.temperature < 0 or not 0 < self.min_share <= 1:
            raise InvalidInput("learning: expected a temperature from 0 and a share within (0, 1]")
        if self.samples > 1 and self.temperature == 0:
            raise InvalidInput("learning: at a temperature of 0 all samples are the same; raise it")


@dataclass(frozen=True, kw_only=True, slots=True)
class CostEstimate:
    """Cost estimate of learning: problems to solve and already done, requests, and tokens."""

    problems: int
    done: int
    requests: int
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Learned:
    """Report of learning: the problems sampled, those solved, and the rationales stored.

    `kept` counts rationales that may be shown, `warnings` those that may not, `skipped` problems
    done before, and `failed` requests refused by the model. The tokens are the server's counts.
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
class _Samples:
    """The solutions sampled for a problem, after which examples, refused requests, and tokens."""

    problem: Problem
    texts: tuple[str, ...]
    examples: tuple[Example, ...]
    failed: int
    prompt_tokens: int
    completion_tokens: int


def pending(problems: Sequence[Problem], rationales: Rationales) -> list[Problem]:
    """Return the problems without stored solutions, each once."""
    done = rationales.done()
    by_id = {problem.id: problem for problem in problems}
    return [problem for id, problem in by_id.items() if id not in done]


def estimate_cost(
    problems: Sequence[Problem],
    rationales: Rationales,
    options: LearningOptions,
    examples: Examples = (),
) -> CostEstimate:
    """Return the estimated cost of learning from these problems."""
    todo = pending(problems, rationales)
    prompts = (_messages(problem, examples) for problem in todo)
    chars = sum(len(str(message.content)) for prompt in prompts for message in prompt)
    requests = options.samples * len(todo)
    return CostEstimate(
        problems=len(todo),
        done=len(problems) - len(todo),
        requests=requests,
        prompt_tokens=options.samples * chars // CHARS_PER_TOKEN,
        completion_tokens=TOKENS_PER_SOLUTION * requests,
    )


def learn(
    chat: "BaseChatModel",
    rationales: Rationales,
    problems: Sequence[Problem],
    check: Check | None,
    options: LearningOptions,
    *,
    examples: Examples = (),
    progress: Progress = lambda done, kept: None,
) -> Learned:
    """Solve each problem several times, and store the right solutions as rationales.

    Wrong ones are stored as warnings. Without a check, solutions whose answer reaches `min_share`
    of the samples are stored and marked as self-generated (self-consistency, Wang et al. 2023).
    Each problem is stored at once, so that an interrupted call resumes with the next problem.

    Raises:
        InvalidInput: there is neither a check nor a second sample.
        ModelUnavailable: the model's server does not answer; what was learnt so far is stored.
    """
    if check is None and options.samples < 2:
        raise InvalidInput("learning: without a check it takes at least two samples to agree")
    todo = pending(problems, rationales)
    learned = Learned(skipped=len(problems) - len(todo))
    logger.info("learning from %d problems, %d done before", len(todo), learned.skipped)
    for number, samples in enumerate(_sample_all(chat, todo, options, examples), start=1):
        solutions = graded(
            samples.problem, samples.texts, check, options.min_share, options.samples
        )
        if solutions:
            try:
                rationales.keep(samples.problem, solutions, samples.examples)
            except ForgottenMeanwhile:
                logger.info("the solutions of a problem are dropped: an example was forgotten")
                solutions = []
        kept = sum(standing in SHOWN for _, standing, _ in solutions)
        learned = replace(
            learned,
            problems=number,
            solved=learned.solved + bool(kept),
            kept=learned.kept + kept,
            warnings=learned.warnings + len(solutions) - kept,
            failed=learned.failed + samples.failed,
            prompt_tokens=learned.prompt_tokens + samples.prompt_tokens,
            completion_tokens=learned.completion_tokens + samples.completion_tokens,
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

    The share is that of all `samples`, of which some may have no text.
    """
    answers = [answer_key(problem, text) for text in texts]
    answers += [""] * ((samples or len(texts)) - len(texts))
    winner = majority_vote(answers)
    solutions: dict[str, tuple[str, Standing, float]] = {}
    for text, answer in zip(texts, answers, strict=False):
        standing: Standing
        if check is not None:
            standing = "right" if check(problem, text) else "wrong"
        elif answer and answer == winner.answer and winner.share >= min_share - 1e-9:
            standing = "self-generated"
        else:
            standing = "undecided"
        solutions.setdefault(text, (text, standing, answers.count(answer) / len(answers)))
    return list(solutions.values())


def _sample_all(
    chat: "BaseChatModel", problems: Sequence[Problem], options: LearningOptions, examples: Examples
) -> Iterator[_Samples]:
    """Yield the samples of each problem, in order; problems are solved in parallel."""
    with ThreadPoolExecutor(options.concurrency) as pool:
        waiting = []
        try:
            for problem in problems:
                waiting.append(pool.submit(_sample, chat, problem, options, examples))
                if len(waiting) == 2 * options.concurrency:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _sample(
    chat: "BaseChatModel", problem: Problem, options: LearningOptions, examples: Examples
) -> _Samples:
    chosen = examples(problem.question, problem.evidence) if callable(examples) else examples
    messages = _messages(problem, chosen)
    texts: list[str] = []
    failed = prompt = completion = 0
    for number in range(options.samples):
        model = chat.bind(temperature=options.temperature, seed=options.seed + number)
        try:
            for reply in replies.reply(cast("BaseChatModel", model), messages):
                if isinstance(reply, replies.Reply):
                    prompt += reply.call.usage.prompt_tokens
                    completion += reply.call.usage.completion_tokens
                elif reply:
                    texts.append(reply)
        except ContextTooLong:
            logger.warning("a problem exceeds the context window of the model")
            failed += 1
    return _Samples(
        problem=problem,
        texts=tuple(texts),
        examples=tuple(chosen),
        failed=failed,
        prompt_tokens=prompt,
        completion_tokens=completion,
    )


def _messages(problem: Problem, examples: Examples) -> "list[BaseMessage]":
    chosen = examples(problem.question, problem.evidence) if callable(examples) else examples
    return render(problem.question, problem.evidence, instructions=SOLVE, examples=chosen)
