"""Marks of chat templates in texts that are data: found in any spelling, and broken up.

A tokenizer reads a mark such as `<|im_start|>` in a message as the one token that begins a turn, so
that a text could speak as the system. A space after a mark's first character keeps it a text: a
tokenizer does not fold that away, as some do with characters of no width, and a reader still reads
it. The marks of a kind are found by their shape; those without one are listed, or named by the
server of the model in use (`add_marks`).
"""

import html
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import takewhile

from memagent.process import lock

_WORDS = (
    "s bos eos pad unk mask cls sep sop eop eoh eoa eot eom image video audio system user human"
    " assistant bot model think thinking thought reasoning scratchpad tool tools functioncall"
    " function invoke gmask seed"
)
"""Whole names of marks in angle brackets."""
_PARTS = (
    "start end begin bos eos eot tool function turn fim image img vision audio video pad unk unused"
    " extra_id reserved special token sep arg think call calls output response prefix suffix middle"
    " soc eoc sep box ref quad role sys"
)
"""Names of which one is in every mark of several words, such as `<start_of_turn>`."""
_BRACKETED = (
    "INST SYSTEM_PROMPT AVAILABLE_TOOLS TOOL_CALLS TOOL_RESULTS TOOL_CONTENT ARGS CALL_ID THINK IMG"
    " IMG_BREAK IMG_END AUDIO BEGIN_AUDIO PREFIX MIDDLE SUFFIX MODEL_SETTINGS gMASK sMASK MASK CLS"
    " SEP PAD UNK BOS EOS"
)
"""Names of marks in square brackets."""


def _any(names: str) -> str:
    return "|".join(dict.fromkeys(names.split()))


_MARK = re.compile(
    r"<(?=\|(?:\w|[^<>|\n]{1,80}\|>))"  # <|im_start|> and what begins like it
    r"|(?<=\w)\|(?=>)"  # the end of it
    r"|<(?=<\s{0,4}/?SYS\s{0,4}>>)"
    rf"|<(?=/?(?:\w{{1,20}}:)?(?:{_any(_WORDS)}|unused\d{{1,4}})\s{{0,4}}/?>)"
    rf"|<(?=/?(?:\w{{1,20}}:)?(?=\w{{0,40}}_)\w{{0,40}}(?:{_any(_PARTS)})\w{{0,40}}\s{{0,4}}/?>)"
    r"|<(?=(?:function|parameter|tool|tool_call|invoke)=[^<>\n]{0,80}>)"
    rf"|\[(?=/?(?:{_any(_BRACKETED)})\])"
    r"|\](?=~!?b[\[\]])|\[(?=e~\[)",
    re.IGNORECASE,
)
"""First characters of marks, in texts that are folded."""
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff\x00-\x08]"
)
"""Characters that are not seen, and that tokenizers may leave out."""
_PIECE = re.compile(r"&#?\w{2,32};?|.", re.DOTALL)
MAX_LENGTH = 100
"""Characters of a mark that is added; longer ones are ignored."""
MAX_MARKS = 5_000
"""Added marks in one process; what comes after them is ignored."""


class _Folds(dict[int, str]):
    """Characters as tokenizers that normalise a text may read them, filled when one is met."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        folded = "" if _UNSEEN.match(char) else unicodedata.normalize("NFKC", char)
        self[code] = folded
        return folded


_FOLDS = _Folds()


class _Added:
    """Marks that were added in this process, and the pattern that finds where they begin."""

    def __init__(self) -> None:
        self.lock = lock()
        self.folded: frozenset[str] = frozenset()
        self.pattern: re.Pattern[str] | None = None


_added = _Added()


def add_marks(marks: Iterable[str]) -> int:
    """Break these marks too from now on, in this process; return how many were not known.

    A mark has at least three characters, none of them a letter, a digit or white space at either
    end. Any other is ignored, and so is a row of one character, which stands in ordinary texts.
    """
    with _added.lock:
        folded = {mark.translate(_FOLDS) for mark in marks if _is_mark(mark)}
        new = {mark for mark in folded if _is_legible(mark) and not _MARK.search(mark)}
        new = set(sorted(new - _added.folded)[: MAX_MARKS - len(_added.folded)])
        if new:
            _added.folded |= new
            _added.pattern = _beginnings(_added.folded)
        return len(new)


def _is_mark(text: str) -> bool:
    return _is_legible(text) and not (text[0].isalnum() or text[-1].isalnum())


def _is_legible(text: str) -> bool:
    return 3 <= len(text) <= MAX_LENGTH and len(set(text)) > 1 and text == text.strip()


def _beginnings(marks: Collection[str]) -> re.Pattern[str]:
    """Return a pattern that finds marks where they begin, and whose first group is the mark."""
    first = "".join(re.escape(char) for char in sorted({mark[0] for mark in marks}))
    longest = "|".join(re.escape(mark) for mark in sorted(marks, key=len, reverse=True))
    return re.compile(f"(?=[{first}])(?=({longest}))", re.IGNORECASE)


def break_marks(text: str) -> str:
    """Return a text in which no mark of a chat template is left; one without marks as it is.

    Marks are found in any case, in characters that look like theirs, with unseen characters in
    them, and as HTML escapes.
    """
    while places := _places(text):
        pieces, before = [], 0
        for place in sorted(places):
            pieces.append(text[before:place])
            before = place
        text = " ".join([*pieces, text[before:]])
    return text


def _places(text: str) -> set[int]:
    """Return where the first characters of marks end."""
    if text.isascii() and "&" not in text and text.isprintable():
        return _found(text, range(1, len(text) + 1))
    folded = text.translate(_FOLDS)
    places: set[int] = set()
    if _has_marks(folded):
        places |= _found(*_shadow(text))
    if "&" in text and _has_marks(html.unescape(folded)):
        places |= _found(*_shadow(text, escapes=True))
    return places


def _has_marks(folded: str) -> bool:
    added = _added.pattern
    return bool(_MARK.search(folded) or (added and added.search(folded)))


def _found(folded: str, ends: Sequence[int]) -> set[int]:
    """Return where the first characters of the marks in a folded text end, by each one's end.

    A mark that is one character before it is folded cannot be broken.
    """
    places = {ends[mark.start()] for mark in _MARK.finditer(folded)}
    for mark in _added.pattern.finditer(folded) if _added.pattern else ():
        if ends[mark.end(1) - 1] > ends[mark.start()]:
            places.add(ends[mark.start()])
    return places


def _shadow(text: str, *, escapes: bool = False) -> tuple[str, list[int]]:
    """Return a text folded, and where each of its characters ends in the text."""
    ends: list[int] = []
    folded: list[str] = []
    for piece, end in (
        _escaped(text) if escapes else zip(text, range(1, len(text) + 1), strict=True)
    ):
        read = piece.translate(_FOLDS)
        folded.append(read)
        ends += [end] * len(read)
    return "".join(folded), ends


def _escaped(text: str) -> Iterator[tuple[str, int]]:
    """Yield the characters of a text with its HTML escapes read, and where each ends."""
    for found in _PIECE.finditer(text):
        read = html.unescape(found[0])
        # An escape without its semicolon goes on into letters that are not part of it.
        backwards = zip(reversed(found[0]), reversed(read), strict=False)
        rest = len([*takewhile(lambda pair: pair[0] == pair[1], backwards)])
        yield read[: len(read) - rest], found.end() - rest
        for place in range(found.end() - rest, found.end()):
            yield text[place], place + 1
