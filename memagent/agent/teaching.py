"""What an agent learns: from what people say of its answers, and from problems that it solves."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from memagent.agent.driver import Doing
from memagent.agent.record_turn import Verdict, judge
from memagent.errors import InvalidInput
from memagent.feedback.rate_limit import RateLimit
from memagent.feedback.reflection import FeedbackRequest, feedback_of, reflect
from memagent.learning.learn import Learned, LearningOptions, learn
from memagent.learning.problems import Check, Problem
from memagent.learning.rationales import Rationales
from memagent.memory.memory import Memory
from memagent.types import Answer, Examples, Reflected, Scope

FEEDBACK = 60
"""How much feedback an agent takes of one user in an hour."""


class Teaching(Doing):
    """How an agent is taught, for `Agent` to inherit."""

    scope: Scope | None
    examples: Examples
    rate_limit: RateLimit

    def ask(
        self,
        question: str,
        *,
        scope: Scope,
        remember: bool = True,
        evidence: Sequence[str] | None = None,
        turns: Sequence[tuple[str, str]] = (),
    ) -> Answer:
        """Answer one question."""
        raise NotImplementedError

    def feedback(
        self,
        answer: Answer,
        *,
        scope: Scope,
        verdict: Verdict | None = None,
        correction: str | None = None,
        hint: str | None = None,
        asked: str = "",
        who: str | None = None,
        why: str | None = None,
        check: bool = False,
        write: bool = False,
    ) -> Reflected:
        """Say of an answer that it was "good" or "bad", what would have been right, or a hint.

        A verdict counts for or against the memories that were shown. A correction or a hint becomes
        a lesson, in the scope alone, found when what was `asked` is asked again; `who` gave it, if
        that is not the user: a source that gains or loses trust by what comes of it. With `check`
        the question is asked again, and others near to it, and a change that does not mend, or
        breaks, is undone. With `write` the model may put the lesson in words.

        Raises:
            InvalidInput: the agent has no memory, the verdict is neither, the words are empty, or
                there is more feedback than the agent takes (`rate_limit`).
        """
        memory, words = self.memory, feedback_of(correction, hint)
        if memory is None:
            raise InvalidInput("this agent has no memory")
        self.rate_limit.take(scope, self._ages(memory, scope))
        judged = judge(memory, answer, scope, verdict, why) if verdict is not None else 0
        if words is None:
            return Reflected(judged=judged)
        kind, said = words
        given = FeedbackRequest(
            question=asked,
            answer=answer.answer,
            text=said,
            kind=kind,
            scope=scope,
            source=who,
            turn=answer.written,
            memories=tuple(answer.memories),
            who=who or scope.user,
            why=why,
        )

        def again(question: str, evidence: Sequence[str] | None = None) -> Answer:
            return self.ask(question, scope=scope, remember=False, evidence=evidence)

        done = reflect(
            memory,
            given,
            model=self.open() if write else None,
            ask=again if check and asked else None,
            recall=lambda question: self._recall(question, scope),
        )
        return replace(done, judged=judged)

    def learn(
        self,
        problems: Iterable[Problem],
        check: Check | None = None,
        *,
        scope: Scope | None = None,
        how: LearningOptions | None = None,
        progress: Callable[[int, int], None] = lambda done, kept: None,
    ) -> Learned:
        """Solve problems several times each, and remember the solutions that `check` finds right.

        They go into `scope`, the agent's `learned_scope` if None. Without a check an answer is kept
        that most samples agree on. Problems that were learnt from before are skipped.

        Raises:
            InvalidInput: the agent has no memory, or there is no scope.
            ModelUnavailable: the model's server does not answer; what was learnt is kept.
        """
        whose = scope or self.learned_scope or self.scope
        if self.memory is None or whose is None:
            raise InvalidInput("to learn takes a memory, and a scope to keep rationales in")
        rationales = Rationales(self.memory, whose)
        return learn(
            self.open(),
            rationales,
            list(problems),
            check,
            how or LearningOptions(),
            examples=self.examples,
            progress=progress,
        )

    def _ages(self, memory: Memory, scope: Scope) -> list[float]:
        """Return how many seconds ago a user's last lessons were given, by any process."""
        most, wide = self.rate_limit.limit, scope.across_sessions()
        if not most:
            return []
        last = memory.list(scope=wide, limit=most, kind="lesson", everything=True)
        now = memory.now(scope=wide)
        return [(now - one.created).total_seconds() for one in last]
