"""Logs of the server: one line for each event, as text or as JSON."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import QueueHandler, QueueListener
from queue import Full, Queue

from memagent.terminal import PlainFormatter

MAX_WAITING = 10_000
"""Lines that wait to be written; further ones are lost while nobody reads stderr."""
LOGGERS = ("memagent", "uvicorn.error", "mcp")
TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Handler(QueueHandler):
    """Handler that never waits: a thread of its own writes the lines."""

    def enqueue(self, record: logging.LogRecord) -> None:
        with suppress(Full):
            self.queue.put_nowait(record)


@contextmanager
def logging_to_stderr(json: bool, level: int = logging.INFO) -> Iterator[None]:
    """Write what the server logs to stderr until the block ends."""
    writing = logging.StreamHandler(sys.stderr)
    writing.setFormatter(_json_formatter() if json else PlainFormatter(TEXT))
    lines: Queue[logging.LogRecord] = Queue(MAX_WAITING)
    handler, listener = _Handler(lines), QueueListener(lines, writing)
    listener.start()
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
        listener.stop()
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
