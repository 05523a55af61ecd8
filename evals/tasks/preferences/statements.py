"""Labelled statements in eight languages, and the classifier that is trained on them.

Each file of `data/statements` holds one language by topic. The languages say much the same, so
that a topic is held out in all of them at once.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.embedding.encoder import Encoder
from memagent.errors import InvalidInput
from memagent.profile.lasting import LastingClassifier, fitted

FOLDER = Path(__file__).parent / "data" / "statements"
PULL = 0.03
FALSE_ALARMS = 0.04
"""Share of the passing statements that may be taken for lasting ones, of topics held out."""
READ = {"all-MiniLM-L6-v2": ("en",)}
"""Languages that an embedder reads, by its name; one that is not here reads all of them."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Statement of a user, labelled as lasting or passing."""

    text: str
    lasting: bool
    topic: str
    language: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedClassifier:
    """Classifier trained on all statements, and its measures on statements it did not see."""

    classifier: LastingClassifier
    measures: list[dict[str, Any]]


@cache
def languages() -> tuple[str, ...]:
    """Return the codes of the languages with statements, in order."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.toml")))


def statements(*codes: str) -> list[Statement]:
    """Return the statements of languages, of all if none is named.

    Raises:
        InvalidInput: there are no statements in one of the languages.
    """
    found = []
    for code in codes or languages():
        if code not in languages():
            raise InvalidInput(f"no statements in {code!r}: there are {', '.join(languages())}")
        file = tomllib.loads((FOLDER / f"{code}.toml").read_text(encoding="utf-8"))
        found += [
            Statement(text, kind == "lasting", topic["name"], code)
            for topic in file["topics"]
            for kind in ("lasting", "passing")
            for text in topic[kind]
        ]
    return found


def trained(encoder: Encoder) -> TrainedClassifier:
    """Train a classifier for an embedder, and measure it on statements that it did not see.

    Topics are held out in turn: the statements of a topic, in every language, are scored by a
    classifier that was trained without them. In a language that the embedder does not read,
    everything is labelled as passing: there the classifier is to take nothing. The threshold is
    where `FALSE_ALARMS` of the passing statements held out are taken.
    """
    rows = statements()
    read = READ.get(encoder.name, languages())
    vectors = encoder.documents_unchecked([row.text for row in rows]).astype(np.float64)
    lasting = np.array([row.lasting for row in rows])
    label = lasting & np.array([row.language in read for row in rows])
    weight = _weights(rows)
    scores = np.zeros(len(rows))
    topics = np.array([row.topic for row in rows])
    for topic in sorted(set(topics)):
        held, seen = topics == topic, topics != topic
        part = fitted(vectors[seen], label[seen], weight[seen], pull=PULL)
        scores[held] = part.scores(vectors[held].astype(np.float32))
    whole = fitted(vectors, label, weight, pull=PULL)
    passing = scores[~lasting & [row.language in read for row in rows]]
    threshold = round(float(np.quantile(passing, 1 - FALSE_ALARMS)), 2)
    whole = replace(whole, threshold=threshold)
    return TrainedClassifier(
        classifier=whole, measures=_measures(rows, lasting, scores, read, threshold)
    )


def _weights(rows: Sequence[Statement]) -> NDArray[np.float64]:
    """Return how much statements count: a language by the root of how many it has."""
    counts = {code: sum(row.language == code for row in rows) for code in languages()}
    return np.array([counts[row.language] ** -0.5 for row in rows])


def _measures(
    rows: Sequence[Statement],
    lasting: NDArray[np.bool_],
    scores: NDArray[np.float64],
    read: Sequence[str],
    threshold: float,
) -> list[dict[str, Any]]:
    found = []
    for code in languages():
        own = np.array([row.language == code for row in rows])
        taken, right = scores[own] >= threshold, lasting[own]
        above = scores[own][right][:, None] > scores[own][~right][None]
        found.append(
            {
                "language": code,
                "read": code in read,
                "n": int(own.sum()),
                "auc": round(float(above.mean()), 3),
                "precision": round(float(right[taken].mean()), 3) if taken.any() else None,
                "recall": round(float(taken[right].mean()), 3),
                "false alarms": round(float(taken[~right].mean()), 3),
            }
        )
    return found
