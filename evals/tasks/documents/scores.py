"""Scores of short answers, each under its own name.

MAC's and StreamingQA's figures cannot be compared, because they use different ones:

- `em_strict`: the whole normalised prediction is the shortest reference;
- `em_prefix`: so is as much of its beginning as that reference is long (MAC's released code);
- `em_max_ref`: the whole prediction is one of the references (StreamingQA's way);
- `f1`: words shared with the shortest reference, as MAC; `f1_max_ref`: the best over all of them.
"""

from collections.abc import Sequence

from memagent.evals.metrics.answers import em_prefix, em_strict, f1, normalised
from memagent.evals.suite import Headline
from memagent.evals.task import Sample, Task

F1 = Headline(grade="f1_max_ref", label="F1")
"""The headline score of the document suites."""
NO_ANSWER = ("", "no answer", "not known", "unknown", "i dont know", "none")
"""Predictions that say there is no answer, normalised."""


def shortest(references: Sequence[str]) -> str:
    """Return the reference of fewest characters, of equally short ones the first."""
    return min(references, key=len)


def grade(task: Task, sample: Sample, prediction: str) -> dict[str, float]:
    """Return every score of a prediction; without a reference it is right to give no answer.

    The first says whether the answer is right: whether it is one of the references.
    """
    if not sample.gold:
        right = float(normalised(prediction) in NO_ANSWER)
        return dict.fromkeys(("em_max_ref", "em_strict", "em_prefix", "f1", "f1_max_ref"), right)
    reference = shortest(sample.gold)
    return {
        "em_max_ref": max(em_strict(prediction, reference) for reference in sample.gold),
        "em_strict": em_strict(prediction, reference),
        "em_prefix": em_prefix(prediction, reference),
        "f1": f1(prediction, reference),
        "f1_max_ref": max(f1(prediction, reference) for reference in sample.gold),
    }
