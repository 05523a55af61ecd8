"""Other ways of saying a text, and whether somebody says the same."""

from collections.abc import Sequence

from memagent.text.english import content_words, words

MIN_QUOTED = 3
"""A shorter text is not quoted by being in another: "tea" is in all that is said of tea."""


def quotes(held: str, text: str) -> bool:
    """Tell whether a text is in another, word for word in order; a short one only as its whole."""
    wanted, found = _lowered(text), _lowered(held)
    if not wanted:
        return held == text
    if len(wanted) < MIN_QUOTED:
        return found == wanted
    return any(found[n : n + len(wanted)] == wanted for n in range(len(found) - len(wanted) + 1))


def rewordings(text: str) -> list[str]:
    """Return simple other wordings: without case and marks, its words alone, backwards, asked."""
    told = content_words(text)
    if not told:
        return []
    made = [_lowered(text), told, told[::-1], ["What", "about", *told]]
    return [one for one in dict.fromkeys(map(" ".join, made)) if one != text]


def _lowered(text: str) -> Sequence[str]:
    return [word.lower() for word in words(text)]
