"""Rationales: worked solutions, stored to be shown with similar problems."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from memagent.learning.problems import Problem, is_duplicate
from memagent.memory.memory import Memory
from memagent.text.obfuscation import obfuscated
from memagent.types import Example, NewRecord, Outcome, Record, Scope

Standing = Literal["right", "self-generated", "wrong", "undecided"]
"""Checked and right; kept by a majority vote; checked and wrong; without a majority. The last two
are warnings and are never shown."""
SHOWN: tuple[Standing, ...] = ("right", "self-generated")
HITS_PER_RATIONALE = 8
"""The hits searched for each rationale to show, since several may solve the same problem."""
NO_LIMIT = 1_000_000
MIN_SHOWN = 5
"""The number of outcomes before a rationale may count as harmful."""
MIN_WIN_RATE = 0.4
"""A rationale with a lower win rate is harmful."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Similar:
    """The rationales of similar problems, the most similar last.

    `guarded` counts those left out because they solve the same problem.
    """

    records: tuple[Record, ...] = ()
    guarded: int = 0

    @property
    def examples(self) -> list[Example]:
        """The rationales as few-shot examples, in the same order."""
        return [example_of(record) for record in self.records]


class Rationales:
    """The worked solutions of one scope, after ARM-RAG (Melz 2023)."""

    def __init__(self, memory: Memory, scope: Scope) -> None:
        self._memory = memory
        self._scope = scope

    def keep(
        self,
        problem: Problem,
        solutions: Sequence[tuple[str, Standing, float]],
        examples: Sequence[Example] = (),
    ) -> Sequence[Record]:
        """Store solutions of a problem, all or none, each once.

        A solution is its text, its standing, and the share of its answer among the samples. It is
        forgotten with the records of the few-shot `examples` that the model saw before it.

        Raises:
            ForgottenMeanwhile: one of these is forgotten already.
        """
        shown = [example.record for example in examples if example.record is not None]
        engine = self._memory.engine
        return engine.bank.write(
            [_record(problem, *solution) for solution in solutions],
            self._scope,
            engine.embed,
            shown=dict.fromkeys(range(len(solutions)), shown) if shown else {},
        )

    def keep_all(
        self, solved: Iterable[tuple[Problem, Sequence[tuple[str, Standing, float]]]]
    ) -> Sequence[Record]:
        """Store solutions of several problems at once, as `keep` does."""
        records = [
            _record(problem, text, standing, share)
            for problem, solutions in solved
            for text, standing, share in solutions
        ]
        return self._memory.add_many(records, scope=self._scope)

    def done(self) -> set[str]:
        """Return the ids of the problems with stored solutions, right or wrong."""
        return {str(record.metadata["problem"]) for record in self.list(everything=True)}

    def similar(
        self,
        question: str,
        *,
        k: int = 3,
        tokens: int | None = None,
        obfuscate: bool = False,
        one_each: bool = True,
        guard: bool = False,
    ) -> Similar:
        """Return at most `k` rationales of the problems most similar to a question.

        Together they have at most `tokens` tokens (of four characters each). `obfuscate` searches
        by the question's structure: its names, numbers and things are replaced. With `one_each`, no
        two solve the same problem. `guard` leaves out those of the question itself and of its
        duplicates, as an evaluation must.
        """
        query = obfuscated(question) if obfuscate else question
        hits = self._memory.search(
            query,
            scope=self._scope,
            k=HITS_PER_RATIONALE * k,
            kind="rationale",
            where=_complete(SHOWN),
        )
        chosen: list[Record] = []
        seen: set[str] = set()
        guarded, left = 0, tokens
        for hit in hits:
            record = hit.record
            problem = str(record.metadata["problem"])
            if len(chosen) == k or (one_each and problem in seen):
                continue
            if guard and is_duplicate(record.keys[0], question):
                guarded += 1
                continue
            size = (len(record.text) + 3) // 4
            if left is not None and size > left:
                continue
            left = None if left is None else left - size
            seen.add(problem)
            chosen.append(record)
        return Similar(records=tuple(reversed(chosen)), guarded=guarded)

    def list(self, *, everything: bool = False, warnings: bool = False) -> Sequence[Record]:
        """Return the rationales, newest first; with `everything` also retired ones and warnings."""
        where = _complete(get_args(Standing) if everything or warnings else SHOWN)
        return self._memory.list(
            scope=self._scope, limit=NO_LIMIT, kind="rationale", where=where, everything=everything
        )

    def judge(self, ids: Sequence[str], *, right: bool, without: bool | None = None) -> int:
        """Count the outcome of showing rationales; return the number counted.

        If it is known whether the answer is right `without` them, only a difference counts; if not,
        a right answer counts for them and a wrong one against.
        """
        if right == without:
            return 0
        why = "shown with a question" + ("" if without is None else ", against none shown")
        outcome: Outcome = "helped" if right else "hurt"
        return self._memory.changes.judge(ids, outcome, scope=self._scope, why=why).changed

    def harmful(self, *, shown: int = MIN_SHOWN, below: float = MIN_WIN_RATE) -> Sequence[Record]:
        """Return the rationales with `shown` outcomes or more and a win rate below `below`."""
        return [
            record
            for record in self.list()
            if record.helped + record.hurt >= shown and win_rate(record) < below
        ]

    def retire(self, ids: Sequence[str], *, why: str | None = None) -> int:
        """Archive rationales, so that they are no longer shown; return how many were shown."""
        return self._memory.changes.archive(
            self._only_rationales(ids), scope=self._scope, why=why
        ).changed

    def restore(self, ids: Sequence[str], *, why: str | None = None) -> int:
        """Bring retired rationales back; return how many were retired."""
        return self._memory.changes.restore(
            self._only_rationales(ids), scope=self._scope, why=why
        ).changed

    def _only_rationales(self, ids: Sequence[str]) -> Sequence[str]:
        found = self._memory.get(ids, scope=self._scope)
        return [record.id for record in found if "solution" in record.metadata]


def win_rate(record: Record) -> float:
    """Return the share of outcomes where a rationale helped: the mean of a Beta(1, 1) posterior."""
    return (record.helped + 1) / (record.helped + record.hurt + 2)


def example_of(record: Record) -> Example:
    """Return a rationale as a few-shot example."""
    metadata = record.metadata
    lines = metadata.get("evidence")
    evidence = tuple(str(line) for line in lines) if isinstance(lines, list) else ()
    return Example(
        evidence=evidence,
        question=str(metadata["question"]),
        answer=str(metadata["text"]),
        record=record.seq,
    )


def _complete(standings: Sequence[Standing]) -> Mapping[str, Any]:
    """Return the metadata filter for rationales of some standings that have all their fields."""
    parts: dict[str, Any] = {name: {"exists": True} for name in ("problem", "question", "text")}
    return parts | {"solution": {"in": list(standings)}}


def _record(problem: Problem, text: str, standing: Standing, share: float) -> NewRecord:
    key = "\n".join([*problem.evidence, problem.question])
    metadata: dict[str, Any] = {
        "solution": standing,
        "problem": problem.id,
        "question": problem.question,
        "text": text,
        "share": round(share, 4),
    }
    if problem.evidence:
        metadata["evidence"] = list(problem.evidence)
    return NewRecord(
        text=f"{key}\n\n{text}",
        keys=(key,),
        kind="rationale",
        evidence=False,
        metadata=metadata,
    )
