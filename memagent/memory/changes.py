"""Changes: outcomes, lessons and marks on records, listed and undone one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from numpy.typing import ArrayLike

from memagent.errors import InvalidInput, shown
from memagent.memory import arguments, ranking
from memagent.memory.arguments import checked
from memagent.memory.engine import Engine
from memagent.memory.ranking import LearnedRanking
from memagent.stores.banks.episodic import PrecomputedVectors
from memagent.stores.banks.validation import check
from memagent.stores.database import connection
from memagent.stores.database.filters import micros
from memagent.stores.database.links import link
from memagent.stores.lifecycle import key_repulsion, outcomes, retention, undo
from memagent.stores.lifecycle.key_repulsion import Separated
from memagent.types import (
    Change,
    Ids,
    Marked,
    NewRecord,
    Outcome,
    Record,
    Scope,
    ScopeLike,
    ids_of,
)


@checked
class Changes:
    """Verbs that judge, correct, pin, archive and separate records, and undo what was changed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list(self, *, scope: ScopeLike | None = None, limit: int = 100) -> list[Change]:
        """Return what feedback changed in a scope, newest first, also what was undone."""
        whose = self._engine.scope(scope)
        return undo.changes(self._engine.store, whose, arguments.count("limit", limit))

    def get(self, id: str, *, scope: ScopeLike | None = None) -> Change:
        """Return one change.

        Raises:
            InvalidInput: there is none of that id in this scope.
        """
        lesson = self._lesson(id, self._engine.scope(scope))
        return undo.change_of(self._engine.store, lesson)

    def undo(
        self,
        id: str,
        *,
        scope: ScopeLike | None = None,
        who: str | None = None,
        why: str | None = None,
    ) -> Change:
        """Undo a change, and return it: all other records are what they were, but their history.

        Raises:
            InvalidInput: there is no such change, it is undone already, or another one stands in
                its place.
        """
        whose = self._engine.scope(scope)
        lesson = self._lesson(id, whose)
        if undo.change_of(self._engine.store, lesson).undone is not None:
            raise InvalidInput(f"change {shown(id)} is undone already")
        undo.undo(self._engine.store, lesson, self._engine.trace(who, why), scope=whose)
        return self.get(id, scope=whose)

    def teach(
        self,
        lesson: NewRecord,
        *,
        scope: ScopeLike | None = None,
        within: ScopeLike | None = None,
        retires: Sequence[Record] = (),
        quotes: Sequence[str] = (),
        quoted: ScopeLike | None = None,
        who: str | None = None,
        why: str | None = None,
    ) -> Record:
        """Write a lesson and archive the records that it speaks against: both, or neither.

        It is forgotten with any of the records that it `quotes`, by id, which lie in the scope
        `quoted` (the lesson's own if None); if one is forgotten already, the lesson does not quote
        the answer. What it supersedes and `retires` lies `within` a scope that holds its own, or
        else in its own.

        Raises:
            InvalidInput: the lesson supersedes what is not there, or is superseded already.
        """
        engine, whose = self._engine, self._engine.scope(scope)
        reach = whose if within is None else Scope.of(within)
        of = whose if quoted is None else Scope.of(quoted)
        quotes, gone = arguments.texts("quotes", quotes), _ids(retires)
        check(lesson)
        keys = lesson.keys or (lesson.text,)
        precomputed = PrecomputedVectors(engine.embed(keys), engine.encoder.check())
        with engine.store.transaction() as db:
            left = engine.store.read.get(of, quotes)
            metadata = dict(lesson.metadata)
            if len(left) < len(set(quotes)):
                metadata["answered"] = ""  # some of what it was made from is forgotten
            notes = undo.notes_closed(engine.store, whose, lesson.supersedes)
            if notes and "change" in metadata:
                metadata["change"] = {**metadata["change"], "notes": notes}
            own = (record.id for record in left if record.scope.user == whose.user)
            sources = (*own, *lesson.sources)
            note = replace(lesson, keys=keys, sources=sources, metadata=metadata)
            (record,) = engine.bank.write(
                [note],
                whose,
                engine.embed,
                precomputed=precomputed,
                trace=engine.trace(who, why),
                within=reach,
            )
            link(db, record.seq, [quoted.seq for quoted in left], "quote")
            undo.mention(engine.store, record)
            because = engine.trace(who, undo.retired_by(record.id))
            undo.retire(engine.store, reach, gone, because)
            return record

    def judge(
        self,
        ids: Ids,
        outcome: Outcome,
        *,
        turn: str | None = None,
        scope: ScopeLike | None = None,
        who: str | None = None,
        why: str | None = None,
    ) -> Marked:
        """Count that showing these records helped or hurt.

        A record that hurt, or that comes from a source that did, is trusted less by `search`. With
        the `turn` that they were shown in, by the id of its question or reply, `learn_ranking` can
        learn from it.

        Raises:
            InvalidInput: the outcome is neither "helped" nor "hurt", or there is no such turn.
        """
        if outcome not in ("helped", "hurt"):
            raise InvalidInput(f"an outcome is 'helped' or 'hurt', not {shown(outcome)}")
        store, whose = self._engine.store, self._engine.scope(scope)
        records = self._engine.records(whose, ids_of(ids))
        question = None if turn is None else outcomes.question_of(store, whose, turn)
        if turn is not None and question is None:
            raise InvalidInput(f"there is no turn {shown(turn)} in this scope")
        with store.transaction():
            judged = retention.judge(store, records, outcome, self._engine.trace(who, why))
            if question is not None:
                outcomes.keep(store, question, records, outcome)
        return Marked(changed=judged, missing=records.missing)

    def pin(
        self,
        ids: Ids,
        *,
        scope: ScopeLike | None = None,
        pinned: bool = True,
        why: str | None = None,
    ) -> Marked:
        """Keep records from being archived, or no longer with `pinned` False."""
        records = self._engine.records(self._engine.scope(scope), ids_of(ids))
        trace = self._engine.trace(why=why)
        changed = retention.pin(self._engine.store, records, pinned=pinned, trace=trace)
        return Marked(changed=changed, missing=records.missing)

    def archive(
        self,
        ids: Ids,
        *,
        scope: ScopeLike | None = None,
        who: str | None = None,
        why: str | None = None,
    ) -> Marked:
        """Take records out of searches without erasing them; `restore` brings them back."""
        records = self._engine.records(self._engine.scope(scope), ids_of(ids))
        trace = self._engine.trace(who, why)
        changed = retention.archive(self._engine.store, records, trace=trace)
        return Marked(changed=changed, missing=records.missing)

    def restore(
        self, ids: Ids, *, scope: ScopeLike | None = None, why: str | None = None
    ) -> Marked:
        """Bring archived records back into searches."""
        records = self._engine.records(self._engine.scope(scope), ids_of(ids))
        changed = retention.restore(self._engine.store, records, trace=self._engine.trace(why=why))
        return Marked(changed=changed, missing=records.missing)

    def separate(
        self,
        query: str | None = None,
        *,
        wanted: str,
        found: str,
        scope: ScopeLike | None = None,
        vector: ArrayLike | None = None,
        steps: int = 1,
        who: str | None = None,
        why: str | None = None,
    ) -> Separated:
        """Move apart the keys of two records that a query took for one another.

        The query (a text, or a `vector` of dimensions) should have found `wanted`, and found
        `found`. One step moves them a little, and what is confused again is moved again; more
        `steps` at once mend this query sooner and others less. Texts stay as they are, a key stays
        within a cosine of 0.9 of what it was, and `move_back` undoes it.

        Raises:
            InvalidInput: the two are not two records of this scope, or the query is empty.
        """
        engine, whose = self._engine, self._engine.scope(scope)
        records = {record.id: record for record in engine.store.read.get(whose, [wanted, found])}
        if len(records) != 2:
            raise InvalidInput(
                f"there are no two records {shown(wanted)} and {shown(found)} in this scope"
            )
        engine.encoder.check()
        return key_repulsion.separate(
            engine.store,
            engine.query_vector(query, vector),
            records[wanted],
            records[found],
            self._engine.trace(who, why),
            steps=steps,
        )

    def move_back(
        self, ids: Ids, *, scope: ScopeLike | None = None, why: str | None = None
    ) -> Marked:
        """Give records' keys the vectors they had before `separate`."""
        records = self._engine.records(self._engine.scope(scope), ids_of(ids))
        moved = key_repulsion.move_back(self._engine.store, records, self._engine.trace(why=why))
        return Marked(changed=moved, missing=records.missing)

    def learn_direction(
        self,
        question: str,
        answer: str,
        *,
        scope: ScopeLike | None = None,
        learned_scope: ScopeLike | None = None,
    ) -> bool:
        """Learn from a right answer which hop direction leads to it; tell if there was one.

        Only the English rules follow hop directions: with any other strategy nothing is learned.
        `learned_scope` is where it is kept, the own scope if None.
        """
        whose = self._engine.scope(scope)
        learned = whose if learned_scope is None else Scope.of(learned_scope)
        return self._engine.strategy.learn(question, answer, whose, learned)

    def learn_ranking(
        self,
        *,
        scope: ScopeLike | None = None,
        check: bool = True,
        who: str | None = None,
        why: str | None = None,
    ) -> LearnedRanking:
        """Learn from verdicts and corrections which memories help, and rank by it from now on.

        It learns from all sessions of the scope's user and agent, and takes the place of what was
        learned before. With `check` it is kept only if it ranks questions better that it was not
        learned from. `undo` takes it back.
        """
        whose = self._engine.scope(scope).across_sessions()
        return ranking.learn(self._engine, whose, check=check, trace=self._engine.trace(who, why))

    def turn(self, id: str, *, scope: ScopeLike | None = None) -> tuple[Record, Record]:
        """Return a turn as (what the user said, what the assistant replied), by either's id.

        Raises:
            InvalidInput: there is no such turn in this scope.
        """
        pair = undo.turn(self._engine.store, self._engine.scope(scope), id)
        if pair is None:
            raise InvalidInput(
                f"there is no turn {shown(id)} in this scope: `ask --json` tells its ids"
            )
        return pair

    def newest(self, ids: Ids, *, scope: ScopeLike | None = None) -> dict[str, Record]:
        """Return the newest version of each record, by the id that was asked for.

        The id may be any version's; unknown ones are left out.
        """
        return connection.newest(self._engine.store, self._engine.scope(scope), ids_of(ids))

    def _lesson(self, id: str, scope: Scope) -> Record:
        found = self._engine.store.read.get(scope, [id])
        if not found or undo.change_data(found[0]) is None:
            raise InvalidInput(f"there is no change {shown(id)} in this scope")
        return found[0]


