"""Records of a turn: what was said and replied, and the verdict on it."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from memagent.agent.requests import Origin
from memagent.errors import ForgottenMeanwhile, InvalidInput, shown
from memagent.memory.memory import Memory
from memagent.stores.database.links import link
from memagent.text.english import words
from memagent.text.questions import asks
from memagent.text.words import query_words
from memagent.types import Answer, NewRecord, Outcome, Scope

logger = logging.getLogger(__name__)

Verdict = Literal["good", "bad"]
RECALLED_WORDS = 2
"""Words of a memory that a reply says at least, and the turn does not, where it asked for them. One
is too few: a weak model answers "I like tea" by "You like coffee", which it was shown."""
OUTCOMES: Mapping[Verdict, Outcome] = {"good": "helped", "bad": "hurt"}


def remember(
    memory: Memory | None,
    question: str,
    answer: Answer,
    steps: Sequence[Mapping[str, Any]],
    scope: Scope,
    origin: Origin,
    *,
    chat: bool = False,
    ids: tuple[str, str] | None = None,
) -> Answer:
    """Write a turn, and return its answer with the ids of what was written.

    What a user asks is never evidence, and neither is what we replied. In a `chat` the user may
    state something instead, which is. What the agent did with its tools is kept with its reply. The
    reply is forgotten with what the user said, and with anything else that stood in its prompt; if
    some of that is forgotten already, it is not remembered. Neither is one that was cut because the
    model repeated itself. With `ids`, of what was said and replied, a turn is stored once however
    often it is written.
    """
    if memory is None:
        return answer
    whole = bool(answer.answer) and not answer.cut
    started, now = time.perf_counter(), memory.maintenance.now(scope=scope)
    said_id, replied_id = ids or (None, None)
    said = NewRecord(
        text=question,
        id=said_id,
        valid_from=now,
        evidence=chat and not is_request(question, answer),
        metadata={"role": "user"},
    )
    replied = NewRecord(
        text=answer.answer,
        id=replied_id,
        valid_from=now,
        evidence=False,
        sources=tuple(answer.memories),
        metadata={"role": "assistant"} | ({"steps": list(steps)} if steps else {}),
    )
    engine, wide = memory.engine, scope.across_sessions()  # what the driver recalls
    used = [hit.record.seq for hit in answer.recollection.hits if wide.covers(hit.record.scope)]
    try:
        written = engine.bank.write(
            [said, replied] if whole else [said],
            scope,
            engine.embed,
            used=used,
            shown={1: origin.shown} if whole else {},
            replies=[1] if whole else (),
            within=wide,
        )
    except ForgottenMeanwhile:
        logger.info("a reply is not remembered: what it was made from was forgotten")
        written = engine.bank.write([said], scope, engine.embed)
    link_written(memory, origin, [written[0].seq])
    timings = replace(answer.timings, write=time.perf_counter() - started)
    return replace(answer, timings=timings, turn=tuple(record.id for record in written))


def link_written(memory: Memory, origin: Origin, said: Sequence[int] = ()) -> None:
    """Link what the agent's tools wrote in its own words to what the model had been shown."""
    records = memory.engine.store.read.records(list(origin.written))
    with memory.engine.store.transaction() as db:
        for record in records:
            if record.role == "assistant" and not record.evidence:
                link(db, record.seq, {*origin.written[record.seq], *said}, "prompt")


def is_request(text: str, answer: Answer) -> bool:
    """Tell whether a turn of a chat asked for something rather than stated it.

    It did if it only asks. So did a turn that was answered by what is remembered: the reply says
    `RECALLED_WORDS` of a memory that was found by a word of the turn, and nothing that only the
    turn says. A turn with a capital or a number in a word that is new states something, whatever
    the reply: what is taken for a request is lost, and the reverse only is in the way.
    """
    if asks(text):
        return True
    said, replied = _words(text), _words(answer.answer)
    memories = [_words(memory) for memory in answer.recollection.texts]
    new = said.difference(*memories)
    named = _words(" ".join(word for word in words(text)[1:] if word[0].isupper()))
    if new & (replied | named) or any(letter.isnumeric() for word in new for letter in word):
        return False
    found = [hit for hit in answer.recollection.hits if hit.why.get("words", 0.0) > 0]
    return any(len((replied & _words(hit.text)) - said) >= RECALLED_WORDS for hit in found)


def _words(text: str) -> set[str]:
    return set(query_words(text))


def judge(memory: Memory, answer: Answer, scope: Scope, verdict: Verdict, why: str | None) -> int:
    """Count a verdict for or against the memories that were shown; return how many they were.

    Raises:
        InvalidInput: the verdict is neither "good" nor "bad".
    """
    outcome, wide = outcome_of(verdict), scope.across_sessions()
    asked = memory.get(answer.turn[:1], scope=wide)  # none if it was not remembered, or forgotten
    marked = memory.changes.judge(
        answer.memories,
        outcome,
        turn=asked[0].id if asked else None,
        scope=wide,
        who=scope.user,
        why=why,
    )
    return marked.changed


def outcome_of(verdict: Verdict) -> Outcome:
    """Return what a verdict says of the memories that were shown.

    Raises:
        InvalidInput: it is neither "good" nor "bad".
    """
    for one, outcome in OUTCOMES.items():
        if verdict == one:
            return outcome
    raise InvalidInput(f"a verdict is 'good' or 'bad', not {shown(verdict)}")
