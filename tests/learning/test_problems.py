import pytest

from memagent.errors import InvalidInput
from memagent.learning.problems import (
    Problem,
    answer_key,
    answer_of,
    is_duplicate,
    mentions,
    read_problems,
    same_number,
)

CLIPS = (
    '{"question": "How many clips?", "answer": "She sold 48/2 = <<48/2=24>>24 clips.\\n#### 1,024"}'
)


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        ("6 and 7 make 13.\n#### 13", "13"),
        ("#### 1\nNo: #### $1,250.50 in all", "1250.50"),
        ("So it is \\boxed{1,000} for 3 days.", "1000"),
        ("3 of them left. The answer is -4 apples.", "-4"),
        ("He has 3, then 5.", "5"),
        ("The answer is: Garden.", "garden"),
        ("I do not know.", ""),
        ("", ""),
    ],
)
def test_the_answer_is_what_a_solution_ends_with(solution: str, answer: str) -> None:
    assert answer_of(solution) == answer


@pytest.mark.parametrize(
    ("question", "one", "other", "same"),
    [
        (
            "Where is Daniel?",
            "Daniel was in the kitchen.",
            "Hm.\nThe answer is: The kitchen.",
            True,
        ),
        ("Where is Daniel?", "Daniel is in the kitchen.", "Daniel is in the hall.", False),
        ("Where is Daniel?", "The answer is the kitchen, I think.", "3 + 4 makes 7", False),
        ("Is Ann in the hall?", "Yes, Ann is in the hall.", "No, Ann is not in the hall.", False),
        ("Is Ann in the hall?", "Yes, Ann is in the hall.", "The answer is yes.", True),
        ("Is Ann in the hall?", "No, she is not there.", "Ann is in the hall.", False),
        ("Is Ann in the hall?", "No, Ann is not in the hall.", "The answer is no.", True),
        ("Is Ann in the hall?", "yes", "The answer is: Yes.", True),
        ("How many?", "It is $1,000.", "#### 1000.0", True),
        ("Where is Daniel?", "", "The hall.", False),
    ],
)
def test_answers_are_the_same_however_they_are_put(
    question: str, one: str, other: str, same: bool
) -> None:
    problem = Problem(question=question)
    assert (answer_key(problem, one) == answer_key(problem, other)) is same


def test_a_solution_that_is_empty_says_nothing() -> None:
    assert answer_key(Problem(question="Why?"), " ") == ""


@pytest.mark.parametrize(
    ("solution", "right"),
    [("#### 1000", True), ("#### $1,000.00", True), ("#### 1001", False), ("Many.", False)],
)
def test_numbers_are_compared_as_numbers(solution: str, right: bool) -> None:
    assert same_number(Problem(question="?", answer="1,000"), solution) is right


def test_without_a_right_answer_nothing_is_right() -> None:
    assert not same_number(Problem(question="?"), "#### 3")
    assert not mentions(Problem(question="?"), "Anything")


def test_a_mention_counts_in_the_last_line_alone() -> None:
    problem = Problem(question="Where is Mary?", answer="garden")
    assert mentions(problem, "Mary left the hall.\nShe is in the Garden.")
    assert not mentions(problem, "Mary was in the garden.\nShe is in the hall.")


def test_gsm8k_lines_give_the_number_and_the_solution_without_marks() -> None:
    (clips, blank) = read_problems([CLIPS, "", '{"question": "Why?", "evidence": ["So."]}'])
    assert (clips.answer, clips.solution) == ("1024", "She sold 48/2 = 24 clips.\n#### 1,024")
    assert (blank.answer, blank.solution, blank.evidence) == ("", "", ("So.",))


@pytest.mark.parametrize(
    "line", ["{", "[]", "3", '{"answer": "3"}', '{"question": " "}', '{"question": 3}']
)
def test_a_line_that_is_no_problem_is_named_by_its_number(line: str) -> None:
    with pytest.raises(InvalidInput, match="mine:2: "):
        list(read_problems([CLIPS, line], "mine"))


def test_a_problem_is_the_same_however_it_is_spelt_and_another_with_other_evidence() -> None:
    one = Problem(question="How many  clips?")
    assert one.id == Problem(question="how MANY clips").id
    assert one.id != Problem(question="How many clips?", evidence=("Two.",)).id


def test_a_duplicate_has_nearly_all_words_in_common() -> None:
    long = "Ann has twelve red apples and gives three of them to her friend Bob today"
    assert is_duplicate(long, long.upper() + "!")
    assert is_duplicate(long, long.replace("Ann", "Eve"))
    assert not is_duplicate(long, "Bob has apples")
    assert not is_duplicate("Where is Mary?", "Where is John now?")
