"""Sentences of any script, as places in a text."""

import re
from dataclasses import dataclass
from itertools import pairwise

QUESTION_MARKS = (
    "?\u00bf\u037e\u055e\u061f\u1367\u1945\u203d\u2047\u2048\u2049\u2753\u2754\u2a7b\u2a7c\u2cfa"
    "\u2cfb\u2e18\u2e2e\u2e54\ua60f\ua6f7\ufe16\ufe56\uff1f\U00011143\U0001e95f\U0001f679"
    "\U0001f67a\U0001f67b\U0001fbc4\U000e003f"
)
"""Characters that Unicode names question marks or interrobangs."""
_STOPS = (
    "\u0589\u061d\u06d4\u0700\u0701\u0702\u07f9\u0964\u0965\u0f0d\u0f0e\u104a\u104b\u1362\u1368"
    "\u166e\u1803\u1809\u1944\u1b5e\u1b5f\u203c\u2cf9\u2cfe\u3002\ua4ff\ua60e\ua6f3\ua8ce\ua8cf"
    "\ufe12\ufe15\ufe52\ufe57\uff01\uff61\U00011141\U00011142"
)
"""Full stops and exclamation marks that end a sentence whatever follows."""
_ENDING_QUESTION = (
    "\u061f\u1367\u1945\u203d\u2047\u2048\u2049\u2cfa\u2cfb\ua60f\ua6f7\ufe16\ufe56\uff1f"
)
_CLOSERS = "\"')\\]}”’»›」』】〉》）"  # noqa: RUF001
_OPENERS = "\"'(\\[{“‘„‚«»‹›¿¡「『【〈《（"  # noqa: RUF001
_SPACELESS = "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_END = re.compile(
    rf"[.!?…][{_CLOSERS}“«‹]*\s+(?=[{_OPENERS}]*([^\W_]))"  # noqa: RUF001
    rf"|[{_STOPS}{_ENDING_QUESTION}]+[!?]*[{_CLOSERS}]*\s*"
    rf"|\uff0e[{_CLOSERS}]*(?!\d)\s*"
    rf"|[!?]+[{_CLOSERS}]*(?=[{_OPENERS}]*[{_SPACELESS}])"
    r"|\s*\n\s*"
)
"""End of a sentence. Where spaces part words, so they do sentences; the group is what follows."""
_ABBREVIATION = re.compile(
    r"(?:\b[A-Z]|\b(?:Dr|Mr|Mrs|Ms|Prof|St|Jr|Sr|vs|etc|cf|No|Vol|Fig|approx|e\.g|i\.e))\.\s*$"
)
"""Initials and usual abbreviations, whose full stop ends no sentence."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Start and end of a piece of a text, in characters; the end is exclusive."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """Return the piece of the text."""
        return text[self.start : self.end]

    def __len__(self) -> int:
        return self.end - self.start


def sentences(text: str, *, any_case: bool = False) -> list[Span]:
    """Return the sentences of a text in order; a line break ends a sentence, too.

    After a full stop and a space a small letter begins no sentence but with `any_case`, for texts
    whose writers leave capitals out.
    """
    ends, start = list[int](), 0
    for boundary in _END.finditer(text):
        follows = boundary[1]
        if follows is not None and "\n" not in boundary.group():
            if not any_case and follows.islower():
                continue
            if _ABBREVIATION.search(text[start : boundary.end()]):
                continue
        start = boundary.end()
        ends.append(start)
    pieces = (_stripped(text, *ends) for ends in pairwise([0, *ends, len(text)]))
    return [Span(start, end) for start, end in pieces if start < end]


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end].rstrip()
    return start + len(piece) - len(piece.lstrip()), start + len(piece)
