"""Ablation of rationales: solves problems with similar rationales and without, and compares."""

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
    """Result of an ablation: the problems solved, and those right with and without rationales.

    `helped` problems are right only with rationales, `hurt` ones only without. Problems without a
    similar rationale are left out.
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
    """Solve each problem with similar rationales and without, and judge those where it differs.

    Rationales of the problem itself and of its duplicates are not shown. Every rationale that was
    shown with a problem is judged by its outcome. `progress` receives the number of problems done.

    Raises:
        ModelUnavailable: the model's server does not answer; the counts so far are stored.
    """
    ablation = Ablation()
    for number, problem in enumerate(problems, start=1):
        text = "\n".join([*problem.evidence, problem.question])
        similar = rationales.similar(text, k=k, obfuscate=obfuscate, guard=True)
        if similar.records:
            right = check(problem, _solved(chat, problem, similar.examples))
            without = check(problem, _solved(chat, problem, []))
            rationales.judge(
                [record.id for record in similar.records], right=right, without=without
            )
            ablation = replace(
                ablation,
                problems=ablation.problems + 1,
                right=ablation.right + right,
                right_without=ablation.right_without + without,
                helped=ablation.helped + (right and not without),
                hurt=ablation.hurt + (without and not right),
            )
        progress(number)
    return ablation


def _solved(chat: "BaseChatModel", problem: Problem, examples: list[Example]) -> str:
    messages = render(problem.question, problem.evidence, instructions=SOLVE, examples=examples)
    *_, reply = replies.reply(chat, messages)
    assert isinstance(reply, replies.Reply)
    return reply.answer
