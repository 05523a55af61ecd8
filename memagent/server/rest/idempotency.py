"""Idempotency keys: a request that is sent again gets the reply of the first.

Records and messages that are added get ids derived from the key, so that a retry stores nothing
twice even after the server was restarted. The replies of other requests are kept in memory of the
process, for a day at most, and never longer than the records they tell of.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from starlette.responses import Response

from memagent.errors import InvalidInput
from memagent.server.rest.caller import Caller

HEADER = "idempotency-key"
MAX_KEY = 200
KEPT_SECONDS = 86_400.0
KEPT = 10_000
"""Replies that are kept at most; the oldest make room."""
KEPT_BYTES = 64_000
"""The longest reply that is kept; a retry of a longer one is carried out again."""


class Replies:
    """Replies by user, path and key, with a digest of what was asked."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[str, ...], tuple[float, str, Response]] = OrderedDict()
        self._locks: dict[tuple[str, ...], asyncio.Lock] = {}

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
        async with self._locks.setdefault(place, asyncio.Lock()):
            try:
                kept = self._kept.get(place)
                if kept is not None and self._clock() - kept[0] < KEPT_SECONDS:
                    if kept[1] != digest:
                        raise InvalidInput("this Idempotency-Key was used for another request")
                    return kept[2]
                response = await make()
                if response.status_code < 400 and len(response.body) <= KEPT_BYTES:
                    self._kept[place] = (self._clock(), digest, response)
                    while len(self._kept) > KEPT:
                        self._kept.popitem(last=False)
                return response
            finally:
                self._locks.pop(place, None)

    def forget(self, user: str) -> None:
        """Drop the replies to a user, of whom something was erased."""
        for place in [place for place in self._kept if place[0] == user]:
            del self._kept[place]


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
