"""Deletion checks: queries of several kinds that must no longer find what was forgotten.

A single kind of query is not enough, as Lynch et al. 2024 ("Eight Methods to Evaluate Robust
Unlearning in LLMs") found for models; the kinds here are our own, for a store. Take a target before
forgetting, and check afterwards:

    target = memory.probes.target(record.id)
    memory.forget(record.id)
    assert not memory.probes.check(target).known
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeVar

from memagent.memory.arguments import checked
from memagent.memory.forget_request import ForgetRequests, Forgettable
from memagent.models.open_chat import open_chat
from memagent.stores.banks.episodic import keys_of
from memagent.stores.database.filters import Filter
from memagent.stores.database.links import derived
from memagent.stores.database.metadata import to_json
from memagent.stores.database.rows import packed, unpacked
from memagent.stores.database.word_index import languages_of
from memagent.stores.lifecycle import residue
from memagent.stores.ranking import Ranking
from memagent.text.english import content_words, words
from memagent.types import Ids, Record, Scope, ScopeLike, ids_of

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from memagent.memory.memory import Memory

MIN_QUOTED = 3
"""A shorter text is not quoted by being in another: "tea" is in all that is said of tea."""


def quotes(held: str, text: str) -> bool:
    """Tell whether a text is in another, word for word in order; a short one only as its whole."""
    wanted, found = _lowered(text), _lowered(held)
    if not wanted:
        return held == text
    if len(wanted) < MIN_QUOTED:
        return found == wanted
    return any(found[n : n + len(wanted)] == wanted for n in range(len(found) - len(wanted) + 1))


def rewordings(text: str) -> list[str]:
    """Return simple other wordings: without case and marks, its words alone, backwards, asked."""
    content = content_words(text)
    if not content:
        return []
    made = [_lowered(text), content, content[::-1], ["What", "about", *content]]
    return [one for one in dict.fromkeys(map(" ".join, made)) if one != text]


def _lowered(text: str) -> Sequence[str]:
    return [word.lower() for word in words(text)]


ProbeKind = Literal["direct", "paraphrase", "cue", "vector", "bytes"]
Answers = list[frozenset[str]]
"""One set a question: what still knows the thing, or nothing."""
T = TypeVar("T")

PIECES = 50
"""Of more texts, ids or vectors, so many are probed, spread over all."""
CUES = 200
"""At most so many words are tried as cues."""
HITS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """Result of one kind of query: `before` and `after` count those that found it."""

    kind: ProbeKind
    asked: int
    before: int
    after: int
    found: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """Findings of the checks after something was forgotten.

    `lost` are the ids of its neighbours that their own text brought up before and does not now.
    """

    probes: tuple[Probe, ...]
    lost: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """True if any query still finds what was forgotten."""
        return any(probe.after for probe in self.probes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """Text to query for, and the time at which it held, if it is a record's."""

    text: str
    moment: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Target of the checks: what is to be forgotten. It holds the texts, so do not keep it.

    `scope` is the whole user's, `ids` all that `forget` takes along, `vectors` those of the keys as
    the store has them, `more` their other texts (metadata, sources, reasons), `languages` the
    user's, `neighbours` the records nearest to them as (id, text), and `before` how many questions
    of each kind brought it up.
    """

    scope: Scope
    ids: tuple[str, ...]
    pieces: tuple[Piece, ...]
    vectors: tuple[bytes, ...]
    more: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    neighbours: tuple[tuple[str, str], ...] = ()
    paraphrases: tuple[str, ...] = ()
    before: tuple[tuple[ProbeKind, int], ...] = ()


@checked
class DeletionProbes:
    """Requests to forget in words, and deletion checks, of one memory."""

    def __init__(self, memory: "Memory") -> None:
        self._memory = memory
        self._requests = ForgetRequests(memory.engine)

    def forgettable(
        self,
        request: str,
        *,
        scope: ScopeLike | None = None,
        model: "str | BaseChatModel | None" = None,
    ) -> Forgettable:
        """Return the records that a request to forget means ("my old address"); erase nothing.

        `Memory.forget(found.ids)` erases them. Name what is to be forgotten, without a sentence
        around it: "forget" and the like are words, too. A chat `model` may take records off the
        list, and puts none on it.

        Raises:
            InvalidInput: the request is empty.
            ModelUnavailable: the model cannot be reached.
        """
        chat = None if model is None else open_chat(model)
        return self._requests.find(request, self._memory.engine.scope(scope), chat)

    def target(
        self,
        ids: Ids = (),
        *,
        scope: ScopeLike | None = None,
        texts: Sequence[str] = (),
        paraphrases: Sequence[str] = (),
    ) -> Target:
        """Take what the checks need of records, or texts, before (or after) they are forgotten.

        A text stands for the records that say just this, and for itself if there are none (any
        more). `paraphrases` are other ways of asking for it; simple ones are made of the texts
        anyway.
        """
        memory, seen = self._memory, self._memory.engine.scope(scope)
        whole = Scope(user=seen.user)
        hits = [
            (hit, text)
            for text in texts
            for hit in memory.search(text, scope=seen, k=HITS, roles="all")
        ]
        wanted = [*ids_of(ids), *(hit.record.id for hit, text in hits if hit.record.text == text)]
        store = memory.engine.store
        seqs = derived(store, [record.seq for record in store.read.get(seen, wanted)])
        doomed = [record for record in store.read.records(seqs) if whole.covers(record.scope)]
        gone = tuple(record.id for record in doomed)
        pieces = [
            *(
                Piece(text=key, moment=record.valid_from)
                for record in doomed
                for key in keys_of(record.text)
            ),
            *(Piece(text=key) for text in texts for key in keys_of(text)),
        ]
        taken = Target(
            scope=whole,
            ids=gone,
            pieces=tuple(_spread(pieces)),
            vectors=tuple(_spread(_Inside(memory).vectors(whole, gone, pieces))),
            more=tuple(_spread([text for one in doomed for text in _more(memory, one)])),
            languages=tuple(languages_of(store.query, str(store.owner(whole.user)))),
            paraphrases=tuple(paraphrases),
        )
        near = {
            hit.record.id: hit.record.keys[0]
            for vector in taken.vectors
            for hit in memory.search(vector=unpacked([vector])[0], scope=whole, k=HITS, roles="all")
            if _reason(taken, hit.record) is None
        }
        taken = replace(taken, neighbours=tuple(_spread(list(near.items()))))
        taken = replace(taken, neighbours=tuple(_reached(memory, taken)))
        found = _ask(memory, taken)
        return replace(taken, before=tuple((kind, _count(found[kind])) for kind in found))

    def check(self, target: Target) -> Findings:
        """Query for what was forgotten in every way, and tell what still knows it.

        *direct* queries by id, by the text itself, and as the agent recalls; *paraphrase* by other
        wordings; *cue* by each of its words and by the texts of its neighbours; *vector* with the
        old vectors, in searches, among all that are stored, and in the index in RAM; *bytes* reads
        the files beside the database for its text, words, ids and vectors (a store in RAM has no
        files). Searches are of now and of the time at which it held. A record still knows it if it
        was to be forgotten, or says the same; a stored vector or a byte string does if no living
        text explains it.

        Raises:
            StoreError: a file beside the database cannot be read.
        """
        before, reached = dict(target.before), _reached(self._memory, target)
        return Findings(
            probes=tuple(
                Probe(
                    kind=kind,
                    asked=len(answers),
                    before=before.get(kind, 0),
                    after=_count(answers),
                    found=tuple(sorted(frozenset[str]().union(*answers))),
                )
                for kind, answers in _ask(self._memory, target).items()
            ),
            lost=tuple(id for id, text in target.neighbours if (id, text) not in reached),
        )


def _ask(memory: "Memory", what: Target) -> dict[ProbeKind, Answers]:
    inside = _Inside(memory)
    moments = list(dict.fromkeys(piece.moment for piece in what.pieces))
    reworded = [(text, one.moment) for one in what.pieces for text in rewordings(one.text)]
    given = [(text, moment) for text in what.paraphrases for moment in moments]
    cues = [(word, one.moment) for one in what.pieces for word in content_words(one.text)]
    cues = _spread(cues, CUES) + [(text, None) for _, text in what.neighbours]
    vectors = [(vector, moment) for vector in what.vectors for moment in moments]
    return {
        "direct": _direct(memory, what),
        "paraphrase": [_searched(memory, what, *one) for one in (*reworded, *given)],
        "cue": [_searched(memory, what, *one) for one in cues],
        "vector": [
            *(_searched(memory, what, *one) for one in _spread(vectors)),
            *inside.stored(what),
            *inside.indexed(what),
        ],
        "bytes": inside.bytes(what),
    }


def _direct(memory: "Memory", what: Target) -> Answers:
    answers: Answers = []
    for id in _spread(what.ids):
        versions = memory.engine.store.read.versions(what.scope, id)
        there = memory.get([id], scope=what.scope) or versions
        answers.append(frozenset({_there(id)} if there else ()))
    for piece in what.pieces:
        answers.append(_searched(memory, what, piece.text, piece.moment))
        recalled = memory.recall(piece.text, scope=what.scope, k=HITS)
        answers.append(_knowing(what, [hit.record for hit in recalled.hits]))
    return answers


def _searched(
    memory: "Memory", what: Target, query: str | bytes, moment: datetime | None
) -> frozenset[str]:
    """Search by a text or a stored vector, now and as of a moment, and tell what knows it."""
    text = query if isinstance(query, str) else None
    vector = unpacked([query])[0] if isinstance(query, bytes) else None
    found: list[Record] = []
    for as_of in dict.fromkeys((None, moment)):
        seen = Filter(scope=what.scope, as_of=as_of)
        query_vector = memory.engine.query_vector(text, vector)
        # By relevance alone: the ranking lets a copy stand behind what answers better.
        hits = memory.engine.bank.search(text, query_vector, seen, Ranking(k=HITS))
        found += [hit.record for hit in hits]
    return _knowing(what, found)


def _knowing(what: Target, records: Iterable[Record]) -> frozenset[str]:
    reasons = (_reason(what, record) for record in records)
    return frozenset(reason for reason in reasons if reason is not None)


def _reason(what: Target, record: Record) -> str | None:
    """Return why a record still knows what is forgotten, None if it does not."""
    if record.id in what.ids:
        return _there(record.id)
    held = (record.text, *(key for key in record.keys if key != record.text))
    if any(quotes(text, piece.text) for piece in what.pieces for text in held):
        return f"record {record.id} says the same"
    return None


def _there(id: str) -> str:
    return f"record {id} is still there"


def _reached(memory: "Memory", what: Target) -> list[tuple[str, str]]:
    """Return the neighbours that a search for their own text brings up."""
    return [
        (id, text)
        for id, text in what.neighbours
        if id
        in {hit.record.id for hit in memory.search(text, scope=what.scope, k=HITS, roles="all")}
    ]


def _more(memory: "Memory", record: Record) -> list[str]:
    """Return a record's other texts, as the database holds them: metadata, sources, reasons."""
    held = [to_json(text)[1:-1] for text in record.metadata.values() if isinstance(text, str)]
    reasons = [one.why for one in memory.history(record.id, scope=record.scope) if one.why]
    return [*held, *(json.dumps(source)[1:-1] for source in record.sources), *reasons]


