"""Looking on by what the words found mean, where no record answers by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from memagent.recall.multi_hop import Trail
from memagent.recall.rules.chains import Chains
from memagent.recall.rules.question_forms import (
    Listing,
    asks_ahead,
    asks_why,
    listing_of,
    opens_with,
    tells_plan,
    tells_reason,
    tells_state,
    things,
)
from memagent.recall.rules.questions import AnswerType, has_candidate
from memagent.recall.rules.relations import kind_of, relates, said_of
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.database.filters import Filter
from memagent.text.english import content_words, forms, lemma, lemmas, words
from memagent.types import Hit, Record


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What was asked and first found: all hits, of which `chosen` would be shown.

    The hits come best first. At most `max_hops` looks are taken, the first one counted, and at most
    twice `k` records are gathered.
    """

    question: str
    want: AnswerType | None
    hits: Sequence[Hit]
    chosen: Sequence[Hit]
    where: Filter
    max_hops: int
    k: int

    def hit(self, record: Record) -> Hit:
        """Return a record as a hit of the second look."""
        return Hit(record=record, key=record.keys[0], score=self.hits[0].score, why={"hop": 2.0})


class Reasoner:
    """Tries, one after the other, what a person would do whose first look was not enough.

    Each rule returns the trail to what is to be shown instead of what was chosen, or None where it
    has nothing to say. Each look is one search of the index of words.
    """

    def __init__(self, bank: EpisodicBank) -> None:
        self._bank = bank
        self._chains = Chains(bank)

    def look(self, search: Search) -> Trail | None:
        """Return what is to be shown, with the looks that led there; None leaves the choice."""
        if search.max_hops < 2:
            return _related(search)
        rules = (self._between, _related, self._kind, self._alike, self._listed, self._reason)
        return next((trail for rule in rules if (trail := rule(search)) is not None), None)

    def _between(self, search: Search) -> Trail | None:
        """Show the chain of records between two things, where the question asks how they stand."""
        chain = self._chains.between(search.question, search.where, search.max_hops)
        if chain is None:
            return None
        return Trail(queries=chain.queries, hits=tuple(map(search.hit, chain.records)))

    def _listed(self, search: Search) -> Trail | None:
        """Gather all that bears on a list or a count: what tells of it, or of whose it is.

        What somebody has follows from all that they got and gave away, not from the newest of it.
        """
        listing = listing_of(search.question)
        if listing is None:
            return None
        named = [hit for hit in search.hits if listing.noun and lemma(listing.noun) in _held(hit)]
        if named:
            return _counted(named, listing, search)
        told = any(
            _is_about(hit, listing) and lemma(listing.verb) in _held(hit) for hit in search.hits
        )
        if told or listing.past:
            return None
        near = self._bank.mentioning(search.where, listing.about)
        holding = [one for one in near if things(one.text) and not kind_of(one.text)]
        hits = tuple(search.hit(record) for record in reversed(holding[: 2 * search.k]))
        return Trail(queries=(" ".join(listing.about),), hits=hits) if hits else None

    def _reason(self, search: Search) -> Trail | None:
        """Look for the state that somebody was in before what they did, or are about to do."""
        why, ahead = asks_why(search.question), asks_ahead(search.question)
        who, tells = (why, tells_reason) if why else (ahead, tells_plan)
        if who is None or any(tells(hit.record.text) for hit in search.chosen):
            return None
        asked = set(lemmas(search.question)) - {lemma(who)}
        events = (hit.record for hit in search.chosen if why and asked & _held(hit))
        near = self._bank.mentioning(search.where, forms(who), before=next(events, None))
        for record in near:
            if opens_with(record.keys[0], who) and tells_state(record.keys[0], who):
                return Trail(queries=(who,), hits=(search.hit(record),))
        return None

    def _kind(self, search: Search) -> Trail | None:
        """Follow what somebody was said to be to what all such are said to do.

        A question about Rex, where "Rex is a dog" is all that is told, leads to "Dogs like bones".
        """
        found = _only_its_kind(search)
        if found is None or search.want is not None:
            return None
        kind = kind_of(found.key)
        wanted = [
            word for word in content_words(search.question) if lemma(word) not in _held(found)
        ]
        if not wanted or len(wanted) == len(content_words(search.question)):
            return None
        near = self._bank.mentioning(search.where, forms(kind), also=wanted)
        told = [record for record in near if said_of(record.keys[0], kind, wanted)]
        if not told:
            return None
        return Trail(hits=(found,)).on([kind, *wanted], told[0], found.score, 2)

    def _alike(self, search: Search) -> Trail | None:
        """Follow what somebody was said to be to another such, and to that one's trait.

        Only for what one of a kind has in common with another, not for where or when.
        """
        found = _only_its_kind(search)
        if found is None or search.want != "colour":
            return None
        kind = kind_of(found.key)
        near = self._bank.mentioning(search.where, forms(kind))
        alike = [one for one in near if one.id != found.record.id]
        others = [one for one in alike if lemma(kind_of(one.keys[0])) == lemma(kind)]
        for look, other in enumerate(others[: search.max_hops - 2], start=3):
            trail = Trail(hits=(found,)).on([kind], other, found.score, 2)
            names = [word for word in content_words(other.keys[0]) if lemma(word) != lemma(kind)]
            told = self._bank.mentioning(search.where, names) if names else []
            traits = [one for one in told if has_candidate(one.text, search.want, search.question)]
            if traits:
                return trail.on(names, traits[0], found.score, look)
        return None


def _related(search: Search) -> Trail | None:
    """Choose the newest hit that tells a relation, from whichever end it is asked for."""
    telling = [hit for hit in search.hits if relates(hit.key, search.question)]
    return Trail(hits=(max(telling, key=_moment),)) if telling else None


def _counted(named: Sequence[Hit], listing: Listing, search: Search) -> Trail | None:
    """Return all hits that name what is counted, or None where somebody counted already."""
    if not listing.past and any(has_candidate(hit.record.text, "number", "") for hit in named):
        return None
    theirs = [hit for hit in named if _is_about(hit, listing)]
    return Trail(hits=tuple(sorted(theirs, key=_moment)[-2 * search.k :])) if theirs else None


def _only_its_kind(search: Search) -> Hit | None:
    """Return what says only what the one asked about is, if no hit says what was asked."""
    asked = set(lemmas(search.question))
    for hit in search.hits:
        if search.want is None and _held(hit) >= asked:
            return None
        if (
            search.want
            and asked & _held(hit)
            and has_candidate(hit.key, search.want, search.question)
        ):
            return None
    kinds = (hit for hit in search.chosen if kind_of(hit.key) and asked & _held(hit))
    return next(kinds, None)


def _is_about(hit: Hit, listing: Listing) -> bool:
    held = _held(hit) | {word for word in words(hit.key) if word == "I"}
    return all(word in held or lemma(word) in held for word in listing.about)


def _held(hit: Hit) -> set[str]:
    return set(lemmas(hit.key))


def _moment(hit: Hit) -> tuple[datetime, int]:
    return hit.record.moment
