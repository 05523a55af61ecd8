"""Features of candidates: what each record is ranked by, as numbers, in no language's words.

Each is in about [0, 1]. A feature that a record has no use for, such as the neighbours of a note
that stands alone, is 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memagent.embedding.calibration import Calibration
from memagent.embedding.vectors import inner_products
from memagent.records import local_day
from memagent.stores.banks.candidates import Candidates, Side
from memagent.stores.database.filters import EPOCH
from memagent.text.dates import named_dates
from memagent.text.questions import asks
from memagent.text.words import query_words

RecordType = Literal["turn", "passage", "note"]
"""Type of a record: said in a conversation, read in a source, or neither."""
TYPES: tuple[RecordType, ...] = get_args(RecordType)
FEATURES: Mapping[str, str] = {
    "meaning": "likeness of key and question by meaning: 0 unrelated, 1 related",
    "words": "share of the question's words that the key holds, weighted by rarity",
    "bm25": "share of the question's words as BM25 damps it in long keys, each word counted once",
    "window": "share of the words that the key or its neighbours hold",
    "before": "relevance of the record before it in its session or source",
    "after": "relevance of the record after it",
    "session": "mean relevance of the three best records of its session",
    "asks": "whether it ends with a question mark of any script",
    "user": "whether the user said it, rather than the assistant",
    "speaker": "whether the question names who said it",
    "other": "whether the question names another speaker instead",
    "adds": "how many words it says beyond those of the question, as a logarithm: 1 from 40 on",
    "echo": "whether it says nothing beyond the question",
    "likeness": "likeness to the most relevant record by meaning: a second look by its content",
    "linked": "likeness to the best, beyond what both share with the question: what that leads to",
    "recency": "place in time among the candidates: 0 the oldest, 1 the newest",
    "outdated": "likeness to a newer candidate that holds as many of the question's words",
    "time": "how much of a date that the question names is that of the record",
    "helped": "how often it helped: n / (n + 2)",
    "hurt": "how often it hurt: n / (n + 2)",
    "superseded": "whether a newer version took its place",
}
"""Names of the features in the order of their columns, with what they say."""
NEW_WORDS = 40
K1, B = 1.2, 0.75
"""The usual constants of BM25 (Robertson and Zaragoza, 2009)."""
BEGINNING = 400
"""Characters of a key that are looked through for words beyond the question's."""
BEST_OF_SESSION = 3
MIN_REST = 1e-6
"""Least of what texts say beyond the question: of one in its words there is nothing to compare."""
DAY = 86_400_000_000
"""Microseconds of a day."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Examined:
    """Candidates with their types, features (records x FEATURES) and relevance.

    The relevance is the mean of the scaled cosine and the covered words, in [0, 1].
    """

    candidates: Candidates
    types: Sequence[RecordType]
    matrix: Floats
    relevance: Floats


def examine(question: str, candidates: Candidates, cosines: Calibration) -> Examined:
    """Return the candidates of a question with their features."""
    covered = candidates.covered(candidates.holds)
    relevance = _relevance(candidates.cosine, covered, cosines)
    types = [type_of(row) for row in candidates.rows]
    texts = [str(row["text"]) for row in candidates.rows]
    asked = set(query_words(question))
    new = [_new_words(text, asked) for text in texts]
    speaker, other = _speakers(candidates.rows, asked)
    recency, outdated = _time(candidates, types, covered, cosines)
    window = candidates.holds | candidates.before.holds | candidates.after.holds
    columns = {
        "meaning": cosines.scaled(candidates.cosine),
        "words": covered,
        "bm25": covered * _damping(texts),
        "window": candidates.covered(window),
        "before": _side(candidates, candidates.before, cosines),
        "after": _side(candidates, candidates.after, cosines),
        "session": _sessions(candidates.rows, relevance),
        "asks": [asks(text) for text in texts],
        "user": [row["role"] == "user" for row in candidates.rows],
        "speaker": speaker,
        "other": other,
        "adds": np.log1p(np.minimum(new, NEW_WORDS)) / np.log1p(NEW_WORDS),
        "echo": [number == 0 for number in new],
        "likeness": _likeness(candidates, relevance, cosines),
        "linked": _linked(candidates, relevance * (1 - outdated), cosines),
        "recency": recency,
        "outdated": outdated,
        "time": _named_time(question, candidates.rows),
        "helped": [_share(row["helped"]) if row["helped"] else 0.0 for row in candidates.rows],
        "hurt": [_share(row["hurt"]) if row["hurt"] else 0.0 for row in candidates.rows],
        "superseded": [bool(row["superseded"]) for row in candidates.rows],
    }
    matrix = np.zeros((len(candidates), len(FEATURES)))
    for number, name in enumerate(FEATURES):
        matrix[:, number] = columns[name]
    return Examined(candidates, types, matrix, relevance)


def type_of(row: Any) -> RecordType:
    """Return what a record is, by the columns of a candidate's row."""
    if row["kind"] != "episode":
        return "note"
    if row["role"] is not None:
        return "turn"
    return "passage" if row["sourced"] else "note"


def _relevance(cosine: Floats, covered: Floats, cosines: Calibration) -> Floats:
    return np.asarray((cosines.scaled(cosine).clip(0, 1) + covered) / 2)


