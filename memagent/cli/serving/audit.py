"""Command `audit`: who wrote, searched or erased what through a server."""

import json
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Annotated

import typer

from memagent.cli.options import Home, Json, memory_of, settings_of, time_option
from memagent.terminal import say

SHOWN = 3
"""Ids of an entry that a line shows."""
Since = Annotated[datetime | None, time_option("Entries from this time on.")]


def audit(
    home: Home = None,
    user: Annotated[str | None, typer.Option(help="Of this user.", show_default=False)] = None,
    key: Annotated[
        str | None, typer.Option(help="By this key: name or id.", show_default=False)
    ] = None,
    verb: Annotated[
        str | None, typer.Option(help="Only add, search, forget, ...", show_default=False)
    ] = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, help="Entries at most.")] = 50,
    prune: Annotated[
        int | None,
        typer.Option(min=0, help="Remove entries older than so many days.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """List what was done through `memagent serve`, newest first: who, when, which records."""
    from memagent.stores.access.audit import AuditLog
    from memagent.stores.access.keys import Keys

    with ExitStack() as stack:
        store = memory_of(settings_of(home=home), stack).engine.store
        log, names = AuditLog(store), {key.id: key.name for key in Keys(store).list()}
        if prune is not None:
            say(f"removed {log.prune(timedelta(days=prune))} entries")
            return
        ids = {name: id for id, name in names.items()}
        found = log.list(
            user=user, key=ids.get(key or "", key), verb=verb, since=since, limit=limit
        )
    for entry in found:
        if as_json:
            at = {"at": entry.at.isoformat(), "ids": list(entry.ids), "records": entry.records}
            say(json.dumps({**at, "key": entry.key, "verb": entry.verb, "user": entry.user}))
            continue
        who = names.get(entry.key or "", entry.key) or "no key"
        ids_shown = " ".join(entry.ids[:SHOWN]) + (" ..." if len(entry.ids) > SHOWN else "")
        when = f"{entry.at.astimezone():%Y-%m-%d %H:%M:%S}"
        say(f"{when}  {who}  {entry.verb}  {entry.user or '-'}  {entry.records}  {ids_shown}")
