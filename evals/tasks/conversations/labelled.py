"""Labelled answers: right and wrong ones to generated questions, to measure a judge on.

The right one is a reference answer, which is judged by the others where there are several: it is
worded in another way then. A wrong one is specific, another value of the
same kind; vague, on the topic without committing to anything; or a trap, the wrong answer that a
question leads to which cannot be answered.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from memagent.evals.judge.case import Case, case_of
from memagent.evals.judge.leniency import LabelledAnswer
from memagent.evals.judge.rubrics import rubric_of
from memagent.evals.tasks.conversations.conversation import ConversationQuestion, DataSet
from memagent.evals.tasks.conversations.generator.generate import Style, generate
from memagent.evals.tasks.conversations.generator.wrong_answers import wrong_answers

STYLES: tuple[Style, ...] = ("people", "assistant")
"""The styles whose questions are answered in words, with references and with a rubric."""
SEEDS = 3
"""Data sets of each style: one has too few questions that cannot be answered."""
WrongAnswers = Callable[[ConversationQuestion, DataSet, int], tuple[str, str]]
"""A question, its data set and a seed in; a specific and a vague wrong answer out."""
ABSTENTIONS = ("That was never mentioned.", "I don't know.", "Nothing is known about that.")
"""Right answers to questions that cannot be answered."""


def generated_answers(limit: int, seed: int = 0) -> list[LabelledAnswer]:
    """Return labelled answers to questions about generated conversations in English.

    `limit` is the number of wrong answers for each rubric, as far as there are questions.
    """
    seeds = range(SEEDS * seed, SEEDS * (seed + 1))
    data = [generate(name=f"{way}-{n}", style=way, seed=n) for n in seeds for way in STYLES]
    return labelled_answers(data, wrong_answers, limit=limit, seed=seed)


def labelled_answers(
    data: Sequence[DataSet], wrong_answers: WrongAnswers, *, limit: int, seed: int = 0
) -> list[LabelledAnswer]:
    """Return up to `limit` wrong answers for each rubric, drawn by a seed, with right ones beside.

    Of a question that can be answered, both wrong answers are taken.
    """
    groups: dict[str, list[tuple[DataSet, ConversationQuestion, Case]]] = {}
    for part in data:
        for question in part.questions:
            case = case_of(question, "")
            if case is not None and (question.trap or not question.unanswerable):
                groups.setdefault(rubric_of(case).name, []).append((part, question, case))
    rng = random.Random(seed)
    found: list[LabelledAnswer] = []
    for group in groups.values():
        number = limit if group[0][1].unanswerable else max(1, limit // 2)
        for part, question, case in rng.sample(group, min(number, len(group))):
            for kind, right, references, answer in _answers(part, question, wrong_answers, seed):
                found.append(
                    LabelledAnswer(
                        id=f"{part.name}/{question.id}",
                        kind=kind,
                        right=right,
                        case=replace(case, references=references, answer=answer),
                    )
                )
    return found


def _answers(
    data: DataSet, question: ConversationQuestion, wrong_answers: WrongAnswers, seed: int
) -> list[tuple[str, bool, tuple[str, ...], str]]:
    """Return answers to a question: of which kind, whether right, by which references, the text."""
    if question.unanswerable:
        right = ABSTENTIONS[len(question.question) % len(ABSTENTIONS)]
        return [("right abstentions", True, (), right), ("trap answers", False, (), question.trap)]
    specific, vague = wrong_answers(question, data, seed)
    *others, last = question.gold[:1] if question.rubric else question.gold
    return [
        ("right answers", True, tuple(others or [last]), last),
        ("specific wrong answers", False, question.gold, specific),
        ("vague wrong answers", False, question.gold, vague),
    ]
