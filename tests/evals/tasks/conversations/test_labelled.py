"""Labelled answers to generated questions, on which a judge is measured."""

from collections import Counter

from judges import Honest

from memagent.evals.judge.leniency import measure
from memagent.evals.judge.rubrics import rubric_of
from memagent.evals.tasks.conversations.labelled import generated_answers


def test_every_rubric_gets_as_many_wrong_answers_as_asked_for() -> None:
    answers = generated_answers(40)
    assert answers == generated_answers(40)
    assert answers != generated_answers(40, seed=1)
    counts = Counter((rubric_of(answer.case).name, answer.kind) for answer in answers)
    by_value = {"right answers": 20, "specific wrong answers": 20, "vague wrong answers": 20}
    assert counts == {
        **{("answer-1", kind): number for kind, number in by_value.items()},
        **{("nuggets-1", kind): number for kind, number in by_value.items()},
        ("abstention-1", "trap answers"): 40,
        ("abstention-1", "right abstentions"): 40,
    }
    assert len({(answer.kind, answer.id) for answer in answers}) == len(answers)


def test_an_honest_reader_tells_the_right_ones_from_the_wrong_ones() -> None:
    judge = Honest()
    found = measure(judge, generated_answers(100))
    for row in found:
        assert row.n >= 50
        assert row.share is not None
        assert row.share >= 0.9 if row.right else row.share <= 0.02, row
