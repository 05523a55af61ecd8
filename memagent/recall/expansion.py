"""Expansion: neighbours of hits that cannot be understood without them, or that go on there."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from memagent.stores.database.filters import Filter
from memagent.stores.database.reader import Reader
from memagent.stores.index.partitions import VectorIndex
from memagent.stores.ranking import tokens_of
from memagent.text.questions import has_question_mark
from memagent.text.words import query_words
from memagent.types import Hit, Record

SHORT_WORDS = 8
"""Words of a turn that is shown with the turn before it, at most."""
MAX_EXPANDED = 5
"""Number of the best hits whose neighbours are shown."""
CONTEXT = "context"
"""Name in a hit's `why` of a record that is shown beside one that was found."""
Neighbours = tuple[Record | None, Record | None]
"""Records before and after one in its session or source."""


class Expander:
    """Adds to the best hits what stands beside them in their session or source.

    A short turn is shown with the question before it, whoever asked, rather than with a worse hit;
    a passage of a document with the passages before and after it, where there is room left.
    """

    def __init__(self, read: Reader, vectors: VectorIndex) -> None:
        self._read = read
        self._vectors = vectors

    def expand(
        self,
        hits: Sequence[Hit],
        vector: NDArray[np.float32],
        where: Filter,
        k: int,
        tokens: int | None,
    ) -> list[Hit]:
        """Return hits and their neighbours, at most `k` records and `tokens` tokens, each once.

        A neighbour passes the filter, but for being evidence; its score is 0, and its `why` says
        "context".
        """
        expanded = [hit for hit in hits[:MAX_EXPANDED] if _is_short_turn(hit) or _is_passage(hit)]
        if not expanded:
            return list(hits)
        beside = self._neighbours(expanded, vector, replace(where, evidence=False))
        found = {hit.record.seq: hit for hit in hits}
        page = _Page(k, tokens)
        for hit in hits:
            before, _ = beside.get(hit.record.seq, (None, None))
            if page.add(hit) and _is_short_turn(hit) and before is not None and _asks(before):
                page.add(found.get(before.seq) or _context(before))
        for hit in expanded:
            for record in beside.get(hit.record.seq, ()) if _is_passage(hit) else ():
                if record is not None:
                    page.add(_context(record))
        return page.hits

    def _neighbours(
        self, hits: Sequence[Hit], vector: NDArray[np.float32], where: Filter
    ) -> dict[int, Neighbours]:
        """Return the neighbours of hits, by the number of each hit's record."""
        ends = {
            row[0]: (row[1], row[2])
            for row in self._read.chunked(
                "SELECT k.record, min(k.id), max(k.id) FROM keys k WHERE k.record IN (*)"
                " GROUP BY k.record",
                [hit.record.seq for hit in hits],
            )
        }
        keys = np.unique(np.array(list(ends.values()), dtype=np.int64))
        around = self._vectors.around(where, len(vector), keys)
        before, after = (
            dict(zip(around.keys.tolist(), np.where(side.passing, side.records, 0), strict=True))
            for side in (around.before, around.after)
        )
        numbers = {
            seq: (int(before.get(first, 0)), int(after.get(last, 0)))
            for seq, (first, last) in ends.items()
        }
        wanted = {number for pair in numbers.values() for number in pair if number}
        records = {record.seq: record for record in self._read.records(list(wanted))}
        return {seq: (records.get(a), records.get(b)) for seq, (a, b) in numbers.items()}


@dataclass(slots=True)
class _Page:
    """Records shown so far, and how many records and tokens there may be."""

    k: int
    tokens: int | None
    hits: list[Hit] = field(default_factory=list)

    def add(self, hit: Hit) -> bool:
        """Add a hit if it is not there yet and has room; return whether it was added.

        The first has: it was chosen as it is.
        """
        cost = 0 if self.tokens is None else tokens_of(len(hit.line()))
        known = any(hit.record.seq == other.record.seq for other in self.hits)
        full = len(self.hits) == self.k or cost > (self.tokens or 0)
        if known or (full and self.hits):
            return False
        self.tokens = None if self.tokens is None else max(0, self.tokens - cost)
        self.hits.append(hit)
        return True


def _context(record: Record) -> Hit:
    return Hit(record=record, score=0.0, key=record.keys[0], why={CONTEXT: 1.0})


def _is_short_turn(hit: Hit) -> bool:
    record = hit.record
    return record.role is not None and len(query_words(record.text)) <= SHORT_WORDS


def _asks(record: Record) -> bool:
    """Tell whether a turn asks, so that the one after it may answer.

    What an assistant stated is never shown: it is no evidence.
    """
    return record.role in ("user", "assistant") and has_question_mark(record.text)


def _is_passage(hit: Hit) -> bool:
    record = hit.record
    return record.role is None and record.kind == "episode" and bool(record.sources)