def _ids(records: Sequence[Record]) -> list[str]:
    several = arguments.listed("retires", records)
    if not all(isinstance(record, Record) for record in several):
        raise InvalidInput(f"retires: records are wanted, not {shown(records)}")
    return [record.id for record in several]


def next_version(
    engine: Engine,
    scope: Scope,
    id: str,
    text: str | None,
    metadata: Mapping[str, Any] | None,
    valid_from: datetime | None,
) -> tuple[Record, NewRecord | None]:
    """Return a record's newest version, and the next one; None if it would say the same.

    Raises:
        InvalidInput: there is no such record, `id` is not its newest version, or nothing is to be
            changed.
    """
    if metadata is not None and not isinstance(metadata, Mapping):
        raise InvalidInput(f"metadata: a mapping is wanted, not {shown(metadata)}")
    if text is None and metadata is None:
        raise InvalidInput("say what to update: a text, metadata, or both")
    old = connection.newest(engine.store, scope, [id]).get(id)
    if old is None:  # one that was taken back has versions, and none of them is the newest
        versions = engine.store.read.versions(scope, id)
        if not versions:
            raise InvalidInput(f"there is no record {shown(id)} in this scope")
        old = versions[-1]
    given = NewRecord(text=old.text if text is None else text, metadata=metadata or {})
    (clean,) = engine.bank.redacted([given], scope)
    text, metadata = clean.text, clean.metadata
    merged = _merged(old.metadata, metadata)
    if text == old.text and merged == dict(old.metadata):
        return old, None
    if old.id != id:
        raise InvalidInput(f"record {shown(id)} is superseded: its newest version is {old.id!r}")
    if text == old.text:
        keys = () if old.context else old.keys  # keys that lean on others are made anew
    else:
        keys, edited = _edited(old, text)
        merged = _merged(edited, metadata)
    return old, NewRecord(
        text=text,
        keys=keys,
        kind=old.kind,
        valid_from=valid_from or engine.store.now(scope.user),
        evidence=old.evidence,
        supersedes=old.id,
        sources=old.sources,
        metadata=merged,
    )


def _merged(metadata: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata with new values put in, and without those that are None in the new."""
    return {
        key: value for key, value in {**metadata, **new}.items() if new.get(key, "") is not None
    }


def _edited(old: Record, text: str) -> tuple[tuple[str, ...], Mapping[str, Any]]:
    """Return the keys and metadata of a record's next version.

    That of a lesson is a change of its own: it is found by the same questions, and undone first.
    """
    change = undo.change_data(old)
    if change is None:
        return (), old.metadata
    edit: dict[str, Any] = {
        "said": text,
        "superseded": old.id,
        "valid_to": micros(old.valid_to) if old.valid_to else None,
        "retired": [],
        "notes": {},
    }
    keys = tuple(dict.fromkeys([text, *change["asks"]]))
    return keys, {**old.metadata, "change": {**change, **edit}}
