"""What a text says that somebody or something is: "Rex is a dog"."""

import re
from collections.abc import Sequence

from memagent.text.english import FUNCTION_WORDS, lemma, lemmas

_IS_A = re.compile(r"\b(?:is|was|are|were|am)\s+an?\s+(?P<what>\w+(?:\s+\w+)*)", re.IGNORECASE)


def kind_of(text: str) -> str:
    """Return the word for what somebody is said to be, empty if a text does not say."""
    found = _IS_A.search(text)
    kind = ""
    for word in found["what"].lower().split() if found else ():
        if word in FUNCTION_WORDS:
            break
        kind = word
    return kind


def said_of(text: str, kind: str, said: Sequence[str]) -> bool:
    """Tell whether a text says something of a kind, and not of others about that kind.

    "Cats fear dogs" tells what cats fear, and nothing of what dogs do.
    """
    told = lemmas(text)
    at = [told.index(lemma(word)) for word in said if lemma(word) in told]
    return lemma(kind) in told and bool(at) and told.index(lemma(kind)) < min(at)
