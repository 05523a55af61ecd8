"""Commands on API keys: `keys make`, `keys list`, `keys revoke`, `keys remove`."""

import json
import re
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from memagent.cli.options import Home, Json, memory_of, settings_of
from memagent.errors import InvalidInput
from memagent.terminal import say

if TYPE_CHECKING:
    from memagent.stores.access.keys import ApiKey, Keys

keys_app = typer.Typer(help="API keys of `memagent serve`.", no_args_is_help=True)

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
Name = Annotated[str, typer.Argument(help="Name or id of a key.", show_default=False)]


def _keys(stack: ExitStack, home: Home) -> "Keys":
    from memagent.stores.access.keys import Keys

    return Keys(memory_of(settings_of(home=home), stack).engine.store)


@keys_app.command()
def make(
    name: Annotated[str, typer.Argument(help="Name of the key.", show_default=False)],
    user: Annotated[
        list[str] | None, typer.Option(help="User it speaks for; several may be given.")
    ] = None,
    any_user: Annotated[
        bool, typer.Option("--any-user", help="It speaks for anybody: for a service.")
    ] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="It may not write.")] = False,
    expires: Annotated[
        str | None, typer.Option(help="When it ends, as 90d, 12h.", show_default=False)
    ] = None,
    rate: Annotated[
        str | None, typer.Option(help="What it may ask, as 600/minute.", show_default=False)
    ] = None,
    home: Home = None,
) -> None:
    """Make a key, and print it, this once; only a digest of it is stored."""
    if any_user == bool(user):
        raise InvalidInput("say for whom the key speaks: --user NAME, or --any-user")
    ends = None if expires is None else datetime.now(UTC) + _duration(expires)
    with ExitStack() as stack:
        users = None if any_user else user
        token, key = _keys(stack, home).make(
            name, users, read_only=read_only, expires=ends, rate=rate
        )
    say(token)
    say(f"key {key.name!r} ({key.id}) for {_whom(key)}; it is not shown again", err=True)


@keys_app.command("list")
def list_keys(home: Home = None, as_json: Json = False) -> None:
    """List the keys, none of them whole, with the day on which each was last used."""
    from memagent.stores.access.audit import AuditLog
    from memagent.stores.access.keys import Keys

    with ExitStack() as stack:
        store = memory_of(settings_of(home=home), stack).engine.store
        keys, used = Keys(store).list(), AuditLog(store).last_used()
    now = datetime.now(UTC)
    for key in keys:
        if as_json:
            say(json.dumps(_object(key, now, used.get(key.id))))
        else:
            parts = [key.id, key.name, _whom(key), "reads" if key.read_only else "reads and writes"]
            parts += [key.rate] if key.rate else []
            parts += [f"until {key.expires.astimezone():%Y-%m-%d %H:%M}"] if key.expires else []
            parts += [f"used {used[key.id].astimezone():%Y-%m-%d}"] if key.id in used else []
            parts += [_state(key, now)]
            say("  ".join(parts))
    if not keys and not as_json:
        say("there are no keys", err=True)


@keys_app.command()
def revoke(name: Name, home: Home = None) -> None:
    """Revoke a key; running servers refuse it within a second."""
    with ExitStack() as stack:
        key = _keys(stack, home).revoke(name)
    say(f"revoked {key.name!r} ({key.id})")


@keys_app.command()
def remove(name: Name, home: Home = None) -> None:
    """Remove a revoked key; without any key, a server on this machine asks for none."""
    with ExitStack() as stack:
        _keys(stack, home).remove(name)
    say(f"removed {name!r}")


def _duration(text: str) -> timedelta:
    """Return a duration.

    Raises:
        InvalidInput: it is none, or so long that no calendar has its end.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,5})([mhdw])", text.strip())
    if found is None:
        raise InvalidInput(f"--expires {text!r}: write it as 90d, 12h, 30m or 4w")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def _whom(key: "ApiKey") -> str:
    return "anybody" if key.users is None else ", ".join(key.users)


def _state(key: "ApiKey", now: datetime) -> str:
    if key.revoked is not None:
        return "revoked"
    return "good" if key.usable(now) else "expired"


def _object(key: "ApiKey", now: datetime, used: datetime | None) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "users": key.users,
        "read_only": key.read_only,
        "rate": key.rate,
        "created": key.created.isoformat(),
        "expires": key.expires and key.expires.isoformat(),
        "revoked": key.revoked and key.revoked.isoformat(),
        "used": used and used.date().isoformat(),
        "state": _state(key, now),
    }
