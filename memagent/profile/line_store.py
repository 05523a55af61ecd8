"""Writer of profile lines: new ones by the job, and those that a user adds, edits or removes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.errors import InvalidInput, shown
from memagent.profile.lines import BY_USER, DATA, PROFILE, data_of, folded, known_texts, written
from memagent.stores.banks.episodic import Embed, EpisodicBank, PrecomputedVectors
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import micros
from memagent.stores.database.links import link_ids
from memagent.stores.database.writer import NOBODY, Trace, user_id
from memagent.stores.lifecycle import retention, undo
from memagent.types import NewRecord, Record, Scope

UNSEEN = Trace(why="no search finds it")
Vectors = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProposedLine:
    """Line to write: its text, what its sources say in their own words, and who chose the words.

    `replaces` are the ids of the lines in whose place it stands, and `score` the log-odds that it
    is lasting.
    """

    text: str
    said: str
    sources: tuple[Record, ...]
    by: str
    score: float = 0.0
    replaces: tuple[str, ...] = ()


class LineStore:
    """Lines of profiles, written so that no search finds them."""

    def __init__(self, store: SqliteStore, bank: EpisodicBank, embed: Embed) -> None:
        self._store = store
        self._bank = bank
        self._embed = embed

    def add(self, lines: Sequence[ProposedLine], scope: Scope, commit: Callable[[], None]) -> int:
        """Write proposed lines whose sources are all still there; return how many there were.

        `commit` is called in the same transaction.
        """
        vectors = self._vectors()
        with self._store.transaction():
            commit()
            before = written(self._store, scope)
            known = set(known_texts(before))
            covered = {source for record in before for source in record.sources}
            count = 0
            for line in lines:
                sources = self._store.read.records([source.seq for source in line.sources])
                gone = len(sources) < len(line.sources) or any(each.superseded for each in sources)
                if gone or folded(line.said) in known or covered & {each.id for each in sources}:
                    continue
                self._write(_new(line, sources), scope, vectors, NOBODY)
                count += 1
        return count

    def own(self, text: str, source: Record, scope: Scope, trace: Trace) -> Record:
        """Write a line in a user's own words, on the record that holds them."""
        line = ProposedLine(text=text, said=text, sources=(source,), by=BY_USER)
        new = _new(line, [source])
        return self._change(new, None, text, scope, trace)

    def replace(
        self, old: Record, text: str, scope: Scope, trace: Trace, *, removed: bool
    ) -> Record:
        """Write a line in the place of another: edited by its user, or marked as removed.

        Raises:
            InvalidInput: the other is superseded already.
        """
        data = {**(data_of(old) or {}), "by": BY_USER, "removed": removed}
        new = NewRecord(text=text, sources=old.sources, supersedes=old.id, metadata={DATA: data})
        return self._change(new, old, "" if removed else text, scope, trace)

    def _change(
        self, new: NewRecord, old: Record | None, said: str, scope: Scope, trace: Trace
    ) -> Record:
        """Write a line that is a change, to be listed and undone like any other."""
        change: dict[str, Any] = {
            "feedback": "profile",
            "said": said,
            "asks": [],
            "superseded": old.id if old else None,
            "valid_to": micros(old.valid_to) if old and old.valid_to else None,
            "retired": [],
        }
        lesson = NewRecord(
            text=new.text,
            kind="lesson",
            valid_from=self._store.now(scope.user),
            evidence=False,
            keys=(PROFILE,),
            supersedes=new.supersedes,
            sources=new.sources,
            metadata={**new.metadata, "asked": "", "answered": "", "change": change},
        )
        vectors = self._vectors()
        with self._store.transaction():
            record = self._write(lesson, scope, vectors, trace)
            undo.mention(self._store, record)
            return record

    def _write(
        self, new: NewRecord, scope: Scope, vectors: PrecomputedVectors, trace: Trace
    ) -> Record:
        with self._store.transaction() as db:
            (record,) = self._bank.write(
                [new], scope, self._embed, precomputed=vectors, trace=trace
            )
            replaced = (data_of(record) or {})["replaces"]
            link_ids(db, user_id(db, scope.user), record.seq, replaced, "mention")
            retention.archive(self._store, [record], trace=UNSEEN)
        return record

    def _vectors(self) -> PrecomputedVectors:
        """Return the vector of a line's key, which holds no word of it."""
        return PrecomputedVectors(self._embed([PROFILE]), self._store.meta("embedder") or "")


def line_record(store: SqliteStore, scope: Scope, id: str) -> Record:
    """Return the record of a line of exactly this user and agent, by its id.

    Raises:
        InvalidInput: there is no such line, or it is removed or edited already.
    """
    found = {record.id: record for record in written(store, scope)}.get(id)
    if found is None or (data_of(found) or {}).get("removed"):
        raise InvalidInput(f"the profile has no line {shown(id)}")
    if found.superseded:
        raise InvalidInput(f"line {shown(id)} of the profile was edited or removed already")
    return found


def _new(line: ProposedLine, sources: Sequence[Record]) -> NewRecord:
    """Return the record of a new line; it holds from when its last source does."""
    return NewRecord(
        text=line.text,
        kind="note",
        keys=(PROFILE,),
        valid_from=max(source.valid_from for source in sources),
        evidence=False,
        sources=(PROFILE, *(source.id for source in sources)),
        metadata={
            DATA: {
                "by": line.by,
                "score": round(line.score, 3),
                "said": line.said,
                "replaces": list(line.replaces),
                "removed": False,
            }
        },
    )
