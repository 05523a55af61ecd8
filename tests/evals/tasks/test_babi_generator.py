import re
from collections import Counter
from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solving import answers_alike, disagreements, questions

from memagent.errors import InvalidInput
from memagent.evals.tasks import babi
from memagent.evals.tasks.babi import GENERATED, generate, parse, solve
from memagent.evals.tasks.babi.generator.generate import KINDS, MOST_DISTRACTORS
from memagent.evals.tasks.babi.generator.story import BYSTANDERS, ELSEWHERE, TRINKETS

TOLD_AT_ONCE = (4, 15, 16, 17, 18, 19)
AFTER_EVERY_LINE = 20
ASIDE = re.compile(
    "|".join((*BYSTANDERS, *ELSEWHERE, *TRINKETS, "circle", "star", "barn", "van", "wardrobe"))
    + "|bucket|kettle|teacup"
)


@pytest.mark.parametrize("number", GENERATED)
def test_an_independent_solver_agrees_with_every_generated_question(number: int) -> None:
    for seed in (1, 2):
        count, answers, supports = disagreements(number, generate(number, seed=seed))
        assert count == pytest.approx(1000, rel=0.02)
        assert (answers, supports) == ([], [])


@settings(max_examples=200, deadline=None)
@given(
    number=st.sampled_from(GENERATED),
    seed=st.integers(0, 2**32),
    length=st.none() | st.integers(2, 60),
    distractors=st.integers(0, MOST_DISTRACTORS),
)
def test_the_solver_agrees_at_every_difficulty(
    number: int, seed: int, length: int | None, distractors: int
) -> None:
    kind = KINDS[number]
    if length is not None:
        length = min(max(length, kind.shortest), kind.longest)
    text = generate(number, seed=seed, stories=5, length=length, distractors=distractors)
    count, answers, supports = disagreements(number, text)
    assert (count >= 5, answers, supports) == (True, [], [])


@pytest.mark.parametrize("number", GENERATED)
def test_the_solver_disagrees_wherever_an_answer_or_a_support_was_changed(number: int) -> None:
    text = generate(number, seed=3, stories=20)
    words = sorted({line.gold for _, line in questions(text)})
    other = {one: words[index - 1] for index, one in enumerate(words)}

    def changed(found: re.Match[str]) -> str:
        return f"\t{','.join(other[tuple(found[1].split(','))])}\t"

    count, answers, supports = disagreements(number, re.sub(r"\t(.+)\t", changed, text))
    assert (len(answers), supports) == (count, [])
    moved = re.sub(r"\t(\d+)[ \d]*\n", r"\t\1\n", text)
    _, answers, supports = disagreements(number, moved)
    several = sum(len(line.supports) > 1 for _, line in questions(text))
    assert (answers, len(supports)) == ([], several)


@pytest.mark.parametrize("number", GENERATED)
def test_an_answer_follows_from_its_supports_and_not_from_fewer(number: int) -> None:
    """Two exceptions are the released files' own: they name no line that picks the thing up in
    task 3, and every line that changed what somebody holds in tasks 7 and 8."""
    for facts, line in questions(generate(number, seed=4, stories=40, distractors=1)):
        only = [fact for fact in facts if fact[0] in line.supports]
        if number != 3:
            assert answers_alike(number, line, solve(only, line.text))
        if number in (7, 8):
            continue
        for left_out in only:
            fewer = solve([fact for fact in only if fact != left_out], line.text)
            assert not answers_alike(number, line, fewer)


@pytest.mark.parametrize("number", GENERATED)
def test_the_same_seed_tells_the_same_stories_and_another_does_not(number: int) -> None:
    assert generate(number, seed=1, stories=9) == generate(number, seed=1, stories=9)
    assert generate(number, seed=1, stories=9) != generate(number, seed=2, stories=9)


def test_a_generated_task_asks_other_stories_than_it_trains_on() -> None:
    whole, train, other = (
        babi.load(None, 6, None),
        babi.load(None, 6, "train"),
        babi.generated(6, seed=2, length=20, distractors=1),
    )
    for task in (whole, train, other):
        asked = {(one.facts, one.question) for one in task.asked}
        assert asked.isdisjoint((one.facts, one.question) for one in task.training)
    assert (whole.split, train.split) == ("test", "train, last fifth")
    assert len({whole.sha256, train.sha256, other.sha256}) == 3


@pytest.mark.parametrize("number", GENERATED)
@pytest.mark.parametrize("distractors", [0, 1, MOST_DISTRACTORS])
def test_a_story_is_as_long_and_as_distracting_as_it_was_asked_for(
    number: int, distractors: int
) -> None:
    kind = KINDS[number]
    for length in (kind.shortest, min(kind.longest, 75)):
        text = generate(number, seed=1, stories=5, length=length, distractors=distractors)
        for story in parse(text, "text"):
            asides = [line for line in story if ASIDE.search(line.text)]
            asked = [line for line in story if line.gold]
            assert not set(asides) & set(asked)
            assert len(story) - len(asked) - len(asides) >= length
            times = 1 if number in TOLD_AT_ONCE else len(asked)
            assert len(asides) == distractors * times


@pytest.mark.parametrize("number", GENERATED)
def test_the_format_is_the_released_one(number: int) -> None:
    text = generate(number, seed=1, stories=5)
    spaced = number not in (4, *range(15, 21))
    for line in text.splitlines():
        assert re.fullmatch(r"\d+ [A-Z][\w ]*\.|\d+ [A-Z][\w ]*\?( ?)\t[\w,]+\t\d+( \d+)*", line)
        assert ("? \t" in line) == (spaced and "\t" in line)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"number": 21}, "expected a task from 1 to 20, found 21"),
        ({"number": 17, "length": 9}, "expected a length from 2 to 8 statements for task 17"),
        ({"number": 11, "length": 9}, "expected a length from 10 to 500 statements"),
        ({"number": 1, "distractors": 7}, "expected 0 to 6 distractors, found 7"),
        ({"number": 1, "distractors": -1}, "expected 0 to 6 distractors, found -1"),
    ],
)
def test_what_cannot_be_told_is_refused(arguments: dict[str, int], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        generate(seed=1, **arguments)


@pytest.mark.parametrize("number", [*range(1, 5), *range(11, 17), 19])
def test_no_answer_is_much_more_frequent_than_another(number: int) -> None:
    counts = Counter(line.gold for _, line in questions(generate(number, seed=2)))
    assert len(counts) == {15: 4, 16: 4, 19: 12}.get(number, 6)
    assert max(counts.values()) < 1.5 * 1000 / len(counts)


@pytest.mark.parametrize("number", GENERATED)
def test_stories_and_answers_are_about_those_of_the_released_files(
    babi_folder: Path, number: int
) -> None:
    (path,) = babi_folder.glob(f"qa{number}_*_train.txt")
    sides = []
    for text in (path.read_text(), generate(number, seed=1)):
        stories = list(parse(text, "text"))
        answers = Counter(tuple(sorted(line.gold)) for story in stories for line in story)
        del answers[()]
        sides.append((mean(map(len, stories)), answers))
    (length, answers), (our_length, our_answers) = sides
    assert our_length == pytest.approx(length, rel=0.12)
    shares = {
        one: answers[one] / answers.total() - our_answers[one] / our_answers.total()
        for one in answers | our_answers
    }
    assert sum(map(abs, shares.values())) / 2 < 0.1
