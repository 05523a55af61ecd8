import numpy as np
import pytest

from memagent.recall.features import FEATURES, TYPES
from memagent.recall.ranker import Ranker, Weights
from memagent.recall.training import (
    TrainingQuestion,
    cross_validated,
    folds_of,
    train,
    zero,
)

NAMES = list(FEATURES)


def ranker(intercept: float = 0.0, **values: float) -> Ranker:
    """Return a ranker with the same weights for every type of record."""
    every = {name: values.get(name, 0.0) for name in NAMES}
    return Ranker({type_: Weights(intercept=intercept, values=every) for type_ in TYPES})


def drawn(teacher: Ranker, n: int, *, seed: int = 0, type_: str = "turn") -> list[TrainingQuestion]:
    """Return questions whose right candidate is drawn by the softmax of a teacher's scores."""
    rng, questions = np.random.default_rng(seed), []
    weights = teacher.weights["turn"].values
    line = np.array([weights[name] for name in NAMES])
    for number in range(n):
        matrix = rng.random((20, len(NAMES)))
        powers = np.exp(matrix @ line)
        gold = np.zeros(20, dtype=bool)
        gold[rng.choice(20, p=powers / powers.sum())] = True
        types = [type_] * 20
        questions.append(
            TrainingQuestion(matrix=matrix, types=types, gold=gold, group=f"talk {number}")  # type: ignore[arg-type]
        )
    return questions


def test_known_weights_are_found_again() -> None:
    teacher = ranker(meaning=6.0, words=3.0, asks=-2.0, user=1.0)
    found = train(drawn(teacher, 3_000), pull=1e-5).weights["turn"].values
    for name in ("meaning", "words", "asks", "user"):
        assert found[name] / found["meaning"] == pytest.approx(
            teacher.weights["turn"].values[name] / 6.0, abs=0.1
        )
    assert max(abs(found[name]) for name in ("bm25", "window", "recency")) < 0.1 * found["meaning"]


def test_a_weight_keeps_its_sign() -> None:
    teacher = ranker(meaning=-4.0, asks=4.0, recency=-2.0, words=3.0)
    found = train(drawn(teacher, 500)).weights["turn"].values
    assert found["meaning"] == 0
    assert found["asks"] == 0
    assert found["recency"] < -0.5
    assert found["words"] > 0.5


def test_scores_are_probabilities_where_half_of_the_candidates_are_right() -> None:
    questions = drawn(ranker(meaning=8.0), 500)
    trained = train(questions)
    scores = np.concatenate([trained.scores(one.matrix, one.types) for one in questions])
    gold = np.concatenate([one.gold for one in questions])
    weights = np.where(gold, 0.5 / gold.sum(), 0.5 / (~gold).sum())
    assert (weights * scores).sum() == pytest.approx(0.5, abs=0.01)
    likely = scores > np.quantile(scores, 0.9)
    right = weights[likely & gold].sum() / weights[likely].sum()
    assert np.average(scores[likely], weights=weights[likely]) == pytest.approx(right, abs=0.05)


def test_few_questions_move_little_and_many_much() -> None:
    start, teacher = ranker(meaning=4.0, intercept=-3.0), ranker(meaning=4.0, user=3.0)
    few = train(drawn(teacher, 5), start=start, pull=1.0)
    many = train(drawn(teacher, 500), start=start, pull=1e-3)
    assert 0 < few.weights["turn"].values["user"] < many.weights["turn"].values["user"]
    assert many.weights["turn"].values["user"] == pytest.approx(3.0, abs=0.5)
    assert many.weights["note"] == start.weights["note"]


def test_the_level_of_scores_stays_where_training_starts() -> None:
    start = ranker(meaning=4.0, intercept=-3.0)
    questions = drawn(ranker(meaning=4.0, user=3.0), 200)
    matrix = np.concatenate([one.matrix for one in questions])
    types = ["turn"] * len(matrix)
    before, after = (
        np.log(scores / (1 - scores)).mean()
        for scores in (
            start.scores(matrix, types),  # type: ignore[arg-type]
            train(questions, start=start).scores(matrix, types),  # type: ignore[arg-type]
        )
    )
    assert after == pytest.approx(before, abs=1e-6)


def test_without_a_right_candidate_nothing_is_learnt() -> None:
    start = ranker(meaning=4.0)
    (question,) = drawn(start, 1)
    none = TrainingQuestion(
        matrix=question.matrix, types=question.types, gold=np.zeros(20, dtype=bool), group="a"
    )
    assert train([none], start=start) is start
    assert train([]).weights == zero().weights


def test_cross_validation_scores_each_group_by_a_ranker_that_has_not_seen_it() -> None:
    fold = folds_of(["a", "b", "a", "c", "b"], 2)
    assert fold[0] == fold[2]
    assert fold[1] == fold[4]
    assert set(fold) == {0, 1}
    teacher = ranker(meaning=6.0)
    questions = drawn(teacher, 40)
    strange = [
        TrainingQuestion(matrix=one.matrix, types=one.types, gold=one.gold, group="one group")
        for one in questions
    ]
    start = ranker(words=1.0)
    together = cross_validated(strange, start=start)
    assert all(
        np.array_equal(scores, start.scores(one.matrix, one.types))
        for scores, one in zip(together, strange, strict=True)
    )
    apart = cross_validated(questions, start=start)
    better = [
        scores[one.gold][0] - start.scores(one.matrix, one.types)[one.gold][0]
        for scores, one in zip(apart, questions, strict=True)
    ]
    assert np.mean(better) > 0
