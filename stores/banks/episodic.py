"""Episodic bank: every turn and document chunk verbatim, found by its keys."""

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from uuid_utils import uuid7

from memagent.errors import ForgottenMeanwhile, InvalidInput, StoreError
from memagent.redaction.redactor import Redactor
from memagent.stores.banks.candidates import CandidateSearch
from memagent.stores.banks.validation import check, check_scope
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.deferred_indexing import DigestIndex
from memagent.stores.database.filters import Filter, micros
from memagent.stores.database.links import link
from memagent.stores.database.rows import Draft, digest_of, unpacked
from memagent.stores.database.word_index import detected
from memagent.stores.database.writer import NOBODY, Trace, insert, known_in
from memagent.stores.index import embedding_cache
from memagent.stores.index.lexical import LexicalIndex, coverage
from memagent.stores.index.partition import Moment, Near
from memagent.stores.index.partitions import MAX_BYTES, VectorIndex
from memagent.stores.lifecycle.retention import use
from memagent.stores.ranking import Candidate, Ranking, ranked
from memagent.types import Hit, Hits, NewRecord, Record, Scope

MAX_KEY_WORDS = 120
"""A longer text gets several keys: MiniLM reads 256 word pieces and drops the rest."""
CANDIDATES = 32
"""Keys that each of the three rankings returns at least."""
WORD_CANDIDATES = 800
"""Keys that BM25 ranks at least where it ranks alone."""

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts in, one normalised vector a text out (texts x dimensions, float32)."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
"""Not the splitter of `text.sentences`: that one would change the keys of stored records."""


@dataclass(frozen=True, slots=True)
class PrecomputedVectors:
    """Vectors of a caller (rows x dimensions, normalised), and their embedder's fingerprint."""

    vectors: NDArray[np.float32]
    embedder: str


