"""Memory and AsyncMemory over HTTP: the verbs of `memagent.Memory` on a server's memory."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Protocol, Self, TypeVar

from memagent.client import calls, parts, verbs
from memagent.client.connection import Connection, checked, error_of
from memagent.types import ScopeLike

P = ParamSpec("P")
T = TypeVar("T")

TIMEOUT = 300.0
"""Seconds without a byte after which a call is given up: a model may think that long."""
NDJSON = {"Content-Type": "application/x-ndjson"}


class _Connected(Protocol):
    @property
    def connection(self) -> Connection: ...


def _sent(make: Callable[P, calls.Call[T]]) -> Callable[Concatenate[_Connected, P], T]:
    def verb(self: _Connected, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.connection.send(make(*args, **kwargs))

    _name(verb, make)
    return verb


def _awaited(
    make: Callable[P, calls.Call[T]],
) -> Callable[Concatenate[_Connected, P], Awaitable[T]]:
    async def verb(self: _Connected, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.connection.asend(make(*args, **kwargs))

    _name(verb, make)
    return verb


def _name(verb: Any, make: Any) -> None:
    verb.__name__, verb.__doc__, verb.__wrapped__ = make.__name__, make.__doc__, make


@dataclass(frozen=True, slots=True)
class Event:
    """Event of a streamed reply: `recalled`, `delta`, `answer` or `saved`, and its data."""

    name: str
    data: Mapping[str, Any]


class Changes:
    """Marks, verdicts, and the changes that feedback made."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    pin, archive, restore = _sent(parts.pin), _sent(parts.archive), _sent(parts.restore)
    judge, undo = _sent(parts.judge), _sent(parts.undo)
    list, get = _sent(parts.list_changes), _sent(parts.get_change)


class AsyncChanges:
    """Marks, verdicts, and the changes that feedback made, awaited."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    pin, archive, restore = _awaited(parts.pin), _awaited(parts.archive), _awaited(parts.restore)
    judge, undo = _awaited(parts.judge), _awaited(parts.undo)
    list, get = _awaited(parts.list_changes), _awaited(parts.get_change)


class Profile:
    """Lasting facts and preferences of a user."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    lines, add = _sent(parts.lines), _sent(parts.add_line)


