"""Scores of short answers, each under its own name.

MAC's and StreamingQA's figures cannot be compared, because they use different ones:

- `em_strict`: the whole normalised prediction is the shortest reference;
- `em_prefix`: so is as much of its beginning as that reference is long (MAC's released code);
- `em_max_ref`: the whole prediction is one of the references (StreamingQA's way);
- `f1`: words shared with the shortest reference, as MAC; `f1_max_ref`: the best over all of them.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence

from memagent.evals.task import Sample, Task

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
NO_ANSWER = ("", "no answer", "not known", "unknown", "i dont know", "none")
"""Predictions that say there is no answer, normalised."""


def normalised(text: str) -> str:
    """Return a text in small letters without punctuation, articles and double spaces, as SQuAD."""
    plain = unicodedata.normalize("NFC", text).lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", plain).split())


def shortest(references: Sequence[str]) -> str:
    """Return the reference of fewest characters, of equally short ones the first."""
    return min(references, key=len)


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
    found, expected = (text.split() for text in _comparable(prediction, reference))
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


def grade(task: Task, sample: Sample, prediction: str) -> dict[str, float]:
    """Return every score of a prediction; without a reference it is right to give no answer."""
    if not sample.gold:
        right = float(normalised(prediction) in NO_ANSWER)
        return dict.fromkeys(("em_strict", "em_prefix", "em_max_ref", "f1", "f1_max_ref"), right)
    reference = shortest(sample.gold)
    return {
        "em_strict": em_strict(prediction, reference),
        "em_prefix": em_prefix(prediction, reference),
        "em_max_ref": max(em_strict(prediction, reference) for reference in sample.gold),
        "f1": f1(prediction, reference),
        "f1_max_ref": max(f1(prediction, reference) for reference in sample.gold),
    }
