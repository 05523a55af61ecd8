"""LangGraph store (`BaseStore`) over a scope of a memory; needs the extra `langgraph`."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import isnan
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

from memagent.errors import InvalidInput, shown
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
from memagent.memory import arguments
from memagent.memory.aio import AsyncMemory, sync_of
from memagent.memory.memory import Memory
from memagent.stores.banks.episodic import keys_of
from memagent.stores.database.metadata import MAX_DEPTH, plain_metadata, to_json
from memagent.types import NewRecord, Record, Scope, ScopeLike

AGENT = "langgraph"
"""Agent whose items they are where the scope names none."""
SESSION = "langgraph."
"""Prefix of the session of a namespace; LangGraph itself allows no namespace with it."""
NAMESPACE, KEY, INDEXED = f"{OWN}namespace", f"{OWN}key", f"{OWN}indexed"
"""Fields of a record's metadata: the item's namespace, each label with a period behind, its key,
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
    what was there before it. A search without a query returns what was put last first. With one,
    items come in the order of the memory's own ranking, by meaning and by words; the `score` is the
    cosine of what was found, in [-1, 1], so it need not fall from one item to the next.

    A filter names any key: `a.b` is the key of that name, or else the key `b` within `a`. Numbers
    are compared with numbers and texts with texts, by the rules of `metadata_filter`; lists as
    wholes; within an object field by field. There is no `ttl`: nothing is erased unasked.

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
        whole = arguments.listed("ops", ops)
        for op in whole:
            _check(op)
        results = [None if isinstance(op, PutOp) else self._read(op) for op in whole]
        self._write([op for op in whole if isinstance(op, PutOp)])
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out operations in a thread, as `batch` does."""
        return await asyncio.to_thread(self.batch, ops)

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
        plain = plain_metadata(value, f"the value of {shown(op.key)}")
        text = to_json(plain)
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
        where = [_under(prefix), *_filter(op.filter or {})]
        found: list[tuple[Record, float | None]] = []
        if op.query and op.query.strip():
            seen = {"and": [*where, {INDEXED: True}]}
            hits = self.memory.search(op.query, scope=scope, k=wanted, where=seen)
            found = [(hit.record, min(hit.why["cosine"], 1.0)) for hit in hits]
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
        InvalidInput: another part has the wrong type, or a number is negative.
    """
    if not isinstance(op, GetOp | PutOp | SearchOp | ListNamespacesOp):
        raise InvalidInput(f"there is no operation {type(op).__name__}")
    for labels in _namespaces_of(op):
        if not isinstance(labels, list | tuple):
            raise InvalidNamespaceError(f"a namespace is a tuple of labels, not {shown(labels)}")
    validate_op_namespace(op)
    if isinstance(op, GetOp | PutOp) and not isinstance(op.key, str):
        raise InvalidInput(f"key: a text is wanted, not {shown(op.key)}")
    if isinstance(op, PutOp):
        _check_put(op)
    if isinstance(op, SearchOp):
        if op.filter is not None and not isinstance(op.filter, Mapping):
            raise InvalidInput(f"filter: a mapping is wanted, not {shown(op.filter)}")
        if op.query is not None:
            arguments.text("query", op.query)
    if isinstance(op, SearchOp | ListNamespacesOp):
        arguments.count("limit", op.limit, least=0)
        arguments.count("offset", op.offset, least=0)
    if isinstance(op, ListNamespacesOp):
        if op.max_depth is not None:
            arguments.count("max_depth", op.max_depth)
        for condition in op.match_conditions or ():
            if condition.match_type not in ("prefix", "suffix"):
                raise InvalidInput(f"match: prefix or suffix, not {shown(condition.match_type)}")


def _namespaces_of(op: Op) -> list[Any]:
    if isinstance(op, GetOp | PutOp):
        return [op.namespace]
    if isinstance(op, SearchOp):
        return [op.namespace_prefix]
    return [condition.path for condition in op.match_conditions or ()]


def _check_put(op: PutOp) -> None:
    if not op.namespace:
        raise InvalidNamespaceError("a namespace cannot be empty")
    if op.ttl is not None:
        raise NotImplementedError("a memory erases nothing unasked, so it takes no ttl: delete")
    if op.value is not None and not isinstance(op.value, Mapping):
        raise InvalidInput(f"value: a mapping is wanted, not {shown(op.value)}")
    paths = () if op.index is None or op.index is False else op.index
    if not isinstance(paths, list | tuple) or not all(isinstance(path, str) for path in paths):
        raise InvalidInput(f"index: False or a list of paths is wanted, not {shown(paths)}")


def _under(prefix: Namespace) -> dict[Any, Any]:
    """Return the filter for the items of a namespace and of those below it."""
    if not prefix:
        return {NAMESPACE: {"exists": True}}
    own = ".".join(prefix)
    return {NAMESPACE: {"gte": f"{own}.", "lt": f"{own}/"}}  # the slash follows the period


def _filter(wanted: Mapping[str, Any]) -> list[dict[Any, Any]]:
    """Return LangGraph's filter as the memory's; a name with periods is a key, or else a path."""
    for name in wanted:
        if name in OPERATORS:
            raise InvalidInput(f"filter: {name!r} is an operator: say of which key")
    whole: list[dict[Any, Any]] = []
    for name, value in wanted.items():
        key = _conditions((name,), value)
        if isinstance(name, str) and "." in name:
            there = {(name,): {"exists": True}}
            path = _conditions(tuple(name.split(".")), value)
            key = [{"or": [{"and": [there, *key]}, {"and": [{"not": there}, *path]}]}]
        whole += key
    return whole


def _conditions(path: tuple[str, ...], wanted: Any) -> list[dict[Any, Any]]:
    """Return what a filter says of a field; within an object, field by field."""
    if not isinstance(wanted, Mapping):
        return _compared(path, "eq", wanted)
    if len(path) > MAX_DEPTH:
        raise InvalidInput(f"filter: nested too deeply: at most {MAX_DEPTH} objects")
    operators = [name for name in wanted if str(name).startswith("$")]
    if not operators:
        whole: list[dict[Any, Any]] = [{path: {"exists": True}}]
        return whole + [one for name in wanted for one in _conditions((*path, name), wanted[name])]
    for name in wanted:
        if name not in OPERATORS:
            raise InvalidInput(
                f"filter: unknown operator {shown(name)}; there are {', '.join(OPERATORS)}"
            )
    return [one for name in wanted for one in _compared(path, OPERATORS[name], wanted[name])]


def _compared(path: tuple[str, ...], operator: str, value: Any) -> list[dict[Any, Any]]:
    """Return a comparison; NaN, which no JSON holds, is equal to nothing."""
    if isinstance(value, float) and isnan(value):
        return [] if operator == "ne" else [{NAMESPACE: {"exists": False}}]
    return [{path: {operator: value}}]


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
