"""Numbers in answers: read however they are written."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memagent.learning.numbers import is_number, numbers_in, stated_number, value_of
from memagent.learning.problems import Problem, answer_key, answer_of, same_number


@pytest.mark.parametrize(
    ("solution", "gold"),
    [
        ("#### 5 * 3 = 15", "15"),
        ("#### 5 apples * 3 = 15 apples", "15"),
        ("#### 5 x 3 = 15", "15"),
        ("#### 2 + 1 = 3 * 5 = 15", "15"),
        ("#### 15 = 5 * 3", "15"),
        ("#### x = 15", "15"),
        ("The answer is 15 (5 * 3 = 15).", "15"),
        ("The answer is 15, because 2 + 2 = 4 and 11 more.", "15"),
        ("#### 1/2", "0.5"),
        ("#### .5", "1/2"),
        ("#### 1 1/2 cups", "1.5"),
        ("\\boxed{\\frac{1}{2}}", "0.5"),
        ("\\boxed{\\text{18 dollars}}", "18"),
        ("\\boxed{\\$18}", "18"),
        ("#### 3 #### 5", "5"),
        ("The answer is 3. No, the answer is 5.", "5"),
        ("#### \u221215", "-15"),
        ("#### \u201315", "-15"),
        ("#### -$15", "-15"),
        ("#### $-15.00", "-15"),
        ("He sold 10-15", "15"),
        ("#### 1,000,000", "1000000"),
        ("#### 1\u202f000", "1000"),
        ("#### 1'000", "1000"),
        ("#### €1,000.50", "1000.5"),
        ("#### 50%", "50"),
        ("#### 18.", "18"),
        ("**18**.", "18"),
        ("#### 18 m^2", "18"),
        ("It covers 18 m^2", "18"),
        ("#### 1.5e3", "1500"),
        ("#### 1.5 \u00d7 10^3", "1500"),
        ("#### 1.5 \\times 10^{3}", "1500"),
        ("#### \uff11\uff18", "18"),
        ("#### 18", "5 + 13 = 18"),
    ],
)
def test_a_number_is_read_however_it_is_written(solution: str, gold: str) -> None:
    assert same_number(Problem(question="q", answer=gold), solution)


@pytest.mark.parametrize("gold", ["15", "0", "", "no number", "1/0"])
@pytest.mark.parametrize("solution", ["", "   ", "####", "#### none", "I do not know.", "1/0"])
def test_no_answer_is_never_right(solution: str, gold: str) -> None:
    assert not same_number(Problem(question="q", answer=gold), solution)


@given(
    number=st.fractions(max_denominator=10**6),
    lead=st.sampled_from(["#### ", "The answer is ", "So it is ", "Answer: "]),
    tail=st.sampled_from(["", ".", " dollars", "\n"]),
)
def test_every_fraction_is_its_own_answer(number: Fraction, lead: str, tail: str) -> None:
    problem = Problem(question="q", answer=str(number))
    assert same_number(problem, f"{lead}{number}{tail}")
    assert not same_number(problem, f"{lead}{number + 1}{tail}")


@given(number=st.integers(-(10**12), 10**12), minus=st.sampled_from("-\u2212\u2013\uff0d"))
def test_signs_separators_and_currencies_change_nothing(number: int, minus: str) -> None:
    text = f"{number:,}".replace("-", minus)
    assert value_of(stated_number(f"#### {text}") or "") == number
    assert value_of(stated_number(f"${abs(number):,}.00") or "") == abs(number)


@given(st.text(alphabet="0123456789.,/-+*=e$ ^{}\\boxedfrac#\n", max_size=60))
def test_any_text_is_graded_without_an_error(text: str) -> None:
    same_number(Problem(question="q", answer=text), text)
    answer_key(Problem(question="q"), text)


def test_equal_numbers_have_one_key() -> None:
    problem = Problem(question="How much?")
    keys = {answer_key(problem, text) for text in ("#### 0.5", "#### 1/2", "#### .50")}
    assert keys == {"1/2"}
    assert answer_key(problem, "#### 1,000.0") == "1000"


def test_the_last_number_of_a_text_without_a_stated_answer() -> None:
    assert numbers_in("3 boxes of 4 make 12.") == ["3", "4", "12"]
    assert answer_of("3 boxes of 4 make 12.") == "12"
    assert is_number("-1,000")
    assert not is_number("12 eggs")
