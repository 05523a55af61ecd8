"""Verbs of a memory's parts, and of the agent, each as a call of the REST interface."""

from collections.abc import Sequence
from datetime import datetime

from memagent.client import calls
from memagent.protocol import replies
from memagent.types import (
    Answer,
    Change,
    Ids,
    Marked,
    Outcome,
    ProfileLine,
    Record,
    ScopeLike,
    ids_of,
)


def why(id: str, *, scope: ScopeLike | None = None) -> calls.Call[replies.Provenance]:
    """Return where a record comes from, and what came of it."""
    return calls.fetch(calls.path_of("records", id, "why"), calls.of(replies.Provenance), scope, {})


def sources(
    id: str, *, scope: ScopeLike | None = None, deep: bool = False
) -> calls.Call[list[Record]]:
    """Return the records that a record was made from, oldest first."""
    return calls.fetch(
        calls.path_of("records", id, "sources"), calls.records, scope, {"deep": deep}
    )


def stats() -> calls.Call[dict[str, int]]:
    """Return the numbers of the store, or of the caller's records."""
    return calls.fetch("stats", calls.part(dict[str, int], "stats"), None, {})


def pin(
    ids: Ids, *, scope: ScopeLike | None = None, pinned: bool = True, why: str | None = None
) -> calls.Call[Marked]:
    """Pin records, or take the pin off."""
    return _mark("pin" if pinned else "unpin", ids, scope, why)


def archive(
    ids: Ids, *, scope: ScopeLike | None = None, why: str | None = None
) -> calls.Call[Marked]:
    """Archive records: they are kept, and not searched."""
    return _mark("archive", ids, scope, why)


def restore(
    ids: Ids, *, scope: ScopeLike | None = None, why: str | None = None
) -> calls.Call[Marked]:
    """Put archived records back into searches."""
    return _mark("restore", ids, scope, why)


def judge(
    ids: Ids, outcome: Outcome, *, scope: ScopeLike | None = None, why: str | None = None
) -> calls.Call[Marked]:
    """Count for or against records that they helped or hurt an answer."""
    body = {"ids": ids_of(ids), "outcome": outcome, "why": why}
    return calls.post("judge", calls.of(Marked), scope, body, once=False)


def list_changes(*, scope: ScopeLike | None = None, limit: int = 100) -> calls.Call[list[Change]]:
    """Return the changes that feedback made, newest first."""
    return calls.fetch("changes", calls.part(list[Change], "changes"), scope, {"limit": limit})


def get_change(id: str, *, scope: ScopeLike | None = None) -> calls.Call[Change]:
    """Return one change."""
    return calls.fetch(calls.path_of("changes", id), calls.of(Change), scope, {})


def undo(id: str, *, scope: ScopeLike | None = None, why: str | None = None) -> calls.Call[Change]:
    """Undo one change: what it replaced holds again."""
    return calls.post(
        calls.path_of("changes", id, "undo"), calls.of(Change), scope, {"why": why}, once=False
    )


def lines(*, scope: ScopeLike | None = None) -> calls.Call[list[ProfileLine]]:
    """Return the lines of the profile, best first."""
    return calls.fetch("profile", calls.part(list[ProfileLine], "lines"), scope, {})


def add_line(
    text: str, *, scope: ScopeLike | None = None, why: str | None = None
) -> calls.Call[ProfileLine]:
    """Remember a text as stated by the user, and put it into the profile."""
    body = {"text": text, "why": why}
    return calls.post("profile", calls.of(ProfileLine), scope, body, once=False)


def ask(
    question: str,
    *,
    scope: ScopeLike | None = None,
    remember: bool = True,
    evidence: Sequence[str] | None = None,
    now: datetime | None = None,
    chat: bool = False,
) -> calls.Call[Answer]:
    """Answer one question from memory by the server's model."""
    body = {
        "question": question,
        "remember": remember,
        "evidence": None if evidence is None else list(evidence),
        "now": now,
        "chat": chat,
    }
    return calls.post("ask", calls.of(Answer), scope, body, once=False)


def feedback(
    answer: Answer,
    *,
    scope: ScopeLike | None = None,
    verdict: str | None = None,
    correction: str | None = None,
    hint: str | None = None,
    replaces: bool = True,
    why: str | None = None,
) -> calls.Call[replies.FeedbackReply]:
    """Say of an answer that it was good or bad, what would have been right, or a hint."""
    body = {
        "question": answer.question,
        "answer": answer.answer,
        "shown": list(answer.memories),
        "turn": list(answer.turn),
        "verdict": verdict,
        "correction": correction,
        "hint": hint,
        "replaces": replaces,
        "why": why,
    }
    return calls.post(
        "feedback", calls.of(replies.FeedbackReply), scope or answer.scope, body, once=False
    )


def _mark(path: str, ids: Ids, scope: ScopeLike | None, why: str | None) -> calls.Call[Marked]:
    return calls.post(path, calls.of(Marked), scope, {"ids": ids_of(ids), "why": why})
