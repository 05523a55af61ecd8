"""Obfuscation: names, numbers and things of a text replaced, so that its structure remains."""

import re

from memagent.text.english import FUNCTION_WORDS

_TOKEN = re.compile(
    r"[^\W\d_]+(?:['’][^\W\d_]+)*|\$?\d[\d,]*(?:\.\d+)?%?|\S"  # noqa: RUF001
)
_DETERMINERS = frozenset(
    "a an the of his her their its my our your each every some many several few another".split()
)
"""After one of these or a number, the last content word of a run names a thing."""
_OPERATIONS = frozenset(
    """add added altogether average bigger both buy buys bought combined cost costs cut day days
    difference dollar dollars double doubled earn earns earned equal equally fewer first fourth
    fraction gave get gets give gives got half hour hours increase increased decrease decreased
    left less longer lose loses lost many minute minutes month months much need needs next number
    old older paid pay pays per percent percentage price profit quarter ratio remain remaining rest
    save saved sell sells second share shared shorter sold spend spends spent split sum take takes
    tax third times took total triple twice week weeks went work worked year years younger
    """.split()
)
"""Words for operations on amounts; they are part of the structure and stay."""


def obfuscated(text: str) -> str:
    """Return a text with "someone" for names, "some" for numbers and "something" for things.

    After ARM-RAG (Melz 2023), where a language model lists names and nouns; here rules do. A name
    is a capitalised word that is no function word and does not only open a sentence. A thing is the
    last content word of a run after an article, a possessive, "of" or a number.
    """
    tokens = _TOKEN.findall(text)
    names = {
        _base(token)
        for before, token in zip([".", *tokens], tokens, strict=False)
        if token[0].isupper() and before not in '.?!"' and token.lower() not in FUNCTION_WORDS
    }
    replaced = []
    for at, token in enumerate(tokens):
        lowered = token.lower()
        if token.strip("$")[:1].isdigit():
            replaced.append("some")
        elif _base(token) in names or _is_opening_name(tokens, at):
            replaced.append("someone")
        elif token.isalpha() and _names_thing(tokens, at):
            replaced.append("something")
        else:
            replaced.append(lowered)
    merged = re.sub(r"\b(something|someone)(?: \1)+\b", r"\1", " ".join(replaced))
    return re.sub(r"\s+([,.?!;:])", r"\1", merged)


def _base(token: str) -> str:
    return re.split("['’]", token)[0]  # noqa: RUF001


def _is_content(token: str) -> bool:
    lowered = token.lower()
    return token.isalpha() and lowered not in FUNCTION_WORDS | _OPERATIONS


def _is_opening_name(tokens: list[str], at: int) -> bool:
    """Tell whether a capitalised word that opens a sentence is a name: a verb or "'s" follows."""
    token = tokens[at]
    if not token[0].isupper() or _base(token).lower() in FUNCTION_WORDS | _OPERATIONS:
        return False
    following = tokens[at + 1].lower() if at + 1 < len(tokens) else ""
    verb = following in ("is", "has", "had", "was", "and") or following in _OPERATIONS
    return verb or following.endswith(("s", "ed")) or token != _base(token)


def _names_thing(tokens: list[str], at: int) -> bool:
    """Tell whether a word ends a run of content words that opens like a noun phrase."""
    if not _is_content(tokens[at]):
        return False
    if at + 1 < len(tokens) and _is_content(tokens[at + 1]) and tokens[at + 1][0].islower():
        following = tokens[at + 1]
        if not following.endswith(("ed", "ing", "s")) or following.endswith("ss"):
            return False
    start = at
    while start and _is_content(tokens[start - 1]):
        start -= 1
    before = tokens[start - 1] if start else ""
    return before.lower() in _DETERMINERS or before.strip("$")[:1].isdigit()
