"""Relevance: whether what was found says anything about the question, or nothing is known.

A small logistic model over the best hits: how near the best is to the question by meaning and by
words, and how far it stands out from the rest. Where nothing is known, all hits are about equally
far off. `bench/relevance.py` fits it and chooses the thresholds.
"""

import math
from collections.abc import Mapping, Sequence

from memagent.types import Hit

TOP = 10
"""Best hits that are compared; those that are missing count as unrelated ones."""
UNRELATED = -2.0
"""Log-odds of the score of an unrelated record, about the mean of those that were measured."""
LEAST = -6.0
"""Log-odds that tell nothing more when they fall."""
FEATURES: Mapping[str, str] = {
    "meaning": "the most likeness by meaning: 0 unrelated, 1 related",
    "words": "share of the question's words that the best hit holds, weighted by rarity",
    "lead": "log-odds of the best score, less the mean of the others",
    "meaning_lead": "likeness of the most alike, less the mean of the others",
}
"""Names of the features, with what they say."""
INTERCEPT = -2.804
WEIGHTS: Mapping[str, float] = {
    "meaning": 1.446,
    "words": 0.659,
    "lead": 0.426,
    "meaning_lead": 1.284,
}
THRESHOLDS: Mapping[str, float] = {"all-MiniLM-L6-v2": 0.233, "multilingual": 0.1}
"""Least probability at which something is known, by the embedder's name.

About 1% of the questions that the memory answers are lost: to hide what is known costs more than to
show what nobody asked for.
"""
THRESHOLD = 0.1
"""The same for any other embedder, on the safe side."""


COVERED = 0.3
"""Share of a question's words, weighted by rarity, that is enough by itself."""


def knows(hits: Sequence[Hit], embedder: str) -> bool:
    """Tell whether any of the hits, best first, says something about the question.

    One that holds `COVERED` of the question's words does, whatever the vectors say: the embedder
    may not read the language.
    """
    covered = max((hit.why.get("words", 0.0) for hit in hits), default=0.0)
    if covered >= COVERED:
        return True
    return bool(hits) and relevance(hits) >= THRESHOLDS.get(embedder, THRESHOLD)


def relevance(hits: Sequence[Hit]) -> float:
    """Return the probability that hits, best first, answer their question, in (0, 1)."""
    values = features(hits)
    logit = INTERCEPT + sum(weight * values[name] for name, weight in WEIGHTS.items())
    return 1 / (1 + math.exp(-logit))


def features(hits: Sequence[Hit]) -> dict[str, float]:
    """Return what a decision rests on, by the names in FEATURES."""
    best = hits[:TOP]
    scores = _padded([_log_odds(hit.score) for hit in best], UNRELATED)
    meanings = _padded([hit.why.get("meaning", 0.0) for hit in best], 0.0)
    return {
        "meaning": max(meanings),
        "words": best[0].why.get("words", 0.0) if best else 0.0,
        "lead": _lead(scores),
        "meaning_lead": _lead(meanings),
    }


def _padded(values: list[float], missing: float) -> list[float]:
    return values + [missing] * (TOP - len(values))


def _lead(values: Sequence[float]) -> float:
    """Return by how much the largest value exceeds the mean of the others."""
    most = max(values)
    return most - (sum(values) - most) / (len(values) - 1)


def _log_odds(score: float) -> float:
    bounded = min(max(score, 1e-9), 1 - 1e-9)
    return max(LEAST, math.log(bounded / (1 - bounded)))
