"""Few-shot examples about conversations: short answers, one unknown, none in generated data."""

from memagent.evals.tasks.conversations.examples import EXAMPLES, few_shot_examples
from memagent.evals.tasks.conversations.generator.generate import STYLES, generate


def test_examples_are_shown_with_and_without_their_turns() -> None:
    assert len(few_shot_examples(8, True)) == 8
    assert all(example.evidence for example in few_shot_examples(8, True))
    assert not any(example.evidence for example in few_shot_examples(3, False))
    assert [example.question for example in few_shot_examples(3, False)] == [
        example.question for example in few_shot_examples(8, True)[:3]
    ]


def test_answers_are_short_and_one_of_the_first_three_is_unknown() -> None:
    answers = [example.answer for example in few_shot_examples(8, True)]
    assert all(len(answer.split()) <= 4 for answer in answers)
    assert answers[:3].count("unknown") == 1


def test_no_speaker_of_an_example_is_in_generated_data() -> None:
    names = {turn.split(":")[0] for example in EXAMPLES for turn in example.turns}
    for style in STYLES:
        data = generate(name="x", style=style)
        said = " ".join(turn.shown for talk in data.conversations for turn in talk.turns)
        assert not [name for name in names - {"user", "assistant"} if name in said]
