"""Engine of the English rules, made on bAbI's training stories: answers from several records."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from memagent.recall.rules.chains import Chains
from memagent.recall.rules.question_forms import (
    Listing,
    asks_possession,
    asks_why,
    gives_reason,
    listing_of,
    opens_with,
    states_condition,
    things,
)
from memagent.recall.rules.questions import AnswerType, has_candidate
from memagent.recall.rules.relations import is_about_kind, kind_of, relates
from memagent.recall.rules.trail import Trail
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.database.filters import Filter
from memagent.text.english import content_words, forms, lemma, lemmas, words
from memagent.types import Hit, Record


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstHop:
    """The question and the hits of its first hop, best first, of which `chosen` would be shown.

    At most twice `k` records are gathered.
    """

    question: str
    expected: AnswerType | None
    hits: Sequence[Hit]
    chosen: Sequence[Hit]
    where: Filter
    k: int

    def second_hit(self, record: Record) -> Hit:
        """Return a record as a hit of the second hop."""
        return Hit(record=record, key=record.keys[0], score=self.hits[0].score, why={"hop": 2.0})


class RuleEngine:
    """Applies the English rules in turn, until one finds records that answer the question.

    Each rule returns the trail to the records to show instead of the chosen ones, or None if it
    does not apply. Each hop is one search of the lexical index.
    """

    def __init__(self, bank: EpisodicBank) -> None:
        self._bank = bank
        self._chains = Chains(bank)

    def infer(self, first: FirstHop) -> Trail | None:
        """Return the trail to the records to show, or None if no rule applies."""
        rules = (
            self._chain,
            _relation,
            self._property_of_kind,
            self._listing,
            self._reason,
        )
        return next((trail for rule in rules if (trail := rule(first)) is not None), None)

    def _chain(self, first: FirstHop) -> Trail | None:
        """Find the chain of records between the two things whose relation the question asks for."""
        chain = self._chains.between(first.question, first.where)
        if chain is None:
            return None
        return Trail(queries=chain.queries, hits=tuple(map(first.second_hit, chain.records)))

    def _listing(self, first: FirstHop) -> Trail | None:
        """Gather the records for a count, or for what somebody has.

        The things somebody has follow from all that they got and gave away, not from the newest
        record alone.
        """
        listing = listing_of(first.question)
        if listing is None:
            return None
        naming = [
            hit for hit in first.hits if listing.noun and lemma(listing.noun) in _lemmas_of(hit)
        ]
        if naming:
            return _count(naming, listing, first)
        if not asks_possession(first.question) or listing.past:
            return None
        if any(
            _is_about(hit, listing) and lemma(listing.verb) in _lemmas_of(hit) for hit in first.hits
        ):
            return None
        near = self._bank.mentioning(first.where, listing.about)
        with_things = [
            record for record in near if things(record.text) and not kind_of(record.text)
        ]
        newest = with_things[: 2 * first.k]
        hits = tuple(first.second_hit(record) for record in reversed(newest))
        return Trail(queries=(" ".join(listing.about),), hits=hits) if hits else None

    def _reason(self, first: FirstHop) -> Trail | None:
        """Find the condition somebody was in before what they did, to show it with that."""
        who = asks_why(first.question)
        if who is None or any(gives_reason(hit.record.text) for hit in first.chosen):
            return None
        keywords = set(lemmas(first.question)) - {lemma(who)}
        events = [hit for hit in first.chosen if keywords & _lemmas_of(hit)]
        if not events:
            return None
        near = self._bank.mentioning(first.where, forms(who), before=events[0].record)
        for record in near:
            if opens_with(record.keys[0], who) and states_condition(record.keys[0], who):
                return Trail(queries=(who,), hits=(first.second_hit(record), events[0]))
        return None

    def _property_of_kind(self, first: FirstHop) -> Trail | None:
        """Follow the kind that somebody is of to a property of that kind.

        For a question about Rex, where the only record is "Rex is a dog", this finds "Dogs like
        bones".
        """
        found = _kind_statement(first)
        if found is None or first.expected is not None:
            return None
        kind = kind_of(found.key)
        question_words = content_words(first.question)
        missing = [word for word in question_words if lemma(word) not in _lemmas_of(found)]
        if not missing or len(missing) == len(question_words):
            return None
        near = self._bank.mentioning(first.where, forms(kind), also=missing)
        statements = [record for record in near if is_about_kind(record.keys[0], kind, missing)]
        if not statements:
            return None
        return Trail(hits=(found,)).extended([kind, *missing], statements[0], found.score, 2)


def _relation(first: FirstHop) -> Trail | None:
    """Choose the newest hit that states the relation asked for, from either end."""
    stating = [hit for hit in first.hits if relates(hit.key, first.question)]
    return Trail(hits=(max(stating, key=_moment),)) if stating else None


def _count(naming: Sequence[Hit], listing: Listing, first: FirstHop) -> Trail | None:
    """Return all hits that name the counted things, or None if a record gives their number."""
    if not listing.past and any(has_candidate(hit.record.text, "number", "") for hit in naming):
        return None
    about = [hit for hit in naming if _is_about(hit, listing)]
    return Trail(hits=tuple(sorted(about, key=_moment)[-2 * first.k :])) if about else None


def _kind_statement(first: FirstHop) -> Hit | None:
    """Return the hit that only states the kind of the subject, if no hit answers the question."""
    question_lemmas = set(lemmas(first.question))
    for hit in first.hits:
        shared = question_lemmas & _lemmas_of(hit)
        if first.expected is None and shared == question_lemmas:
            return None
        if first.expected and shared and has_candidate(hit.key, first.expected, first.question):
            return None
    kinds = (hit for hit in first.chosen if kind_of(hit.key) and question_lemmas & _lemmas_of(hit))
    return next(kinds, None)


def _is_about(hit: Hit, listing: Listing) -> bool:
    found = _lemmas_of(hit) | {word for word in words(hit.key) if word == "I"}
    return all(word in found or lemma(word) in found for word in listing.about)


def _lemmas_of(hit: Hit) -> set[str]:
    return set(lemmas(hit.key))


def _moment(hit: Hit) -> tuple[datetime, int]:
    return hit.record.moment
