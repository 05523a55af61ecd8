"""Ranking learned from a user's own outcomes: which of the shown records helped, and which hurt.

A question teaches something where one of the records shown for it is known to be right:

- it helped, by a verdict on the record;
- the answer was good, and of the records shown with it this one holds most of its words that are
  not the question's, weighted by rarity: it was cited;
- a correction took its place: it is what the answer should have come from.

All other candidates count as wrong: most of them are, and what was not shown keeps its place beside
what was, unless the verdicts speak for another.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.memory.engine import Engine
from memagent.recall import learned_ranking, training
from memagent.recall.features import FEATURES, Examined
from memagent.recall.ranker import Ranker, shipped
from memagent.recall.training import TrainingQuestion
from memagent.stores.banks.candidates import Candidates
from memagent.stores.banks.episodic import PrecomputedVectors
from memagent.stores.database.filters import Filter
from memagent.stores.database.writer import Trace
from memagent.stores.lifecycle import outcomes, retention, undo
from memagent.stores.lifecycle.outcomes import QuestionOutcomes
from memagent.text.words import query_words
from memagent.types import Change, NewRecord, Record, Scope

logger = logging.getLogger(__name__)

LEAST = 10
"""Questions that a ranking is learned from, at least."""
PULL = 2.0
"""Pull toward the shipped weights, to be divided by the number of questions."""
BEYOND = 1.64
"""Standard errors that a gain must exceed: of rankings that are no better, one in twenty does."""
DEPTH = 50
"""Number of records that candidates are gathered for."""
LISTED = 10_000
"""Number of changes that are looked through for corrections."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnedRanking:
    """Result of learning a ranking: how well it finds what was right, and whether it is kept.

    `before` and `after` are the mean reciprocal ranks of the right record, by the shipped weights
    and by learned ones, each question held back from those that rank it. `questions` counts what
    was learned from. `change` is what was kept; without one, `why` says what speaks against it.
    """

    questions: int
    before: float = 0.0
    after: float = 0.0
    change: Change | None = None
    why: str = ""


def learn(engine: Engine, scope: Scope, *, check: bool, trace: Trace) -> LearnedRanking:
    """Learn a ranking from a scope's outcomes, and keep it if a `check` does not speak against it.

    The check ranks each question by weights that were learned from the others.
    """
    questions = questions_of(engine, scope)
    if len(questions) < LEAST:
        why = f"{len(questions)} judged questions with a record known as right; it takes {LEAST}"
        return LearnedRanking(questions=len(questions), why=why)
    start = shipped()
    before = reciprocal_ranks(questions, [_scores(start, one) for one in questions])
    pull = PULL / len(questions)
    held_back = training.cross_validated(questions, start=start, pull=pull)
    after = reciprocal_ranks(questions, held_back)
    result = LearnedRanking(
        questions=len(questions), before=float(before.mean()), after=float(after.mean())
    )
    if check and not is_better(before, after):
        logger.info("a learned ranking is not kept: %s", result)
        return replace(result, why="it is no better on questions that it was not learned from")
    ranker = training.train(questions, start=start, pull=pull)
    logger.info("a learned ranking is kept: %s", result)
    return replace(result, change=_keep(engine, scope, ranker, result, trace))


def is_better(before: NDArray[np.float64], after: NDArray[np.float64]) -> bool:
    """Tell whether reciprocal ranks (questions) rose by more than chance: z above `BEYOND`."""
    gain = after - before
    return bool(gain.mean() > BEYOND * gain.std(ddof=1) / np.sqrt(len(gain)))


