"""Looking on by what the words found mean, where no record answers by itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from memagent.chains import Chains
from memagent.inflection import forms, lemma, lemmas
from memagent.looking import Trail
from memagent.needs import (
    asks_ahead,
    asks_why,
    listing_of,
    opens_with,
    tells_plan,
    tells_reason,
    tells_state,
    things,
)
from memagent.questions import Want, offers
from memagent.relations import relates, relation_of
from memagent.stores.episodic import EpisodicBank
from memagent.stores.filter import Filter
from memagent.stores.words import content_words, words
from memagent.types import Hit, Record


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What was asked and first found: the hits (best first), of which `chosen` would be shown."""

    question: str
    want: Want | None
    hits: Sequence[Hit]
    chosen: Sequence[Hit]
    where: Filter
    looks: int
    k: int


class Reasoner:
    """Tries, one after the other, what a person would do whose first look was not enough.

    Each rule returns the trail to what is to be shown instead of what was chosen, or None where it
    has nothing to say; each look is one search of the index of words.
    """

    def __init__(self, bank: EpisodicBank) -> None:
        self._bank = bank
        self._chains = Chains(bank)

    def look(self, search: Search) -> Trail | None:
        """Return what is to be shown, with the looks that led there; None leaves the choice."""
        rules = (self._between, self._related, self._listed, self._reason, self._described)
        return next((trail for rule in rules if (trail := rule(search)) is not None), None)

    def _between(self, search: Search) -> Trail | None:
        """Show the chain of records between two things, where the question asks how they stand."""
        chain = self._chains.between(search.question, search.where, search.looks)
        if chain is None:
            return None
        return Trail(queries=tuple(chain[1]), hits=tuple(_hit(one, search) for one in chain[0]))

    def _related(self, search: Search) -> Trail | None:
        """Choose the newest hit that tells a relation from the end it is asked for."""
        if relation_of(search.question) is None:
            return None
        telling = [hit for hit in search.hits if relates(hit.key, search.question)]
        return Trail(hits=(_newest(telling),)) if telling else None

    def _listed(self, search: Search) -> Trail | None:
        """Gather all that was told of whose things are listed or counted."""
        listing = listing_of(search.question)
        if listing is None or any(lemma(listing.verb) in _held(hit.key) for hit in search.hits):
            if listing is None or listing.noun is None:
                return None
        assert listing is not None
        named = [
            hit
            for hit in search.hits
            if listing.noun is not None and lemma(listing.noun) in _held(hit.key)
        ]
        if named and not listing.past and any(offers(h.record.value, "number", "") for h in named):
            return None  # somebody counted already
        if named:
            shown = [hit for hit in named if self._about(hit.key, listing.about)] or named
            return Trail(hits=tuple(sorted(shown, key=_moment)[-2 * search.k :]))
        if listing.past or search.looks < 2:
            return None
        near = self._bank.mentioning(search.where, list(listing.about))
        holding = [one for one in near if things(one.value)][: 2 * search.k]
        if not holding:
            return None
        hits = tuple(_hit(one, search) for one in reversed(holding))
        return Trail(queries=(" ".join(listing.about),), hits=hits)

    def _about(self, text: str, about: Sequence[str]) -> bool:
        held = _held(text) | {word.lower() for word in words(text) if word == "I"}
        return all(lemma(word) in held or word.lower() in held for word in about)

    def _reason(self, search: Search) -> Trail | None:
        """Look for the state that somebody was in before what they did, or are about to do."""
        why, ahead = asks_why(search.question), asks_ahead(search.question)
        who = why or ahead
        if who is None or search.looks < 2:
            return None
        tells = tells_reason if why else tells_plan
        if any(tells(hit.record.value) for hit in search.chosen):
            return None
        event = None
        if why:
            asked = set(lemmas(search.question)) - {lemma(who)}
            event = next(
                (h.record for h in search.chosen if asked & _held(h.key) and not tells_state(h.key)),
                None,
            )
        near = self._bank.mentioning(search.where, forms(who), before=event)
        for record in near:
            if opens_with(record.keys[0], who) and tells_state(record.value):
                return Trail(queries=(who,), hits=(_hit(record, search),))
        return None

    def _described(self, search: Search) -> Trail | None:
        """Follow what somebody was said to be to what is said of its like.

        From "Rex is a dog" a question about Rex leads to what dogs do, and, where that is not
        told, by the others that are dogs to what is told of them.
        """
        if not search.chosen or search.looks < 2:
            return None
        asked = lemmas(search.question)
        if any(_answers(hit.key, asked, search) for hit in search.hits[:5]):
            return None
        found = search.hits[0]
        rest = [word for word in asked if word not in _held(found.key)]
        new = [word for word in content_words(found.key) if lemma(word) not in asked]
        if not new or not rest or not _is_a(found.key):
            return None
        if search.want is None and len(rest) == len(asked):
            return None
        trail = Trail(hits=(found,))
        wanted = [word for word in content_words(search.question) if lemma(word) in rest]
        either = [form for word in new for form in forms(word)]
        if search.want is None:
            near = self._bank.mentioning(search.where, either, also=wanted)
            near = [one for one in near if _in_order(one.keys[0], new, rest)]
            if near:
                return trail.on([*new, *wanted], near[0], found.score, 2)
            return None
        near = self._bank.mentioning(search.where, either)
        like = [one for one in near if one.id != found.record.id and _is_a(one.keys[0])]
        for look, one in enumerate(like, start=3):
            if look > search.looks:
                break
            others = [w for w in content_words(one.keys[0]) if lemma(w) not in {*asked, *map(lemma, new)}]
            if not others:
                continue
            told = self._bank.mentioning(search.where, others)
            answers = [t for t in told if offers(t.value, search.want, search.question)]
            if answers:
                on = trail.on(new, one, found.score, 2)
                return on.on(others, answers[0], found.score, look)
        return None


def _answers(text: str, asked: Sequence[str], search: Search) -> bool:
    if search.want is not None:
        return offers(text, search.want, search.question) and bool(set(asked) & _held(text))
    return _held(text).issuperset(asked)


def _is_a(text: str) -> bool:
    """Tell whether a text says what somebody is: "Rex is a dog"."""
    said = [word.lower() for word in words(text)]
    return len(content_words(text)) == 2 and any(
        one in ("is", "was", "are", "were") and two in ("a", "an", "the")
        for one, two in zip(said, said[1:], strict=False)
    )


def _in_order(text: str, first: Sequence[str], then: Sequence[str]) -> bool:
    """Tell whether what is spoken of comes before what is said of it."""
    told = lemmas(text)
    ahead = [told.index(lemma(word)) for word in first if lemma(word) in told]
    after = [told.index(word) for word in then if word in told]
    return bool(ahead and after) and min(ahead) < min(after)


def _held(text: str) -> set[str]:
    return set(lemmas(text))


def _moment(hit: Hit) -> object:
    return hit.record.moment


def _newest(hits: Sequence[Hit]) -> Hit:
    return max(hits, key=lambda hit: hit.record.moment)


def _hit(record: Record, search: Search) -> Hit:
    score = search.hits[0].score if search.hits else 1.0
    return Hit(record=record, key=record.keys[0], score=score, why={"look": 2.0})
