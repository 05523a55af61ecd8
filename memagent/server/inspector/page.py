"""Page of the inspector: its files, and the headers that keep everything else out."""

import hashlib
import mimetypes
from collections.abc import Awaitable, Callable
from importlib.resources import files

from fastapi import FastAPI, Request
from starlette.responses import Response

FOLDER = "/inspector/"
INDEX = "index.html"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",  # no text of a record can become markup
        "trusted-types 'none'",
    )
)
HEADERS = {
    "Cache-Control": "no-cache",  # kept by the browser, and asked for again by its ETag
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
TYPES = {".js": "text/javascript", ".svg": "image/svg+xml"}
"""Types that a system's own table may hold differently."""


def add_inspector(app: FastAPI) -> None:
    """Serve the inspector's page at `/`, and its files under `/inspector/`.

    The files are read once, when the server starts; they need no key, as they hold nobody's words.
    """
    for file in files(__package__).joinpath("static").iterdir():
        path = "/" if file.name == INDEX else FOLDER + file.name
        serve = _served(file.read_bytes(), _type_of(file.name))
        app.add_api_route(path, serve, methods=["GET", "HEAD"], include_in_schema=False)


def _served(content: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    tag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
    headers = {**HEADERS, "ETag": tag}

    async def serve(request: Request) -> Response:
        held = request.headers.get("if-none-match", "")
        if tag in [part.strip().removeprefix("W/") for part in held.split(",")]:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=media_type)

    return serve


def _type_of(name: str) -> str:
    suffix = name[name.rindex(".") :]
    return TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
