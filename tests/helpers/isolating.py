"""Random operations over users, agents and sessions, none of which may reach out of its scope.

Every scope has a word of its own, which is in the ids, the texts and the metadata of all that it
writes. An operation is done in one scope, with ids of any scope. Nothing that it returns or raises
may hold another scope's word, but for an id that the caller gave; and every other scope's records
must be what they were, which a digest of each scope tells.
"""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings

from memagent import Memory, NewRecord, Record, Scope
from memagent.errors import InvalidInput
from memagent.integrations.langgraph import MemagentStore
from memagent.integrations.vectorstore import MemagentVectorStore

WORDS = "amber birch cedar delta ember fjord grove heath inlet jetty knoll larch".split()
LIMIT = 12
"""Records of a scope, above which one is forgotten."""


class TinyEmbedder(Embeddings):
    """Embedder of four dimensions that costs next to nothing."""

    name = "tiny"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one vector a text."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of one text."""
        raw = hashlib.blake2b(text.encode(), digest_size=4).digest()
        vector = np.frombuffer(raw, dtype=np.uint8).astype(np.float32) + 1
        return [float(x) for x in vector / np.linalg.norm(vector)]


def apart() -> dict[str, Scope]:
    """Return scopes of which none holds another, by their words."""
    scopes = [
        Scope(f"{WORDS[0]}-user", agent=agent, session=session)
        for agent in (f"{WORDS[1]}-agent", f"{WORDS[2]}-agent")
        for session in (f"{WORDS[3]}-session", f"{WORDS[4]}-session")
    ]
    scopes += [Scope(f"{WORDS[5]}-user"), Scope(f"{WORDS[6]}-user", agent=f"{WORDS[7]}-agent")]
    return {f"{word}{number}": scope for number, (word, scope) in enumerate(zip(WORDS, scopes))}  # noqa: B905


class Crossing(AssertionError):
    """An operation reached out of its scope."""


_TRIGGERS = """
CREATE TEMP TABLE touched (what TEXT, user INTEGER, agent TEXT, session TEXT);
CREATE TEMP TRIGGER seen_insert AFTER INSERT ON records BEGIN
    INSERT INTO touched VALUES ('write', new.user, new.agent, new.session);
END;
CREATE TEMP TRIGGER seen_update AFTER UPDATE ON records BEGIN
    INSERT INTO touched VALUES ('write', old.user, old.agent, old.session);
    INSERT INTO touched VALUES ('write', new.user, new.agent, new.session);
END;
CREATE TEMP TRIGGER seen_delete AFTER DELETE ON records BEGIN
    INSERT INTO touched VALUES ('erase', old.user, old.agent, old.session);
END;
"""
_OF_RECORDS = "".join(
    f"CREATE TEMP TRIGGER seen_{table}_{event} AFTER {event} ON {table} BEGIN"
    f" INSERT INTO touched SELECT 'write', user, agent, session FROM records"
    f" WHERE seq = {row}.record; END;"
    for table in ("keys", "history", "uses", "links")
    for event, row in (("INSERT", "new"), ("UPDATE", "new"), ("DELETE", "old"))
)
"""Triggers that note, for each row that is written or erased, the scope of its record."""


