"""A web application that opens its memory before its workers are forked; `test_gunicorn.py`."""

import os
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

from memagent import Memory
from memagent.testing import HashEmbedder

memory = Memory.open(os.environ["PRELOADED_FOLDER"], embedder=HashEmbedder(), scope="ada")
memory.add("before the workers")
memory.search("workers")


def app(environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
    """Remember the path of a request, and answer with the process that did and what it finds."""
    text = unquote(environ["PATH_INFO"].removeprefix("/"))
    memory.add(text)
    found = memory.search(text)[0].text
    start("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{os.getpid()} {found}".encode()]
