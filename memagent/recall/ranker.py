"""Ranker: a linear model over the features, with weights for each type of record.

The score is logistic: 1 / (1 + exp(-(intercept + weights x features))), in (0, 1).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from memagent.errors import InvalidInput
from memagent.recall.features import FEATURES, TYPES, RecordType

FILE = "weights.json"
"""Shipped weights, made by `memagent ranking train`."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of one type of record by feature; those that are not named weigh 0."""

    intercept: float
    values: Mapping[str, float]

    def vector(self) -> Floats:
        """Return the weights in the order of FEATURES."""
        return np.array([self.values.get(name, 0.0) for name in FEATURES], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Ranker:
    """Weights by type of record."""

    weights: Mapping[RecordType, Weights]

    def scores(self, matrix: Floats, types: Sequence[RecordType]) -> Floats:
        """Return the score of each record (records x FEATURES)."""
        logits = np.empty(len(types))
        for type, weights in self.weights.items():
            rows = np.array([each == type for each in types], dtype=bool)
            logits[rows] = weights.intercept + matrix[rows] @ weights.vector()
        return np.asarray(1 / (1 + np.exp(-logits)))

    def to_dict(self) -> dict[str, Any]:
        """Return the weights as JSON can hold them."""
        return {
            type: {"intercept": weights.intercept, "weights": dict(weights.values)}
            for type, weights in self.weights.items()
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the ranker that `to_dict` wrote.

        Raises:
            InvalidInput: a type of record or a number is missing, or a feature is unknown.
        """
        try:
            weights = {
                type: Weights(
                    float(data[type]["intercept"]),
                    {str(name): float(value) for name, value in data[type]["weights"].items()},
                )
                for type in TYPES
            }
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"weights: {error} is missing or is no number") from error
        unknown = {name for each in weights.values() for name in each.values} - set(FEATURES)
        if unknown:
            raise InvalidInput(f"weights: there is no feature {sorted(unknown)[0]!r}")
        return cls(weights)


@cache
def shipped() -> Ranker:
    """Return the ranker with the shipped weights."""
    text = files("memagent.recall").joinpath(FILE).read_text(encoding="utf-8")
    return Ranker.from_dict(json.loads(text))


def weights_table(ranker: Ranker, beside: Ranker) -> list[dict[str, Any]]:
    """Return rows of the weights of a ranker by feature, those of the shipped one `beside` them."""
    rows = []
    for name in ("intercept", *FEATURES):
        row: dict[str, Any] = {"feature": name}
        for type in TYPES:
            row |= {
                type: _weight(ranker.weights[type], name),
                f"{type}, shipped": _weight(beside.weights[type], name),
            }
        rows.append(row)
    return rows


def _weight(weights: Weights, name: str) -> float:
    return weights.intercept if name == "intercept" else weights.values.get(name, 0.0)
