"""Training of the ranker: weights under which the right candidates of a question come first.

The loss is listwise (ListNet's top-one probability, Cao et al., ICML 2007, section 4): minus the
logarithm of the softmax of the scores at the right candidates, averaged over them. A feature that
can only speak for a record has a weight of at least zero, one that can only speak against it of at
most zero, so that a table of weights reads as it should. Weights are pulled toward those they start
from. All of it is deterministic.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memagent.recall.features import FEATURES, TYPES, RecordType
from memagent.recall.ranker import Ranker, Weights

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
FOR = frozenset(
    "meaning words bm25 window before after session adds likeness linked helped".split()
)
AGAINST = frozenset("asks other echo outdated hurt superseded".split())
"""Features whose weights have a sign; those of the others (who spoke, how new it is) have none."""
PULL = 1e-3
"""Pull toward zero of weights without a start, for features of a standard deviation of one."""
FOLDS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingQuestion:
    """Candidates of one question, and which of them are right.

    `matrix` (candidates x features) and `types` (one a candidate) are what the ranker reads, `gold`
    (candidates) says which are right. Questions of one `group`, such as a conversation, are never
    split between training and test. `weight` is how much the question counts.
    """

    matrix: Floats
    types: Sequence[RecordType]
    gold: NDArray[np.bool_]
    group: str
    weight: float = 1.0

    def __len__(self) -> int:
        return len(self.types)


def train(
    questions: Sequence[TrainingQuestion],
    *,
    start: Ranker | None = None,
    pull: float = PULL,
    features: Collection[str] = FEATURES,
) -> Ranker:
    """Return a ranker trained on questions; a type of record that none is about keeps its weights.

    Without a `start` the weights start from zero, and scores are then made probabilities by a
    logistic regression on the candidates (Platt, 1999). With one they are pulled to it, all
    features alike, and the candidates score what they did before in the mean, so that a threshold
    keeps its meaning. The weights of others than these `features` stay as they are.
    """
    first = start or zero()
    useful = [question for question in questions if question.gold.any()]
    if not useful:
        return first
    stacked = _stacked(useful)
    before = _parameters(first)
    spread = np.ones(before.shape[1]) if start else _spread(stacked)
    after = _minimum(stacked, before, spread, pull, features)
    seen = np.unique(stacked.types)
    if start is None:
        after[seen] = [_calibrated(stacked, after, type_) for type_ in seen]
    else:
        change = _logits(stacked, after) - _logits(stacked, before)
        after[seen, -1] -= change.mean()
    return _ranker(after)


def zero() -> Ranker:
    """Return the ranker that knows nothing: all weights are zero."""
    return _ranker(np.zeros((len(TYPES), len(FEATURES) + 1)))


def cross_validated(
    questions: Sequence[TrainingQuestion],
    *,
    start: Ranker | None = None,
    pull: float = PULL,
    features: Collection[str] = FEATURES,
    folds: int = FOLDS,
) -> list[Floats]:
    """Return each question's scores (candidates) by a ranker that was not trained on its group."""
    fold = folds_of([question.group for question in questions], folds)
    scores: list[Floats] = [np.empty(0)] * len(questions)
    for held_back in sorted(set(fold)):
        rest = [question for question, own in zip(questions, fold, strict=True) if own != held_back]
        ranker = train(rest, start=start, pull=pull, features=features)
        for place, question in enumerate(questions):
            if fold[place] == held_back:
                scores[place] = ranker.scores(question.matrix, question.types)
    return scores


def folds_of(groups: Sequence[str], folds: int) -> list[int]:
    """Return the fold of each question by its group, the same in every process."""
    ordered = sorted(set(groups), key=lambda group: hashlib.blake2b(group.encode()).digest())
    fold = {group: place % folds for place, group in enumerate(ordered)}
    return [fold[group] for group in groups]


@dataclass(frozen=True, slots=True)
class _Stacked:
    """Candidates of many questions in one matrix (rows x features and a one)."""

    rows: Floats
    types: Places
    starts: Places
    question: Places
    target: Floats
    weight: Floats
    gold: NDArray[np.bool_]


