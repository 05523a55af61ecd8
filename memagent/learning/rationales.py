"""Rationales: worked solutions that were checked, kept to be shown with similar problems."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from memagent.learning.problems import Problem, is_duplicate
from memagent.memory.memory import Memory
from memagent.text.obfuscation import obfuscated
from memagent.types import Example, NewRecord, Record, Scope

Standing = Literal["right", "self-generated", "wrong", "undecided"]
"""Checked and right; kept by a vote without a check; checked and wrong; voted on without a
majority. The last two are warnings and are never shown."""
SHOWN: tuple[Standing, ...] = ("right", "self-generated")
WIDTH = 8
"""How many hits are looked at for each rationale wanted, of which several may be of one problem."""
MANY = 1_000_000
MIN_SHOWN = 5
"""A rationale is not judged before it was helpful or harmful so often."""
MIN_WIN_RATE = 0.4


@dataclass(frozen=True, kw_only=True, slots=True)
class Similar:
    """The rationales of similar problems, the most similar last.

    `guarded` counts those that were left out because they solve the asked problem itself.
    """

    records: tuple[Record, ...] = ()
    guarded: int = 0

    @property
    def examples(self) -> list[Example]:
        """The rationales as worked examples, in the same order."""
        return [example_of(record) for record in self.records]


class Rationales:
    """The worked solutions of one scope, after ARM-RAG (Melz 2023)."""

    def __init__(self, memory: Memory, scope: Scope) -> None:
        self._memory = memory
        self._scope = scope

    def keep(
        self, problem: Problem, solutions: Sequence[tuple[str, Standing, float]]
    ) -> Sequence[Record]:
        """Remember solutions of a problem, all or none, each once: text, standing, and share.

        The share is that of its answer among the samples.
        """
        return self.keep_all([(problem, solutions)])

    def keep_all(
        self, solved: Iterable[tuple[Problem, Sequence[tuple[str, Standing, float]]]]
    ) -> Sequence[Record]:
        """Remember solutions of many problems at once, as `keep` does."""
        notes = [
            _note(problem, text, standing, share)
            for problem, solutions in solved
            for text, standing, share in solutions
        ]
        return self._memory.add_many(notes, scope=self._scope)

    def done(self) -> set[str]:
        """Return the ids of the problems that have been worked on."""
        return {str(one.metadata["problem"]) for one in self.list(everything=True)}

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
        """Return the rationales of the problems most similar to a question, at most `k`.

        Together they have at most `tokens` tokens (of four characters). `obfuscate` searches with
        the question's structure: its names, numbers and things replaced. With `one_each` no two are
        of one problem. `guard` leaves out those of the question itself and of its duplicates, as an
        evaluation must.
        """
        query = obfuscated(question) if obfuscate else question
        hits = self._memory.search(
            query,
            scope=self._scope,
            k=WIDTH * k,
            kind="rationale",
            where=_whole(SHOWN),
        )
        chosen: list[Record] = []
        seen: set[str] = set()
        guarded, room = 0, tokens
        for hit in hits:
            record = hit.record
            problem = str(record.metadata["problem"])
            if len(chosen) == k or (one_each and problem in seen):
                continue
            if guard and is_duplicate(record.keys[0], question):
                guarded += 1
                continue
            size = (len(record.text) + 3) // 4
            if room is not None and size > room:
                continue
            room = None if room is None else room - size
            seen.add(problem)
            chosen.append(record)
        return Similar(records=tuple(reversed(chosen)), guarded=guarded)

    def list(self, *, everything: bool = False, warnings: bool = False) -> Sequence[Record]:
        """Return the rationales, newest first: with `everything` also retired ones and warnings."""
        where = _whole(get_args(Standing) if everything or warnings else SHOWN)
        return self._memory.list(
            scope=self._scope, limit=MANY, kind="rationale", where=where, everything=everything
        )

    def judge(self, ids: Sequence[str], *, right: bool, without: bool | None = None) -> int:
        """Count what came of showing rationales; return how many were counted.

        Where it is known whether the same question is answered right `without` them, only a
        difference counts; where not, a right answer counts for them and a wrong one against.
        """
        if right == without:
            return 0
        why = "shown with a question" + ("" if without is None else ", against none shown")
        return self._memory.changes.judge(
            ids, "helped" if right else "hurt", scope=self._scope, why=why
        ).changed

    def harmful(self, *, shown: int = MIN_SHOWN, below: float = MIN_WIN_RATE) -> Sequence[Record]:
        """Return the rationales that were judged so often and win too rarely."""
        return [
            one for one in self.list() if one.helped + one.hurt >= shown and win_rate(one) < below
        ]

    def retire(self, ids: Sequence[str], *, why: str | None = None) -> int:
        """Show these no more; return how many were shown before. `restore` undoes it."""
        return self._memory.changes.archive(self._own(ids), scope=self._scope, why=why).changed

    def restore(self, ids: Sequence[str], *, why: str | None = None) -> int:
        """Show retired rationales again; return how many were retired."""
        return self._memory.changes.restore(self._own(ids), scope=self._scope, why=why).changed

    def _own(self, ids: Sequence[str]) -> Sequence[str]:
        found = self._memory.get(ids, scope=self._scope)
        return [one.id for one in found if "solution" in one.metadata]


def win_rate(record: Record) -> float:
    """Return how often showing a rationale helped: the mean of a Beta posterior from (1, 1)."""
    return (record.helped + 1) / (record.helped + record.hurt + 2)


def example_of(record: Record) -> Example:
    """Return a rationale as a worked example."""
    told = record.metadata
    given = told.get("evidence")
    evidence = tuple(str(one) for one in given) if isinstance(given, list) else ()
    return Example(evidence=evidence, question=str(told["question"]), answer=str(told["text"]))


def _whole(standings: Sequence[Standing]) -> Mapping[str, Any]:
    """Return what tells rationales of some standings from records that only claim to be such."""
    parts: dict[str, Any] = {name: {"exists": True} for name in ("problem", "question", "text")}
    return parts | {"solution": {"in": list(standings)}}


def _note(problem: Problem, text: str, standing: Standing, share: float) -> NewRecord:
    told = "\n".join([*problem.evidence, problem.question])
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
        text=f"{told}\n\n{text}",
        keys=(told,),
        kind="rationale",
        evidence=False,
        metadata=metadata,
    )