class EpisodicBank:
    """Records with keys: written in batches, and found by meaning and by words.

    A text for which `needs_context` holds is keyed together with the record before it; by default
    each text is found by its own words alone. A `redactor` takes secrets out of what is written.
    """

    def __init__(
        self,
        store: SqliteStore,
        index_bytes: int = MAX_BYTES,
        needs_context: Callable[[str], bool] | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self._store = store
        self._redactor = redactor
        self._needs_context = needs_context
        self.vectors = VectorIndex(store, index_bytes)
        self._words = LexicalIndex(store)
        self._digests = DigestIndex(store)
        self.candidates = CandidateSearch(store.read, self.vectors, self._words)

    def write(
        self,
        entries: Sequence[NewRecord],
        scope: Scope,
        embed: Embed,
        *,
        precomputed: PrecomputedVectors | None = None,
        context: Sequence[str] = (),
        used: Sequence[int] = (),
        shown: Mapping[int, Iterable[int]] = MappingProxyType({}),
        replies: Iterable[int] = (),
        trace: Trace = NOBODY,
        within: Scope | None = None,
    ) -> list[Record]:
        """Store all entries or none, and return their records in the same order.

        `precomputed` holds one vector for each key of an entry, or for its whole text if it names
        no keys, in order; without it, the texts that are not known yet are embedded. `context` are
        the ids of further records whose words are in the keys. `trace` goes into the records'
        history. `used` are the records (by `seq`) that the model was shown before it wrote these
        entries. `shown` holds, by the place of an entry, the records (by `seq`) whose words stood
        in the prompt that it was written from: it is forgotten with any of them. `replies` are the
        places of entries that are so linked to all entries before them. What the entries name lies
        `within` a scope that holds `scope`, or in `scope` itself if None.

        Raises:
            InvalidInput: a text is empty, too long, or not text; there are more or fewer vectors
                than keys; an entry supersedes a record that is not there or was superseded already;
                or its id is taken.
            ForgottenMeanwhile: a record that an entry holds words of is forgotten.
        """
        given, entries = entries, self.redacted(entries, scope)
        drafts = self._drafts(entries, scope, whole=precomputed is not None)
        for draft in drafts if context else ():
            draft.context = tuple(dict.fromkeys((*draft.context, *context)))
        if precomputed is None:
            embedder: str | None = self._store.meta("embedder")
            self._embed(drafts, within or scope, embed)
        else:
            embedder = precomputed.embedder
            _assign_vectors(drafts, precomputed.vectors)
            for entry, draft in zip(given, drafts, strict=True):
                if draft.entry is not entry:  # the caller's vectors are of the secret
                    draft.vectors = embed(draft.keys)
        self._detect_languages(drafts, scope.user)
        try:
            with self._store.transaction() as db:
                records = insert(self._store, self._digests, drafts, embedder, trace, within)
                linked = {place: set(seqs) for place, seqs in shown.items()}
                for place in replies:
                    linked.setdefault(place, set()).update(record.seq for record in records[:place])
                _link_prompts(db, records, linked)
                if used:
                    use(self._store, used, scope.user)
                return records
        except BaseException:  # nobody can forget what was not stored
            with suppress(StoreError):
                embedding_cache.erase(self._store, (key for draft in drafts for key in draft.keys))
            raise

    def redacted(self, entries: Sequence[NewRecord], scope: Scope) -> Sequence[NewRecord]:
        """Return entries as they are stored: without secrets, where a redactor finds any.

        Raises:
            InvalidInput: an entry cannot be stored, or an id or a name of the scope is a secret.
        """
        if self._redactor is None:
            return entries
        for name in (scope.user, scope.agent, scope.session):
            self._redactor.refuse("scope", name)
        for entry in entries:
            check(entry)
        return self._redactor.records(entries)

    def _embed(self, drafts: Sequence[Draft], within: Scope, embed: Embed) -> None:
        """Make the vectors of what is not known yet."""
        ids, digests = known_in(self._store, self._digests, within, drafts)
        new = [draft for draft in drafts if not (draft.id in ids or draft.digest in digests)]
        if new:
            _assign_vectors(new, embed([key for draft in new for key in draft.keys]))

    def _detect_languages(self, drafts: Sequence[Draft], user: str) -> None:
        """Detect the languages of new keys: before the transaction, as it may load a model."""
        new = [draft for draft in drafts if draft.vectors is not None]
        keys = (key for draft in new for key in draft.keys)
        found = iter(detected(self._store.query, self._store.owner(user) or "", keys))
        for draft in new:
            draft.languages = tuple(islice(found, len(draft.keys)))

    def _drafts(self, entries: Sequence[NewRecord], scope: Scope, *, whole: bool) -> list[Draft]:
        """Return a draft of every entry; a text that needs context is keyed together with it.

        The context is one record, the nearest before that leans on none itself, so that all whose
        words are in a key are named. With `whole`, a text is its own and only key, as a caller who
        brings a vector expects.
        """
        check_scope(scope)
        drafts: list[Draft] = []
        anchor: Record | Draft | None = None
        needs_context = None if whole else self._needs_context
        for entry in entries:
            check(entry)
            keys, context = entry.keys, tuple[str, ...]()
            if not keys:
                keys = (entry.text,) if whole else tuple(keys_of(entry.text))
            if needs_context and not entry.keys and needs_context(entry.text):
                anchor = anchor or self._anchor(scope)
                if anchor is not None:
                    keys = tuple(keys_of(f"{anchor.keys[0]} {entry.text}"))
                    context = (anchor.id,)
            draft = Draft(
                entry=entry,
                scope=scope,
                id=entry.id or str(uuid7()),
                keys=keys,
                context=context,
                digest=digest_of(entry, scope),
            )
            drafts.append(draft)
            if entry.evidence and not context:
                anchor = draft
        return drafts

    def _anchor(self, scope: Scope) -> Record | None:
        """Return the newest record of a scope, or what it leans on, if it leans on another."""
        found = next(iter(self._store.read.newest(Filter(scope=scope, evidence=True), 1)), None)
        passed = set[str]()
        while found is not None and found.context and found.id not in passed:
            passed.add(found.id)
            found = next(iter(self._store.read.get(scope, found.context[:1])), None)
        return None if found is None or found.context else found

    def search(
        self,
        query: str | None,
        vector: NDArray[np.float32],
        where: Filter,
        ranking: Ranking,
    ) -> Hits:
        """Return the best records, best first; `vector` is the query's, normalised.

        Candidates come from three rankings: cosine, BM25, and the newest that share a word. The
        relevance is the mean of cosine and word coverage, each in [0, 1]; of equal scores the newer
        record comes first. Without a text it is the cosine.
        """
        if query or ranking.diversity:
            candidates = self._joined(query or "", vector, where, ranking)
        else:
            near = self.vectors.search(where, vector, 2 * ranking.k, ranking.k)
            candidates = _nearest(near)
        return ranked(candidates, ranking, self._store.read.ranked_rows)

    def _joined(
        self, query: str, vector: NDArray[np.float32], where: Filter, ranking: Ranking
    ) -> list[Candidate]:
        """Return the candidates of all three rankings, each by its most relevant key."""
        n = max(CANDIDATES, 2 * ranking.k)
        terms = self._words.terms(where.scope, query)
        dense = [key for key, _, _ in self.vectors.search(where, vector, n, ranking.k)]
        found = self._words.search(where, terms, n)
        keys = sorted({*dense, *found.best, *found.newest})
        rows = self._store.read.keys(keys, taught=False)
        if not rows:
            return []
        vectors, weights = unpacked([row[3] for row in rows]), terms.weights
        by_record: dict[int, Candidate] = {}
        for (key, record, text, _), own, cosine in zip(
            rows, vectors, (vectors @ vector).tolist(), strict=True
        ):
            why, relevance = {"cosine": cosine}, _clipped(cosine)
            if query:
                why["words"] = coverage(weights, terms.stems(text).content)
                relevance = (relevance + why["words"]) / 2
            if record in by_record and by_record[record].relevance >= relevance:
                continue
            by_record[record] = Candidate(record, key, relevance, why, own)
        return list(by_record.values())

    def by_words(self, query: str, where: Filter, n: int) -> list[Hit]:
        """Return at most `n` hits by words alone, the best key of each: best BM25 first.

        A hit's score is that BM25.
        """
        terms = self._words.terms(where.scope, query)
        scores = self._words.search(where, terms, max(n, WORD_CANDIDATES)).best
        rows = {row[0]: row for row in self._store.read.keys(list(scores), taught=False)}
        best: dict[int, int] = {}
        for key in scores:
            if key in rows:
                best.setdefault(rows[key][1], key)
        return [
            Hit(record=record, score=scores[key], key=rows[key][2], why={})
            for record in self._store.read.records(list(best)[:n])
            for key in [best[record.seq]]
        ]

    def coverage(self, query: str, scope: Scope) -> Callable[[str], float]:
        """Return a function for the share of a query's words, weighted by rarity, a text holds."""
        terms = self._words.terms(scope, query)
        weights = terms.weights
        return lambda text: coverage(weights, terms.stems(text).content)

    def counts(self, scope: Scope, words: Sequence[str]) -> dict[str, int]:
        """Return in how many of a user's keys words occur, as far as this is counted."""
        terms = self._words.terms(scope, " ".join(words))
        return {word: len(keys) for word, keys in terms.postings.items()}

    def size(self, scope: Scope) -> int:
        """Return how many keys a user has."""
        owner = self._store.owner(scope.user)
        return int(self._store.query("SELECT count(*) FROM keys WHERE owner = ?", (owner,))[0][0])

    def close(self) -> None:
        """Save snapshots that make the next start faster, and free the index."""
        self.vectors.save()
        self.vectors.clear()

    def mentioning(
        self,
        where: Filter,
        words: Sequence[str],
        *,
        also: Sequence[str] = (),
        before: Record | None = None,
        after: Record | None = None,
        oldest: bool = False,
    ) -> list[Record]:
        """Return the newest records that hold any of the words and all of `also`, newest first.

        With `oldest` it is the oldest, oldest first.
        """
        held = self.vectors.keys(where, before=_moment(before), after=_moment(after))
        seqs = self._words.mentioning(
            where,
            words,
            CANDIDATES,
            also=also,
            before=before,
            after=after,
            held=held,
            oldest=oldest,
        )
        records = self._store.read.records(seqs)
        return sorted(records, key=lambda record: record.moment, reverse=not oldest)


def _link_prompts(
    db: sqlite3.Connection, records: Sequence[Record], linked: Mapping[int, set[int]]
) -> None:
    """Link records, by their places, to what stood in the prompt that they were made from."""
    for place, seqs in linked.items():
        if link(db, records[place].seq, seqs, "prompt") < len(seqs):
            raise ForgottenMeanwhile(
                "a record that was shown to the model was forgotten just now; nothing was written"
            )


def _moment(record: Record | None) -> Moment | None:
    return None if record is None else (micros(record.moment[0]), record.seq)


def _nearest(near: Sequence[Near]) -> list[Candidate]:
    """Return the candidates by cosine alone, each by its nearest key.

    Of equally near keys of a record, the one that was written first counts.
    """
    found: dict[int, Candidate] = {}
    for key, record, cosine in near:
        relevance, held = _clipped(cosine), found.get(record)
        if held is None or (relevance == held.relevance and key < held.key):
            found[record] = Candidate(record, key, relevance, {"cosine": cosine})
    return list(found.values())


def _clipped(cosine: float) -> float:
    """Return a cosine as relevance; half precision may pass one by a little."""
    return min(max(cosine, 0.0), 1.0)


def _assign_vectors(drafts: Sequence[Draft], vectors: NDArray[np.float32]) -> None:
    needed = sum(len(draft.keys) for draft in drafts)
    if needed != len(vectors):
        raise InvalidInput(f"there are {len(vectors)} vectors for {needed} keys")
    start = 0
    for draft in drafts:
        draft.vectors = vectors[start : start + len(draft.keys)]
        start += len(draft.keys)


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
