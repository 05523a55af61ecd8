"""Items of the memory probes: a sentence, a cue for it, and a paraphrase."""

import random
from dataclasses import dataclass
from typing import Literal

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
"""Number of items: one for each cue."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A sentence, the first part of it as a cue, and the same said in other words.

    `question` and `side` make a hop direction: from the sentence, hop to the one before or after.
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
