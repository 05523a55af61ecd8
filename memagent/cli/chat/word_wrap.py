"""Word wrap of a text that comes in pieces: no word is broken at the terminal's margin.

Widths are counted in cells: most Chinese, Japanese and Korean characters and emoji take two. A line
may end at spaces, and around wide characters, but not before closing punctuation nor within Korean
words, which are written with spaces. Only what is wider than the terminal is broken anywhere.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator

from wcwidth import iter_graphemes, wcwidth, width

CLOSING = {"Pe", "Pf", "Po"}
OPENING = {"Ps", "Pi"}
"""Categories of punctuation that stays with what stands before it, or after it."""
_TOKENS = re.compile(r"\n| +|[^\n ]+")


class WordWrap:
    """Wraps the pieces of one text to the columns of the terminal, None for no wrapping at all.

    `columns` is called for every piece, since a terminal changes its size.
    """

    def __init__(self, columns: Callable[[], int | None]) -> None:
        self._columns = columns
        self._pending = ""
        self._gap = ""
        self._column = 0

    def feed(self, text: str) -> str:
        """Take a piece of the text, and return what can be printed by now.

        A word is held back until it is whole.
        """
        columns = self._columns()
        if columns is None:
            return self._rest() + text
        tokens = list(_tokens(self._pending + text))
        self._pending = tokens.pop() if tokens and tokens[-1] != "\n" else ""
        return "".join(self._place(token, columns) for token in tokens)

    def end(self) -> str:
        """Return the rest of the text; the next piece begins a new one."""
        columns, rest = self._columns(), self._rest()
        shown = rest if columns is None else self._place(rest, columns)
        self._gap, self._column = "", 0
        return shown

    def _rest(self) -> str:
        rest, self._pending = self._pending, ""
        return rest

    def _place(self, token: str, columns: int) -> str:
        """Return a token as it is printed, with the spaces or the line end before it."""
        if token == "\n":
            self._gap, self._column = "", 0
            return token
        if not token.strip(" "):
            self._gap += token
            return ""
        wide = max(width(token), 0)
        lead, self._gap = self._gap, ""
        if self._column + len(lead) + wide > columns:
            lead = "\n" if self._column else lead[: max(columns - wide, 0)]
            self._column = 0 if self._column else len(lead)
        else:
            self._column += len(lead)
        return lead + self._broken(token, columns)

    def _broken(self, token: str, columns: int) -> str:
        """Return a token, broken wherever it meets the margin; most tokens do not."""
        shown = ""
        for grapheme in iter_graphemes(token):
            wide = max(width(grapheme), 0)
            if self._column and self._column + wide > columns:
                shown += "\n"
                self._column = 0
            shown += grapheme
            self._column += wide
        return shown


def _tokens(text: str) -> Iterator[str]:
    """Yield line ends, runs of spaces, and words: what a line is not broken within."""
    for match in _TOKENS.finditer(text):
        part = match.group()
        yield from (part,) if part[0] in " \n" else _words(part)


def _words(text: str) -> Iterator[str]:
    """Yield the words of a text without spaces: more than one where wide characters stand in it."""
    word, before = "", ""
    for grapheme in iter_graphemes(text):
        if word and _breaks(before, grapheme):
            yield word
            word = ""
        word, before = word + grapheme, grapheme
    yield word


def _breaks(before: str, after: str) -> bool:
    """Tell whether a line may end between two graphemes."""
    if unicodedata.category(after[0]) in CLOSING or unicodedata.category(before[0]) in OPENING:
        return False
    return _ideographic(before) or _ideographic(after)


def _ideographic(grapheme: str) -> bool:
    """Tell whether a grapheme is wide, and not of a script with spaces between its words."""
    return wcwidth(grapheme[0]) == 2 and not unicodedata.name(grapheme[0], "").startswith("HANGUL")
