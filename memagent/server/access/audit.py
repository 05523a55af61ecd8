"""Audit of requests: who wrote, searched or erased which records, and when."""

from collections.abc import Sequence

from starlette.requests import Request

from memagent.types import Scope


async def audited(request: Request, scope: Scope, verb: str, ids: Sequence[str] = ()) -> None:
    """Put what a request did into the audit log."""
