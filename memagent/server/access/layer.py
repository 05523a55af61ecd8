"""Access layer: who sends a request, whether it may come from there, and how often.

Every request passes here before any route, so that whoever has no key learns nothing, not even
which paths there are.
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import urlsplit

from anyio import to_thread
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memagent.server.access.audit import AuditWriter
from memagent.server.access.principal import Principal
from memagent.server.access.rates import Rates
from memagent.server.problems import problem
from memagent.server.services import Services
from memagent.stores.access.audit import AuditLog
from memagent.stores.access.keys import ApiKey, Keys

PUBLIC = ("/healthz", "/readyz", "/", "/favicon.ico")
PUBLIC_FOLDERS = ("/inspector/",)
"""Paths that need no key: health, and the files of the inspector's page."""
PROXIES = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""Headers by which a reverse proxy tells that a request came from elsewhere."""
KEY_SECONDS = 1.0
"""Seconds for which a key that was found counts as good: so long may a revoked one still work."""
MAX_FOUND = 10_000
IMPORT, IMPORT_FACTOR = "/v1/import", 100
"""The path whose body may be longer, as it is not read at once, and how many times as long."""
JSON = ("application/json", "application/x-ndjson")
"""Types of the bodies that are read."""
UNAUTHORIZED = "a valid key is needed: `Authorization: Bearer ma_...`"


class AccessLayer:
    """ASGI layer that sets `request.state.principal`, or answers 401, 403, 413, 415 or 429."""

    def __init__(
        self, app: ASGIApp, services: Services, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._keys = Keys(services.memory.engine.store)
        self._user = services.settings.user
        self._options = services.options
        self._clock = clock
        self._found: OrderedDict[str, tuple[float, ApiKey]] = OrderedDict()
        self._keyless: tuple[float, bool] | None = None
        self._rates = Rates(services.options.rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":  # there are none here
                await send({"type": "websocket.close", "code": 1008})
            else:
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = await self._refusal(scope, headers)
        if refusal is None:
            await self._app(scope, _counted(receive, self._limit(scope)), send)
        else:
            await refusal(scope, receive, send)

    async def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self._limit(scope):
            return problem(413, _too_large(self._limit(scope)))
        if not _same_origin(headers):
            return problem(403, "a page of another origin may not call this server")
        token = _token(headers)
        key = None if token is None else await self._find(token)
        if key is None:
            if await self._is_open():  # whatever key an OpenAI client has to be given
                if any(name in headers for name in PROXIES):  # then anybody may be behind it
                    return problem(403, "this server has no keys: behind a proxy it needs them")
                if not self._is_ours(headers.get("host", "")):
                    return problem(403, "this server has no keys: it is called by loopback alone")
                scope.setdefault("state", {})["principal"] = Principal(
                    name="local", users=None, default=self._user
                )
                return _unreadable(headers)
            if is_public(scope["path"]):
                return None
            return problem(401, UNAUTHORIZED, {"WWW-Authenticate": "Bearer"})
        scope.setdefault("state", {})["principal"] = principal_for(key)
        return self._rates.refusal(key) or _unreadable(headers)

    def _limit(self, scope: Scope) -> int:
        most = self._options.max_body
        return most * IMPORT_FACTOR if scope["path"] == IMPORT else most

    async def _find(self, token: str) -> ApiKey | None:
        held, now = self._found.get(token), self._clock()
        if held is not None and now - held[0] < KEY_SECONDS:
            return held[1]
        key = await to_thread.run_sync(self._keys.find, token)
        self._found.pop(token, None)
        if key is not None:
            self._found[token] = (now, key)
            while len(self._found) > MAX_FOUND:
                self._found.popitem(last=False)
        return key

    async def _is_open(self) -> bool:
        """Tell whether nobody needs a key: there is none, and only this machine can ask."""
        if not is_local(self._options.host):
            return False
        now = self._clock()
        if self._keyless is None or now - self._keyless[0] >= KEY_SECONDS:
            self._keyless = (now, not await to_thread.run_sync(self._keys.any))
        return self._keyless[1]

    def _is_ours(self, host: str) -> bool:
        name = urlsplit(f"//{host}").hostname or ""
        return is_local(name) or name in self._options.hosts


def add_access(app: FastAPI, services: Services) -> None:
    """Put the access layer before all routes, and the audit log behind them."""
    app.state.audit = AuditWriter(AuditLog(services.memory.engine.store))
    services.lifespans.append(app.state.audit.running)
    app.add_middleware(AccessLayer, services=services)


def principal_for(key: ApiKey) -> Principal:
    """Return who a key stands for."""
    alone = key.users[0] if key.users is not None and len(key.users) == 1 else None
    return Principal(
        name=key.name, users=key.users, default=alone, read_only=key.read_only, key=key.id
    )


def is_public(path: str) -> bool:
    """Tell whether a path needs no key."""
    return path in PUBLIC or path.startswith(PUBLIC_FOLDERS)


def is_local(host: str) -> bool:
    """Tell whether a host's name or address is this machine's loopback."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.startswith("/")  # a Unix socket


def _counted(receive: Receive, limit: int) -> Receive:
    """Return what receives a body of at most `limit` bytes, also one whose length nobody tells."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise HTTPException(413, _too_large(limit))
        return message

    return counted


def _too_large(limit: int) -> str:
    return f"a body has at most {limit:,} bytes here"


def _unreadable(headers: Headers) -> Response | None:
    """Return a refusal of a body that is not said to be JSON: a page's form sends such ones."""
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return None
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in JSON or (kind.startswith("application/") and kind.endswith("+json")):
        return None
    return problem(415, f"a body needs a Content-Type: {' or '.join(JSON)}")


def _token(headers: Headers) -> str | None:
    """Return the token of a request, None if it has none."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and token.strip():
        return token.strip()
    return headers.get("x-api-key") or None


def _same_origin(headers: Headers) -> bool:
    """Tell whether a request comes from a page of this server, or from no page."""
    origin = headers.get("origin")
    if origin is None:
        return True
    return origin != "null" and urlsplit(origin).netloc == headers.get("host")
