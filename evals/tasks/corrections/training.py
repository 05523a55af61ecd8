"""Training of the detector of spoken corrections: weights for an embedder, and its threshold.

    python -m memagent.evals.tasks.corrections.training all-MiniLM-L6-v2 multilingual

writes the weights of these embedders into a file in the working folder, which takes the place of
`memagent/feedback/spoken.json`, and prints how well they do on languages that they were not trained
on. What scores `SURE` is more than any statement of a generated conversation does, and than all but
a share of the statements that are made to look like corrections, each by weights that were learned
without its language. It takes some minutes.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.embedding.calibration import calibration
from memagent.evals.tasks.corrections.examples import Example, generated, lead_ins, written
from memagent.feedback.correction_features import (
    FEATURES,
    MIN_DENIAL,
    LeadIns,
    Pair,
    features,
    plausible,
    split_lead,
)
from memagent.feedback.spoken import FILE, Weights
from memagent.memory.memory import Memory

Floats = NDArray[np.float64]
PULL = 1e-3
"""Pull toward zero of the weights of features of a standard deviation of one."""
ALARMS = {"denied": 0.03, "plain": 0.01}
"""Share of the made-up ordinary statements, with and without a denial, that may score `SURE`."""
DOUBTS = 0.1
"""Share of the made-up ordinary statements that may be doubtful."""
SHARES = {"corrections": 1.0, "ordinary": 2.0, "generated": 0.5}
"""Weight of the rows of each kind together."""
BESIDE = 0.2
"""Weight of a candidate that a statement is not about, beside one that it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Candidates of all examples: their features, whether they are corrected, and their weight."""

    matrix: Floats
    gold: NDArray[np.bool_]
    weight: Floats
    example: NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """Trained weights, and their measures on languages that they were not learned from."""

    weights: Mapping[str, Weights]
    measures: list[dict[str, Any]]


def train(embedder: str) -> Trained:
    """Return the weights for an embedder, by its name.

    Raises:
        WeightsMissing: the weights of the embedder are not on this disk; says what to install.
    """
    examples = [*written(), *generated()]
    ordinary = len(list(written()))
    with Memory.in_memory(embedder=embedder) as memory:
        rows = rows_of(memory, examples, ordinary)
    return trained(rows, examples, ordinary)


def trained(rows: Rows, examples: Sequence[Example], ordinary: int) -> Trained:
    """Return the weights that the rows of examples give; from `ordinary` on they are generated."""
    languages = np.array([example.language for example in examples])
    is_correction = np.array([example.gold is not None for example in examples])
    made_up = ~is_correction & (np.arange(len(examples)) < ordinary)
    denied = rows.matrix[:, list(FEATURES).index("denies")] > MIN_DENIAL
    weights, measures = {}, []
    for name, part in (("denied", denied), ("plain", ~denied)):
        inside = np.zeros(len(examples), dtype=bool)
        inside[rows.example[part]] = True
        best, right = _held_out(rows, languages, part)
        alarms = np.sort(best[made_up & inside])
        highest = best[~is_correction & ~made_up & inside].max()
        sure = max(highest, float(np.quantile(alarms, 1 - ALARMS[name]))) + 1e-3
        doubtful = float(np.quantile(alarms, 1 - DOUBTS)) - sure
        values, intercept = fitted(rows, part)
        weights[name] = Weights(
            intercept=round(intercept - sure, 4),
            values=dict(zip(FEATURES, values.round(4).tolist(), strict=True)),
            doubtful=round(float(1 / (1 + np.exp(-doubtful))), 4),
        )
        measures += [
            {
                "part": name,
                "language": language,
                "corrections": int(own.sum()),
                "sure": float((right & (best > sure))[own].mean()),
                "sure or doubtful": float((right & (best > sure + doubtful))[own].mean()),
            }
            for language in sorted(set(languages))
            for own in [is_correction & inside & (languages == language)]
        ]
    return Trained(weights=weights, measures=measures)


def _held_out(
    rows: Rows, languages: NDArray[np.str_], part: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return each example's best score in a part of the rows, and whether it is of the gold.

    The scores are by weights that were learned without the example's language.
    """
    scores = np.full(len(rows.gold), -np.inf)
    for language in sorted(set(languages)):
        held_back = part & (languages[rows.example] == language)
        weights, intercept = fitted(rows, part & ~held_back)
        scores[held_back] = rows.matrix[held_back] @ weights + intercept
    scores[~plausible(rows.matrix)] = -np.inf
    return _best(rows, scores, len(languages))


