"""What is shown beside the question, and how it is made less where a context is too small."""

from dataclasses import dataclass, replace

from memagent.types import Recollection


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """What a prompt has room for: what was recalled, and past turns as (said, replied)."""

    recollection: Recollection
    turns: tuple[tuple[str, str], ...] = ()

    def narrower(self) -> "Room | None":
        """Return less: the better half of the memories, or, without any, the later of the turns.

        The order of the memories in time is kept, and `left_out` counts those that went. None says
        that nothing is left to leave out.
        """
        hits = self.recollection.hits
        if hits:
            best = sorted(hits, key=lambda hit: hit.score, reverse=True)[: len(hits) // 2]
            kept = tuple(hit for hit in hits if any(hit is one for one in best))
            out = self.recollection.left_out + len(hits) - len(kept)
            return replace(self, recollection=replace(self.recollection, hits=kept, left_out=out))
        if self.turns:
            return replace(self, turns=self.turns[(len(self.turns) + 1) // 2 :])
        return None
