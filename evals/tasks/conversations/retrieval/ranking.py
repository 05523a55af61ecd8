"""Ranking of a conversation's turns as the text of an answer, and its measures."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import cast
from urllib.parse import quote, unquote

from memagent.evals.metrics.retrieval import measures
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.conversations.conversation import ConversationQuestion, ConversationTask

HEADLINE = "recall@10"
SESSION = "session "
"""Prefix of the measures at session level."""
BAR = "|"


def as_text(turns: Iterable[str], further: Iterable[str] = ()) -> str:
    """Return ids with spaces between them: turns, best first, and the best of further sessions.

    Between the two there is a bar. A space or a bar in an id is escaped as in a URL.
    """
    rest = list(map(_escaped, further))
    return " ".join([*map(_escaped, turns), *([BAR, *rest] if rest else [])])


def turns_of(text: str) -> tuple[list[str], list[str]]:
    """Return the ids that `as_text` wrote: the turns, and the best of further sessions."""
    turns, _, further = text.partition(BAR)
    return [unquote(id) for id in turns.split()], [unquote(id) for id in further.split()]


def _escaped(id: str) -> str:
    return re.sub(rf"[\s%{BAR}]", lambda found: quote(found[0]), id)


def graded(task: Task, sample: Sample, prediction: str) -> dict[str, float]:
    """Grade a ranking by every measure, at turn level and at session level; recall@10 comes first.

    A session has the rank of its best turn among the sessions.
    """
    question = cast(ConversationQuestion, sample)
    talk = cast(ConversationTask, task).conversations[question.story]
    session = {turn.id: turn.session for turn in talk.turns}
    turns, further = turns_of(prediction)
    of_turns = measures(turns, question.evidence)
    sessions = [session[turn] for turn in [*turns, *further] if turn in session]
    of_sessions = measures(sessions, question.sessions)
    return {
        HEADLINE: of_turns[HEADLINE],
        **of_turns,
        **{f"{SESSION}{name}": value for name, value in of_sessions.items()},
    }


def cut(turns: Sequence[str], question: ConversationQuestion, k: int) -> Mapping[str, float]:
    """Return the recall of the first k turns, and whether any of them is gold."""
    found = set(turns[:k]) & set(question.evidence)
    return {"recall": len(found) / len(set(question.evidence)), "any": float(bool(found))}