def rows_of(memory: Memory, examples: Sequence[Example], ordinary: int) -> Rows:
    """Return the rows of examples; from the place `ordinary` on they are generated."""
    encoder = memory.engine.encoder
    known: dict[str, NDArray[np.float32]] = {}

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, encoder.documents(new), strict=True) if new else ())
        return np.stack([known[text] for text in texts])

    embed([text for example in examples for text in _texts(example)])  # few at a time is slow
    groups = _Groups(embed, calibration(encoder))
    matrix, gold, kind, place = [], [], [], []
    for number, example in enumerate(examples):
        of = groups.of(example)
        own = features(example.utterance, example.candidates, embed, calibration(encoder), of)
        rest = split_lead(example.utterance.text)[1]
        for row, candidate in zip(own, example.candidates, strict=True):
            if Pair(rest, candidate.text).differs:
                first = candidate is example.candidates[0]
                about = first or (example.gold is None and number >= ordinary)
                is_gold = first and example.gold == 0
                name = "corrections" if is_gold else "ordinary"
                kind.append((name if number < ordinary else "generated", 1 if about else BESIDE))
                matrix.append(row)
                gold.append(is_gold)
                place.append(number)
    weight = np.array([share for _, share in kind])
    for name, total in SHARES.items():
        of_kind = np.array([kind_name == name for kind_name, _ in kind])
        weight[of_kind] *= total / weight[of_kind].sum()
    return Rows(
        matrix=np.array(matrix),
        gold=np.array(gold),
        weight=weight,
        example=np.array(place, dtype=np.intp),
    )


def _texts(example: Example) -> Iterable[str]:
    lead, rest = split_lead(example.utterance.text)
    yield from (rest, lead or rest, example.utterance.reply or rest)
    for candidate in example.candidates:
        pair = Pair(rest, candidate.text)
        yield from (candidate.text, *pair.values, *pair.replaced)


class _Groups:
    """Lead-ins to compare an example's with: all, all others, or those of other languages.

    So the weights are learned for lead-ins that are known, and for those that are not.
    """

    def __init__(self, embed: Callable[[Sequence[str]], NDArray[np.float32]], scale: Any) -> None:
        self._embed, self._scale = embed, scale
        self._known: dict[tuple[str, str], LeadIns] = {}

    def of(self, example: Example) -> LeadIns:
        """Return the lead-ins for an example; which, is drawn by its text."""
        text = f"{example.language} {example.utterance.text}"
        draw = int(hashlib.blake2b(text.encode(), digest_size=4).hexdigest(), 16) % 3
        lead = split_lead(example.utterance.text)[0].casefold()
        key = [("", ""), (lead, ""), ("", example.language)][draw]
        if key not in self._known:
            corrects, goes_on = (
                [
                    text
                    for language, text in lead_ins(kind)
                    if language != key[1] and text.casefold() != key[0]
                ]
                for kind in ("corrects", "goes_on")
            )
            self._known[key] = LeadIns(self._embed(corrects), self._embed(goes_on), self._scale)
        return self._known[key]


def fitted(rows: Rows, used: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Return the weights and the intercept of a logistic regression on the rows that are used."""
    from scipy.optimize import minimize

    used = used & plausible(rows.matrix)
    matrix, gold, weight = rows.matrix[used], rows.gold[used], rows.weight[used]
    mean, spread = matrix.mean(axis=0), matrix.std(axis=0)
    spread[spread < 1e-9] = 1.0
    scaled = np.column_stack([(matrix - mean) / spread, np.ones(len(matrix))])
    pull = np.append(np.full(len(mean), PULL), 0.0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = scaled @ weights
        value = (weight * (np.logaddexp(0, scores) - gold * scores)).sum() + pull @ weights**2
        error = weight * (1 / (1 + np.exp(-scores)) - gold)
        return float(value), error @ scaled + 2 * pull * weights

    found = minimize(loss, np.zeros(scaled.shape[1]), jac=True, method="L-BFGS-B").x
    weights: Floats = found[:-1] / spread
    return weights, float(found[-1] - weights @ mean)


def _best(rows: Rows, scores: Floats, examples: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Return each example's best score, and whether that is of the record it corrects."""
    best, right = np.full(examples, -np.inf), np.zeros(examples, dtype=bool)
    for number, score, gold in zip(rows.example, scores, rows.gold, strict=True):
        if score > best[number]:
            best[number], right[number] = score, gold
    return best, right


def main(embedders: Sequence[str]) -> None:
    """Train weights, print their measures, and write the file."""
    weights = {}
    for embedder in embedders:
        done = train(embedder)
        weights[embedder] = {name: asdict(part) for name, part in done.weights.items()}
        for row in done.measures:
            print(json.dumps({"embedder": embedder, **row}))
    known = {kind: [text for _, text in lead_ins(kind)] for kind in ("corrects", "goes_on")}
    text = json.dumps({"weights": weights, "lead_ins": known}, indent=1, ensure_ascii=False)
    Path(FILE).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
