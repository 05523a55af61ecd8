"""Training of the shipped ranker: its weights by type of record, cross-validated on each set.

Every set is searched through the memory's own candidates and features. The weights of a type are
learned from the sets of that type. A question is ranked, for the measures, by weights that were
learned without its conversation, article or task.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from memagent.embedding.open_embedder import open_embedder
from memagent.evals.metrics.retrieval import hit_rate
from memagent.evals.tasks.ranking.sets import Corpus, Question, RankingSet, drawn
from memagent.memory.memory import Memory
from memagent.recall.features import FEATURES, TYPES
from memagent.recall.ranker import Ranker, Weights
from memagent.recall.training import TrainingQuestion, cross_validated, train
from memagent.stores.database.filters import Filter
from memagent.types import Scope

logger = logging.getLogger(__name__)

DEPTH = 20
"""Number of records that candidates are gathered for, as many as a question is shown."""
CUTOFFS = (1, 5, 10)
Scores = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Examples:
    """Questions of one set as the trainer reads them, and the relevance of their candidates."""

    of: RankingSet
    questions: Sequence[TrainingQuestion]
    relevance: Sequence[Scores]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """Trained ranker, and its measures on each set beside those of other rankings."""

    ranker: Ranker
    measures: list[dict[str, Any]]


def examples_of(
    sets: Sequence[RankingSet],
    embedder: str | Embeddings | None = None,
    *,
    limit: int | None = None,
    seed: int = 0,
    progress: Callable[[str], None] = lambda name: None,
) -> list[Examples]:
    """Return the examples of sets, at most `limit` questions of each; `progress` names each set.

    A set that names an embedder is searched with that one, the others with `embedder`.

    Raises:
        WeightsMissing: the weights of an embedder are not on this disk; says what to install.
    """
    named = {name: open_embedder(name) for name in {one.embedder for one in sets} if name}
    found = []
    for one in sets:
        progress(f"{one.type}: {one.name}")
        own = named[one.embedder] if one.embedder else embedder
        with Memory.in_memory(embedder=own) as memory:
            found.append(_examples(memory, one, drawn(one, limit, seed)))
        logger.info("%s: %d questions", one.name, len(found[-1].questions))
    return found


def _examples(memory: Memory, of: RankingSet, asked: Sequence[tuple[Corpus, Question]]) -> Examples:
    written: set[str] = set()
    questions, relevance = [], []
    for corpus, question in asked:
        scope = Scope(corpus.name)
        if corpus.name not in written:
            corpus.write(memory, scope)
            written.add(corpus.name)
        engine = memory.engine
        where = Filter(scope=scope, as_of=question.asked_at)
        seen = engine.pipeline.examine(
            question.text, engine.encoder.query(question.text), where, DEPTH
        )
        found = seen.candidates
        ids = {
            record.seq: record.id for record in engine.store.read.records(found.records.tolist())
        }
        gold = np.array([ids[seq] in question.gold for seq in found.records.tolist()], dtype=bool)
        example = TrainingQuestion(
            matrix=seen.matrix, types=seen.types, gold=gold, group=question.group
        )
        questions.append(example)
        relevance.append(seen.relevance)
    return Examples(of=of, questions=questions, relevance=relevance)


def train_ranker(examples: Sequence[Examples], shipped: Ranker, *, every: bool = False) -> Trained:
    """Return a ranker trained on sets, with its cross-validated measures.

    Of each type of record those features are used that the shipped weights name, or `every` one. A
    type without a set keeps the shipped weights.
    """
    weights = dict(shipped.weights)
    measures: list[dict[str, Any]] = []
    for type_ in TYPES:
        own = [one for one in _weighted(examples) if one.of.type == type_]
        questions = [question for one in own for question in one.questions]
        if not questions:
            continue
        used = FEATURES if every else shipped.weights[type_].values.keys()
        trained = train(questions, features=used).weights[type_]
        values = {name: value for name, value in trained.values.items() if name in used}
        weights[type_] = Weights(trained.intercept, values)
        held_back = iter(cross_validated(questions, features=used))
        for one in own:
            rankings = {
                "trained": [next(held_back) for _ in one.questions],
                "shipped": [shipped.scores(q.matrix, q.types) for q in one.questions],
                "relevance": one.relevance,
            }
            measures += [_row(one, name, scores) for name, scores in rankings.items()]
    return Trained(ranker=Ranker(weights), measures=measures)


def _weighted(examples: Sequence[Examples]) -> list[Examples]:
    """Return examples of which each family counts as much, and within it each set."""
    families: dict[str, int] = {}
    for one in examples:
        families[one.of.family] = families.get(one.of.family, 0) + 1
    return [
        replace(
            one,
            questions=[
                replace(question, weight=1 / families[one.of.family] / len(one.questions))
                for question in one.questions
            ],
        )
        for one in examples
    ]


def _row(examples: Examples, ranking: str, scores: Sequence[Scores]) -> dict[str, Any]:
    hits = [
        [bool(question.gold[place]) for place in np.argsort(-own, kind="stable").tolist()]
        for question, own in zip(examples.questions, scores, strict=True)
    ]
    row: dict[str, Any] = {
        "type": examples.of.type,
        "set": examples.of.name,
        "ranking": ranking,
        "n": len(hits),
        "found": _mean([any(found) for found in hits]),
    }
    return row | {f"any@{k}": _mean([hit_rate(found, k) for found in hits]) for k in CUTOFFS}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
