"""Routes of the REST interface, and the page that describes them."""

from collections.abc import Mapping
from html import escape
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, Response

from memagent.protocol.replies import Problem
from memagent.server.problems import MEDIA_TYPE, TITLES
from memagent.server.rest import ask, feedback, forget, marks, profile, records, search, transfer
from memagent.server.rest.caller import limiter
from memagent.server.rest.idempotency import Replies

PARTS = (records, search, forget, marks, feedback, profile, transfer, ask)
DOCUMENTED = (401, 403, 404, 409, 412, 413, 422, 429, 503)
"""Statuses of errors that any route may answer with."""
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "code{background:#8882;padding:.1em .3em;border-radius:3px}h2{margin-top:2em}"
    ":root{color-scheme:light dark}"
)


def add_rest(app: FastAPI) -> None:
    """Add the routes under `/v1`, and `/docs`."""
    app.state.replies = Replies()
    app.state.limiter = limiter()
    problem = {"content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}}
    errors: dict[int | str, dict[str, Any]] = {
        status: {"description": TITLES[status], **problem} for status in DOCUMENTED
    }
    for part in PARTS:
        app.include_router(part.router, responses=errors)
    app.add_api_route("/docs", docs, include_in_schema=False)


async def docs(request: Request) -> Response:
    """Return a page of all routes, which asks for nothing from anywhere."""
    description: Mapping[str, Any] = request.app.openapi()
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>memagent: REST</title>"
        "<meta name=viewport content='width=device-width'>"
        f"<style>{STYLE}</style><h1>memagent {escape(description['info']['version'])}</h1>"
        "<p>The whole description is <a href=openapi.json>openapi.json</a>. A key goes into"
        " <code>Authorization: Bearer ma_...</code>.</p>"
    ]
    for path, methods in description["paths"].items():
        for method, about in methods.items():
            parts.append(
                f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
                f"<p>{escape(about.get('description') or about.get('summary', ''))}</p>"
            )
            names = [escape(one["name"]) for one in about.get("parameters", ())]
            if names:
                parts.append(f"<p>Parameters: <code>{'</code>, <code>'.join(names)}</code></p>")
    policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    return HTMLResponse("".join(parts), headers={"Content-Security-Policy": policy})
