"""API keys: made, found, listed and revoked; only a digest of the secret is stored."""

import hashlib
import hmac
import json
import re
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from memagent.errors import InvalidInput, shown
from memagent.records import Scope
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import micros
from memagent.stores.database.rows import moment_of

PREFIX = "ma"
ID_BYTES, SECRET_BYTES = 5, 32
RATE = re.compile(r"[1-9][0-9]{0,8}/(second|minute|hour|day)")
_COLUMNS = "id, name, digest, users, read_only, rate, created, expires, revoked"


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """API key without its secret.

    `users` are those it speaks for, None for anybody. `rate` is how much it may ask
    ("600/minute"), None for what the server allows. Times are in UTC.
    """

    id: str
    name: str
    users: tuple[str, ...] | None
    read_only: bool
    rate: str | None
    created: datetime
    expires: datetime | None
    revoked: datetime | None

    def usable(self, now: datetime) -> bool:
        """Tell whether the key opens anything at a time."""
        return self.revoked is None and (self.expires is None or now < self.expires)


class Keys:
    """API keys of a store.

    What another process makes or revokes counts at the next `find`.
    """

    def __init__(
        self, store: SqliteStore, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._clock = clock

    def make(
        self,
        name: str,
        users: Sequence[str] | None,
        *,
        read_only: bool = False,
        expires: datetime | None = None,
        rate: str | None = None,
    ) -> tuple[str, ApiKey]:
        """Make a key, and return it whole, for this once, with what is stored of it.

        Raises:
            InvalidInput: the name is empty or taken, a user is no user, or the rate no rate.
        """
        if not name.strip() or not name.isprintable():
            raise InvalidInput("a key needs a name")
        if users is not None and not users:
            raise InvalidInput("say for which users the key speaks")
        for user in users or ():
            Scope(user)
        if rate is not None and not RATE.fullmatch(rate):
            raise InvalidInput(f"rate {shown(rate)}: write it as 600/minute or 10/second")
        id, secret = secrets.token_hex(ID_BYTES), secrets.token_urlsafe(SECRET_BYTES)
        key = ApiKey(
            id=id,
            name=name,
            users=None if users is None else tuple(dict.fromkeys(users)),
            read_only=read_only,
            rate=rate,
            created=self._clock(),
            expires=expires,
            revoked=None,
        )
        with self._store.transaction() as db:
            taken = "SELECT 1 FROM api_keys WHERE name = ?1 OR id = ?1"  # both name a key
            if db.execute(taken, (name,)).fetchone():
                raise InvalidInput(f"there is a key {shown(name)} already")
            db.execute(
                f"INSERT INTO api_keys ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                (
                    id,
                    name,
                    _digest(secret),
                    None if key.users is None else json.dumps(key.users),
                    read_only,
                    rate,
                    micros(key.created),
                    micros(expires) if expires else None,
                ),
            )
        return f"{PREFIX}_{id}_{secret}", key

    def find(self, token: str) -> ApiKey | None:
        """Return the usable key of a token, None if it is no key, revoked, or expired."""
        prefix, _, rest = token.partition("_")
        id, _, secret = rest.partition("_")
        if prefix != PREFIX or not token.isascii():
            return None
        rows = self._store.cached_query(f"SELECT {_COLUMNS} FROM api_keys WHERE id = ?", (id,))
        digest = rows[0]["digest"] if rows else b"\0" * 32
        if not hmac.compare_digest(_digest(secret), digest) or not rows:
            return None
        key = _key_of(rows[0])
        return key if key.usable(self._clock()) else None

    def list(self) -> list[ApiKey]:
        """Return all keys, revoked and expired ones too, in the order they were made."""
        rows = self._store.query(f"SELECT {_COLUMNS} FROM api_keys ORDER BY created, id")
        return [_key_of(row) for row in rows]

    def any(self) -> bool:
        """Tell whether there is a key; a revoked one counts, so that revoking opens nothing."""
        return bool(self._store.cached_query("SELECT 1 FROM api_keys LIMIT 1", ()))

    def any_usable(self) -> bool:
        """Tell whether some key opens something now."""
        now = self._clock()
        return any(key.usable(now) for key in self.list())

    def revoke(self, name: str) -> ApiKey:
        """Revoke a key, by name or id, and return it.

        Raises:
            InvalidInput: there is no such key.
        """
        with self._store.transaction() as db:
            found = db.execute(
                "SELECT id FROM api_keys WHERE name = ?1 OR id = ?1", (name,)
            ).fetchone()
            if found is None:
                raise InvalidInput(f"there is no key {shown(name)}: `memagent keys list` has them")
            db.execute(
                "UPDATE api_keys SET revoked = coalesce(revoked, ?) WHERE id = ?",
                (micros(self._clock()), found["id"]),
            )
        return next(key for key in self.list() if key.id == found["id"])

    def remove(self, name: str) -> None:
        """Remove a revoked key, by name or id; without any key a server asks for none.

        Raises:
            InvalidInput: there is no such key, or it is not revoked.
        """
        with self._store.transaction() as db:
            gone = db.execute(
                "DELETE FROM api_keys WHERE (name = ?1 OR id = ?1) AND revoked IS NOT NULL", (name,)
            )
            if not gone.rowcount:
                raise InvalidInput(f"there is no revoked key {shown(name)}")


def _digest(secret: str) -> bytes:
    """Return the digest that is stored; a random secret of 256 bits needs no slow one."""
    return hashlib.sha256(secret.encode()).digest()


def _key_of(row: sqlite3.Row) -> ApiKey:
    def time(name: str) -> datetime | None:
        return None if row[name] is None else moment_of(row[name])

    return ApiKey(
        id=row["id"],
        name=row["name"],
        users=None if row["users"] is None else tuple(json.loads(row["users"])),
        read_only=bool(row["read_only"]),
        rate=row["rate"],
        created=moment_of(row["created"]),
        expires=time("expires"),
        revoked=time("revoked"),
    )
