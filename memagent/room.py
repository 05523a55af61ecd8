"""What is shown beside the question, and how it is made less where a context is too small."""

from dataclasses import dataclass, replace

from memagent.types import Hit, Recollection


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
            best = sorted(hits, key=_worth, reverse=True)[: len(hits) // 2]
            kept = tuple(hit for hit in hits if any(hit is one for one in best))
            less = replace(
                self.recollection,
                hits=kept,
                left_out=self.recollection.left_out + len(hits) - len(kept),
                remaining=self.recollection.remaining if kept else None,
            )
            return replace(self, recollection=less)
        if self.turns:
            return replace(self, turns=self.turns[(len(self.turns) + 1) // 2 :])
        return None


def _worth(hit: Hit) -> tuple[bool, float, float]:
    """Return what hits are compared by: not passed by, score, and of equal ones the later look."""
    return "passed" not in hit.why, hit.score, hit.why.get("look", 1.0)
