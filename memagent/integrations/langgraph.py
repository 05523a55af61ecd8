"""LangGraph store (`BaseStore`) over a scope of a memory; needs the extra `langgraph`."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from langgraph.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    get_text_at_path,
    validate_op_namespace,
)

from memagent.errors import InvalidInput
from memagent.integrations.upsert import (
    OWN,
    Upsert,
    callers,
    check_metadata,
    entry_id,
    find,
    former_id,
    upsert,
)
from memagent.memory.aio import AsyncMemory, sync_of
from memagent.memory.memory import Memory
from memagent.stores.banks.episodic import keys_of
from memagent.types import NewRecord, Record, Scope, ScopeLike

AGENT = "langgraph"
"""Whose items they are where the scope names no agent."""
SESSION = "langgraph."
"""Prefix of the session of a namespace; LangGraph itself allows no namespace with it."""
NAMESPACE, KEY, INDEXED = f"{OWN}namespace", f"{OWN}key", f"{OWN}indexed"
"""Where a record's metadata hold the item's namespace, each label with a period behind, its key,
and whether it was indexed."""
UNINDEXED = ("not indexed",)
"""The key of a record that is not to be found by what it says."""
OPERATORS = {"$eq": "eq", "$ne": "ne", "$gt": "gt", "$gte": "gte", "$lt": "lt", "$lte": "lte"}

Namespace = tuple[str, ...]


class MemagentStore(BaseStore):
    """Items are records: the text is the value as JSON, and its fields are metadata to filter by.

    A namespace is a session of the scope: `("users", "ada")` is `langgraph.users.ada`. Its items
    are found from there and from a prefix, and from no other namespace. `fields` are the paths
    whose texts an item is found by, unless `put` names others; `$` is the whole value.

    What is put under a known key supersedes what was there: `created_at` stays, and the old value
    stays as history. `delete` is `Memory.forget`, and erases every version. Reads of a batch see
    what was there before it. Filters compare numbers with numbers and texts with texts. A search
    without a query returns what was put last first. There is no `ttl`: nothing is erased unasked.

    Raises:
        InvalidInput: the scope has a session, a value is not JSON or has a key that begins with
            `memagent.`, or a filter is malformed.
        NotImplementedError: a `ttl` is given.
    """

    def __init__(
        self, memory: Memory | AsyncMemory, *, scope: ScopeLike, fields: Sequence[str] = ("$",)
    ) -> None:
        whose = Scope.of(scope)
        if whose.session is not None:
            raise InvalidInput("a LangGraph store makes a session of every namespace: give it none")
        self.memory = sync_of(memory)
        self.scope = replace(whose, agent=whose.agent or AGENT)
        self.fields = tuple(fields)

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out operations, reads before writes, and return their results in order."""
        whole = list(ops)
        for op in whole:
            _check(op)
        results = [None if isinstance(op, PutOp) else self._read(op) for op in whole]
        self._write([op for op in whole if isinstance(op, PutOp)])
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out operations in a thread, as `batch` does."""
        return await asyncio.to_thread(self.batch, list(ops))

    def _read(self, op: GetOp | SearchOp | ListNamespacesOp) -> Result:
        if isinstance(op, GetOp):
            return self._get(op)
        if isinstance(op, SearchOp):
            return self._search(op)
        return self._namespaces(op)

    def _write(self, ops: Sequence[PutOp]) -> None:
        """Put and delete; of several operations on one item the last counts."""
        last = {self._id(op.namespace, op.key): op for op in ops}
        upserts = [
            Upsert(
                id=name,
                former=self._former(op.namespace, op.key),
                note=self._note(op, op.value),
                scope=self._place(op.namespace),
            )
            for name, op in last.items()
            if op.value is not None
        ]
        upsert(self.memory, upserts, within=self.scope)
        deleted = {name: op for name, op in last.items() if op.value is None}
        if deleted:
            former = [self._former(op.namespace, op.key) for op in deleted.values()]
            self.memory.forget([*deleted, *former], scope=self.scope)

    def _note(self, op: PutOp, value: Mapping[str, Any]) -> NewRecord:
        check_metadata(value)
        try:
            text = json.dumps(dict(value), ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"the value of {op.key!r} is not JSON: {error}") from error
        plain = json.loads(text)
        paths = self.fields if op.index is None else op.index or ()
        texts = [one for path in paths for one in get_text_at_path(plain, path)]
        keys = tuple(key for one in texts if one.strip() for key in keys_of(one))
        own = {NAMESPACE: ".".join([*op.namespace, ""]), KEY: op.key, INDEXED: bool(keys)}
        return NewRecord(
            text=text, keys=keys or UNINDEXED, evidence=bool(keys), metadata={**plain, **own}
        )

    def _get(self, op: GetOp) -> Item | None:
        id = self._id(op.namespace, op.key)
        former = {id: self._former(op.namespace, op.key)}
        entry = find(self.memory, [id], self.scope, former=former).get(id)
        if entry is None:
            return None
        return Item(
            namespace=op.namespace,
            key=op.key,
            value=callers(entry.newest.metadata),
            created_at=entry.first.created,
            updated_at=entry.newest.created,
        )

    def _search(self, op: SearchOp) -> list[SearchItem]:
        """Search, or list without a query; items that are not indexed come last, unscored."""
        wanted, prefix = op.offset + op.limit, tuple(op.namespace_prefix)
        within = self._below(prefix)
        if not within or op.limit == 0:
            return []
        # The one session is searched without looking at the metadata of all the others.
        scope = self._place(within[0]) if len(within) == 1 else self.scope
        where = [_under(prefix), *_conditions((), op.filter or {})]
        found: list[tuple[Record, float | None]] = []
        if op.query and op.query.strip():
            seen = {"and": [*where, {INDEXED: True}]}
            hits = self.memory.search(op.query, scope=scope, k=wanted, where=seen)
            found = [(hit.record, hit.score) for hit in hits]
            where.append({INDEXED: False})
        if len(found) < wanted:
            seen = {"and": where}
            rest = self.memory.list(scope=scope, limit=wanted - len(found), where=seen)
            found += [(record, None) for record in rest]
        return self._items(found[op.offset :])

    def _items(self, found: Sequence[tuple[Record, float | None]]) -> list[SearchItem]:
        items = [(record, score) for record, score in found if _is_item(record)]
        places = [("item", record.scope, record.metadata[KEY]) for record, _ in items]
        names = [(entry_id(*place), former_id(*place)) for place in places]
        wanted = [name for pair in names for name in pair]
        first = {one.id: one for one in self.memory.get(wanted, scope=self.scope)}
        return [
            SearchItem(
                namespace=tuple(record.metadata[NAMESPACE][:-1].split(".")),
                key=record.metadata[KEY],
                value=callers(record.metadata),
                created_at=(first.get(name) or first.get(former, record)).created,
                updated_at=record.created,
                score=score,
            )
            for (name, former), (record, score) in zip(names, items, strict=True)
        ]

    def _namespaces(self, op: ListNamespacesOp) -> list[Namespace]:
        conditions = op.match_conditions or ()
        matching = [
            one for one in self._below(()) if all(_matches(other, one) for other in conditions)
        ]
        cut = sorted({one[: op.max_depth] for one in matching})
        return cut[op.offset : op.offset + op.limit]

    def _below(self, prefix: Namespace) -> list[Namespace]:
        """Return the namespaces that begin with a prefix."""
        names = self.memory.sessions(scope=self.scope, start=SESSION + ".".join(prefix))
        found = [tuple(name.removeprefix(SESSION).split(".")) for name in names]
        return [one for one in found if one[: len(prefix)] == prefix]

    def _id(self, namespace: Namespace, key: str) -> str:
        return entry_id("item", self._place(namespace), key)

    def _former(self, namespace: Namespace, key: str) -> str:
        return former_id("item", self._place(namespace), key)

    def _place(self, namespace: Namespace) -> Scope:
        return replace(self.scope, session=SESSION + ".".join(namespace))


def _is_item(record: Record) -> bool:
    """Tell whether a record is an item; anybody who writes into the scope may write metadata."""
    return all(isinstance(record.metadata.get(name), str) for name in (NAMESPACE, KEY))


def _check(op: Op) -> None:
    """Refuse what cannot be carried out, before anything is.

    Raises:
        InvalidNamespaceError: a label is empty, no text, or has a period, or there is none.
        NotImplementedError: a `ttl` is given.
        InvalidInput: a limit or an offset is negative.
    """
    if not isinstance(op, GetOp | PutOp | SearchOp | ListNamespacesOp):
        raise InvalidInput(f"there is no operation {type(op).__name__}")
    validate_op_namespace(op)
    if isinstance(op, PutOp) and not op.namespace:
        raise InvalidNamespaceError("a namespace cannot be empty")
    if isinstance(op, PutOp) and op.ttl is not None:
        raise NotImplementedError("a memory erases nothing unasked, so it takes no ttl: delete")
    if isinstance(op, SearchOp | ListNamespacesOp) and min(op.limit, op.offset) < 0:
        raise InvalidInput(f"limit {op.limit} and offset {op.offset} cannot be negative")


def _under(prefix: Namespace) -> dict[Any, Any]:
    """Return the filter for the items of a namespace and of those below it."""
    if not prefix:
        return {NAMESPACE: {"exists": True}}
    own = ".".join(prefix)
    return {NAMESPACE: {"gte": f"{own}.", "lt": f"{own}/"}}  # the slash follows the period


def _conditions(path: tuple[str, ...], wanted: Any) -> list[dict[Any, Any]]:
    """Return LangGraph's filter of a field as the memory's; within an object, field by field."""
    if not isinstance(wanted, Mapping):
        return [{path: {"eq": wanted}}]
    operators = [name for name in wanted if str(name).startswith("$")]
    if not operators:
        whole: list[dict[Any, Any]] = [{path: {"exists": True}}] if path else []
        return whole + [one for name in wanted for one in _conditions((*path, name), wanted[name])]
    for name in wanted:
        if name not in OPERATORS:
            raise InvalidInput(
                f"filter: unknown operator {name!r}; there are {', '.join(OPERATORS)}"
            )
    return [{path: {OPERATORS[name]: value for name, value in wanted.items()}}]


def _matches(condition: MatchCondition, namespace: Namespace) -> bool:
    """Tell whether a namespace begins or ends as a condition says; `*` is any label."""
    path = condition.path
    if len(path) > len(namespace):
        return False
    if condition.match_type == "prefix":
        part = namespace[: len(path)]
    else:
        part = namespace[len(namespace) - len(path) :]
    return all(wanted in ("*", label) for wanted, label in zip(path, part, strict=True))
