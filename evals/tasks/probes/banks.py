"""Adapters of the memory's banks, which give each the same few verbs for the probes.

A bank that is added to `BANKS` is probed like the others. One that `compresses` keeps less than the
items it studied: there recognition is expected above recall.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from memagent.evals.tasks.probes.items import MOST, Item
from memagent.memory.memory import Memory
from memagent.stores.banks.hop_directions import HopDirectionBank
from memagent.types import Hit, NewRecord, Scope

AROUND = (
    " Nobody else was there, and nothing more was said of it on that day. What came after it is"
    " told in another place, and at another time, by somebody who had heard of it from others."
)
"""Text around each sentence of the compression bank: shorter texts get no note."""
RATIO = 0.25
"""Length of a note, as a share of the text."""
_START = datetime(2000, 1, 1, tzinfo=UTC)


class Bank(Protocol):
    """A bank that can study items, and be asked for them."""

    compresses: bool

    def study(self, items: Sequence[Item]) -> None:
        """Keep items, in order."""
        ...

    def match(self, item: Item, *, near: bool = False) -> float:
        """Return how well an item, or its near paraphrase, matches the best that is kept."""
        ...

    def recall(self, item: Item) -> str:
        """Return the value that the item's cue brings up, "" for none."""
        ...

    def value(self, item: Item) -> str:
        """Return the value that was kept of an item."""
        ...

    def evict(self, capacity: int) -> None:
        """Keep only so many items at hand."""
        ...

    def forget(self, item: Item) -> None:
        """Erase an item."""
        ...


class Episodes:
    """The episodic bank: a sentence is found by itself, and its first part is to bring it back."""

    compresses = False

    def __init__(self, memory: Memory, scope: Scope) -> None:
        self._memory = memory
        self._scope = scope

    def study(self, items: Sequence[Item]) -> None:
        """Keep sentences."""
        self._memory.add_many([_record(item) for item in items], scope=self._scope)

    def match(self, item: Item, *, near: bool = False) -> float:
        """Return the best cosine of any key."""
        text = item.near if near else item.text
        vector = self._memory.engine.encoder.embeddings.embed_query(text)
        hits = self._memory.search(vector=vector, scope=self._scope, k=1)
        return max((hit.why["cosine"] for hit in hits), default=-1.0)

    def recall(self, item: Item) -> str:
        """Return the sentence that is found first by the cue."""
        hits = self._memory.search(item.cue, scope=self._scope, k=1)
        return hits[0].record.text if hits else ""

    def value(self, item: Item) -> str:
        """Return the sentence."""
        return item.text

    def evict(self, capacity: int) -> None:
        """Archive the items with the lowest activation."""
        self._memory.maintenance.retain(capacity, scope=self._scope)

    def forget(self, item: Item) -> None:
        """Erase the sentence."""
        self._memory.forget([item.id], scope=self._scope)


class HopDirections:
    """The bank of hop directions: a question and the sentence found bring back the direction.

    Names and the thing asked for are masked in its keys, and the five nearest cases vote: two items
    that differ in masked words alone are one case to it.
    """

    compresses = False

    def __init__(self, memory: Memory, scope: Scope) -> None:
        self._memory = memory
        self._scope = scope
        self._learned = Scope(user=scope.user, agent="lessons")
        # `memory.changes.learn_direction` decides what to keep; here everything is kept.
        self._bank = HopDirectionBank(
            memory.engine.store, memory.engine.bank, memory.engine.encoder.documents
        )

    def study(self, items: Sequence[Item]) -> None:
        """Keep the sentences, and for each the direction of the next hop."""
        records = self._memory.add_many([_record(item) for item in items], scope=self._scope)
        for item, record in zip(items, records, strict=True):
            found = Hit(record=record, key=item.text, score=1.0, why={})
            self._bank.keep(item.question, found, item.side, self._learned)

    def match(self, item: Item, *, near: bool = False) -> float:
        """Return how alike the most similar case is."""
        found = item.near if near else item.text
        return self._bank.match(item.question, found, self._learned)

    def recall(self, item: Item) -> str:
        """Return the side that the most similar cases advise."""
        return self._bank.advise(item.question, item.text, self._learned) or ""

    def value(self, item: Item) -> str:
        """Return the side."""
        return item.side

    def evict(self, capacity: int) -> None:
        """Archive the items with the lowest activation."""
        self._memory.maintenance.retain(capacity, scope=self._learned)

    def forget(self, item: Item) -> None:
        """Erase the sentence, and with it the direction."""
        self._memory.forget([item.id], scope=self._scope)


class Notes(Episodes):
    """The compression bank: a sentence stands among others, and only a note on it is found.

    The bank recalls the note, which is never the sentence word for word.
    """

    compresses = True

    def study(self, items: Sequence[Item]) -> None:
        """Keep sentences, write notes on them, and archive them."""
        records = [_record(item, item.text + AROUND) for item in items]
        self._memory.add_many(records, scope=self._scope)
        self._memory.notes.compress(
            "runs", scope=self._scope, ratio=RATIO, keys="own", archive=True
        )

    def value(self, item: Item) -> str:
        """Return the note on the sentence, "" where nothing came of it."""
        notes = self._memory.list(scope=self._scope, kind="note", limit=MOST)
        return next((note.text for note in notes if item.id in note.sources), "")


BANKS: dict[str, Callable[[Memory, Scope], Bank]] = {
    "episodic": Episodes,
    "rationale": HopDirections,
    "compression": Notes,
}


def _record(item: Item, text: str = "") -> NewRecord:
    """Return an item as a record of its text, or of another."""
    when = _START + timedelta(minutes=int(item.id))
    return NewRecord(text=text or item.text, id=item.id, valid_from=when)
