"""Detector of spoken corrections: the record of a user that a new statement contradicts, if any.

"No, she moved to Linz." corrects the record behind the reply before it, "Actually, it's Thursday."
what the user said before. A statement is compared with the newest ones of its session, with what
the reply before was made from, and with what was recalled for it: a logistic regression over
features that know no language (`memagent.feedback.correction_features`). Its weights, for each
embedder that memagent brings one set for statements with a denial and one for the others, and the
lead-ins are in `spoken.json`, made by `memagent.evals.tasks.corrections.training`.
"""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from memagent.embedding.calibration import calibration
from memagent.feedback.correction_features import (
    FEATURES,
    Candidate,
    Floats,
    LeadIns,
    Pair,
    Utterance,
    features,
    has_denial,
    plausible,
    split_lead,
)
from memagent.memory.memory import Memory
from memagent.stores.database.filters import Filter
from memagent.types import Answer, PastTurn, Record, Scope

logger = logging.getLogger(__name__)

FILE = "spoken.json"
OTHER = "all-MiniLM-L6-v2"
"""Embedder whose weights are used with one that has none."""
NEWEST = 6
"""Statements of the session that a new one is compared with."""
SURE = 0.5
"""Score from which on a record is taken for corrected."""
MAX_CHARS = 300
"""Characters of a statement, and of a record that it may correct, at most."""
KINDS = ("episode", "lesson")
"""Kinds of records that a user states, or teaches."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """A record, and the statement that seems to correct it.

    From a `score` of `SURE` on, of 1 at most, it is taken for a correction; below it may still be
    `doubtful`.
    """

    record: Record
    statement: Record
    score: float
    doubtful: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """Weights of the features; a score below `SURE` is doubtful from `doubtful` on."""

    intercept: float
    values: Mapping[str, float]
    doubtful: float

    def scores(self, matrix: Floats) -> Floats:
        """Return the score of each row (candidates x FEATURES), in [0, 1]."""
        weights = np.array([self.values.get(name, 0.0) for name in FEATURES])
        scores = 1 / (1 + np.exp(-(self.intercept + matrix @ weights)))
        return np.where(plausible(matrix), scores, 0.0)


@cache
def shipped() -> Mapping[str, Any]:
    """Return the shipped weights by embedder, and the lead-ins, as they are in the file."""
    data: Mapping[str, Any] = json.loads(
        files("memagent.feedback").joinpath(FILE).read_text(encoding="utf-8")
    )
    return data


class Detector:
    """Finds what a statement corrects, in one memory."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._encoder = memory.engine.encoder
        by_embedder = shipped()["weights"]
        parts = by_embedder.get(self._encoder.name, by_embedder[OTHER])
        self._denied, self._plain = (Weights(**parts[name]) for name in ("denied", "plain"))
        self._lead_ins: LeadIns | None = None

    def ranked(
        self,
        statement: Record,
        turn: PastTurn | None,
        answer: Answer | None,
        scope: Scope,
        recalled: Sequence[Record] = (),
    ) -> list[Correction]:
        """Return what a statement may correct, the likeliest first; none need be likely.

        `turn` and `answer` are those before the statement, None if there was none. `scope` is the
        session; `recalled` are records of the user that were recalled for the statement.
        """
        if not statement.evidence or len(statement.text) > MAX_CHARS:
            return []
        said, reply = turn or ("", "")
        records = self._records(statement, answer, scope, recalled)
        if not records:
            return []
        last = set(turn.records) if turn else set()
        shown = set(answer.memories) if answer else set()
        newest = {record.id for record in self._newest(scope)}
        candidates = [
            Candidate(
                text=record.text,
                ago=1 if record.seq in last else 2 * (record.id in newest),
                shown=record.id in shown,
            )
            for record in records
        ]
        matrix = features(
            Utterance(text=statement.text, said=said, reply=reply[:MAX_CHARS]),
            candidates,
            self._encoder.documents,
            calibration(self._encoder),
            self._known_lead_ins(),
        )
        weights = self._denied if has_denial(matrix) else self._plain
        found = [
            Correction(
                record=record, statement=statement, score=score, doubtful=score >= weights.doubtful
            )
            for record, score in zip(records, weights.scores(matrix).tolist(), strict=True)
        ]
        return sorted(found, key=lambda each: each.score, reverse=True)

    def _newest(self, scope: Scope) -> list[Record]:
        where = Filter(scope=scope, evidence=True)
        return self._memory.engine.store.read.newest(where, NEWEST + 1)

    def _records(
        self,
        statement: Record,
        answer: Answer | None,
        scope: Scope,
        recalled: Sequence[Record] = (),
    ) -> list[Record]:
        """Return the records that a statement may correct, each once."""
        wide, (_, rest) = scope.across_sessions(), split_lead(statement.text)
        shown = self._memory.get(answer.memories, scope=wide) if answer else ()
        found = [*self._newest(scope), *shown, *recalled]
        return [
            record
            for record in _each_once(found)
            if record.seq < statement.seq and _may_be_corrected(record) and _differ(rest, record)
        ]

    def _known_lead_ins(self) -> LeadIns:
        if self._lead_ins is None:
            known, engine = shipped()["lead_ins"], self._memory.engine
            vectors = [engine.embed(known[kind]) for kind in ("corrects", "goes_on")]
            self._lead_ins = LeadIns(vectors[0], vectors[1], calibration(self._encoder))
        return self._lead_ins


def _each_once(records: Iterable[Record]) -> Sequence[Record]:
    return list({record.id: record for record in records}.values())


def _may_be_corrected(record: Record) -> bool:
    """Tell whether a record is a statement of the user that still holds."""
    return (
        record.kind in KINDS
        and record.evidence
        and record.role in (None, "user")
        and not record.superseded
        and record.archived is None
        and len(record.text) <= MAX_CHARS
    )


def _differ(rest: str, record: Record) -> bool:
    return Pair(rest, record.text).differs
