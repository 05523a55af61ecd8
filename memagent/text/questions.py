"""Questions in any script, told by their question marks alone."""

import re

from memagent.text.sentences import QUESTION_MARKS, sentences
from memagent.text.words import query_words

STATED_WORDS = 3
"""Words that a sentence states something with, at least; in Chinese, pairs of characters."""
_MARK = re.compile(f"[{QUESTION_MARKS};]")
"""Possible question mark: Greek writes a semicolon."""
_ENDING_MARK = re.compile(
    rf"[{QUESTION_MARKS}][\W_]*\Z"
    r"|(?<=[\u0370-\u03ff\u1f00-\u1fff]);[\W_]*\Z"
    r"|\N{ARMENIAN QUESTION MARK}"
)
"""A question mark that ends a text; Armenian's stands within the word that is asked about."""


def asks(text: str) -> bool:
    """Tell whether a text only asks: each of its sentences ends in a question mark of any script.

    Sentences of less than `STATED_WORDS` words, such as a greeting, do not count beside longer
    ones.
    """
    if "?" not in text and (text.isascii() or _MARK.search(text) is None):  # most texts
        return False
    pieces = [span.of(text) for span in sentences(text, any_case=True)]
    if any(not has_question_mark(piece) and _counts(piece) for piece in pieces):
        return False
    return has_question_mark(text) or any(map(_counts, pieces))


def _counts(sentence: str) -> bool:
    """Tell whether a sentence has as many words as one that states something."""
    return len(query_words(sentence)) >= STATED_WORDS


def has_question_mark(text: str) -> bool:
    """Tell whether a text ends in a question mark; quotes, emoji and the like may follow."""
    return _ENDING_MARK.search(text) is not None
