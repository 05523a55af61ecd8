"""Classifier of statements: lasting facts and preferences of whoever says them, or passing ones.

A logistic regression on the sentence embedding, with weights for each embedder that memagent
brings. It knows no words: `memagent profile train` fits it to labelled statements in eight
languages, those that the embedder reads.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.errors import InvalidInput, shown

WEIGHTS = "weights.json"


@dataclass(frozen=True, kw_only=True, eq=False)
class LastingClassifier:
    """Linear model over sentence vectors of length one (dimensions).

    A statement counts as lasting from the log-odds of `threshold` on.
    """

    weights: NDArray[np.float64]
    intercept: float
    threshold: float = 0.0

    def scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the log-odds (rows) that statements are lasting; vectors are rows x dimensions.

        Raises:
            InvalidInput: the vectors have other dimensions than the weights.
        """
        if vectors.shape[-1] != len(self.weights):
            raise InvalidInput(
                f"the classifier reads vectors of {len(self.weights)} dimensions, not"
                f" {vectors.shape[-1]}"
            )
        return np.asarray(vectors.astype(np.float64) @ self.weights + self.intercept)

    def to_dict(self) -> dict[str, Any]:
        """Return the classifier as JSON can hold it, with four decimals."""
        return {
            "intercept": round(self.intercept, 4),
            "threshold": self.threshold,
            "weights": [round(weight, 4) for weight in self.weights.tolist()],
        }

    @classmethod
    def from_dict(cls, data: Any) -> "LastingClassifier":
        """Return the classifier that `to_dict` wrote.

        Raises:
            InvalidInput: it is malformed.
        """
        try:
            weights = np.array(data["weights"], dtype=np.float64)
            intercept, threshold = float(data["intercept"]), float(data["threshold"])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"no weights of a classifier: {shown(data)}") from error
        if weights.ndim != 1 or not np.isfinite([*weights, intercept, threshold]).all():
            raise InvalidInput(f"no weights of a classifier: {shown(data)}")
        return cls(weights=weights, intercept=intercept, threshold=threshold)


def fitted(
    vectors: NDArray[np.float64],
    lasting: NDArray[np.bool_],
    weight: NDArray[np.float64],
    *,
    pull: float,
) -> LastingClassifier:
    """Return the classifier fitted to labelled statements (rows x dimensions, rows, rows).

    `weight` is how much each statement counts; `pull` draws the weights of vectors, scaled to a
    mean variance of one over all dimensions together, toward zero.
    """
    from scipy.optimize import minimize

    scale = float(vectors.std(axis=0).mean()) * np.sqrt(vectors.shape[1])
    centre = vectors.mean(axis=0)
    rows, share = (vectors - centre) / scale, weight / weight.mean()

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = rows @ flat[:-1] + flat[-1]
        value = (share * (np.logaddexp(0, logits) - lasting * logits)).sum()
        error = share * (1 / (1 + np.exp(-logits)) - lasting)
        gradient = np.append(rows.T @ error + 2 * pull * flat[:-1], error.sum())
        return float(value + pull * (flat[:-1] ** 2).sum()), gradient

    found = minimize(loss, np.zeros(vectors.shape[1] + 1), jac=True, method="L-BFGS-B").x
    weights = found[:-1] / scale
    return LastingClassifier(weights=weights, intercept=float(found[-1] - centre @ weights))


def classifier_of(embedder: str) -> LastingClassifier | None:
    """Return the shipped classifier for an embedder by its name, None if there is none."""
    data = _shipped().get(embedder)
    return None if data is None else LastingClassifier.from_dict(data)


def embedders() -> Sequence[str]:
    """Return the names of the embedders that there is a classifier for."""
    return list(_shipped())


@cache
def _shipped() -> Mapping[str, Any]:
    text = files(__package__).joinpath(WEIGHTS).read_text(encoding="utf-8")
    shipped: Mapping[str, Any] = json.loads(text)
    return shipped