def _side(candidates: Candidates, side: Side, cosines: Calibration) -> Floats:
    return _relevance(side.cosine, candidates.covered(side.holds), cosines)


def _sessions(rows: Sequence[Any], relevance: Floats) -> Floats:
    """Return the mean of the three best of each record's session, 0 for one without a session."""
    sessions = [row["session"] for row in rows]
    numbers = {session: number for number, session in enumerate(dict.fromkeys(sessions))}
    places = np.array([numbers[session] for session in sessions], dtype=np.int64)
    order = np.lexsort((-relevance, places))
    sorted_ = places[order]
    best = order[np.arange(len(order)) - np.searchsorted(sorted_, sorted_) < BEST_OF_SESSION]
    sums = np.bincount(places[best], weights=relevance[best], minlength=len(numbers))
    if None in numbers:
        sums[numbers[None]] = 0.0
    return np.asarray(sums[places] / BEST_OF_SESSION, dtype=np.float64)


def _speakers(rows: Sequence[Any], asked: set[str]) -> tuple[Floats, Floats]:
    """Return which records were said by somebody the question names, and which by another."""
    names = {name: set(query_words(name)) for name in {row["name"] for row in rows} if name}
    named = {name for name, words in names.items() if words & asked}
    said = [row["name"] in named for row in rows]
    other = [bool(named) and bool(row["name"]) and row["name"] not in named for row in rows]
    return np.array(said, dtype=np.float64), np.array(other, dtype=np.float64)


def _damping(texts: Sequence[str]) -> Floats:
    """Return what BM25 makes of a word that a key of its length holds once, 1 at mean length."""
    lengths = np.array([len(text) for text in texts], dtype=np.float64)
    mean = lengths.mean() if len(lengths) else 1.0
    return np.asarray((K1 + 1) / (1 + K1 * (1 - B + B * lengths / max(1.0, mean))))


def _new_words(text: str, asked: set[str]) -> int:
    return len(set(query_words(text[:BEGINNING])) - asked)


def _likeness(candidates: Candidates, relevance: Floats, cosines: Calibration) -> Floats:
    if not len(candidates):
        return relevance
    best = candidates.vectors[int(np.argmax(relevance))]
    return cosines.scaled_texts(candidates.vectors @ best).clip(0, 1)


def _linked(candidates: Candidates, best_first: Floats, cosines: Calibration) -> Floats:
    """Return the partial correlation with the best, given the question: 0 unrelated, 1 the best."""
    if not len(candidates):
        return best_first
    best = int(np.argmax(best_first))
    alike = candidates.vectors @ candidates.vectors[best]
    beyond = _partial(alike, candidates.cosine, candidates.cosine[best])
    unrelated = _partial(cosines.text_low, cosines.low, cosines.low)
    linked = ((beyond - unrelated) / (1 - unrelated)).clip(0, 1)
    linked[best] = 1.0
    return linked


def _partial(alike: ArrayLike, one: ArrayLike, other: ArrayLike) -> Floats:
    """Return cosines of two texts without the part of both that lies along the question.

    `one` and `other` are their cosines with it.
    """
    rest = np.maximum((1 - np.square(one)) * (1 - np.square(other)), MIN_REST)
    return np.asarray((alike - np.multiply(one, other)) / np.sqrt(rest))


def _time(
    candidates: Candidates, types: Sequence[RecordType], covered: Floats, cosines: Calibration
) -> tuple[Floats, Floats]:
    """Return the place of each record in time, and its likeness to a newer one as fitting.

    Passages of one day are as new as one another: they were read in order, but tell of one state.
    """
    moments = np.array([row["moment"] for row in candidates.rows], dtype=np.float64)
    order = np.lexsort((candidates.records, moments))
    place = np.empty(len(order))
    place[order] = np.arange(len(order))
    newer = place[None, :] > place[:, None]
    passages = np.array([type_ == "passage" for type_ in types], dtype=bool)
    if passages.any():
        newer &= ~(passages[:, None] & (moments // DAY <= (moments // DAY)[:, None]))
    # Where no words are shared, unrelated notes would count as newer versions.
    said = np.flatnonzero(covered > 0)
    fitting = newer[:, said] & (covered[said] >= covered[:, None] - 1e-9)
    products = inner_products(candidates.vectors, candidates.vectors[said])
    alike = np.where(fitting, products, -1.0)
    outdated = cosines.scaled_texts(alike.max(axis=1, initial=-1.0)).clip(0, 1)
    return place / max(1, len(order) - 1), outdated


def _named_time(question: str, rows: Sequence[Any]) -> Floats:
    """Return which share of a date that the question names each record has, at best."""
    named = named_dates(question)
    if not named:
        return np.zeros(len(rows))
    days = [local_day(EPOCH + timedelta(microseconds=row["moment"])) for row in rows]
    shares = [max(date.matches(day) for date in named) if day else 0.0 for day in days]
    return np.array(shares, dtype=np.float64)


def _share(count: Any) -> float:
    """Return a count as a share: 0 of none, towards 1 of many."""
    number = max(0, int(count))
    return number / (number + 2)
