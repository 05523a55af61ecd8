"""Terminal: the one place that writes to it, with nothing in the texts that steers it.

Titles, links, the clipboard, colours, the cursor and the direction of writing are all steered by
control characters (C0, DEL, C1) or by Unicode's marks of direction. Each becomes U+FFFD, so that
what followed it is a text. It is done character by character, so that a sequence that comes in
pieces is harmless, too.

Commands print by `say`, `say_text` and `say_data`. What others write, such as logs, warnings and
errors of the command line's parser, goes through the guarded streams of `guard_streams`.
"""

import logging
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

_STEERING = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Characters that are no text; a line feed is."""
_ENDS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
"""Characters that end a line as a line feed does."""
_OWN = re.compile(r"(\x1b\[[\d;:]*m|\x1b\[\d*A|\x1b\[2K|\x1b\[\?25[lh]|\r)")
"""Sequences that tables and progress bars are drawn with: colours, and lines that are redrawn."""


def plain(text: str) -> str:
    """Return a text of several lines without what steers a terminal; tabs become spaces."""
    return _STEERING.sub("\ufffd", _ENDS.sub("\n", text).expandtabs(4))


def plain_line(text: str) -> str:
    """Return a text on one line without what steers a terminal; line ends become spaces."""
    return plain(text).replace("\n", " ")


def plain_but_drawing(text: str) -> str:
    """Return a text without what steers a terminal but the sequences that our own drawing needs."""
    parts = _OWN.split(text)
    parts[::2] = [_STEERING.sub("\ufffd", part) for part in parts[::2]]
    return "".join(parts)


def say(line: object = "", *, err: bool = False, flush: bool = False) -> None:
    """Print one line, whatever is in it, to stdout or stderr."""
    print(plain_line(str(line)), file=sys.stderr if err else sys.stdout, flush=flush)


def say_text(text: str, *, end: str = "\n", err: bool = False, flush: bool = False) -> None:
    """Print a text of several lines, or a piece of one."""
    print(plain(text), end=end, file=sys.stderr if err else sys.stdout, flush=flush)


def say_data(line: str) -> None:
    """Print a line for a program: as it is, but at a terminal without what steers it."""
    print(plain_line(line) if sys.stdout.isatty() else line)


def guard_streams() -> None:
    """Put guarded streams in the place of stdout and stderr where these are terminals."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and stream.isatty() and not isinstance(stream, GuardedStream):
            setattr(sys, name, cast("TextIO", GuardedStream(stream)))


class PlainFormatter(logging.Formatter):
    """Formatter of log messages that cannot steer the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a message as a text."""
        return plain(super().format(record))


class GuardedStream:
    """Text stream to a terminal, of whose sequences only colours and redrawn lines pass."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text without what steers the terminal otherwise."""
        self._stream.write(plain_but_drawing(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Plain:
    """Table, or whatever else rich draws, whose texts cannot steer the terminal."""

    def __init__(self, drawn: "RenderableType") -> None:
        self._drawn = drawn

    def __rich_console__(
        self, console: "Console", options: "ConsoleOptions"
    ) -> "Iterator[Segment]":
        for segment in console.render(self._drawn, options):
            yield segment if segment.control else segment._replace(text=plain(segment.text))
