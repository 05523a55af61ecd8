"""Idempotency keys: a request that is sent again gets the reply of the first.

Records and messages that are added get ids derived from the key, so that a retry stores nothing
twice even after the server was restarted. The replies are also kept in memory of the process, for a
day at most, and given again only while nothing of the user is erased, by whatever process.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from weakref import WeakValueDictionary

from starlette.responses import Response

from memagent.errors import InvalidInput
from memagent.server.rest.caller import Caller

HEADER = "idempotency-key"
MAX_KEY = 200
KEPT_SECONDS = 86_400.0
KEPT = 10_000
"""Replies that are kept at most; the oldest make room."""
KEPT_BYTES = 64 << 20
"""Bytes of replies that are kept at most, likewise."""


@dataclass(frozen=True, slots=True)
class _Kept:
    at: float
    digest: str
    erasures: tuple[str, int] | None
    response: Response


class Replies:
    """Replies by user, path and key, with a digest of what was asked."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[str, ...], _Kept] = OrderedDict()
        self._bytes = 0
        self._locks: WeakValueDictionary[tuple[str, ...], asyncio.Lock] = WeakValueDictionary()

    async def once(self, caller: Caller, make: Callable[[], Awaitable[Response]]) -> Response:
        """Return the reply to a request, that of the first if it was sent before.

        Raises:
            InvalidInput: the key was used for another request, or is too long.
        """
        key = key_of(caller)
        if key is None:
            return await make()
        place = (caller.scope.user, caller.principal.key or "", caller.request.url.path, key)
        digest = hashlib.sha256(
            str(caller.scope).encode() + b"\0" + await caller.request.body()
        ).hexdigest()
        lock = self._locks.setdefault(place, asyncio.Lock())  # as long as somebody waits for it
        async with lock:
            erasures = await caller.run(erasures_of, caller)
            self._drop_old()
            kept = self._kept.get(place)
            if kept is not None and kept.erasures == erasures:
                if kept.digest != digest:
                    raise InvalidInput("this Idempotency-Key was used for another request")
                return kept.response
            response = await make()
            if response.status_code < 400:
                erasures = await caller.run(erasures_of, caller)
                self._keep(place, _Kept(self._clock(), digest, erasures, response))
            return response

    def forget(self, user: str) -> None:
        """Drop the replies to a user, of whom something was erased."""
        for place in [place for place in self._kept if place[0] == user]:
            self._drop(place)

    def _keep(self, place: tuple[str, ...], kept: _Kept) -> None:
        if place in self._kept:
            self._drop(place)
        self._kept[place] = kept
        self._bytes += len(kept.response.body)
        while len(self._kept) > KEPT or self._bytes > KEPT_BYTES:
            self._drop(next(iter(self._kept)))

    def _drop_old(self) -> None:
        oldest = self._clock() - KEPT_SECONDS
        while self._kept and next(iter(self._kept.values())).at <= oldest:
            self._drop(next(iter(self._kept)))

    def _drop(self, place: tuple[str, ...]) -> None:
        self._bytes -= len(self._kept.pop(place).response.body)


def erasures_of(caller: Caller) -> tuple[str, int] | None:
    """Return a number that changes when something of the caller's user is erased."""
    state = caller.memory.engine.store.state(caller.scope.user)
    return None if state is None else (state.owner, state.removals - state.rewrites)


def key_of(caller: Caller) -> str | None:
    """Return the idempotency key of a request, None if it has none.

    Raises:
        InvalidInput: it is too long.
    """
    key = caller.request.headers.get(HEADER)
    if key is not None and len(key) > MAX_KEY:
        raise InvalidInput(f"an Idempotency-Key has at most {MAX_KEY} characters")
    return key or None


def derived_id(caller: Caller, number: int) -> str | None:
    """Return the id of a record that a request with an idempotency key adds, None without one."""
    key = key_of(caller)
    if key is None:
        return None
    parts = (str(caller.scope), caller.principal.key or "", caller.request.url.path, key)
    digest = hashlib.sha256("\0".join([*parts, str(number)]).encode(errors="surrogatepass"))
    return digest.hexdigest()[:32]
