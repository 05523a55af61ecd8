"""Teaching an agent: feedback on an answer becomes outcomes and lessons."""

from dataclasses import replace

from memagent.agent.driver import Driver
from memagent.agent.record_turn import Verdict, judge
from memagent.errors import InvalidInput
from memagent.feedback.rate_limit import RateLimit
from memagent.feedback.recheck import Ask
from memagent.feedback.reflection import reflect
from memagent.feedback.request import FeedbackRequest, feedback_of
from memagent.memory.memory import Memory
from memagent.types import Answer, Reflected, Scope

FEEDBACK = 60
"""Feedbacks that an agent takes of one user in an hour."""


def teach(
    driver: Driver,
    rate_limit: RateLimit,
    answer: Answer,
    scope: Scope,
    *,
    verdict: Verdict | None,
    correction: str | None,
    hint: str | None,
    who: str | None,
    why: str | None,
    again: Ask | None,
    write: bool,
    replaces: bool = True,
) -> Reflected:
    """Count a verdict, and make a lesson of a correction or a hint; see `Agent.feedback`.

    `again` answers a question once more, to check the lesson; None skips the check.

    Raises:
        InvalidInput: the agent has no memory, the verdict is neither, the words are empty, or there
            is more feedback than the rate limit allows.
    """
    memory, words = driver.memory, feedback_of(correction, hint)
    if memory is None:
        raise InvalidInput("this agent has no memory")
    rate_limit.take(scope, _ages(memory, scope, rate_limit.limit))
    judged = judge(memory, answer, scope, verdict, why) if verdict is not None else 0
    if words is None:
        return Reflected(judged=judged)
    kind, text = words
    feedback = FeedbackRequest(
        question=answer.question,
        answer=answer.answer,
        text=text,
        kind=kind,
        scope=scope,
        source=who,
        turn=answer.turn,
        memories=tuple(answer.memories),
        asked_in=answer.scope,
        who=who or scope.user,
        why=why,
        replaces=replaces,
    )
    reflected = reflect(
        memory,
        feedback,
        model=driver.open() if write else None,
        ask=again if answer.question else None,
        recall=lambda question: driver.recall(question, scope),
    )
    return replace(reflected, judged=judged)


def _ages(memory: Memory, scope: Scope, most: int | None) -> list[float]:
    """Return how many seconds ago a user's last lessons were given, by any process."""
    if not most:
        return []
    wide = scope.across_sessions()
    last = memory.list(scope=wide, limit=most, kind="lesson", everything=True)
    now = memory.maintenance.now(scope=wide)
    return [(now - lesson.created).total_seconds() for lesson in last]
