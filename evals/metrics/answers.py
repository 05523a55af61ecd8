"""Scores of short answers against reference answers, from 0 to 1; no model is asked.

`normalised`, `em_strict`, `em_prefix` and `f1` follow SQuAD (Rajpurkar et al. 2016) to the letter,
and cut at spaces. `exact`, `contained` and `token_f1` are the same ideas for any language, and take
all references: they leave out the punctuation of every script, and cut scripts without spaces into
characters, as MLQA does (Lewis et al. 2020). For plain English both give the same.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence

from memagent.text.words import single_letters

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised(text: str) -> str:
    """Return a text in small letters without punctuation, articles and double spaces, as SQuAD."""
    plain = unicodedata.normalize("NFC", text).lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", plain).split())


def em_strict(prediction: str, reference: str) -> float:
    """Return 1 where the two are the same, normalised; an empty prediction is never right."""
    found, expected = _comparable(prediction, reference)
    return float(bool(found) and found == expected)


def em_prefix(prediction: str, reference: str) -> float:
    """Return 1 where the prediction begins with the reference, normalised, letter by letter."""
    found, expected = _comparable(prediction, reference)
    return float(bool(expected) and found[: len(expected)] == expected)


def f1(prediction: str, reference: str) -> float:
    """Return the harmonic mean of precision and recall of words, normalised, as SQuAD."""
    found, expected = _comparable(prediction, reference)
    return overlap(found.split(), expected.split())


def words(text: str) -> list[str]:
    """Return the words of a text of any language, normalised; Chinese by characters.

    The articles that go are English ones: a text does not say its language.
    """
    whole = normalised(text)
    plain = "".join(char for char in whole if unicodedata.category(char)[0] != "P")
    return single_letters(plain)


def token_f1(prediction: str, references: Sequence[str]) -> float:
    """Return the best F1 of words over all references, 0 without any."""
    return max((overlap(*_words(prediction, text)) for text in references), default=0.0)


def exact(prediction: str, references: Sequence[str]) -> float:
    """Return 1 where the prediction has the words of some reference, in order, and no others."""
    pairs = [_words(prediction, text) for text in references]
    return float(any(found == expected and expected for found, expected in pairs))


def contained(prediction: str, references: Sequence[str]) -> float:
    """Return 1 where the words of some reference stand in the prediction, one after another."""
    pairs = [_words(prediction, text) for text in references]
    return float(any(expected and stands_in(expected, found) for found, expected in pairs))


def stands_in(part: Sequence[str], whole: Sequence[str]) -> bool:
    """Tell whether words stand in others, one after another."""
    size = len(part)
    starts = range(len(whole) - size + 1)
    return any(list(whole[start : start + size]) == list(part) for start in starts)


def overlap(found: Sequence[str], expected: Sequence[str]) -> float:
    """Return the F1 of two lists of words: of precision and recall, each word as often as it is."""
    shared = sum((Counter(found) & Counter(expected)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(found), shared / len(expected)
    return 2 * precision * recall / (precision + recall)


def _comparable(prediction: str, reference: str) -> tuple[str, str]:
    """Return both normalised, or in small letters where nothing is left of the reference.

    "The" and "$" are answers, too: normalised they would be equal to each other and to no answer.
    """
    expected = normalised(reference)
    if expected:
        return normalised(prediction), expected
    return " ".join(prediction.lower().split()), " ".join(reference.lower().split())


def _words(prediction: str, reference: str) -> tuple[list[str], list[str]]:
    """Return the words of both, or what spaces part where no word is left of the reference."""
    expected = words(reference)
    if expected:
        return words(prediction), expected
    return prediction.lower().split(), reference.lower().split()