def _count(answers: Answers) -> int:
    return sum(bool(answer) for answer in answers)


def _spread(values: Sequence[T], most: int = PIECES) -> list[T]:
    """Return at most so many of some values, each once, spread over all of them."""
    once = list(dict.fromkeys(values))
    step = max(len(once) / most, 1)
    return [once[int(n * step)] for n in range(min(len(once), most))]


class _Inside:
    """Internals of a memory that the checks read, all in one place."""

    def __init__(self, memory: "Memory") -> None:
        self._store = memory.engine.store
        self._embed = memory.engine.encoder.documents
        self._index = memory.engine.bank.vectors

    def vectors(self, scope: Scope, ids: Sequence[str], pieces: Sequence[Piece]) -> list[bytes]:
        """Return the vectors of the keys that will go, or those that the texts would have."""
        held = residue.vectors_of(self._store, scope.user, ids)
        texts = [piece.text for piece in pieces]
        return held or (packed(self._embed(texts)) if texts else [])

    def stored(self, what: Target) -> Answers:
        """Tell which stored vectors are as good as the old ones, with no text to explain it."""
        store, vectors = self._store, what.vectors
        return residue.vectors_left(store, what.scope.user, what.ids, vectors, self._embed)

    def indexed(self, what: Target) -> Answers:
        """Tell which keys near the old vectors the index in RAM has and the database has not."""
        seen = Filter(scope=what.scope, everything=True)
        answers: Answers = []
        for vector in what.vectors:
            near = self._index.search(seen, unpacked([vector])[0], HITS)
            left = residue.ghosts(self._store, [key for key, _, _ in near])
            answers.append(frozenset(f"the index in RAM holds key {key}" for key in left))
        return answers

    def bytes(self, what: Target) -> Answers:
        """Tell which files hold bytes of what was forgotten."""
        if self._store.location == ":memory:":
            return []
        texts = [piece.text for piece in what.pieces]
        wanted = residue.needles(
            texts, _spread(what.ids), what.vectors, what.more, languages=what.languages
        )
        return residue.bytes_left(self._store, what.scope.user, what.ids, wanted)
