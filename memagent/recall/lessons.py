"""Which lessons speak to a question: those applicable_lesson of the same one, and those that deny its premise.

A lesson is a record of the kind "lesson" whose metadata say what it was made from
(`memagent/reflection.py`); it is shown as a note like any other.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from memagent.recall.rules.questions import (
    answer_type,
    covers,
    has_candidate,
    location_question,
    new_names,
    places,
)
from memagent.stores.database.filters import Filter
from memagent.stores.lifecycle.undo import told_by
from memagent.text.english import FUNCTION_WORDS, content_words, names, stem, words
from memagent.types import Hit, Hits

SAME = 0.92
"""The cosine from which two questions are the same of which one says all that the other says."""
TRUSTED = 0.4
"""A lesson that scores less was too often judged to hurt."""
TIE_WINDOW = 0.9
"""Lessons that score at least this share of the best are equally reliable: the newest counts."""
HOPS = 2
"""How often a hint is followed."""
_EMPTY = frozenset(
    "a an the do does did is are was were be been am has have had can could would will please tell"
    " me know now still currently just it's what which in on at to of for by".split()
)
"""Words that two questions may differ by and still ask the same."""
_DENIAL = re.compile(
    r"\b(?:there (?:is|are|was|were) (?:no|not)|there(?:'s| isn't| aren't| wasn't)|ha(?:s|ve|d) no|"
    r"no such|do(?:es)?(?:n't| not) exist|nobody|no one)\b",
    re.IGNORECASE,
)
_UNSAID = frozenset("exist such thing things person place called named works work there's".split())
Search = Callable[[str, Filter], tuple[Hits, float]]
"""What a query finds in a scope, and the seconds that embedding it took."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LessonMatch:
    """What lessons say to show: hits, what was searched for them, and what embedding that took."""

    hits: tuple[Hit, ...]
    queries: tuple[str, ...] = ()
    seconds: float = 0.0


def applicable_lesson(
    question: str, found: Hits, where: Filter, search: Search
) -> LessonMatch | None:
    """Return what the lessons among the hits of a question say to show, None if they say nothing.

    A correction stands alone: it answers. So does a denial, marked in its `why`. A hint is shown
    with what it leads to. Of lessons that speak to the same question the most reliable counts, then
    the newest.
    """
    fitting = [hit for hit in found if hit.score >= TRUSTED and speaks(hit, question)]
    if not fitting:
        return None
    best = max(hit.score for hit in fitting)
    lesson = max(
        (hit for hit in fitting if hit.score >= TIE_WINDOW * best),
        key=lambda hit: hit.record.moment,
    )
    feedback = _change(lesson)["feedback"]
    if feedback == "denial":
        return LessonMatch(hits=(replace(lesson, why={**lesson.why, "denial": 1.0}),))
    if feedback == "correction":
        return LessonMatch(hits=(lesson,))
    return _followed(lesson, question, where, search)


def without_unrelated_lessons(question: str, found: Hits) -> Hits:
    """Return hits without the lessons that only sound like the question.

    A lesson is also found by the questions it was applicable_lesson of, and these are much like any question
    of the same form about somebody else.
    """
    kept = tuple(hit for hit in found if not _change(hit) or _concerns(hit, question))
    return replace(found, hits=kept)


def speaks(hit: Hit, question: str) -> bool:
    """Tell whether a hit is a lesson that was applicable_lesson of this question, or denies its premise."""
    change = _change(hit)
    if not change:
        return False
    if change["feedback"] == "denial" and covers(question, denied_words(hit.record.text)):
        return True
    if change["feedback"] == "hint" and any(_likewise(question, ask) for ask in change["asks"]):
        return True
    near = hit.why.get("cosine", 0.0) if hit.key in change["asks"] else 0.0
    return any(
        same_question(question, ask, near if ask == hit.key else 0.0) for ask in change["asks"]
    )


def same_question(one: str, other: str, cosine: float = 0.0) -> bool:
    """Tell whether two questions ask the same, in the same words or with a cosine near one."""
    if answer_type(one) != answer_type(other):
        return False
    mine, theirs = _told(one), _told(other)
    if mine == theirs:
        return True
    # The same words in another order may ask the reverse: who leads Ada, whom does Ada lead?
    wider = set(mine) < set(theirs) or set(mine) > set(theirs)
    return wider and cosine >= SAME and _fixed(one) == _fixed(other)


