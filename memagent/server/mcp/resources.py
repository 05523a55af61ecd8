"""Resources: records and sessions by their addresses, and the list of the recent ones."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote, unquote

from mcp.types import Resource, ResourceTemplate

from memagent.errors import InvalidInput, shown
from memagent.server.mcp.texts import block_of, blocks_of, plain, title_of
from memagent.server.mcp.tools import Reach, one_record
from memagent.types import Record

RECORDS, SESSIONS = "memory://records/", "memory://sessions/"
TEXT = "text/plain"
LISTED = 20
"""Records and sessions that are listed at most, newest first."""
SCANNED = 200
"""Records whose sessions count as recent, and that a session's resource shows."""
WHOLE = 1_000_000
"""Characters of a record: all of them."""
TEMPLATES = [
    ResourceTemplate(
        name="record",
        title="A memory",
        uri_template=f"{RECORDS}{{id}}",
        description="One memory as a whole, by its id.",
        mime_type=TEXT,
    ),
    ResourceTemplate(
        name="session",
        title="A session",
        uri_template=f"{SESSIONS}{{name}}",
        description="What was said and remembered in one session, oldest first.",
        mime_type=TEXT,
    ),
]


def listed(reach: Reach) -> list[Resource]:
    """Return the recent records and sessions of the scope, newest first."""
    records = reach.memory.list(scope=reach.scope, limit=SCANNED)
    names = dict.fromkeys(record.scope.session for record in records)
    sessions = [name for name in names if name is not None][:LISTED]
    return [
        *(
            Resource(
                name=title_of(record),
                uri=address(RECORDS, record.id),
                mime_type=TEXT,
                size=len(record.text.encode()),
            )
            for record in records[:LISTED]
        ),
        *(
            Resource(name=f"session {plain(name)}", uri=address(SESSIONS, name), mime_type=TEXT)
            for name in sessions
        ),
    ]


def address(kind: str, name: str) -> str:
    """Return the address of a record or a session."""
    return kind + quote(name, safe="")


def read(reach: Reach, uri: str) -> tuple[str, Sequence[str]]:
    """Return the text at an address, and the ids of its records.

    Raises:
        InvalidInput: there is nothing at that address in this scope.
    """
    if uri.startswith(RECORDS):
        record = one_record(reach, unquote(uri.removeprefix(RECORDS)))
        return block_of(record, WHOLE), [record.id]
    if uri.startswith(SESSIONS):
        records = _session(reach, unquote(uri.removeprefix(SESSIONS)))
        if records:
            return blocks_of(records, ""), [record.id for record in records]
    raise InvalidInput(f"there is nothing at {shown(uri)} in this memory")


def _session(reach: Reach, name: str) -> list[Record]:
    """Return the newest records of a session, oldest first; none of another than the scope's."""
    if not name.strip() or reach.scope.session not in (None, name):
        return []
    scope = replace(reach.scope, session=name)
    return reach.memory.list(scope=scope, limit=SCANNED)[::-1]
