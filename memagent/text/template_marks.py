"""Marks of chat templates in texts that are data: found in any spelling, and broken up.

A tokenizer reads a mark such as `<|im_start|>` in a message as the one token that begins a turn, so
that a text could speak as the system. A space after a mark's first character keeps it a text: a
tokenizer does not fold that away, as some do with characters of no width, and a reader still reads
it. The marks of a kind are found by their shape; those without one are listed.
"""

import html
import re
import unicodedata

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


class _Folds(dict[int, str]):
    """Characters as tokenizers that normalise a text may read them, filled when one is met."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        folded = "" if _UNSEEN.match(char) else unicodedata.normalize("NFKC", char)
        self[code] = folded
        return folded


_FOLDS = _Folds()


def break_marks(text: str) -> str:
    """Return a text in which no mark of a chat template is left; one without marks as it is.

    Marks are found in any case, in characters that look like theirs, with unseen characters in
    them, and as HTML escapes.
    """
    while places := _places(text):
        pieces, before = [], 0
        for place in places:
            pieces.append(text[before:place])
            before = place
        text = " ".join([*pieces, text[before:]])
    return text


def _places(text: str) -> list[int]:
    """Return where the first characters of marks end."""
    if text.isascii() and "&" not in text and text.isprintable():
        return [found.end() for found in _MARK.finditer(text)]
    folded = text.translate(_FOLDS)
    if not _MARK.search(html.unescape(folded)):
        return []
    ends: list[int] = []  # of every folded character, in the text
    shadow: list[str] = []
    for piece in _PIECE.finditer(text):
        read = html.unescape(piece[0]).translate(_FOLDS)
        shadow.append(read)
        ends += [piece.end()] * len(read)
    return sorted({ends[found.end() - 1] for found in _MARK.finditer("".join(shadow))})
