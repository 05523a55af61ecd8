"""Profile: the lasting facts and preferences of a user, always shown, listed and edited by line."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from memagent.errors import InvalidInput, shown
from memagent.memory import arguments
from memagent.memory.arguments import checked
from memagent.memory.engine import Engine
from memagent.models.open_chat import open_chat
from memagent.profile import job, lines, writer
from memagent.profile.job import ProfileReport
from memagent.profile.line_store import LineStore, line_record
from memagent.profile.lines import TOKENS
from memagent.stores.banks.validation import check
from memagent.stores.database.filters import check_times
from memagent.stores.lifecycle import undo
from memagent.types import Change, NewRecord, ProfileLine, Scope, ScopeLike

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

logger = logging.getLogger(__name__)


@checked
class Profile:
    """Verbs that show, update and edit the lines about a user.

    A profile is of one user, or of one user's one agent, across sessions. Each line is linked to
    the records it was made from, and is erased with them; one whose source was superseded is no
    longer shown. What a user adds, edits or removes is a change, which `changes` lists and undoes.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def _lines(self) -> LineStore:
        return LineStore(self._engine.store, self._engine.bank, self._engine.embed)

    def lines(
        self,
        *,
        scope: ScopeLike | None = None,
        tokens: int | None = TOKENS,
        as_of: datetime | None = None,
    ) -> list[ProfileLine]:
        """Return the lines that hold, oldest first, with at most `tokens` tokens together.

        None returns all of them. Pinned lines are chosen first, then a user's own, then those that
        are the most surely lasting. `as_of` is a time, the present if None.

        Raises:
            InvalidInput: there is no scope, `tokens` is negative, or the time out of its range.
        """
        check_times(as_of=as_of)
        most = None if tokens is None else arguments.count("tokens", tokens, least=0)
        return lines.chosen(lines.held(self._engine.store, self._scope(scope), as_of), most)

    def text(
        self,
        *,
        scope: ScopeLike | None = None,
        tokens: int | None = TOKENS,
        as_of: datetime | None = None,
    ) -> str:
        """Return the lines as one text, one on each line, as in `lines`; empty if there is none."""
        return "\n".join(line.text for line in self.lines(scope=scope, tokens=tokens, as_of=as_of))

    def update(
        self,
        *,
        scope: ScopeLike | None = None,
        model: "str | BaseChatModel | None" = None,
        limit: int | None = None,
        seconds: float | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> ProfileReport:
        """Look through what the user stated since the last call, and write lines on what lasts.

        Without a `model` the user's own sentences are taken, chosen by a classifier of their
        vectors. A model proposes lines if it passes a short check, which is made once and kept;
        only lines that their statements support are written. Resumable: `limit` bounds the records
        of this call, and `seconds` its time. `progress` gets the number of records looked through.

        Raises:
            InvalidInput: a number is out of its range.
            ModelUnavailable: the model cannot be reached; what was written stays.
        """
        if limit is not None:
            limit = arguments.count("limit", limit)
        engine, chat = self._engine, None if model is None else open_chat(model)
        if chat is not None and not writer.is_capable(chat):
            logger.info("the model failed the check: the user's own sentences are taken")
            chat = None
        engine.encoder.check()
        return job.update(
            engine.store,
            engine.encoder,
            self._lines,
            self._scope(scope),
            chat=chat,
            limit=limit,
            seconds=seconds,
            progress=progress,
        )

    def add(
        self,
        text: str,
        *,
        scope: ScopeLike | None = None,
        who: str | None = None,
        why: str | None = None,
    ) -> ProfileLine:
        """Remember a text as stated by the user, and put it into the profile; return the line.

        Raises:
            InvalidInput: the text cannot be remembered, or the profile says it already.
        """
        engine, whose, trace = self._engine, self._scope(scope), self._engine.trace(who, why)
        text = arguments.text("text", text).strip()
        statement = NewRecord(text=text, metadata={"role": "user"})
        check(statement)
        known = {lines.folded(line.text) for line in lines.held(engine.store, whose)}
        if lines.folded(text) in known:
            raise InvalidInput(f"the profile says {shown(text)} already")
        engine.embed([text])  # outside the transaction
        with engine.store.transaction():
            (source,) = engine.bank.write([statement], whose, engine.embed, trace=trace)
            return lines.line_of(self._lines.own(text, source, whose, trace))

    def edit(
        self,
        id: str,
        text: str,
        *,
        scope: ScopeLike | None = None,
        who: str | None = None,
        why: str | None = None,
    ) -> ProfileLine:
        """Put a line into other words, and return it; its sources stay as they are.

        Raises:
            InvalidInput: there is no such line, it was edited already, or the text is empty.
        """
        whose, trace = self._scope(scope), self._engine.trace(who, why)
        text = arguments.text("text", text).strip()
        check(NewRecord(text=text))
        old = line_record(self._engine.store, whose, id)
        return lines.line_of(self._lines.replace(old, text, whose, trace, removed=False))

    def remove(
        self,
        id: str,
        *,
        scope: ScopeLike | None = None,
        who: str | None = None,
        why: str | None = None,
    ) -> Change:
        """Remove a line, and return the change; its sources stay, and no line is made of them anew.

        Raises:
            InvalidInput: there is no such line, or it was edited or removed already.
        """
        store, whose = self._engine.store, self._scope(scope)
        old = line_record(store, whose, id)
        trace = self._engine.trace(who, why or "removed from the profile")
        return undo.change_of(store, self._lines.replace(old, old.text, whose, trace, removed=True))

    def _scope(self, scope: ScopeLike | None) -> Scope:
        return self._engine.scope(scope).across_sessions()
