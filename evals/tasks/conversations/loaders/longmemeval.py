"""LongMemEval (Wu et al. 2024, arXiv 2410.10813): questions, each about its own chat history.

The released files `longmemeval_oracle.json`, `longmemeval_s.json` and `longmemeval_m.json`, also
those that end in `_cleaned.json`, are lists of questions with the sessions they are asked about:

    [{"question_id": "e47becba", "question_type": "single-session-user",
      "question": "...", "answer": "...", "question_date": "2023/05/30 (Tue) 23:40",
      "haystack_session_ids": ["answer_280352e9", ...],
      "haystack_dates": ["2023/05/20 (Sat) 02:21", ...],
      "haystack_sessions": [[{"role": "user", "content": "...", "has_answer": true}, ...], ...],
      "answer_session_ids": ["answer_280352e9"]}, ...]

A question whose id ends in `_abs` has no answer in its history. Times are read as UTC, and the
sessions are put in the order of their dates. A file is read at once, which takes two to six times
its size of memory, the most where it is not ASCII: the largest, of 2.7 GB, up to 16 GB.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from memagent.errors import InvalidInput
from memagent.evals.tasks.conversations.conversation import (
    Conversation,
    ConversationQuestion,
    DataSet,
    Role,
    Turn,
    question,
)
from memagent.evals.tasks.conversations.loaders.fields import (
    NO_DATE,
    NO_WORDS,
    Fields,
    file_of,
    objects_of,
    read_list,
    time_of,
)

ABSTENTION = "_abs"
"""End of the id of a question that has no answer."""
NO_SESSION = "evidence that names no session"
NOTHING_TO_FIND = "questions to abstain from, whose evidence is not used"
_TIMES = ("%Y/%m/%d (%a) %H:%M", "%Y/%m/%d %H:%M", "%Y/%m/%d")


def load(path: Path, variant: str | None = None) -> DataSet:
    """Return the questions of a file, or of the one of a variant such as "s" in a folder.

    A question to abstain from has no evidence, as in the benchmark's own scores of retrieval.

    Raises:
        InvalidInput: the file does not have the released layout; the message says where.
        RunError: there is no such file in the folder.
    """
    path = file_of(path, "longmemeval_*.json", variant, "--variant")
    left_out: Counter[str] = Counter()
    texts: dict[str, str] = {}
    conversations: dict[str, Conversation] = {}
    questions: list[ConversationQuestion] = []
    rows = read_list(path, "questions, as in longmemeval_s.json")
    for row in objects_of(rows, f"{path.name}:", "question"):
        id = row.text("question_id", "an id such as 'e47becba'")
        if id in conversations:
            raise InvalidInput(f"{row.place}: the id {id!r} stands in the file twice")
        history = _history(row, texts, left_out)
        conversations[id] = history.conversation
        questions.append(_question(row, history, left_out))
    return DataSet(
        name="longmemeval",
        source="released",
        conversations=list(conversations.values()),
        questions=questions,
        left_out=dict(+left_out),
        split=path.stem.removeprefix("longmemeval_"),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _History:
    """Chat history of a question, its gold turns, and the names of its sessions by their ids."""

    conversation: Conversation
    evidence: tuple[str, ...]
    sessions: Mapping[str, Sequence[str]]


def _history(row: Fields, texts: dict[str, str], left_out: Counter[str]) -> _History:
    """Return the history of a question; `texts` holds each text once, as histories share them."""
    turns: list[Turn] = []
    evidence: list[str] = []
    names: dict[str, list[str]] = {}
    for id, name, time, messages in _sessions(row):
        left_out[NO_DATE] += time is None
        names.setdefault(id, []).append(name)
        for number, message in enumerate(messages, start=1):
            text = message.optional_text("content")
            if not text:
                left_out[NO_WORDS] += 1
                continue
            role = message.values.get("role")
            if role not in ("user", "assistant"):
                raise message.error("role", "'user' or 'assistant'")
            turn = Turn(
                id=f"{name}:{number}",
                session=name,
                role=cast(Role, role),
                text=texts.setdefault(text, text),
                when=time,
            )
            turns.append(turn)
            if message.values.get("has_answer") is True:
                evidence.append(turn.id)
    if not turns:
        raise row.error("haystack_sessions", "a list of sessions with words in them")
    return _History(
        conversation=Conversation(id=row.text("question_id"), turns=tuple(turns)),
        evidence=tuple(evidence),
        sessions=names,
    )


def _sessions(row: Fields) -> list[tuple[str, str, datetime | None, list[Fields]]]:
    """Return the id, the name, the time and the messages of each session, in order of time.

    The name is the id, with a number where another session before it has the same. Where a session
    has no date, all stay in the order of the file.
    """
    sessions = row.items("haystack_sessions", "a list of sessions")
    ids = row.labels("haystack_session_ids", "a list of ids, one a session")
    if len(ids) != len(sessions):
        raise row.error("haystack_session_ids", f"a list of {len(sessions)} ids, one a session")
    dates = row.values.get("haystack_dates")
    known = dates if isinstance(dates, list) and len(dates) == len(sessions) else [None] * len(ids)
    names: set[str] = set()
    found = []
    for number, (id, date, messages) in enumerate(zip(ids, known, sessions, strict=True), start=1):
        if not isinstance(messages, list):
            raise row.error("haystack_sessions", "a list of sessions, each a list of messages")
        name, copy = id, 1
        while name in names:
            name, copy = f"{id}~{copy + 1}", copy + 1
        names.add(name)
        place = f"{row.place}, session {number}"
        found.append((id, name, _time(date), list(objects_of(messages, place, "message"))))
    times = [time for _, _, time, _ in found if time is not None]
    if len(times) < len(found):
        return found
    order = sorted(range(len(found)), key=times.__getitem__)
    return [found[place] for place in order]


def _time(date: object) -> datetime | None:
    return time_of(date, *_TIMES) if isinstance(date, str) else None


def _question(row: Fields, history: _History, left_out: Counter[str]) -> ConversationQuestion:
    id = history.conversation.id
    abstention = id.endswith(ABSTENTION)
    gold = row.label("answer")
    named = row.labels("answer_session_ids", "a list of ids of sessions")
    sessions = [name for session in named for name in history.sessions.get(session, ())]
    left_out[NO_SESSION] += sum(session not in history.sessions for session in named)
    left_out[NOTHING_TO_FIND] += abstention and bool(named or history.evidence)
    return question(
        id=id,
        conversation=history.conversation,
        text=row.label("question"),
        gold=[] if abstention else [gold],
        category=row.text("question_type", "a name such as 'multi-session'"),
        evidence=() if abstention else history.evidence,
        sessions=() if abstention else sessions,
        unanswerable=abstention,
        asked_at=_time(row.values.get("question_date")),
    )
