"""The episodic bank: every turn and document chunk verbatim, found by its keys."""

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
from langchain_core.utils.uuid import uuid7
from numpy.typing import NDArray

from memagent.errors import InvalidInput
from memagent.stores.filter import Filter
from memagent.stores.fusion import reciprocal_ranks
from memagent.stores.index import VectorIndex
from memagent.stores.lexical import LexicalIndex, coverage
from memagent.stores.rows import Draft, digest_of
from memagent.stores.sqlite import SqliteStore
from memagent.stores.words import needs_context
from memagent.types import Hit, Note, Record, Scope

MAX_VALUE_CHARS = 1_000_000
MAX_KEY_WORDS = 120
"""A longer text gets several keys: MiniLM reads 256 word pieces and drops the rest."""
CONTEXT_DEPTH = 3
"""How many records back a chain of pronouns is followed."""
CANDIDATES = 32
"""How many keys each of the three rankings puts forward."""

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts in, one normalised vector a text out (texts x dimensions, float32)."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


class EpisodicBank:
    """Writes notes as records with keys, and finds them again by meaning and by words."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._vectors = VectorIndex(store)
        self._words = LexicalIndex(store)

    def write(
        self,
        notes: Sequence[Note],
        scope: Scope,
        embed: Embed,
        *,
        who: str | None = None,
        why: str | None = None,
    ) -> list[Record]:
        """Store all notes or none, and return their records in the same order.

        `who` and `why` go into the records' history.

        Raises:
            InvalidInput: a text is empty, too long, or not text; or a note supersedes a record that
                is not there or was superseded already.
        """
        for note in notes:
            check(note)
        shaped: list[tuple[Record, bytes, bool]] = []
        previous = next(iter(self._store.newest(Filter(scope=scope, evidence=True), 1)), None)
        for note in notes:
            record = _shape(note, scope, previous)
            digest = digest_of(record, dated=note.valid_from is not None)
            known = self._store.known(scope.user, note.id, digest) is not None
            shaped.append((record, digest, known))
            previous = record if record.evidence else previous
        texts = [key for record, _, known in shaped if not known for key in record.keys]
        embedder = self._store.meta("embedder")
        vectors = iter(embed(texts) if texts else ())
        drafts = [
            Draft(
                record=record,
                digest=digest,
                vectors=[] if known else [next(vectors) for _ in record.keys],
                affirm=note.id is None and note.valid_from is None,
                who=who,
                why=why,
            )
            for note, (record, digest, known) in zip(notes, shaped, strict=True)
        ]
        return self._store.insert(drafts, embedder)

    def search(
        self,
        query: str,
        vector: NDArray[np.float32],
        where: Filter,
        k: int,
    ) -> list[Hit]:
        """Return the `k` best records, best first; `vector` is the query's, normalised.

        Candidates come from three rankings (cosine, BM25, and the newest that share a word),
        joined by reciprocal rank. The score is the mean of cosine and word coverage, each in
        [0, 1]; of equal scores the newer record comes first.
        """
        weights = self._words.weights(where.scope, query)
        dense = self._vectors.search(where, vector, CANDIDATES)
        best, newest = self._words.search(where, weights, CANDIDATES)
        fused = reciprocal_ranks([key_id for key_id, _ in dense], best, newest)
        rows = self._store.keys(list(fused))
        records = {one.seq: one for one in self._store.records([row["record"] for row in rows])}
        hits: dict[int, Hit] = {}
        for row in rows:
            if row["record"] not in records:  # forgotten by another process just now
                continue
            cosine = float(np.frombuffer(row["vector"], dtype=np.float32) @ vector)
            words = coverage(weights, row["text"])
            hit = Hit(
                record=records[row["record"]],
                key=row["text"],
                score=(max(cosine, 0.0) + words) / 2,
                why={"cosine": cosine, "words": words, "fused": fused[row["id"]]},
            )
            if row["record"] not in hits or hits[row["record"]].score < hit.score:
                hits[row["record"]] = hit
        ordered = sorted(hits.values(), key=lambda hit: hit.record.moment, reverse=True)
        return sorted(ordered, key=lambda hit: hit.score, reverse=True)[:k]

    def mentioning(
        self,
        where: Filter,
        words: Sequence[str],
        *,
        before: Record | None = None,
        after: Record | None = None,
    ) -> list[Record]:
        """Return the newest records that hold any of the words, newest first, within the bounds."""
        seqs = self._words.mentioning(where, words, CANDIDATES, before=before, after=after)
        return sorted(self._store.records(seqs), key=lambda record: record.moment, reverse=True)


def check(note: Note) -> None:
    """Refuse a note that cannot be remembered.

    Raises:
        InvalidInput: a text is empty, too long, binary, or not text; or the metadata is not JSON.
    """
    try:
        json.dumps(dict(note.metadata), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"the metadata cannot be kept as JSON: {error}") from error
    for text in (note.text, *note.keys):
        if not isinstance(text, str):
            raise InvalidInput(f"a text is wanted, not {type(text).__name__}")
        if not text.strip():
            raise InvalidInput("the text is empty: nothing to remember")
        if len(text) > MAX_VALUE_CHARS:
            raise InvalidInput(
                f"the text has {len(text):,} characters; one record takes {MAX_VALUE_CHARS:,}:"
                " split it"
            )
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise InvalidInput("the text holds half of a character (a lone surrogate)")
        if "\0" in text:
            raise InvalidInput("the text holds a NUL byte: binary data is not remembered")


def _shape(note: Note, scope: Scope, previous: Record | None) -> Record:
    """Make the record that a note becomes; one that leans on the last is keyed with it."""
    now = datetime.now(UTC)
    keys, context = note.keys or tuple(keys_of(note.text)), tuple[str, ...]()
    if not note.keys and previous is not None and needs_context(note.text):
        keys = tuple(keys_of(f"{previous.keys[0]} {note.text}"))
        context = (*previous.context, previous.id)[-CONTEXT_DEPTH:]
    return Record(
        id=note.id or str(uuid7()),
        kind=note.kind,
        value=note.text,
        keys=keys,
        scope=scope,
        created=now,
        valid_from=_aware(note.valid_from) if note.valid_from else now,
        valid_to=_aware(note.valid_to) if note.valid_to else None,
        supersedes=note.supersedes,
        sources=note.sources,
        context=context,
        evidence=note.evidence,
        metadata=note.metadata,
    )


def _aware(moment: datetime) -> datetime:
    """Read a time without a zone as local time, as datetime itself does."""
    return moment.astimezone(UTC)


def keys_of(text: str) -> list[str]:
    """Cut a text at sentence ends, or within a long sentence, into keys of bounded length."""
    pieces: list[list[str]] = [[]]
    for sentence in _SENTENCE_END.split(text.strip()):
        tokens = sentence.split()
        if pieces[-1] and len(pieces[-1]) + len(tokens) > MAX_KEY_WORDS:
            pieces.append([])
        for start in range(0, len(tokens), MAX_KEY_WORDS):
            if start:
                pieces.append([])
            pieces[-1].extend(tokens[start : start + MAX_KEY_WORDS])
    return [" ".join(piece) for piece in pieces]
