"""Memory's verbs over the compression bank: compress, gather, and go back to the sources."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, get_args

from memagent.compression.abstractive import NoteWriter
from memagent.compression.base import Budget, Compressor
from memagent.compression.expand import SourceExpander
from memagent.compression.extractive import Extractive
from memagent.compression.gather import Gathered, GatherOptions, gather
from memagent.compression.job import CompressionReport, compress
from memagent.compression.sessions import SessionCutoff, summarise_sessions
from memagent.embedding.encoder import Encoder
from memagent.errors import InvalidInput
from memagent.models.open_chat import open_chat
from memagent.stores.banks.compression import CompressionBank, Rarity
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import Filter
from memagent.types import KeyedBy, Method, Recollection, Record, Scope

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

SUMMARY = 50
"""So many tokens a summary of a session has at least, where there is so much to tell."""
METHODS: tuple[Method, ...] = get_args(Method)


class Banking:
    """Verbs that write short notes on records, read them, and lead back to the records."""

    _store: SqliteStore
    _encoder: Encoder
    _bank: EpisodicBank
    _notes: CompressionBank
    _expander: SourceExpander

    def compress(
        self,
        method: Method | Compressor = "runs",
        *,
        scope: Scope,
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
        "own" text. Nothing is lost: `sources_of` leads back, also with `archive`, which puts the
        sources out of the searches' sight. Resumable; `limit` bounds the records of this call.

        Raises:
            InvalidInput: there is no such method, or a number is out of its range.
            ModelUnavailable: the model cannot be reached.
        """
        budget, own = _budget(ratio, tokens), self._compressor(method, scope, aware, model)
        self._encoder.check()
        done = compress(self._notes, own, scope, budget, keys=keys, limit=limit, progress=progress)
        return self._put_away(done, scope) if archive else done

    def compress_sessions(
        self,
        method: Method | Compressor = "runs",
        *,
        scope: Scope,
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
        budget, own = _budget(ratio, tokens), self._compressor(method, scope, aware, model)
        self._encoder.check()
        old, budget = SessionCutoff(before=before, but=but), replace(budget, min_tokens=SUMMARY)
        done = summarise_sessions(
            self._store, self._notes, own, scope, budget, old, progress=progress
        )
        return self._put_away(done, scope) if archive else done

    def gather(
        self,
        question: str,
        *,
        scope: Scope,
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
        seen = Filter(scope=scope, kind="note", evidence=True, as_of=as_of)
        with self._encoder.steady():
            return gather(self._bank, self._encoder, question, seen, how)

    def sources_of(self, id: str, *, scope: Scope, deep: bool = False) -> list[Record]:
        """Return the records that a record was made from, archived ones too, oldest first.

        With `deep`, in the place of notes on notes what these were made from.
        """
        return self._notes.sources(scope, id, deep=deep)

    def expand(self, question: str, found: Recollection, *, scope: Scope) -> Recollection:
        """Look behind the notes among what was recalled that are not enough for a question.

        In such a note's place come the sentences of its sources that are nearest to the question.
        """
        return self._expander.expand(question, found, scope)

    def _put_away(self, done: CompressionReport, scope: Scope) -> CompressionReport:
        return replace(done, archived=self._notes.archive_sources(scope))

    def _compressor(
        self, method: Method | Compressor, scope: Scope, aware: bool, model: "str | BaseChatModel"
    ) -> Compressor:
        if not isinstance(method, str):
            return method
        if method not in METHODS:
            raise InvalidInput(f"a method is one of {', '.join(METHODS)}, not {method!r}")
        if method == "notes":
            return NoteWriter(chat=open_chat(model))
        return Extractive(
            embed=self._encoder.documents,
            unit=method,
            aware=aware,
            weigh=Rarity(self._bank, scope),
        )


def _budget(ratio: float | None, tokens: int | None) -> Budget:
    return Budget(ratio=0.25) if ratio is tokens is None else Budget(ratio=ratio, tokens=tokens)