class AsyncProfile:
    """Lasting facts and preferences of a user, awaited."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    lines, add = _awaited(parts.lines), _awaited(parts.add_line)


class Memory:
    """Memory of a server, with the verbs of `memagent.Memory`; open it with `Memory.connect`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.changes, self.profile = Changes(connection), Profile(connection)

    @classmethod
    def connect(
        cls,
        url: str = "http://127.0.0.1:8484",
        *,
        key: str | None = None,
        scope: ScopeLike | None = None,
        timeout: float = TIMEOUT,
    ) -> Self:
        """Return the memory of a server; nothing is sent yet.

        `scope` is whose memory where a call does not say; the key's own user if None.

        Raises:
            InvalidInput: the URL is none.
        """
        return cls(Connection(url, key=key, scope=scope, timeout=timeout))

    add, add_many, add_messages = _sent(verbs.add), _sent(verbs.add_many), _sent(verbs.add_messages)
    update, forget, get = _sent(verbs.update), _sent(verbs.forget), _sent(verbs.get)
    search, recall, history = _sent(verbs.search), _sent(verbs.recall), _sent(verbs.history)
    list, count = _sent(verbs.list_records), _sent(verbs.count)
    users, sessions = _sent(verbs.users), _sent(verbs.sessions)
    why, sources, stats = _sent(parts.why), _sent(parts.sources), _sent(parts.stats)
    ask, feedback = _sent(parts.ask), _sent(parts.feedback)

    def export(self, *, scope: ScopeLike | None = None, vectors: bool = False) -> Iterator[str]:
        """Yield a scope's records as JSON lines, header first."""
        params = _query(self.connection, scope, {"vectors": vectors})
        with self.connection.sync.stream("GET", "export", params=params) as reply:
            if not reply.is_success:
                reply.read()
                checked(reply)
            yield from reply.iter_lines()

    def import_(self, lines: Iterable[str], *, scope: ScopeLike | None = None) -> int:
        """Store records that are not there yet, from the lines of an export; return how many."""
        reply = self.connection.sync.post(
            "import",
            params=_query(self.connection, scope, {}),
            content=(f"{line}\n".encode() for line in lines),
            headers=NDJSON,
        )
        return int(json.loads(checked(reply).content)["imported"])

    def chat(self, text: str, *, scope: ScopeLike) -> Iterator[Event]:
        """Say something in a session, and yield what comes of it; closing it stops the model.

        Raises:
            InvalidInput: the scope has no session.
            ModelUnavailable: the model of the server cannot be reached; what was said is kept.
        """
        with self.connection.sync.stream(
            "POST", "chat", params=_query(self.connection, scope, {}), json={"text": text}
        ) as reply:
            if not reply.is_success:
                reply.read()
                checked(reply)
            lines = list[str]()
            for line in reply.iter_lines():
                if line:
                    lines.append(line)
                else:
                    yield _event(lines)
                    lines = []

    def close(self) -> None:
        """Close the connections."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class AsyncMemory:
    """Memory of a server whose verbs are awaited; see `Memory` for what each does."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.changes, self.profile = AsyncChanges(connection), AsyncProfile(connection)

    @classmethod
    def connect(
        cls,
        url: str = "http://127.0.0.1:8484",
        *,
        key: str | None = None,
        scope: ScopeLike | None = None,
        timeout: float = TIMEOUT,
    ) -> Self:
        """Return the memory of a server, as `Memory.connect` does; nothing is sent yet."""
        return cls(Connection(url, key=key, scope=scope, timeout=timeout))

    add, add_many = _awaited(verbs.add), _awaited(verbs.add_many)
    add_messages, update = _awaited(verbs.add_messages), _awaited(verbs.update)
    forget, get, history = _awaited(verbs.forget), _awaited(verbs.get), _awaited(verbs.history)
    search, recall = _awaited(verbs.search), _awaited(verbs.recall)
    list, count = _awaited(verbs.list_records), _awaited(verbs.count)
    users, sessions = _awaited(verbs.users), _awaited(verbs.sessions)
    why, sources, stats = _awaited(parts.why), _awaited(parts.sources), _awaited(parts.stats)
    ask, feedback = _awaited(parts.ask), _awaited(parts.feedback)

    async def export(
        self, *, scope: ScopeLike | None = None, vectors: bool = False
    ) -> AsyncIterator[str]:
        """Yield a scope's records as JSON lines, header first."""
        params = _query(self.connection, scope, {"vectors": vectors})
        async with self.connection.awaited.stream("GET", "export", params=params) as reply:
            if not reply.is_success:
                await reply.aread()
                checked(reply)
            async for line in reply.aiter_lines():
                yield line

    async def chat(self, text: str, *, scope: ScopeLike) -> AsyncIterator[Event]:
        """Say something in a session, and yield what comes of it, as `Memory.chat` does."""
        params = _query(self.connection, scope, {})
        body = {"text": text}
        async with self.connection.awaited.stream(
            "POST", "chat", params=params, json=body
        ) as reply:
            if not reply.is_success:
                await reply.aread()
                checked(reply)
            lines = list[str]()
            async for line in reply.aiter_lines():
                if line:
                    lines.append(line)
                else:
                    yield _event(lines)
                    lines = []

    async def close(self) -> None:
        """Close the connections."""
        await self.connection.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()


def _query(
    connection: Connection, scope: ScopeLike | None, params: Mapping[str, Any]
) -> dict[str, str]:
    call = calls.fetch("", bytes, scope, params)
    return call.query(connection.scope)


def _event(lines: "list[str]") -> Event:
    """Return a server-sent event.

    Raises:
        MemagentError: it is an error that the server names.
    """
    fields = dict(line.split(": ", 1) for line in lines)
    name, data = fields["event"], json.loads(fields["data"])
    if name == "error":
        raise error_of(data["status"], data["detail"], data.get("error"))
    return Event(name, data)
