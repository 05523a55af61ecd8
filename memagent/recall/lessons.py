"""Lessons from feedback that apply to a question.

A lesson is a record of the kind "lesson"; its metadata say which feedback it was made from (see
`memagent.feedback.reflection`). The model is shown a lesson as a note, like any other record.
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
from memagent.stores.lifecycle.undo import change_data
from memagent.text.english import FUNCTION_WORDS, content_words, names, stem, words
from memagent.types import Hit, Hits

PARAPHRASE_COSINE = 0.92
"""From this cosine on, two questions are the same if one of them holds all words of the other."""
MIN_SCORE = 0.4
"""A lesson with a lower score was judged harmful too often and is not applied."""
TIE_WINDOW = 0.9
"""Lessons with at least this share of the best score are equally reliable: the newest applies."""
HINT_HOPS = 2
"""The number of searches that follow a hint."""
_FILLER_WORDS = frozenset(
    "a an the do does did is are was were be been am has have had can could would will please tell"
    " me know now still currently just it's what which in on at to of for by".split()
)
"""Two questions that differ only by these words are the same question."""
_DENIAL = re.compile(
    r"\b(?:there (?:is|are|was|were) (?:no|not)|there(?:'s| isn't| aren't| wasn't)|ha(?:s|ve|d) no|"
    r"no such|do(?:es)?(?:n't| not) exist|nobody|no one)\b",
    re.IGNORECASE,
)
_GENERIC_WORDS = frozenset(
    "exist such thing things person place called named works work there's".split()
)
Search = Callable[[str, Filter], tuple[Hits, float]]
"""Searches a scope for a query; returns the hits and the seconds that embedding the query took."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LessonMatch:
    """A lesson that applies to a question: the hits to show, the queries searched, and seconds.

    `seconds` is the time spent on embedding these queries.
    """

    hits: tuple[Hit, ...]
    queries: tuple[str, ...] = ()
    seconds: float = 0.0


def applicable_lesson(
    question: str, found: Hits, where: Filter, search: Search
) -> LessonMatch | None:
    """Return the lesson among the hits that applies to a question, or None without one.

    A correction is shown alone, since it answers the question. So is a denial, marked in its `why`.
    A hint is shown with the records it leads to. Of several applicable lessons the most reliable
    one counts; of equally reliable ones the newest.
    """
    applicable = [hit for hit in found if hit.score >= MIN_SCORE and applies_to(hit, question)]
    if not applicable:
        return None
    best = max(hit.score for hit in applicable)
    lesson = max(
        (hit for hit in applicable if hit.score >= TIE_WINDOW * best),
        key=lambda hit: hit.record.moment,
    )
    feedback = _change(lesson)["feedback"]
    if feedback == "denial":
        return LessonMatch(hits=(replace(lesson, why={**lesson.why, "denial": 1.0}),))
    if feedback == "correction":
        return LessonMatch(hits=(lesson,))
    return _follow_hint(lesson, question, where, search)


def without_unrelated_lessons(question: str, found: Hits) -> Hits:
    """Return the hits without lessons that merely resemble the question.

    A lesson is also indexed by the questions it was taught for, and those resemble any question of
    the same form about somebody else.
    """
    kept = tuple(hit for hit in found if not _change(hit) or _is_related(hit, question))
    return replace(found, hits=kept)


def applies_to(hit: Hit, question: str) -> bool:
    """Tell whether a hit is a lesson taught for this question, or one that denies its premise."""
    change = _change(hit)
    if not change:
        return False
    if change["feedback"] == "denial" and covers(question, denied_words(hit.record.text)):
        return True
    if change["feedback"] == "hint" and any(_asks_alike(question, ask) for ask in change["asks"]):
        return True
    near = hit.why.get("cosine", 0.0) if hit.key in change["asks"] else 0.0
    return any(
        same_question(question, ask, near if ask == hit.key else 0.0) for ask in change["asks"]
    )


def same_question(first: str, second: str, cosine: float = 0.0) -> bool:
    """Tell whether two questions ask the same thing.

    They do if they have the same words, or if one holds all words of the other and the cosine of
    their embeddings is at least `PARAPHRASE_COSINE`.
    """
    if answer_type(first) != answer_type(second):
        return False
    first_stems, second_stems = _meaningful_stems(first), _meaningful_stems(second)
    if first_stems == second_stems:
        return True
    # The same words in another order may ask the reverse: who leads Ada, whom does Ada lead?
    one_is_wider = set(first_stems) < set(second_stems) or set(first_stems) > set(second_stems)
    return (
        one_is_wider and cosine >= PARAPHRASE_COSINE and _fixed_words(first) == _fixed_words(second)
    )


