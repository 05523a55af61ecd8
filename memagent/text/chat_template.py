"""Marks that a model server names: special tokens, and literal pieces of its chat template.

llama.cpp (`/props`) and vLLM (`/tokenizer_info`) describe their tokenizer as JSON, in the words of
Hugging Face's `tokenizer_config.json`.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

MAX_TEMPLATE = 400_000
"""Characters of a template that are read; real ones have fewer than 30,000."""
ROLES = (
    "system user assistant tool developer function model human bot ipython environment observation"
).split()
"""Names that a template puts where it writes a mark around a role."""
_GAP = "\0"
"""Stands for the value of an expression between two literals."""
_OPEN = re.compile(r"\{[{%#]")
_CODE = re.compile(r"(?P<close>[}%]\})|'((?:\\.|[^'\\])*)'?|\"((?:\\.|[^\"\\])*)\"?", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([nrtfv\n])|(.))", re.DOTALL)
_SHAPE = re.compile(
    "o{1,3}[^ocb ]{1,80}c{1,3}"  # <~usr~>
    "|[oc]s{1,4}[^ocb ]{1,80}[oc]"  # ]~usr]
    "|bs{1,4}[^ocb ]{1,80}sb"  # {|usr|}
    "|(?P<end>s{1,4})[^ocbs ]{1,80}(?P=end)"  # @@usr@@
)
"""Marks in a text written as kinds of characters (`_kind`)."""
_KINDS = (
    dict.fromkeys("<[", "o")
    | dict.fromkeys(">]", "c")
    | dict.fromkeys("|~@#%^$+", "s")
    | dict.fromkeys("_-/.:=!?*&", "n")
    | dict.fromkeys("(){}", "b")
    | dict.fromkeys("\u201c\u201d\u2018\u2019\u201e\u201a\uff08\uff09", " ")
    | {_GAP: "z"}
)
_CATEGORIES = {"L": "a", "M": "a", "N": "n", "Po": "n", "Pd": "n", "Pc": "n", "S": "s"} | {
    "Ps": "o",
    "Pi": "o",
    "Pe": "c",
    "Pf": "c",
}


def named_marks(description: Any) -> set[str]:
    """Return the marks in a server's description of its tokenizer; none if it has another shape.

    Of the tokens that were added to the vocabulary only those count that are special: the others
    may be ordinary, such as HTML tags.
    """
    marks: set[str] = set()
    for name, value in description.items() if isinstance(description, Mapping) else ():
        if name == "added_tokens_decoder":
            added = value.values() if isinstance(value, Mapping) else ()
            special = (token for token in added if isinstance(token, Mapping))
            marks.update(_texts([token for token in special if token.get("special") is True]))
        elif str(name).startswith("chat_template"):
            for template in _texts(value):
                marks |= template_marks(template)
        elif str(name).endswith(("_token", "special_tokens")):
            marks.update(_texts(value))
    return marks


def template_marks(template: str) -> set[str]:
    """Return what looks like a mark in the literal texts of a Jinja chat template.

    A mark has a letter, no white space, and brackets or the same symbols around it. Where an
    expression stands inside one, it is returned with each role in its place.
    """
    text = "".join(_literals(template[:MAX_TEMPLATE]))
    shape = "".join(map(_kind, text))
    marks: set[str] = set()
    for found in _SHAPE.finditer(shape):
        mark = text[found.start() : found.end()]
        indexed = mark[1:-1].isalnum() and shape[found.start() - 1 : found.start()] in ("a", "n")
        worded = "a" in found[0] or "z" in found[0]
        if worded and not indexed:  # as it is in a text about code: List[str]
            marks |= _filled(mark, len(found["end"] or ""))
    return marks


def _filled(mark: str, symbols: int) -> set[str]:
    """Return a mark, or what it can be where expressions stand in it.

    `symbols` is the length of each end, where the ends are symbols and not brackets. Lists and rows
    of tables are no marks.
    """
    row = symbols == 1 and (mark[0] == "|" or _GAP in mark)
    if row or (symbols and mark[:symbols] not in (mark[-symbols:], mark[-symbols:][::-1])):
        return set()
    if _GAP not in mark:
        return {mark}
    if mark[0] == "[":  # a list
        return set()
    start, *inner, end = mark.split(_GAP)
    return {f"{start}{word}{end}" for word in (*ROLES, *inner, "".join(inner)) if word}


def _literals(template: str) -> Iterator[str]:
    """Yield the texts outside of a template's code and the strings in it, with gaps between."""
    at = 0
    while begin := _OPEN.search(template, at):
        yield template[at : begin.start()] + _GAP
        at = begin.end()
        if begin[0] == "{#":
            close = template.find("#}", at)
            at = len(template) if close < 0 else close + 2
            continue
        for token in _CODE.finditer(template, at):
            at = token.end()
            if token["close"]:
                break
            yield _ESCAPE.sub(_unescaped, token[2] or token[3] or "") + _GAP
        else:
            return
    yield template[at:]


def _unescaped(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2]
    return chr(int(code, 16)) if code else " " if escape[3] else escape[4]


def _kind(char: str) -> str:
    """Return a letter for the part that a character can have in a mark, a space for none.

    `o`pens, `c`loses, is a `b`race or a `s`ymbol, is in `a` word, is `n`ever at an end, or is a gap
    (`z`).
    """
    if char in _KINDS:
        return _KINDS[char]
    if char.isascii() and not char.isalnum():
        return " "
    category = unicodedata.category(char)
    return _CATEGORIES.get(category, _CATEGORIES.get(category[0], " "))


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts of a token, a template, or a collection of them, in any of their shapes."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        named = [value[name] for name in ("content", "template") if name in value]
        for part in named or value.values():
            yield from _texts(part) if isinstance(part, str | Mapping) else ()
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
