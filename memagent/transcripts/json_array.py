"""Reader of a JSON array that is too large for memory: one element at a time.

A streaming parser stops at the first damaged byte, and nesting of 100,000 levels takes all memory
from ijson 3.6. Here an element that is no JSON is passed over, and the next one is read.
"""

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

CHUNK = 1 << 20
"""Bytes that are read at once, at first."""
MAX_ELEMENT = 1 << 28
"""Characters that one element may have."""
_SPACE = re.compile(r"[\s,]*")
_OUTSIDE = re.compile(r'["{}\[\],]')
_INSIDE = re.compile(r'["\\]')
_NEAR_END = 16
"""Characters before the end of what is read, within which a number or a name may be cut."""


class Readable(Protocol):
    """File whose bytes can be read."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes, none at the end."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """Element that cannot be read, and why."""

    why: str


class _Text:
    """Text of a file, read as it is needed; what stands before `place` is dropped on the way."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self.held = ""
        self.place = 0
        self.ended = False

    @property
    def left(self) -> int:
        """Characters that are held and not yet done with."""
        return len(self.held) - self.place

    def more(self) -> bool:
        """Read as much again as is left; tell whether there was more."""
        if self.ended:
            return False
        raw = self._file.read(max(CHUNK, self.left))
        self.ended = not raw
        self.held = self.held[self.place :] + self._decoder.decode(raw, final=self.ended)
        self.place = 0
        return not self.ended or self.left > 0

    def skip_space(self) -> str:
        """Go on to the next character that is neither space nor comma; "" at the end."""
        while True:
            space = _SPACE.match(self.held, self.place)
            self.place = space.end() if space else self.place
            if self.left or not self.more():
                return self.held[self.place : self.place + 1]


def elements(file: Readable) -> Iterator[Any]:
    """Yield the elements of the array in a file; an object instead of an array is one element.

    Bytes that are no UTF-8 become U+FFFD. Where an element's end cannot be found, the rest of the
    file is one damaged element.
    """
    text = _Text(file)
    first = text.skip_space()
    if first == "[":
        text.place += 1
    while (start := text.skip_space()) and start != "]":
        yield _element(text)
        if first != "[":
            return
    if not start:
        yield Damaged("the file ends too early" if first else "the file is empty")


def _element(text: _Text) -> Any:
    decoder = json.JSONDecoder()
    while True:
        try:
            value, end = decoder.raw_decode(text.held, text.place)
        except json.JSONDecodeError as error:
            cut = error.msg.startswith("Unterminated") or error.pos > len(text.held) - _NEAR_END
            if text.left > MAX_ELEMENT:
                return _pass_over(text, f"it has more than {MAX_ELEMENT:,} characters")
            if not cut or not text.more():
                return _pass_over(text, f"not JSON ({error.msg})")
        except (ValueError, RecursionError):  # a number too long, nesting too deep
            return _pass_over(text, "not JSON that can be read (a number or nesting too long)")
        else:
            if end < len(text.held) or not text.more():  # a number at the end may go on
                text.place = end
                return value


def _pass_over(text: _Text, why: str) -> Damaged:
    """Go on to the end of an element that is no JSON."""
    depth, quoted = 0, False
    while True:
        found = (_INSIDE if quoted else _OUTSIDE).search(text.held, text.place)
        character = found.group() if found else ""
        cut = character == "\\" and found is not None and found.end() == len(text.held)
        if found is None or cut:
            text.place = len(text.held) - cut
            if not text.more():
                text.place = len(text.held)
                return Damaged(f"{why}; what follows cannot be read")
            continue
        if depth == 0 and not quoted and character in ",]}":
            text.place = found.start() + (character == "}")
            return Damaged(why)
        text.place = found.end() + (character == "\\")
        quoted = quoted != (character == '"')
        depth += (character in "{[") - (character in "}]")
        if depth == 0 and character in "}]":
            return Damaged(why)
