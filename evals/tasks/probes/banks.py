"""The memory's banks, as probes study and ask them, each behind the same few verbs.

A bank that is added to `BANKS` is probed like the others. One that `compresses` keeps less than it
was given: there recognition is expected above recall.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from memagent.memory.memory import Memory
from memagent.stores.banks.hop_directions import HopDirectionBank
from memagent.types import Hit, NewRecord, Scope

NAMES = (
    "Ada Boris Carla Dmitri Elena Farid Greta Hamid Ines Jonas Kira Lars Mina Noor Olga Pavel"
    " Quentin Rosa Sven Tara"
).split()
VERBS = (
    ("polished", "cleaned"),
    ("mislaid", "lost"),
    ("mended", "repaired"),
    ("purchased", "bought"),
    ("concealed", "hid"),
    ("painted", "coloured"),
    ("wrapped", "packed"),
    ("admired", "praised"),
    ("dropped", "let fall"),
    ("borrowed", "took on loan"),
)
LOOKS = "brass wooden striped broken golden tiny rusty velvet glass leather silver paper".split()
THINGS = (
    "lantern violin carpet teapot compass mirror ladder basket helmet saddle kettle curtain anchor"
    " hammer pillow bottle clock umbrella trumpet blanket"
).split()
WHENS = (
    "at noon",
    "before dawn",
    "after supper",
    "during the storm",
    "on the ferry",
    "at the fair",
    "behind the mill",
    "in great haste",
    "without a word",
    "for a neighbour",
)
Side = Literal["before", "after"]
SIDES: tuple[Side, ...] = ("before", "after")
MOST = len(NAMES) * len(VERBS) * len(LOOKS)
"""How many items there are: one for each cue."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A sentence, the first part of it as a cue, and the same said in other words.

    `question` and `side` make a rationale of it: having found the sentence, look before or after.
    """

    id: str
    text: str
    cue: str
    near: str
    question: str
    side: Side


def items(count: int, seed: int) -> list[Item]:
    """Return so many items; the same seed gives the same, and more of them begin with fewer."""
    rng = random.Random(f"items-{seed}")
    cues = rng.sample(range(MOST), MOST)[:count]
    return [_item(number, cue, rng) for number, cue in enumerate(cues)]


def _item(number: int, cue: int, rng: random.Random) -> Item:
    cue, name = divmod(cue, len(NAMES))
    look, verb = divmod(cue, len(VERBS))
    done, again = VERBS[verb]
    thing, when = rng.choice(THINGS), rng.choice(WHENS)
    who, what = NAMES[name], f"the {LOOKS[look]}"
    return Item(
        id=str(number),
        text=f"{who} {done} {what} {thing} {when}.",
        cue=f"{who} {done} {what}",
        near=f"{when.capitalize()} {who} {again} {what} {thing}.",
        question=f"Where is the {thing}?",
        side=rng.choice(SIDES),
    )


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
        """Archive what is worth least by activation."""
        self._memory.maintenance.retain(capacity, scope=self._scope)

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
        self._bank = HopDirectionBank(
            memory.engine.store, memory.engine.bank, memory.engine.encoder.documents
        )

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
        self._memory.maintenance.retain(capacity, scope=self._lessons)

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
        self._memory.notes.compress(
            "runs", scope=self._scope, ratio=RATIO, keys="own", archive=True
        )

    def value(self, item: Item) -> str:
        """Return the note on the sentence, "" where nothing came of it."""
        notes = self._memory.list(scope=self._scope, kind="note", limit=MOST)
        return next((one.text for one in notes if item.id in one.sources), "")


BANKS: dict[str, Callable[[Memory, Scope], Bank]] = {
    "episodic": Episodes,
    "rationale": Rationales,
    "compression": Notes,
}


def _note(item: Item, text: str = "") -> NewRecord:
    """Return an item as a note; what it says is the item's text if nothing else is given."""
    told = text or item.text
    return NewRecord(text=told, id=item.id, valid_from=_START + timedelta(minutes=int(item.id)))
