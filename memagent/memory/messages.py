"""Messages of a conversation as records: roles, speakers and times."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, get_args

from langchain_core.messages import AIMessage, BaseMessage

from memagent.errors import InvalidInput, shown
from memagent.memory import arguments
from memagent.stores.banks.episodic import keys_of
from memagent.stores.database.filters import Filter, Period
from memagent.text.questions import asks
from memagent.types import Kind, NewRecord, Role, Scope

ROLES: tuple[str, ...] = get_args(Role)
TYPES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}
"""Roles by langchain-core's message types."""
FIELDS = ("role", "content", "name", "timestamp", "id")


def records_of(
    messages: Iterable[Mapping[str, Any] | BaseMessage],
    valid_from: datetime | None,
    metadata: Mapping[str, Any],
) -> list[NewRecord]:
    """Return messages as records to add; `valid_from` and `metadata` are of all of them.

    Raises:
        InvalidInput: a message is malformed; its place is named, counted from 1.
    """
    if isinstance(messages, str | Mapping | BaseMessage) or not isinstance(messages, Iterable):
        raise InvalidInput("messages: a list of messages is wanted")
    if not isinstance(metadata, Mapping):
        raise InvalidInput(f"metadata: a mapping is wanted, not {shown(metadata)}")
    made = []
    for number, message in enumerate(arguments.listed("messages", messages), start=1):
        try:
            made.append(_record(message, valid_from, metadata))
        except InvalidInput as error:
            raise InvalidInput(f"message {number}: {error}") from error
    return made


def visible(
    scope: Scope,
    roles: str | Sequence[str] | None,
    where: Mapping[str, Any] | None,
    time: Period,
    kind: Kind | None = None,
) -> Filter:
    """Return the filter of what a search sees: without `roles`, of episodes what users state.

    Raises:
        InvalidInput: a role is unknown, or the filter of metadata is malformed.
    """
    stated, named = roles is None and kind in (None, "episode"), roles_of(roles)
    return Filter(scope=scope, evidence=stated, roles=named, kind=kind, metadata=where, **time)


def roles_of(roles: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """Return roles to search among, None for all of them; one role or several are taken.

    Raises:
        InvalidInput: one is no role.
    """
    if roles is None or (isinstance(roles, str) and roles == "all"):
        return None
    if isinstance(roles, str) or not isinstance(roles, Iterable):
        roles = [roles]
    wanted = tuple(arguments.listed("roles", roles))
    for role in wanted:
        if not isinstance(role, str) or role not in ROLES:
            raise InvalidInput(f"roles: 'all' or some of {', '.join(ROLES)}, not {shown(role)}")
    return wanted


def evidence_in(role: str | None, text: str) -> bool:
    """Tell whether a message states something: only a user does, and not by asking alone."""
    return role in (None, "user") and not asks(text)


def text_of(message: BaseMessage) -> str:
    """Return the text of a message, or of its tool calls, or else what sort it is."""
    if message.text.strip():
        return str(message.text)
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    named = [f"{call['name']}({json.dumps(call['args'], default=str)})" for call in calls]
    return "; ".join(named) or f"({message.type})"


def _record(
    message: Mapping[str, Any] | BaseMessage,
    valid_from: datetime | None,
    metadata: Mapping[str, Any],
) -> NewRecord:
    fields = _of_langchain(message) if isinstance(message, BaseMessage) else message
    if not isinstance(fields, Mapping):
        raise InvalidInput(f"a mapping with role and content is wanted, not {shown(message)}")
    unknown = [str(name) for name in fields if name not in FIELDS]
    if unknown:
        raise InvalidInput(f"unknown field {shown(unknown[0])}; there are {', '.join(FIELDS)}")
    role, content = fields.get("role"), fields.get("content")
    if not isinstance(role, str) or role not in ROLES:
        raise InvalidInput(f"role: one of {', '.join(ROLES)} is wanted, not {shown(role)}")
    if not isinstance(content, str) or not content.strip():
        raise InvalidInput(f"content: a text is wanted, not {shown(content)}")
    name = fields.get("name")
    if name is not None and not isinstance(name, str):
        raise InvalidInput(f"name: a text is wanted, not {shown(name)}")
    id = fields.get("id")
    if id is not None and not isinstance(id, str):
        raise InvalidInput(f"id: a text is wanted, not {shown(id)}")
    return NewRecord(
        text=content,
        id=id,
        keys=tuple(keys_of(f"{name}: {content}")) if name else (),
        valid_from=_time(fields.get("timestamp")) or valid_from,
        evidence=evidence_in(role, content),
        metadata={**metadata, "role": role, **({"name": name} if name else {})},
    )


def _of_langchain(message: BaseMessage) -> dict[str, Any]:
    role = TYPES.get(message.type, message.type)
    return {"role": role, "content": text_of(message), "name": message.name}


def _time(timestamp: object) -> datetime | None:
    if timestamp is None or isinstance(timestamp, datetime):
        return timestamp
    try:
        return datetime.fromisoformat(str(timestamp))
    except ValueError as error:
        raise InvalidInput(
            f"timestamp: a datetime or ISO 8601 is wanted, not {shown(timestamp)}"
        ) from error
