"""Notes: compress records, gather what notes say, and go back to their sources."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, get_args

from memagent.compression.abstractive import NoteWriter
from memagent.compression.base import Budget, Compressor
from memagent.compression.extractive import Extractive
from memagent.compression.gather import Gathered, GatherOptions, gather
from memagent.compression.job import CompressionReport, compress
from memagent.compression.sessions import SessionCutoff, summarise_sessions
from memagent.errors import InvalidInput, shown
from memagent.memory.arguments import MAX_COUNT, checked
from memagent.memory.engine import Engine
from memagent.memory.query_generation import Generated, generate_queries
from memagent.models.open_chat import open_chat
from memagent.stores.banks.compression import Rarity
from memagent.stores.database.filters import Filter, check_times
from memagent.types import KeyedBy, Method, Recollection, Record, Scope, ScopeLike

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

MIN_SUMMARY_TOKENS = 50
"""Tokens that a summary of a session may always have, however short the session is."""
METHODS: tuple[Method, ...] = get_args(Method)


@checked
class Notes:
    """Verbs that write short notes on records, read them, and lead back to the records."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def compress(
        self,
        method: Method | Compressor = "runs",
        *,
        scope: ScopeLike | None = None,
        ratio: float | None = None,
        tokens: int | None = None,
        aware: bool = True,
        keys: KeyedBy = "source",
        model: "str | BaseChatModel" = "local",
        archive: bool = False,
        limit: int | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> CompressionReport:
        """Write a note on every longer record of the scope that has none made this way.

        "runs" keeps the runs of words that are worth most, "sentences" whole sentences, and "notes"
        what the `model` claims and the text supports. A note has at most `ratio` of its source (a
        quarter if neither is given) and at most `tokens` tokens. `aware` keeps what questions would
        ask for rather than what is salient. A note is found by the keys of its "source" or by its
        "own" text. Nothing is lost: `sources` leads back, also with `archive`, which puts the
        sources out of the searches' sight. Resumable; `limit` bounds the records of this call.

        Raises:
            InvalidInput: there is no such method, or a number is out of its range.
            ModelUnavailable: the model cannot be reached.
        """
        whose, budget = self._engine.scope(scope), _budget(ratio, tokens)
        compressor = self._compressor(method, whose, aware, model)
        self._engine.encoder.check()
        done = compress(
            self._engine.notes,
            compressor,
            whose,
            budget,
            keys=keys,
            limit=limit,
            progress=progress,
        )
        return self._archived(done, whose) if archive else done

    def compress_sessions(
        self,
        method: Method | Compressor = "runs",
        *,
        scope: ScopeLike | None = None,
        before: datetime | None = None,
        but: int = 0,
        ratio: float | None = None,
        tokens: int | None = None,
        aware: bool = True,
        model: "str | BaseChatModel" = "local",
        archive: bool = False,
        progress: Callable[[int], None] = lambda done: None,
    ) -> CompressionReport:
        """Summarise the old turns of the scope's sessions that have no summary yet.

        Old is what held `before` a time, all `but` so many newest records of a session, or both.
        Turns are kept whole, a tool call stays with its result, and earlier summaries stay: many of
        them get one on them. The rest is as in `compress`.
        """
        if but < 0:
            raise InvalidInput(f"how many records stay must be at least 0, not {but}")
        check_times(before=before)
        whose, engine = self._engine.scope(scope), self._engine
        budget = replace(_budget(ratio, tokens), min_tokens=MIN_SUMMARY_TOKENS)
        compressor = self._compressor(method, whose, aware, model)
        engine.encoder.check()
        old = SessionCutoff(before=before, but=but)
        done = summarise_sessions(
            engine.store, engine.notes, compressor, whose, budget, old, progress=progress
        )
        return self._archived(done, whose) if archive else done

    def gather(
        self,
        question: str,
        *,
        scope: ScopeLike | None = None,
        k: int = 8,
        tokens: int = 256,
        group: int | None = None,
        self_match: bool = True,
        as_of: datetime | None = None,
    ) -> Gathered:
        """Return what the notes say that is nearest to a question, in at most `tokens` tokens.

        The question is compressed and embedded as the notes are, unless `self_match` is off: then
        it is searched for by words as well. The `k` best notes are weighed by a softmax, all others
        weigh nothing; what they say twice is merged. `group` merges so many notes at a time.

        Raises:
            InvalidInput: the question is empty, or a number is out of its range.
        """
        if not question.strip():
            raise InvalidInput("the question is empty: nothing to gather for")
        how = GatherOptions(k=k, tokens=tokens, group=group, self_match=self_match)
        engine = self._engine
        seen = Filter(scope=engine.scope(scope), kind="note", evidence=True, as_of=as_of)
        with engine.encoder.expect_unchanged():
            return gather(engine.bank, engine.encoder, question, seen, how)

    def sources(
        self, id: str, *, scope: ScopeLike | None = None, deep: bool = False
    ) -> list[Record]:
        """Return the records that a record was made from, archived ones too, oldest first.

        With `deep`, in the place of notes on notes what these were made from.

        Raises:
            InvalidInput: there is no such record.
        """
        whose = self._engine.scope(scope)
        if not self._engine.store.read.get(whose, [id]):
            raise InvalidInput(f"there is no record {shown(id)} in this scope")
        return self._engine.notes.sources(whose, id, deep=deep)

    def generate_queries(
        self,
        model: "str | BaseChatModel" = "local",
        *,
        scope: ScopeLike | None = None,
        limit: int | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> Generated:
        """Let a chat model write questions that records answer, and find them by these as well.

        Resumable: a record that has such questions is not asked about again. `limit` bounds the
        records of this call; `progress` gets the number that are done.

        Raises:
            ModelUnavailable: the model cannot be reached.
        """
        engine, whose, chat = self._engine, self._engine.scope(scope), open_chat(model)
        return generate_queries(
            engine.store, engine.encoder, chat, whose, limit=limit, progress=progress
        )

    def expand(
        self, question: str, found: Recollection, *, scope: ScopeLike | None = None
    ) -> Recollection:
        """Replace recalled notes that do not answer a question by sentences of their sources.

        The sentences are those nearest to the question; notes that answer stay.
        """
        return self._engine.expander.expand(question, found, self._engine.scope(scope))

    def _archived(self, done: CompressionReport, scope: Scope) -> CompressionReport:
        return replace(done, archived=self._engine.notes.archive_sources(scope))

    def _compressor(
        self, method: Method | Compressor, scope: Scope, aware: bool, model: "str | BaseChatModel"
    ) -> Compressor:
        if not isinstance(method, str):
            if not hasattr(method, "compress") or not hasattr(method, "name"):
                raise InvalidInput(f"method: its name or a Compressor, not {shown(method)}")
            return method
        if method not in METHODS:
            raise InvalidInput(f"a method is one of {', '.join(METHODS)}, not {shown(method)}")
        if method == "notes":
            return NoteWriter(chat=open_chat(model))
        return Extractive(
            embed=self._engine.encoder.documents,
            unit=method,
            aware=aware,
            weigh=Rarity(self._engine.bank, scope),
        )


def _budget(ratio: float | None, tokens: int | None) -> Budget:
    if ratio is tokens is None:
        return Budget(ratio=0.25)
    return Budget(ratio=ratio, tokens=None if tokens is None else min(tokens, MAX_COUNT))
