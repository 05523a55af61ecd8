"""How rare words are in one user's memory."""

import math

from memagent.stores.episodic import EpisodicBank
from memagent.stores.index.lexical import MAX_MATCHES
from memagent.text.english import stem, words
from memagent.types import Scope


class Rarity:
    """Weighs the words of a text by how few of a user's keys hold them; each is looked up once.

    The weight is an inverse document frequency in [0, 1]: 1 for what one key holds, 0 for what all
    do.
    """

    def __init__(self, bank: EpisodicBank, scope: Scope) -> None:
        self._bank = bank
        self._scope = scope
        self._all = max(1, min(MAX_MATCHES, bank.size(scope)))
        self._known: dict[str, float] = {}

    def __call__(self, text: str) -> dict[str, float]:
        """Return the weight of each content word of a text, by its stem."""
        held = {stem(word.lower()): word for word in words(text)}
        new = [word for one, word in held.items() if one not in self._known]
        if new:
            counts = self._bank.counts(self._scope, new)
            self._known |= {stem(word): self._weight(count) for word, count in counts.items()}
        return {one: self._known[one] for one in held if one in self._known}

    def _weight(self, count: int) -> float:
        if self._all == 1:
            return 1.0
        return 1 - min(1.0, math.log(max(1, count)) / math.log(self._all))
