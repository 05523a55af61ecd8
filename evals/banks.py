"""The memory's banks, as probes study and ask them, each behind the same few verbs.

A bank that is added to `BANKS` is probed like the others. One that `compresses` keeps less than it
was given: there recognition is expected above recall.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from memagent.evals.probe_items import MOST, Item
from memagent.memory.memory import Memory
from memagent.stores.banks.rationale import RationaleBank
from memagent.types import Hit, Note, Scope

AROUND = (
    " Nobody else was there, and nothing more was said of it on that day. What came after it is"
    " told in another place, and at another time, by somebody who had heard of it from others."
)
"""What is told around each sentence of the compression bank: shorter texts get no note."""
RATIO = 0.25
"""How long a note is, as a share of the text."""
_START = datetime(2000, 1, 1, tzinfo=UTC)


class Bank(Protocol):
    """What can be studied, and asked."""

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
        self._memory.add_many([_note(item) for item in items], scope=self._scope)

    def match(self, item: Item, *, near: bool = False) -> float:
        """Return the best cosine of any key."""
        text = item.near if near else item.text
        vector = self._memory.embeddings.embed_query(text)
        hits = self._memory.search(vector=vector, scope=self._scope, k=1)
        return max((hit.why["cosine"] for hit in hits), default=-1.0)

    def recall(self, item: Item) -> str:
        """Return the sentence that is found first by the cue."""
        hits = self._memory.search(item.cue, scope=self._scope, k=1)
        return hits[0].record.value if hits else ""

    def value(self, item: Item) -> str:
        """Return the sentence."""
        return item.text

    def evict(self, capacity: int) -> None:
        """Archive what is worth least by activation."""
        self._memory.retain(capacity, scope=self._scope)

    def forget(self, item: Item) -> None:
        """Erase the sentence."""
        self._memory.forget([item.id], scope=self._scope)


class Rationales:
    """The rationale bank: a question and what was found for it are to bring back where to look on.

    Names and what is asked of are masked in its keys, and the five nearest cases vote: two items
    that differ in masked words alone are one case to it.
    """

    compresses = False

    def __init__(self, memory: Memory, scope: Scope) -> None:
        self._memory = memory
        self._scope = scope
        self._lessons = Scope(user=scope.user, agent="lessons")
        # The bank has no public door of its own: `Memory.learn` decides by itself what to keep.
        self._bank = RationaleBank(memory._store, memory._bank, memory._encoder.documents)

    def study(self, items: Sequence[Item]) -> None:
        """Keep the sentences, and of each on which side of it to look on."""
        records = self._memory.add_many([_note(item) for item in items], scope=self._scope)
        for item, record in zip(items, records, strict=True):
            found = Hit(record=record, key=item.text, score=1.0, why={})
            self._bank.keep(item.question, found, item.side, self._lessons)

    def match(self, item: Item, *, near: bool = False) -> float:
        """Return how alike the most similar case is."""
        found = item.near if near else item.text
        return self._bank.match(item.question, found, self._lessons)

    def recall(self, item: Item) -> str:
        """Return the side that the most similar cases advise."""
        return self._bank.advise(item.question, item.text, self._lessons) or ""

    def value(self, item: Item) -> str:
        """Return the side."""
        return item.side

    def evict(self, capacity: int) -> None:
        """Archive what is worth least by activation."""
        self._memory.retain(capacity, scope=self._lessons)

    def forget(self, item: Item) -> None:
        """Erase the sentence, with which the rationale goes."""
        self._memory.forget([item.id], scope=self._scope)


class Notes(Episodes):
    """The compression bank: a sentence is told among others, and only a note on it is found.

    What is recalled is the note, which is never the sentence word for word.
    """

    compresses = True

    def study(self, items: Sequence[Item]) -> None:
        """Keep sentences, write notes on them, and put them out of the searches' sight."""
        told = [_note(item, item.text + AROUND) for item in items]
        self._memory.add_many(told, scope=self._scope)
        self._memory.compress("runs", scope=self._scope, ratio=RATIO, keys="own", archive=True)

    def value(self, item: Item) -> str:
        """Return the note on the sentence, "" where nothing came of it."""
        notes = self._memory.list(scope=self._scope, kind="note", limit=MOST)
        return next((one.value for one in notes if item.id in one.sources), "")


BANKS: dict[str, Callable[[Memory, Scope], Bank]] = {
    "episodic": Episodes,
    "rationale": Rationales,
    "compression": Notes,
}


def _note(item: Item, text: str = "") -> Note:
    """Return an item as a note; what it says is the item's text if nothing else is given."""
    told = text or item.text
    return Note(text=told, id=item.id, valid_from=_START + timedelta(minutes=int(item.id)))
