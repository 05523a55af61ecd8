"""Calls of the REST interface as data, and how they are made."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter

from memagent.types import Record, Scope, ScopeLike

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Call(Generic[T]):
    """Request to send, and what makes a value of its reply.

    `once` says that it may be sent again when the connection breaks: it changes nothing, or the
    same thing.
    """

    method: str
    path: str
    parse: Callable[[bytes], T]
    scope: Scope | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    once: bool = True

    def query(self, default: Scope | None) -> dict[str, str]:
        """Return the parameters of the URL, those of the scope included."""
        scope = self.scope or default
        whose = (
            {"user": scope.user, "agent": scope.agent, "session": scope.session} if scope else {}
        )
        values = {**whose, **self.params}
        return {name: text_of(value) for name, value in values.items() if value is not None}


def post(
    path: str,
    parse: Callable[[bytes], T],
    scope: ScopeLike | None,
    body: Mapping[str, Any] | None,
    *,
    once: bool = True,
) -> Call[T]:
    """Return a call that posts a body."""
    return Call(method="POST", path=path, parse=parse, scope=scope_of(scope), body=body, once=once)


def fetch(
    path: str, parse: Callable[[bytes], T], scope: ScopeLike | None, params: Mapping[str, Any]
) -> Call[T]:
    """Return a call that reads."""
    return Call(method="GET", path=path, parse=parse, scope=scope_of(scope), params=params)


def of(kind: type[T]) -> Callable[[bytes], T]:
    """Return what reads a whole reply as a value of a type."""
    return TypeAdapter(kind).validate_json


def part(kind: type[T], name: str) -> Callable[[bytes], T]:
    """Return what reads one field of a reply as a value of a type."""
    adapter = TypeAdapter(kind)
    return lambda raw: adapter.validate_python(json.loads(raw)[name])


records = part(list[Record], "records")


def scope_of(scope: ScopeLike | None) -> Scope | None:
    """Return a scope, None if none is given."""
    return None if scope is None else Scope.of(scope)


def filter_text(where: Mapping[str, Any] | None) -> str | None:
    """Return a metadata filter as a parameter of a URL holds it."""
    return None if where is None else json.dumps(dict(where))


def path_of(*parts: str) -> str:
    """Return a path of parts, each of which may hold anything."""
    return "/".join(quote(part, safe="") for part in parts)


def text_of(value: Any) -> str:
    """Return a value as a parameter of a URL holds it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.astimezone().isoformat() if isinstance(value, datetime) else str(value)