class Isolation:
    """A memory in RAM, and random operations on it; `done` counts them by verb and outcome."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.memory = Memory.in_memory(embedder=TinyEmbedder(), recall="rules")
        self.scopes = apart()
        self.ids: dict[str, list[str]] = {word: [] for word in self.scopes}
        self.names = {word: _names(scope) for word, scope in self.scopes.items()}
        self.number = 0
        self.done: Counter[str] = Counter()
        self.verbs: list[Callable[[str, str], Any]] = [
            getattr(self, name) for name in dir(Isolation) if name.startswith("do_")
        ]
        with self.memory.engine.store.lock:
            self._db = self.memory.engine.store._db
            self._db.executescript(_TRIGGERS + _OF_RECORDS)

    def run(self, operations: int) -> None:
        """Do operations, and look after each at what it touched, and told.

        Raises:
            Crossing: one reached out of its scope.
        """
        words = [*self.scopes]
        for _ in range(operations):
            word = self.random.choice(words)
            self._one(word, self._any_id(word), self.random.choice(self.verbs))
        if problems := self.memory.maintenance.verify():
            raise Crossing(str(problems))

    def _one(self, word: str, id: str, verb: Callable[[str, str], Any]) -> None:
        name = verb.__name__.removeprefix("do_")
        try:
            told, outcome = repr(verb(word, id)), "done"
        except InvalidInput as error:
            told, outcome = str(error), "refused"
        self.done[f"{name}: {outcome}"] += 1
        self._check_told(name, word, id, told.replace(id, ""))
        self._check_touched(name, word, id)
        if len(self.ids[word]) > LIMIT:
            self.memory.forget(self.ids[word].pop(0), scope=self.scopes[word])
            self._check_touched("forget", word, id)

    def _check_told(self, name: str, word: str, id: str, told: str) -> None:
        for other in self.scopes:
            strange = {other} if other != word else set()
            strange |= self.names[other] - self.names[word]
            if any(one in told for one in strange):
                raise Crossing(f"{name} in {word} with {id!r} told of {other}: {told}")

    def _check_touched(self, name: str, word: str, id: str) -> None:
        """Look at what the last operation wrote and erased.

        What a record names as its source takes it along when it is forgotten, over the sessions of
        an agent; nothing else leaves the scope.
        """
        rows = self._db.execute(
            "SELECT DISTINCT t.what, u.name, t.agent, t.session FROM touched t"
            " LEFT JOIN users u ON u.id = t.user"
        ).fetchall()
        self._db.execute("DELETE FROM touched")
        scope = self.scopes[word]
        for row in rows:
            place = Scope(row[1] or scope.user, agent=row[2], session=row[3])
            reach = scope.across_sessions() if row[0] == "erase" else scope
            if not reach.covers(place):
                raise Crossing(f"{name} in {word} with {id!r}: {row[0]} in {place}")

    def _any_id(self, word: str) -> str:
        """Return an id of the scope, of any other, or one that nobody has."""
        word = self.random.choice([word, word, *self.scopes])
        return self.random.choice([*self.ids[word], f"nobody-{self.random.randrange(9)}"])

    def _text(self, word: str) -> str:
        return f"{word} went to {self.random.choice(['the park', 'school', 'bed'])}."

    def _new_id(self, word: str) -> str:
        self.number += 1
        return f"{word}-{self.number}"

    def _kept(self, word: str, records: Sequence[Record]) -> list[dict[str, Any]]:
        self.ids[word] += [one.id for one in records if one.id not in self.ids[word]]
        return [_shown(one) for one in records]

    def do_add(self, word: str, id: str) -> Any:
        """Add a record under an id of its own, which claims to be made from any."""
        new = NewRecord(
            text=f"{self._text(word)} {self.number}" * self.random.choice([1, 1, 1, 20]),
            id=self._new_id(word),
            kind=self.random.choice(["episode", "note", "lesson", "lesson", "rationale"]),
            sources=(id,),
            metadata={
                "by": word,
                "quotes": self.random.choice([*self.names[self.random.choice([*self.scopes])]]),
                "compressed": {"by": "x", "session": None},
                "asked": "",
                "answered": "",
                "change": {
                    "feedback": "correction", "said": "x", "asks": [], "superseded": id,
                    "retired": [id], "notes": {id: None}, "valid_to": None,
                },
            },
        )  # fmt: skip
        return self._kept(word, self.memory.add_many([new], scope=self.scopes[word]))

    def do_add_leaning(self, word: str, id: str) -> Any:
        """Add a text that leans on the one before it, shown any record."""
        new = NewRecord(text=f"After that {word} slept {self.number}.", id=self._new_id(word))
        return self._kept(word, self.memory.add_many([new], scope=self.scopes[word], recalled=[id]))

    def do_add_known_id(self, word: str, id: str) -> Any:
        """Add a text under an id that any scope may have."""
        found = self.memory.add(self._text(word), scope=self.scopes[word], id=id)
        if found.id == id and id not in self.ids[word]:
            self.memory.forget(id, scope=self.scopes[word])  # it has another scope's word
        return found.scope

    def do_supersede(self, word: str, id: str) -> Any:
        """Supersede a record of any scope."""
        new = NewRecord(text=self._text(word), id=self._new_id(word), supersedes=id)
        return self._kept(word, self.memory.add_many([new], scope=self.scopes[word]))

    def do_update(self, word: str, id: str) -> Any:
        """Update a record of any scope."""
        new = self.memory.update(id, f"{self._text(word)} {self.number}", scope=self.scopes[word])
        return self._kept(word, [new])

    def do_get(self, word: str, id: str) -> Any:
        """Get a record of any scope."""
        return [_shown(one) for one in self.memory.get(id, scope=self.scopes[word])]

    def do_list(self, word: str, id: str) -> Any:
        """List what was written before a record of any scope."""
        found = self.memory.list(scope=self.scopes[word], after=id, limit=3, everything=True)
        return [_shown(one) for one in found]

    def do_search(self, word: str, id: str) -> Any:
        """Search for an id."""
        hits = self.memory.search(f"{id} went to school", scope=self.scopes[word], k=3, roles="all")
        return [_shown(hit.record) for hit in hits]

    def do_recall(self, word: str, id: str) -> Any:
        """Recall by a question."""
        found = self.memory.recall("Who went to school?", scope=self.scopes[word], k=2)
        return [_shown(hit.record) for hit in found.hits]

    def do_history(self, word: str, id: str) -> Any:
        """Read the history of a record of any scope."""
        return self.memory.history(id, scope=self.scopes[word])

    def do_forget(self, word: str, id: str) -> Any:
        """Forget a record of any scope."""
        return self.memory.forget(id, scope=self.scopes[word])

    def do_forget_planned(self, word: str, id: str) -> Any:
        """Plan to forget a record of any scope."""
        return self.memory.forget(id, scope=self.scopes[word], dry_run=True)

    def do_forget_source(self, word: str, id: str) -> Any:
        """Forget what comes from a source, which is the id of any record."""
        return self.memory.forget(scope=self.scopes[word], source=id)

    def do_forget_everything(self, word: str, id: str) -> Any:
        """Forget all that the scope holds, once in a while."""
        if self.random.random() < 0.1:
            return self.memory.forget(scope=self.scopes[word], everything=True).records
        return None

    def do_judge(self, word: str, id: str) -> Any:
        """Judge a record of any scope."""
        outcome = self.random.choice(["helped", "hurt"])
        return self.memory.changes.judge(id, outcome, scope=self.scopes[word])

    def do_pin(self, word: str, id: str) -> Any:
        """Pin a record of any scope, or no longer."""
        pinned = self.random.random() < 0.5
        return self.memory.changes.pin(id, scope=self.scopes[word], pinned=pinned)

    def do_archive(self, word: str, id: str) -> Any:
        """Archive a record of any scope."""
        return self.memory.changes.archive(id, scope=self.scopes[word])

    def do_restore(self, word: str, id: str) -> Any:
        """Restore a record of any scope."""
        return self.memory.changes.restore(id, scope=self.scopes[word])

    def do_undo(self, word: str, id: str) -> Any:
        """Undo a change of any scope."""
        return self.memory.changes.undo(id, scope=self.scopes[word]).lesson

    def do_change(self, word: str, id: str) -> Any:
        """Read the changes of the scope, and one of any scope."""
        found = [one.lesson for one in self.memory.changes.list(scope=self.scopes[word], limit=3)]
        return [*found, self.memory.changes.get(id, scope=self.scopes[word]).lesson]

    def do_teach(self, word: str, id: str) -> Any:
        """Teach a lesson that quotes, retires and supersedes records of any scope."""
        scope = self.scopes[word]
        lesson = NewRecord(
            text=f"{self._text(word)} {self.number}",
            id=self._new_id(word),
            kind="lesson",
            supersedes=self.random.choice([None, id]),
        )
        record = self.memory.changes.teach(
            lesson, scope=scope, quotes=[id], retires=self._records(id)
        )
        return self._kept(word, [record])

    def _records(self, id: str) -> Sequence[Record]:
        """Return a record whosever it is, as a caller may hold one."""
        owners = [scope for word, scope in self.scopes.items() if id in self.ids[word]]
        return self.memory.get(id, scope=owners[0]) if owners else ()

    def do_separate(self, word: str, id: str) -> Any:
        """Separate a record of the scope from one of any."""
        own = self.random.choice([*self.ids[word], "nobody"])
        self.memory.changes.separate("school", wanted=own, found=id, scope=self.scopes[word])

    def do_move_back(self, word: str, id: str) -> Any:
        """Move the keys of a record of any scope back."""
        return self.memory.changes.move_back(id, scope=self.scopes[word])

    def do_newest(self, word: str, id: str) -> Any:
        """Find the newest version of a record of any scope."""
        found = self.memory.changes.newest(id, scope=self.scopes[word])
        return [_shown(record) for record in found.values()]

    def do_turn(self, word: str, id: str) -> Any:
        """Find the turn of a record of any scope."""
        return self.memory.changes.turn(id, scope=self.scopes[word])

    def do_sources(self, word: str, id: str) -> Any:
        """Go back to the sources of a record of any scope."""
        found = self.memory.notes.sources(id, scope=self.scopes[word], deep=True)
        return [_shown(record) for record in found]

    def do_compress(self, word: str, id: str) -> Any:
        """Write a note on a long record, and archive what a note stands for."""
        return self.memory.notes.compress(scope=self.scopes[word], limit=1, archive=True)

    def do_compress_sessions(self, word: str, id: str) -> Any:
        """Summarise the scope's session, if it is of one."""
        if self.random.random() < 0.2:
            return self.memory.notes.compress_sessions(scope=self.scopes[word], archive=True)
        return None

    def do_retain(self, word: str, id: str) -> Any:
        """Archive what is over a capacity."""
        return self.memory.maintenance.retain(LIMIT // 2, scope=self.scopes[word])

    def do_export(self, word: str, id: str) -> Any:
        """Export the scope."""
        lines = [*self.memory.maintenance.export(scope=self.scopes[word])][1:]
        named = ("id", "user", "agent", "session", "value", "keys", "history", "context")
        return [[json.loads(line)[name] for name in named] for line in lines]

    def do_item(self, word: str, id: str) -> Any:
        """Put, read, search and delete a LangGraph item under an id of any scope."""
        scope = self.scopes[word]
        if scope.session is not None:
            return None
        store = MemagentStore(self.memory, scope=scope)
        verb = self.random.randrange(3)
        if verb == 0:
            store.put((word,), id, {"by": word})
        elif verb == 1:
            store.delete((word,), id)
        found = [store.get((word,), id), *store.search((word,), limit=2)]
        return [(item.namespace, item.value) for item in found if item is not None]

    def do_document(self, word: str, id: str) -> Any:
        """Add, read and delete a document under an id of any scope."""
        store = MemagentVectorStore(self.memory, scope=self.scopes[word])
        verb = self.random.randrange(3)
        if verb == 0:
            store.add_texts([self._text(word)], ids=[id])
        elif verb == 1:
            store.delete([id])
        return [one.page_content for one in store.get_by_ids([id])]


def _shown(record: Record) -> dict[str, Any]:
    """Return a record without what its own writer put there of others' ids and names."""
    return record.to_dict() | {"sources": [], "metadata": record.metadata.get("by")}


def _names(scope: Scope) -> set[str]:
    return {name for name in (scope.user, scope.agent, scope.session) if name is not None}
