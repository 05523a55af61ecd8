"""Records of a turn: what was said and replied, and the verdict on it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from memagent.errors import InvalidInput
from memagent.memory.memory import Memory
from memagent.recall.rules.questions import is_question
from memagent.types import Answer, NewRecord, Outcome, Scope

Verdict = Literal["good", "bad"]
OUTCOMES: Mapping[Verdict, Outcome] = {"good": "helped", "bad": "hurt"}


def remember(
    memory: Memory | None,
    question: str,
    answer: Answer,
    steps: Sequence[Mapping[str, Any]],
    scope: Scope,
) -> Answer:
    """Write a turn, and return its answer with the ids of what was written.

    What the user said is evidence if it states something; what we replied never is. What the agent
    did with its tools is kept with its reply.
    """
    if memory is None:
        return answer
    started, now = time.perf_counter(), memory.maintenance.now(scope=scope)
    said = NewRecord(
        text=question,
        valid_from=now,
        evidence=not is_question(question),
        metadata={"role": "user"},
    )
    replied = NewRecord(
        text=answer.answer,
        valid_from=now,
        evidence=False,
        sources=tuple(answer.memories),
        metadata={"role": "assistant"} | ({"steps": list(steps)} if steps else {}),
    )
    notes = [said, replied] if answer.answer else [said]
    written = memory.add_many(notes, scope=scope, recalled=answer.memories)
    timings = replace(answer.timings, write=time.perf_counter() - started)
    return replace(answer, timings=timings, turn=tuple(record.id for record in written))


def judge(memory: Memory, answer: Answer, scope: Scope, verdict: Verdict, why: str | None) -> int:
    """Count a verdict for or against the memories that were shown; return how many they were.

    Raises:
        InvalidInput: the verdict is neither "good" nor "bad".
    """
    outcome, wide = outcome_of(verdict), scope.across_sessions()
    marked = memory.changes.judge(answer.memories, outcome, scope=wide, who=scope.user, why=why)
    return marked.changed


def outcome_of(verdict: Verdict) -> Outcome:
    """Return what a verdict says of the memories that were shown.

    Raises:
        InvalidInput: it is neither "good" nor "bad".
    """
    for one, outcome in OUTCOMES.items():
        if verdict == one:
            return outcome
    raise InvalidInput(f"a verdict is 'good' or 'bad', not {verdict!r}")
