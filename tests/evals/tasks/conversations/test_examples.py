"""Few-shot examples about conversations: short answers, one unknown, none in generated data."""

import re

import pytest

from memagent.evals.tasks.conversations.examples import EXAMPLES, few_shot_examples
from memagent.evals.tasks.conversations.generator.generate import STYLES, generate


def test_examples_are_shown_with_and_without_their_turns() -> None:
    shown = few_shot_examples(8, True, dated=True)
    assert len(shown) == 8
    assert all(example.evidence for example in shown)
    hidden = few_shot_examples(3, False, dated=True)
    assert not any(example.evidence or example.today for example in hidden)
    assert [example.question for example in hidden] == [example.question for example in shown[:3]]


def test_examples_have_dates_where_the_conversations_have_some() -> None:
    dates = re.compile(r"\d{4}-\d\d-\d\d")
    for example in few_shot_examples(8, True, dated=True):
        assert all(dates.search(line) for line in example.evidence)
        assert example.today is not None
    for example in few_shot_examples(8, True, dated=False):
        assert not any(dates.search(line) for line in example.evidence)
        assert example.today is None


@pytest.mark.parametrize("dated", [True, False])
def test_an_answer_with_a_date_follows_from_the_lines(dated: bool) -> None:
    examples = few_shot_examples(8, True, dated=dated)
    (example,) = [each for each in examples if each.answer == "8 May 2021"]
    assert any(day in example.evidence[0] for day in ("2021-05-09", "9 May 2021"))


def test_answers_are_short_and_one_of_the_first_three_is_unknown() -> None:
    answers = [example.answer for example in few_shot_examples(8, True, dated=True)]
    assert all(len(answer.split()) <= 4 for answer in answers)
    assert answers[:3].count("unknown") == 1


def test_no_speaker_of_an_example_is_in_generated_data() -> None:
    names = {turn.name for example in EXAMPLES for turn in example.turns if turn.name}
    for style in STYLES:
        data = generate(name="x", style=style)
        said = " ".join(turn.shown for talk in data.conversations for turn in talk.turns)
        assert not [name for name in names if name in said]
