"""Origin of a reply: the records whose words stood in the prompts that it was written from."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from memagent.tools.execute import Observation
from memagent.types import Example, PastTurn, Recollection


@dataclass(slots=True)
class Origin:
    """Records (by `seq`) shown in a turn, and those its tools wrote, with what was shown before."""

    shown: set[int] = field(default_factory=set)
    written: dict[int, frozenset[int]] = field(default_factory=dict)

    def show(
        self,
        recollection: Recollection,
        turns: Sequence[tuple[str, str]] = (),
        examples: Sequence[Example] = (),
    ) -> None:
        """Take the parts of a prompt over: memories, past turns and few-shot examples."""
        self.shown |= {hit.record.seq for hit in recollection.hits}
        for turn in turns:
            self.shown |= set(turn.records) if isinstance(turn, PastTurn) else set()
        self.shown |= {example.record for example in examples if example.record is not None}

    def observe(self, seen: Observation) -> None:
        """Take the result of a tool over: what it told of, and what it wrote."""
        self.written |= dict.fromkeys(seen.written, frozenset(self.shown))
        self.shown |= seen.read | seen.written
