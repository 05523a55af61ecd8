"""A trial of rationales: problems are solved with those shown and without, and compared."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from memagent.learning.problems import Check, Problem
from memagent.learning.rationales import Rationales
from memagent.models import replies
from memagent.prompts import SOLVE, render
from memagent.types import Example

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


@dataclass(frozen=True, kw_only=True, slots=True)
class Ablation:
    """What came of showing rationales: problems ablate, right with and without, and the difference.

    `helped` problems are right only with rationales, `hurt` ones only without. Of a problem without
    similar ones nothing is ablate.
    """

    problems: int = 0
    right: int = 0
    right_without: int = 0
    helped: int = 0
    hurt: int = 0


def ablate(
    chat: "BaseChatModel",
    rationales: Rationales,
    problems: Iterable[Problem],
    check: Check,
    *,
    k: int = 3,
    obfuscate: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> Ablation:
    """Solve each problem with similar rationales and without, and count for them what differs.

    Nothing of a problem itself or of its duplicates is shown. Every rationale that was shown with a
    problem has its share in what came of it.

    Raises:
        ModelUnavailable: the model's server does not answer; what was counted is kept.
    """
    trial = Ablation()
    for number, problem in enumerate(problems, start=1):
        told = "\n".join([*problem.evidence, problem.question])
        similar = rationales.similar(told, k=k, obfuscate=obfuscate, guard=True)
        if similar.records:
            right = check(problem, _solved(chat, problem, similar.examples))
            without = check(problem, _solved(chat, problem, []))
            rationales.judge([one.id for one in similar.records], right=right, without=without)
            trial = replace(
                trial,
                problems=trial.problems + 1,
                right=trial.right + right,
                right_without=trial.right_without + without,
                helped=trial.helped + (right and not without),
                hurt=trial.hurt + (without and not right),
            )
        progress(number)
    return trial


def _solved(chat: "BaseChatModel", problem: Problem, examples: list[Example]) -> str:
    messages = render(problem.question, problem.evidence, instructions=SOLVE, examples=examples)
    return "".join(text for text, _ in replies.reply(chat, messages))