def reciprocal_ranks(
    questions: Sequence[TrainingQuestion], scores: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return 1 / rank of the best of the right candidates of each question."""
    best = [
        own[question.gold].max(initial=-np.inf)
        for question, own in zip(questions, scores, strict=True)
    ]
    return np.array([1 / max(1, (own >= top).sum()) for own, top in zip(scores, best, strict=True)])


def _scores(ranker: Ranker, question: TrainingQuestion) -> NDArray[np.float64]:
    return ranker.scores(question.matrix, question.types)


def questions_of(engine: Engine, scope: Scope) -> list[TrainingQuestion]:
    """Return the questions of a scope that teach something, oldest first."""
    found = []
    for outcome in outcomes.judged(engine.store, scope):
        gold = _gold(engine, scope, outcome)
        text, at = outcome.question.text, outcome.question.created
        found.append(_question(engine, scope, text, at, gold, outcome))
    for change in undo.changes(engine.store, scope, LISTED):
        if change.superseded and change.undone is None and change.asked:
            (lesson,) = engine.store.read.get(scope, [change.id])
            at = lesson.valid_from - timedelta(microseconds=1)
            found.append(_question(engine, scope, change.asked, at, {change.superseded}))
    return [question for question in found if question is not None]


def _gold(engine: Engine, scope: Scope, outcome: QuestionOutcomes) -> Collection[str]:
    """Return the ids of the records that are known as right for a question."""
    helped = set(outcome.helped)
    if outcome.reply is None or not helped >= set(outcome.shown) or len(helped) == 1:
        return helped
    return _cited(engine, scope, outcome.question, outcome.reply, helped)


def _cited(
    engine: Engine, scope: Scope, question: Record, reply: Record, shown: Collection[str]
) -> set[str]:
    """Return which of the shown records hold most of what a reply says beyond the question."""
    asked = set(query_words(question.text))
    said = " ".join(word for word in query_words(reply.text) if word not in asked)
    if not said:
        return set()
    where = Filter(scope=scope, evidence=True, as_of=question.created)
    found = engine.bank.candidates.search(said, engine.encoder.query(said), where, DEPTH)
    held = found.covered(found.holds)
    by_id = dict(zip(_ids(engine, found), held.tolist(), strict=False))
    most = max((by_id.get(id, 0.0) for id in shown), default=0.0)
    return {id for id in shown if by_id.get(id, 0.0) == most > 0}


def _question(
    engine: Engine,
    scope: Scope,
    text: str,
    at: datetime,
    gold: Collection[str],
    outcome: QuestionOutcomes | None = None,
) -> TrainingQuestion | None:
    """Return what a question teaches, None if none of its candidates is right, or all are.

    Its candidates are what held when it was asked.
    """
    where = Filter(scope=scope, evidence=True, as_of=at)
    seen = engine.pipeline.examine(text, engine.encoder.query(text), where, DEPTH)
    ids = _ids(engine, seen.candidates)
    if len(ids) != len(seen.types):
        return None  # something was forgotten just now
    right = np.array([id in gold for id in ids], dtype=bool)
    if right.all() or not right.any():
        return None
    matrix = _without_own(seen, ids, outcome) if outcome else seen.matrix
    return TrainingQuestion(
        matrix=matrix,
        types=seen.types,
        gold=right,
        group=" ".join(text.casefold().split()),
    )


def _ids(engine: Engine, found: Candidates) -> list[str]:
    return [record.id for record in engine.store.read.records(found.records.tolist())]


def _without_own(
    seen: Examined, ids: Sequence[str], outcome: QuestionOutcomes
) -> NDArray[np.float64]:
    """Return the features as they were before this question's outcome was counted."""
    matrix = seen.matrix.copy()
    names = list(FEATURES)
    for name, judged in (("helped", outcome.helped), ("hurt", outcome.hurt)):
        column = names.index(name)
        for row, id in enumerate(ids):
            if id in judged:
                share = matrix[row, column]
                count = max(0.0, 2 * share / (1 - share) - 1)
                matrix[row, column] = count / (count + 2)
    return matrix


def _keep(
    engine: Engine, scope: Scope, ranker: Ranker, result: LearnedRanking, trace: Trace
) -> Change:
    """Write a learned ranking in the place of the one before."""
    text = (
        f"Ranking learned from {result.questions} questions: the right record at a mean reciprocal"
        f" rank of {result.after:.3f}, by the shipped weights {result.before:.3f}."
    )
    precomputed = PrecomputedVectors(engine.embed([text]), engine.encoder.check())
    with engine.store.transaction():
        old = engine.rankings.record(scope)
        change: dict[str, Any] = {
            "feedback": learned_ranking.CHANGE,
            "said": "",
            "asks": [],
            "superseded": old.id if old else None,
            "valid_to": None,
            "retired": [],
        }
        lesson = NewRecord(
            text=text,
            kind="lesson",
            valid_from=engine.store.now(scope.user),
            evidence=False,
            supersedes=old.id if old else None,
            sources=(outcomes.RANKING,),
            metadata={
                "asked": "",
                "answered": "",
                "change": change,
                learned_ranking.CHANGE: ranker.to_dict(),
            },
        )
        (record,) = engine.bank.write(
            [lesson], scope, engine.embed, precomputed=precomputed, trace=trace
        )
        retention.archive(engine.store, [record], trace=Trace(why="no search finds it"))
    return undo.change_of(engine.store, record)
