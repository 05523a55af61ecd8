"""Routes of the REST interface, added to an application."""

from fastapi import FastAPI

from memagent.protocol.replies import Problem
from memagent.server.problems import MEDIA_TYPE, TITLES
from memagent.server.rest import ask, feedback, forget, marks, profile, records, search, transfer
from memagent.server.rest.caller import limiter
from memagent.server.rest.idempotency import Replies

PARTS = (records, search, forget, marks, feedback, profile, transfer, ask)
DOCUMENTED = (401, 403, 404, 409, 412, 413, 422, 429, 503)
"""Statuses of errors that any route may answer with."""


def add_rest(app: FastAPI) -> None:
    """Add the routes under `/v1`."""
    app.state.replies = Replies()
    app.state.limiter = limiter()
    problem = {"content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}}
    errors = {status: {"description": TITLES[status], **problem} for status in DOCUMENTED}
    for part in PARTS:
        app.include_router(part.router, responses=errors)  # type: ignore[arg-type]