def question_forms(question: str) -> tuple[str, ...]:
    """Return a question with the forms in which recall looks for it."""
    return tuple(dict.fromkeys(one for one in (question, location_question(question)) if one))


def is_denial(text: str) -> bool:
    """Tell whether a text says, in one sentence, that something does not exist."""
    return _DENIAL.search(text) is not None and len(re.findall(r"[.!?](?:\s|$)", text)) < 2


def denied_words(text: str) -> tuple[str, ...]:
    """Return the words for what a denial says does not exist."""
    return tuple(word for word in content_words(text) if word not in _UNSAID)


def _likewise(question: str, ask: str) -> bool:
    """Tell whether a question wants the same kind of thing of the same as another."""
    want, who = answer_type(question), named(question)
    return want is not None and want == answer_type(ask) and bool(who) and who == named(ask)


def named(text: str) -> set[str]:
    """Return the names in a text, in lower case and not as possessives."""
    return _bases(" ".join(names(text)))


def names_all(text: str, question: str) -> bool:
    """Tell whether a text holds every name that a question does."""
    return named(question) <= _bases(text)


def _bases(text: str) -> set[str]:
    return {word.lower().replace("’", "'").removesuffix("'s") for word in words(text)}  # noqa: RUF001


def _concerns(hit: Hit, question: str) -> bool:
    """Tell whether a lesson speaks to a question, or its own words have to do with it."""
    if speaks(hit, question):
        return True
    if _change(hit)["feedback"] != "correction":
        return False
    text = hit.record.text
    want = answer_type(question)
    leads = set(new_names(text, question)) - set(places(text))
    if want is not None and not has_candidate(text, want, question) and not leads:
        return False  # it tells something else, and being the newest would hide what answers
    wanted = [word.removesuffix("'s") for word in content_words(question)]
    return names_all(text, question) and any(covers(text, [word]) for word in wanted)


def _change(hit: Hit) -> Mapping[str, Any]:
    return told_by(hit.record) or {}


def _told(question: str) -> list[str]:
    """Return what a question says, in order, without the words that only carry grammar."""
    lowered = (word.lower().replace("’", "'") for word in words(question))  # noqa: RUF001
    return [stem(word.removesuffix("'s")) for word in lowered if word not in _EMPTY]


def _fixed(question: str) -> tuple[set[str], set[str]]:
    """Return what two questions must share: names and numbers, and what turns the meaning."""
    numbers = {word for word in words(question) if any(letter.isdigit() for letter in word)}
    turning = {word.lower() for word in words(question)} & (FUNCTION_WORDS - _EMPTY)
    return named(question) | numbers, turning


def _followed(hint: Hit, question: str, where: Filter, search: Search) -> LessonMatch:
    """Return a hint with the records that it leads to: by its words, then by the names in those."""
    shown, queries, seconds = [hint], list[str](), 0.0
    want, query = answer_type(question), hint.record.text
    for _ in range(HOPS):
        hits, spent = search(query, where)
        queries.append(query)
        seconds += spent
        new = [hit for hit in hits if hit.record.kind != "lesson"]
        fitting = [hit for hit in new if want and has_candidate(hit.record.text, want, question)]
        near = _likely(fitting or new, query, question)
        if near is None:
            break
        shown.append(near)
        known = {word.lower() for word in words(f"{question} {hint.record.text}")}
        bridge = [name for name in names(near.record.text) if name.lower() not in known]
        if fitting or not bridge:
            break
        query = " ".join([*bridge, *(w for w in content_words(question) if w not in known)])
    return LessonMatch(hits=tuple(shown), queries=tuple(queries), seconds=seconds)


def _likely(hits: Sequence[Hit], query: str, question: str) -> Hit | None:
    """Return the best hit of those that hold most of the names that a query adds to a question."""
    wanted = named(query) - named(question) or named(query)
    return max(
        hits,
        key=lambda hit: (len(wanted & _bases(hit.record.text)), hit.score),
        default=None,
    )
