"""Arms of forgetting by request: ways to choose what a request means, and what then is erased."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from memagent.evals.arm import ArmName, Parts, Reply
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.forgetting.cases import ForgetCase
from memagent.memory.deletion_probes import Target
from memagent.memory.memory import Memory
from memagent.types import Answer, Recollection, Record, Scope, Timings

Choose = Callable[[Memory, ForgetCase, Scope], Sequence[str]]
"""A memory, a case and its scope in; the ids of the records to erase out."""
MOST = 100
"""More records than any case has."""
COVERED = 0.5
"""Share of the request's words, by rarity, that a record must hold for `words` to take it."""
_START = datetime(2026, 1, 1, tzinfo=UTC)


def _by_request(memory: Memory, case: ForgetCase, scope: Scope) -> Sequence[str]:
    return memory.probes.forgettable(case.question, scope=scope).ids


def _first(k: int) -> Choose:
    def choose(memory: Memory, case: ForgetCase, scope: Scope) -> Sequence[str]:
        hits = memory.search(case.question, scope=scope, k=k, roles="all")
        return [hit.record.id for hit in hits]

    return choose


def _by_words(memory: Memory, case: ForgetCase, scope: Scope) -> Sequence[str]:
    hits = memory.search(case.question, scope=scope, k=MOST, roles="all")
    return [hit.record.id for hit in hits if hit.why["words"] >= COVERED]


CHOOSE: dict[str, Choose] = {
    "memory": _by_request,
    "search-1": _first(1),
    "search-5": _first(5),
    "words": _by_words,
    "nothing": lambda memory, case, scope: (),
    "everything": lambda memory, case, scope: [str(place) for place, _ in case.facts],
    "oracle": lambda memory, case, scope: case.gold,
}
"""The product's own choice; the first hits; what shares half of the words; and three bounds."""


class ForgetArm:
    """One way to choose; the notes are written, the chosen ones erased, and the rest read again.

    Raises:
        InvalidInput: there is no such arm.
    """

    def __init__(self, name: ArmName, task: Task, parts: Parts) -> None:
        name.check(CHOOSE)
        self.name = name
        self._memory = parts.memory

    def ask(self, sample: Sample) -> Reply:
        """Erase what a request means, and say what went and which words are left."""
        case, memory = cast(ForgetCase, sample), self._memory
        scope = Scope(user=f"{self.name}/{case.story}")
        memory.forget(scope=scope, everything=True)
        memory.add_messages(_messages(case), scope=scope)
        started = time.perf_counter()
        ids = list(CHOOSE[self.name.kind](memory, case, scope))
        seconds = time.perf_counter() - started
        target = memory.probes.target(ids, scope=scope) if ids and case.probed else None
        if ids:
            memory.forget(ids, scope=scope)
        left = memory.list(scope=scope, limit=MOST, everything=True)
        known = _known(memory, target) if target else None
        memory.forget(scope=scope, everything=True)
        return _reply(case, left, known, seconds)


def _known(memory: Memory, target: Target) -> bool:
    """Tell whether a deletion probe still finds something.

    The files are not read for it: cases that are asked side by side have bytes of their own there.
    """
    probes = memory.probes.check(target).probes
    return any(probe.after for probe in probes if probe.kind != "bytes")


def _messages(case: ForgetCase) -> list[dict[str, object]]:
    """Return the notes as messages, a minute apart, with their places as ids."""
    return [
        {
            "id": str(place),
            "role": note.role,
            "content": note.text,
            "timestamp": _START + timedelta(minutes=place),
        }
        for place, note in enumerate(case.notes, start=1)
    ]


def _reply(case: ForgetCase, left: Sequence[Record], known: bool | None, seconds: float) -> Reply:
    there = {int(record.id) for record in left}
    erased = [(place, text) for place, text in case.facts if place not in there]
    held = "\n".join(record.text for record in left)
    found = {
        "erased": [place for place, _ in erased],
        "left": [words for words in case.gone if words in held],
        "lost": [words for words in case.kept if words not in held],
        "along": [words for words in case.along if words not in held],
        "known": known,
    }
    right = sum(place in case.supports for place, _ in erased)
    return Reply(
        answer=Answer(
            answer=json.dumps(found),
            recollection=Recollection(),
            timings=Timings(search=seconds),
        ),
        shown=tuple(text for _, text in erased),
        recall=right / len(case.supports) if case.supports else None,
        marked=tuple(n for n, (place, _) in enumerate(erased) if place in case.supports),
    )