def question_forms(question: str) -> tuple[str, ...]:
    """Return a question and the form of it that recall searches for, each once."""
    forms = (question, location_question(question))
    return tuple(dict.fromkeys(form for form in forms if form))


def is_denial(text: str) -> bool:
    """Tell whether a text says, in one sentence, that something does not exist."""
    return _DENIAL.search(text) is not None and len(re.findall(r"[.!?](?:\s|$)", text)) < 2


def denied_words(text: str) -> tuple[str, ...]:
    """Return the words for the thing that a denial says does not exist."""
    return tuple(word for word in content_words(text) if word not in _GENERIC_WORDS)


def names_in(text: str) -> set[str]:
    """Return the names in a text, in lower case and without possessive endings."""
    return _base_words(" ".join(names(text)))


def has_all_names(text: str, question: str) -> bool:
    """Tell whether a text holds every name of a question."""
    return names_in(question) <= _base_words(text)


def _asks_alike(question: str, ask: str) -> bool:
    """Tell whether two questions expect the same type of answer about the same names."""
    expected, asked_names = answer_type(question), names_in(question)
    return (
        expected is not None
        and expected == answer_type(ask)
        and bool(asked_names)
        and asked_names == names_in(ask)
    )


def _base_words(text: str) -> set[str]:
    return {word.lower().replace("’", "'").removesuffix("'s") for word in words(text)}  # noqa: RUF001


def _is_related(hit: Hit, question: str) -> bool:
    """Tell whether a lesson applies to a question, or shares its subject."""
    if applies_to(hit, question):
        return True
    if _change(hit)["feedback"] != "correction":
        return False
    text = hit.record.text
    expected = answer_type(question)
    leads = set(new_names(text, question)) - set(places(text))
    if expected is not None and not has_candidate(text, expected, question) and not leads:
        return False  # the newest record would hide the one that answers
    keywords = [word.removesuffix("'s") for word in content_words(question)]
    return has_all_names(text, question) and any(covers(text, [word]) for word in keywords)


def _change(hit: Hit) -> Mapping[str, Any]:
    if hit.record.kind != "lesson":
        return {}
    return change_data(hit.record) or {}


def _meaningful_stems(question: str) -> list[str]:
    """Return the stems of a question's words, in order, without the filler words."""
    lowered = (word.lower().replace("’", "'") for word in words(question))  # noqa: RUF001
    return [stem(word.removesuffix("'s")) for word in lowered if word not in _FILLER_WORDS]


def _fixed_words(question: str) -> tuple[set[str], set[str]]:
    """Return the words two equal questions must share: names and numbers, and function words."""
    numbers = {word for word in words(question) if any(letter.isdigit() for letter in word)}
    functional = {word.lower() for word in words(question)} & (FUNCTION_WORDS - _FILLER_WORDS)
    return names_in(question) | numbers, functional


def _follow_hint(hint: Hit, question: str, where: Filter, search: Search) -> LessonMatch:
    """Return a hint with the records it leads to: first by its words, then by the names in them."""
    shown, queries, seconds = [hint], list[str](), 0.0
    expected, query = answer_type(question), hint.record.text
    for _ in range(HINT_HOPS):
        hits, spent = search(query, where)
        queries.append(query)
        seconds += spent
        new = [hit for hit in hits if hit.record.kind != "lesson"]
        candidates = [
            hit for hit in new if expected and has_candidate(hit.record.text, expected, question)
        ]
        nearest = _best_match(candidates or new, query, question)
        if nearest is None:
            break
        shown.append(nearest)
        known = {word.lower() for word in words(f"{question} {hint.record.text}")}
        bridge = [name for name in names(nearest.record.text) if name.lower() not in known]
        if candidates or not bridge:
            break
        query = " ".join(
            [*bridge, *(word for word in content_words(question) if word not in known)]
        )
    return LessonMatch(hits=tuple(shown), queries=tuple(queries), seconds=seconds)


def _best_match(hits: Sequence[Hit], query: str, question: str) -> Hit | None:
    """Return the hit with most of the names that a query adds to a question, then the best one."""
    added = names_in(query) - names_in(question) or names_in(query)
    return max(
        hits,
        key=lambda hit: (len(added & _base_words(hit.record.text)), hit.score),
        default=None,
    )
