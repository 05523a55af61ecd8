"""Arms that ask the memory's banks, without a model, for recognition, recall and forgetting."""

import json
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, cast

from memagent.evals.arm import ArmName, Parts, Reply
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.probes.banks import BANKS, Bank
from memagent.evals.tasks.probes.items import Item
from memagent.memory.memory import Memory
from memagent.types import Answer, Recollection, Scope

Probe = Literal["recognition", "recall", "forgetting"]
SEEN, NEW, EVEN = "studied", "foil", "neither"


@dataclass(frozen=True, kw_only=True, slots=True)
class Study(Sample):
    """A question about an item that was studied with others, after so many `further` writes.

    `foil` was never studied; with `near` it is the item's own near paraphrase. `fillers` are the
    items of the further writes.
    """

    asked: Probe
    item: Item
    studied: tuple[Item, ...]
    fillers: tuple[Item, ...] = ()
    further: int = 0
    foil: Item | None = None
    near: bool = False


class BankArm:
    """One bank, named as in `BANKS`; `episodic:200` keeps at most 200 items at hand.

    Raises:
        InvalidInput: there is no such bank.
    """

    def __init__(self, name: ArmName, task: Task, parts: Parts) -> None:
        name.check(BANKS)
        self.name = name
        self._parts = parts
        self._written: set[str] = set()
        self._lock = threading.Lock()

    def ask(self, sample: Sample) -> Reply:
        """Ask the bank."""
        study = cast(Study, sample)
        if study.asked == "forgetting":
            return _reply(json.dumps(self._forgotten(study)))
        with self._lock:
            bank = self._bank(study)
        if study.asked == "recall":
            return _reply(bank.recall(study.item))
        return _reply(_recognised(bank, study))

    def _bank(self, study: Study) -> Bank:
        """Return the bank of a story with its items, which are written once."""
        scope = Scope(user=f"{self.name}/{study.story}")
        bank = BANKS[self.name.kind](self._parts.memory, scope)
        if study.story not in self._written:
            self._parts.memory.forget(scope=scope, everything=True)
            bank.study(study.studied)
            bank.study(study.fillers[: study.further])
            if self.name.size is not None:
                bank.evict(self.name.size)
            self._written.add(study.story)
        return bank

    def _forgotten(self, study: Study) -> Mapping[str, object]:
        """Forget the item in a store of its own, and search for it in every way.

        The baseline is another store, which never held it.
        """
        scope, make = Scope(user="probed"), BANKS[self.name.kind]
        others = [item for item in study.studied if item != study.item]
        with self._store() as memory:
            bank = make(memory, scope)
            bank.study(study.studied)
            what = memory.probes.target([study.item.id], scope=scope, texts=[study.item.text])
            bank.forget(study.item)
            findings = memory.probes.check(what)
        with self._store() as memory:
            make(memory, scope).study(others)
            never = memory.probes.target(scope=scope, texts=[study.item.text])
        return {
            "before": {finding.kind: finding.before for finding in findings.probes},
            "after": {finding.kind: finding.after for finding in findings.probes},
            "never": dict(never.before),
            "lost": len(findings.lost),
        }

    @contextmanager
    def _store(self) -> Iterator[Memory]:
        """Open an empty store in a temporary folder."""
        with (
            tempfile.TemporaryDirectory() as folder,
            Memory.open(folder, embedder=self._parts.embedder) as memory,
        ):
            yield memory


def exact(task: Task, sample: Sample, prediction: str) -> dict[str, float]:
    """Grade the answer of a bank: it has to be one of the gold values."""
    return {"exact": float(prediction in sample.gold)}


def forgotten(task: Task, sample: Sample, prediction: str) -> dict[str, float]:
    """Grade a deletion check: 1 where the item was found before, and now no more than the baseline.

    The grade of each kind of check is 1 where it finds no more than in the baseline.
    """
    found = json.loads(prediction)
    kinds = {
        kind: float(after <= found["never"].get(kind, 0)) for kind, after in found["after"].items()
    }
    seen = float(any(found["before"].values()))
    kept = float(not found["lost"])
    return {"forgotten": min([seen, kept, *kinds.values()]), "seen": seen, "kept": kept, **kinds}


def _recognised(bank: Bank, study: Study) -> str:
    own = bank.match(study.item)
    other = bank.match(study.foil or study.item, near=study.near)
    if own == other:
        return EVEN
    return SEEN if own > other else NEW


def _reply(text: str) -> Reply:
    return Reply(answer=Answer(answer=text, recollection=Recollection()))