def _stacked(questions: Sequence[TrainingQuestion]) -> _Stacked:
    sizes = np.array([len(question) for question in questions])
    rows = np.concatenate([question.matrix for question in questions]).astype(np.float64)
    gold = np.concatenate([question.gold for question in questions])
    weight = np.array([question.weight for question in questions])
    question = np.repeat(np.arange(len(questions)), sizes)
    types = [TYPES.index(type_) for question in questions for type_ in question.types]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
    return _Stacked(
        rows=np.column_stack([rows, np.ones(len(rows))]),
        types=np.array(types, dtype=np.intp),
        starts=starts,
        question=question,
        target=gold / np.add.reduceat(gold.astype(np.float64), starts)[question],
        weight=(weight / weight.sum())[question],
        gold=gold,
    )


def _spread(stacked: _Stacked) -> Floats:
    """Return the standard deviation of each feature, one for what does not vary."""
    spread = stacked.rows.std(axis=0)
    return np.where(spread < 1e-9, 1.0, spread)


def _minimum(
    stacked: _Stacked, start: Floats, spread: Floats, pull: float, features: Collection[str]
) -> Floats:
    """Return the parameters (types x features and the intercept) of the least loss.

    The pull is on features divided by their `spread`.
    """
    from scipy.optimize import minimize

    scaled, centre = stacked.rows / spread, start * spread
    shape = start.shape
    rows_of = [np.flatnonzero(stacked.types == type_) for type_ in range(shape[0])]

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(shape)
        logits = np.einsum("ij,ij->i", scaled, weights[stacked.types])
        logits -= np.maximum.reduceat(logits, stacked.starts)[stacked.question]
        powers = np.exp(logits)
        total = np.add.reduceat(powers, stacked.starts)[stacked.question]
        share = stacked.weight * (powers / total - stacked.target)
        gradient = np.zeros(shape)
        for type_, own in enumerate(rows_of):
            gradient[type_] = share[own] @ scaled[own]
        away = weights - centre
        likelihood = (stacked.weight * stacked.target * (logits - np.log(total))).sum()
        value = pull * (away**2).sum() - likelihood
        return float(value), (gradient + 2 * pull * away).ravel()

    low, high = np.full(shape, -np.inf), np.full(shape, np.inf)
    for column, name in enumerate(FEATURES):
        low[:, column] = 0.0 if name in FOR else -np.inf
        high[:, column] = 0.0 if name in AGAINST else np.inf
        if name not in features:
            low[:, column] = high[:, column] = centre[:, column]
    found = minimize(
        loss,
        np.clip(centre, low, high).ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(low.ravel(), high.ravel(), strict=True)),
        options={"maxiter": 500},
    )
    parameters: Floats = found.x.reshape(shape) / spread
    return parameters


def _calibrated(stacked: _Stacked, parameters: Floats, type_: np.intp) -> Floats:
    """Return a type's parameters, scaled and shifted so that scores are probabilities.

    The right candidates weigh as much as the others together, so that the scores of a type do not
    tell how many candidates its questions had.
    """
    from scipy.optimize import minimize

    own = stacked.types == type_
    logits = stacked.rows[own] @ parameters[type_]
    gold, weight = stacked.gold[own], stacked.weight[own].copy()
    for part in (gold, ~gold):
        weight[part] /= 2 * max(weight[part].sum(), 1e-12)

    def loss(line: Floats) -> tuple[float, Floats]:
        scores = line[0] * logits + line[1]
        value = (weight * (np.logaddexp(0, scores) - gold * scores)).sum()
        error = weight * (1 / (1 + np.exp(-scores)) - gold)
        return float(value), np.array([error @ logits, error.sum()])

    found = minimize(
        loss,
        np.array([1.0, 0.0]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(1e-3, None), (None, None)],
    )
    scale, shift = found.x
    calibrated: Floats = parameters[type_] * scale
    calibrated[-1] += shift
    return calibrated


def _logits(stacked: _Stacked, parameters: Floats) -> Floats:
    logits: Floats = np.einsum("ij,ij->i", stacked.rows, parameters[stacked.types])
    return logits


def _parameters(ranker: Ranker) -> Floats:
    """Return a ranker's parameters (types x features and the intercept)."""
    return np.array(
        [
            [*(ranker.weights[type_].values.get(name, 0.0) for name in FEATURES), own.intercept]
            for type_ in TYPES
            for own in [ranker.weights[type_]]
        ]
    )


def _ranker(parameters: Floats) -> Ranker:
    return Ranker(
        {
            type_: Weights(
                intercept=float(row[-1]),
                values=dict(zip(FEATURES, map(float, row[:-1]), strict=True)),
            )
            for type_, row in zip(TYPES, parameters, strict=True)
        }
    )
