"""Selection: which of the hits are shown (no echoes, each text once), and how much of each."""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace

from memagent.records import line_of
from memagent.stores.ranking import tokens_of
from memagent.text.sentences import sentences
from memagent.text.words import query_words
from memagent.types import Hit

MIN_SHARE = 0.2
"""Share of the best score that a hit has to reach: of 300 questions (LoCoMo, generated
conversations) none lost its only gold turn among the first 20 hits by it."""
CERTAIN = 0.8
"""Relevance from which on the best hit is looked from a second time."""
OUTDATED = 0.9
"""Likeness to a newer record from which on an older one is a version of it."""
LINK = 4.0
"""Log-odds that full likeness to the best hit beyond the question is worth in a second look."""
LEAST_LINK = 0.1
logger = logging.getLogger(__name__)


def select(
    hits: Sequence[Hit], k: int, tokens: int | None, min_share: float = MIN_SHARE
) -> list[Hit]:
    """Return the best hits that the budgets of records and tokens allow, best first.

    Of hits that say the same only the newest is shown, and none that scores less than `min_share`
    of the best. Of a text longer than its share of the tokens an excerpt is shown. What has no room
    is left out, except an excerpt of the best; something shorter after it may still be shown.
    """
    least = min_share * max((hit.score for hit in hits if not _is_taught(hit)), default=0.0)
    likely = [hit for hit in distinct(hits) if hit.score >= least or _is_taught(hit)]
    if tokens is None:
        return likely[:k]
    costs = list(map(_cost, likely))
    share = fair_share(costs[:k], tokens)
    chosen: list[Hit] = []
    for hit, cost in zip(likely, costs, strict=True):
        if len(chosen) == k:
            break
        if cost > share:
            hit = shortened(hit, share)
            cost = _cost(hit)
        best = not chosen and hit.excerpt is not None
        if best or cost <= tokens:
            chosen.append(hit)
            tokens = max(0, tokens - cost)
    return chosen


def fair_share(costs: Sequence[int], tokens: int) -> int:
    """Return how many tokens each may take so that all fit; short ones leave theirs to the rest."""
    for number, cost in enumerate(sorted(costs)):
        share = tokens // (len(costs) - number)
        if cost > share:
            return share
        tokens -= cost
    return max(costs, default=tokens)


def shortened(hit: Hit, tokens: int) -> Hit:
    """Return a hit with the sentences of its key, and as many beside them as fit into `tokens`.

    The sentences of the key are never cut, and a hit with an excerpt keeps that.
    """
    text, speaker = hit.record.text, hit.record.speaker
    pieces = sentences(text)
    if hit.excerpt is not None or len(pieces) < 2:
        return hit

    def excerpt(start: int, end: int) -> Hit:
        piece = text[pieces[start].start : pieces[end - 1].end]
        return replace(hit, excerpt=line_of(piece, speaker=speaker))

    start, end = _matched(hit.key, [piece.of(text) for piece in pieces])
    best = excerpt(start, end)
    while True:
        wider = [(start, end + 1), (start - 1, end)]
        fitting = [
            (first, last)
            for first, last in wider
            if first >= 0 and last <= len(pieces) and _cost(excerpt(first, last)) <= tokens
        ]
        if not fitting:
            return best
        start, end = fitting[0]
        best = excerpt(start, end)


def _matched(key: str, pieces: Sequence[str]) -> tuple[int, int]:
    """Return start and end of the longest run of sentences that a key holds, or of the most alike.

    Words are compared, as a key may have a date or a speaker before it.
    """
    words = set(query_words(key))
    lengths = [len(piece) if words.issuperset(query_words(piece)) else 0 for piece in pieces]
    runs, start = [(0, 0, 0)], 0
    for end, length in enumerate([*lengths, 0]):
        if not length:
            runs.append((sum(lengths[start:end]), start, end))
            start = end + 1
    longest, start, end = max(runs, key=lambda run: run[0])
    if longest:
        return start, end
    shared = [len(words.intersection(query_words(piece))) for piece in pieces]
    start = shared.index(max(shared))
    return start, start + 1


