"""Grading of answers about conversations without a judge; the grade `score` is the headline.

- An answerable question: `score` is `f1`, the F1 of words with the best reference; `exact` and
  `contained` are 1 where some reference is the answer, or stands in it. `abstained` is 1 for an
  answer that says that nothing is known, which raises no score.
- An unanswerable one: `score` is `abstained`; `trapped` is 1 for an answer that says the wrong
  thing the question leads to, and does not abstain.
- Multiple choice: `score` is `choice`, whether the letter is right; `unreadable` is 1 where the
  answer gives no letter, or several.
"""

from collections.abc import Mapping, Sequence
from typing import cast

from memagent.evals.metrics.answers import contained, exact, normalised, overlap, token_f1
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.conversations.abstention import abstains
from memagent.evals.tasks.conversations.choices import letter_of
from memagent.evals.tasks.conversations.conversation import ConversationQuestion
from memagent.text.words import stem

LISTS, FIRST_PART = "multi-hop", "open-domain"
"""Categories of LoCoMo whose references are lists at commas, and of which the part before a
semicolon counts."""


def grade(task: Task, sample: Sample, prediction: str) -> Mapping[str, float]:
    """Grade an answer by its words; see above."""
    question = cast(ConversationQuestion, sample)
    if question.options:
        return _choice(question, prediction)
    if question.unanswerable:
        return _unanswerable(question, prediction)
    score = token_f1(prediction, question.gold)
    return {"score": score, **_answered(question, prediction)}


def grade_as_locomo(task: Task, sample: Sample, prediction: str) -> Mapping[str, float]:
    """Grade an answer by LoCoMo's own F1 (`locomo_f1`), which is `score`; all else as `grade`."""
    question = cast(ConversationQuestion, sample)
    if question.options or question.unanswerable:
        return grade(task, sample, prediction)
    category = question.category
    found = [locomo_f1(prediction, reference, category) for reference in question.gold]
    return {"score": max(found, default=0.0), **_answered(question, prediction)}


def locomo_f1(prediction: str, reference: str, category: str) -> float:
    """Return the F1 by which LoCoMo grades an answer (Maharana et al. 2024, `task_eval`).

    Words are normalised as SQuAD's, "and" goes with the articles, and what is left is stemmed
    (Porter). Of a multi-hop reference, each part between commas counts the same, with the part of
    the answer that is nearest to it; of an open-domain one only what stands before a semicolon
    counts.
    """
    if category == FIRST_PART:
        reference = reference.split(";")[0]
    if category != LISTS:
        return overlap(_stems(prediction), _stems(reference))
    found = [_stems(part) for part in prediction.split(",")]
    parts = [_stems(part) for part in reference.split(",")]
    return sum(max(overlap(said, part) for said in found) for part in parts) / len(parts)


def _stems(text: str) -> list[str]:
    return [stem(word) for word in normalised(text).split() if word != "and"]


def _answered(question: ConversationQuestion, prediction: str) -> dict[str, float]:
    references: Sequence[str] = question.gold
    return {
        "f1": token_f1(prediction, references),
        "exact": exact(prediction, references),
        "contained": contained(prediction, references),
        "abstained": float(abstains(prediction)),
    }


def _unanswerable(question: ConversationQuestion, prediction: str) -> dict[str, float]:
    abstained = abstains(prediction)
    trapped = not abstained and bool(question.trap) and contained(prediction, [question.trap])
    return {
        "score": float(abstained),
        "abstained": float(abstained),
        "trapped": float(trapped),
    }


def _choice(question: ConversationQuestion, prediction: str) -> dict[str, float]:
    letter = letter_of(prediction, question.options)
    right = float(letter is not None and letter in question.gold)
    return {"score": right, "choice": right, "unreadable": float(letter is None)}
