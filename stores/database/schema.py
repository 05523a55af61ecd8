"""Database schema: numbered steps, applied in order and never edited once released."""

import json
import logging
import sqlite3
from importlib.resources import files
from typing import Any

import numpy as np

from memagent.errors import StoreError
from memagent.stores.database.metadata import rewritten, to_json

logger = logging.getLogger(__name__)

APPLICATION_ID = 0x6D656D61
"""Marks a SQLite file as ours (the bytes spell "mema")."""


def links_of(row: str, table: str | None = None) -> str:
    """Return SQL for the links that the columns of a row of `records`, or of all, stand for."""

    def values(column: str) -> str:
        texts = f"json_each(iif(json_valid({row}.{column}), {row}.{column}, '[]')) j"
        return f"{f'{table} {row}, ' if table else ''}{texts} WHERE j.type = 'text'"

    records = f" FROM {table} {row}" if table else ""
    return f"""
    SELECT {row}.user, j.value, {row}.seq, 'source' FROM {values("sources")}
    UNION ALL SELECT {row}.user, j.value, {row}.seq, 'context' FROM {values("context")}
    UNION ALL SELECT {row}.user, {row}.supersedes, {row}.seq, 'version'{records}
        WHERE typeof({row}.supersedes) = 'text'"""


LINK_OTHER_AGENTS = """
INSERT OR IGNORE INTO links SELECT l.user, l.source, l.record, 'quote' FROM records d
    CROSS JOIN links l ON l.record = d.seq AND l.how = 'source' AND l.user = d.user
    CROSS JOIN records s ON s.user = l.user AND s.id = l.source
    WHERE d.agent IS NOT NULL AND s.agent IS NOT d.agent AND {records}
"""
"""Links records of an agent to sources of others, for who may write all that a user has."""

STEPS = tuple(
    file.read_text(encoding="utf-8")
    for file in sorted((files(__package__) / "steps").iterdir(), key=lambda file: file.name)
    if file.name.endswith(".sql")
)
"""SQL of the steps, in order; a step that was released is never edited."""


def identify(connection: sqlite3.Connection, where: str) -> int:
    """Return a database's schema version, 0 for a new one; nothing is written.

    Raises:
        StoreError: the file belongs to another program, or to a newer memagent.
    """
    connection.execute("BEGIN")  # another process may be making the store: one state is read
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    if application != APPLICATION_ID and (application or version or tables):
        raise StoreError(f"{where} is a database of another program")
    if version > len(STEPS):
        raise StoreError(
            f"{where} was written by a newer memagent: schema {version}, this one knows"
            f" {len(STEPS)}"
        )
    return int(version)


def migrate(connection: sqlite3.Connection, where: str) -> None:
    """Bring a database to the newest schema, each step in a transaction of its own.

    Another process may take the same step at the same time; whoever comes second finds it taken.
    """
    version = identify(connection, where)
    if version == len(STEPS):
        return
    connection.create_function("half", 1, _half, deterministic=True)
    connection.create_function("with_role", 1, _with_role, deterministic=True)
    connection.create_function("expect", 2, _expect, deterministic=True)
    connection.create_function("rewritten", 1, rewritten, deterministic=True)
    connection.execute("PRAGMA foreign_keys = OFF")  # a table made anew is dropped first
    if version:
        logger.info("migrating the store from schema %d to %d", version, len(STEPS))
    while version < len(STEPS):
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE;SELECT expect(user_version, {version}) FROM pragma_user_version;"
                f"{STEPS[version]}PRAGMA application_id = {APPLICATION_ID};"
                f"PRAGMA user_version = {version + 1};COMMIT;"
            )
        except sqlite3.OperationalError:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if identify(connection, where) == version:
                raise
        version = identify(connection, where)
    connection.execute("PRAGMA foreign_keys = ON")


def _expect(version: int, expected: int) -> None:
    """Break a step off that another process has taken: done twice, it would set the version back.

    Raises:
        ValueError: the version is not the one expected.
    """
    if version != expected:
        raise ValueError("the step is taken")


def _half(vector: bytes) -> bytes:
    """Return a stored vector of single precision in half precision."""
    return np.frombuffer(vector, dtype="<f4").astype("<f2").tobytes()


ROLES = {"user": "user", "agent": "assistant"}
"""The roles by what stores and exports up to 0.1 have as `author`."""


def with_role(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return metadata with the `role` that an `author` of before stands for, in its place.

    What is no such author, or has a role already, stays as it is.
    """
    author = metadata.get("author")
    if "role" in metadata or not isinstance(author, str) or author not in ROLES:
        return metadata
    return {
        "role" if name == "author" else name: ROLES[author] if name == "author" else value
        for name, value in metadata.items()
    }


def _with_role(metadata: str) -> str:
    """Return stored metadata with a role; what is damaged stays as it is."""
    try:
        held = json.loads(metadata)
    except (TypeError, ValueError, RecursionError):
        return metadata
    named = with_role(held) if isinstance(held, dict) else held
    return metadata if named is held else to_json(named)