def _cost(hit: Hit) -> int:
    return tokens_of(len(hit.line()))


def _is_taught(hit: Hit) -> bool:
    """Tell whether a hit is a lesson for the question, or what it leads to: its score is another's.

    The score of a lesson says how reliable it is, and not how relevant.
    """
    return not {"taught", "led"}.isdisjoint(hit.why)


def distinct(hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits without those whose words a newer one repeats, best first.

    The newest stands in the place, and has the score, of the best that says the same. Words are
    compared in order, without case, accents and punctuation: no likeness of vectors tells "80 kg"
    from "82 kg", or who beat whom.
    """
    newest: dict[tuple[str | None, tuple[str, ...]], Hit] = {}
    for hit in hits:
        said = hit.record.speaker, tuple(query_words(hit.text)) or (hit.text,)
        known = newest.get(said)
        if known is None or known.record.moment < hit.record.moment:
            score = hit.score if known is None else known.score
            newest[said] = hit if score == hit.score else replace(hit, score=score)
    return list(newest.values())


def without_echoes(question: str, hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits without the user's turns in the question's words, or in one of them alone."""
    asked = query_words(question)
    return [hit for hit in hits if not (_is_turn(hit) and _repeats(hit.record.text, asked))]


def second_look(hits: Sequence[Hit], k: int) -> list[Hit]:
    """Return hits, best first, with what the best leads to among the first `k`.

    Where the best is a note that surely answers, older versions of it give their places and scores
    to notes that hold fewer of the question's words, but are like the best in what it says beyond
    the question: "Where is the key?" finds "Mary took the key", and that "Mary went to the attic".
    """
    if not hits or not _is_certain(best := hits[0]):
        return list(hits)
    covered = _words(best) - 1e-9
    shown, rest = list(hits[:k]), list(hits[k:])
    led = [
        hit for hit in rest if _is_note(hit) and _linked(hit) > LEAST_LINK and _words(hit) < covered
    ]
    led.sort(key=_worth, reverse=True)
    older = [
        place
        for place, hit in enumerate(shown)
        if _is_note(hit) and _words(hit) >= covered and hit.record.moment < best.record.moment
        if hit.why.get("outdated", 0.0) >= OUTDATED
    ]
    for place, hit in zip(reversed(older), led, strict=False):
        version = shown[place]
        shown[place] = replace(hit, score=version.score)
        rest[rest.index(hit)] = replace(version, score=hit.score)
    if older and led:
        logger.debug("second look: %d older versions give way", min(len(older), len(led)))
    return shown + rest


def _is_certain(best: Hit) -> bool:
    """Tell whether a second look starts from this note: it is the best, and holds what is asked."""
    relevance = (min(1.0, max(0.0, best.why.get("meaning", 0.0))) + _words(best)) / 2
    return _is_note(best) and _linked(best) == 1 and relevance >= CERTAIN


def _is_note(hit: Hit) -> bool:
    record = hit.record
    return record.kind != "episode" or (record.role is None and not record.sources)


def _linked(hit: Hit) -> float:
    return hit.why.get("linked", 0.0)


def _words(hit: Hit) -> float:
    return hit.why.get("words", 0.0)


def _worth(hit: Hit) -> float:
    """Return the log-odds of the score, with the link added."""
    score = min(1 - 1e-9, max(1e-9, hit.score))
    return math.log(score / (1 - score)) + LINK * _linked(hit)


def _is_turn(hit: Hit) -> bool:
    return (hit.record.kind, hit.record.role) == ("episode", "user")


def _repeats(text: str, asked: Sequence[str]) -> bool:
    said = query_words(text)
    return said == asked or (len(said) == 1 and said[0] in asked)
