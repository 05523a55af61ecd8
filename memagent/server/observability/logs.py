"""Logs of the server: one line for each event, as text or as JSON."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from memagent.terminal import PlainFormatter

LOGGERS = ("memagent", "uvicorn.error", "mcp")
TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@contextmanager
def logging_to_stderr(json: bool, level: int = logging.INFO) -> Iterator[None]:
    """Write what the server logs to stderr until the block ends."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_json_formatter() if json else PlainFormatter(TEXT))
    before = []
    for name in LOGGERS:
        logger = logging.getLogger(name)
        before.append((logger, logger.level, logger.propagate))
        logger.addHandler(handler)
        logger.setLevel(logging.WARNING if name == "uvicorn.error" else level)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, old, propagate in before:
            logger.removeHandler(handler)
            logger.setLevel(old)
            logger.propagate = propagate


def _json_formatter() -> logging.Formatter:
    from pythonjsonlogger.json import JsonFormatter

    return JsonFormatter(
        ["levelname", "name", "message"],
        timestamp=True,
        rename_fields={"levelname": "level", "name": "logger"},
    )
