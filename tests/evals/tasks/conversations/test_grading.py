"""Grades of answers about conversations."""

from dataclasses import replace

import pytest
from talking import CHOICE, WHERE, WHY, people

from memagent.evals.arm import ArmName
from memagent.evals.score import Score
from memagent.evals.task import is_right
from memagent.evals.tasks.conversations.abstention import PHRASES, WHOLE, abstains
from memagent.evals.tasks.conversations.choices import as_choices, letter_of, lettered
from memagent.evals.tasks.conversations.conversation import ConversationQuestion, task_of
from memagent.evals.tasks.conversations.grading import grade, grade_as_locomo, locomo_f1
from memagent.evals.tasks.conversations.tables import tables
from memagent.types import Example

TASK = task_of(people(), "people/qa", grade)


def test_the_best_of_all_references_counts_and_the_first_grade_is_the_score() -> None:
    grades = grade(TASK, WHERE, "The city of Graz.")
    assert next(iter(grades)) == "score"
    assert grades == {"score": 1, "f1": 1, "exact": 1, "contained": 1, "abstained": 0}
    grades = grade(TASK, WHERE, "Ann moved to Graz")
    assert grades == {"score": 0.4, "f1": 0.4, "exact": 0, "contained": 1, "abstained": 0}
    assert not is_right(grades)
    assert set(grade(TASK, WHERE, "Porto").values()) == {0.0}


def test_to_abstain_is_right_only_where_nothing_is_known() -> None:
    for said in ("unknown", "I don't know.", "Not mentioned in the notes"):
        assert grade(TASK, WHY, said) == {"score": 1, "abstained": 1, "trapped": 0}
        grades = grade(TASK, WHERE, said)
        assert (grades["score"], grades["abstained"]) == (0, 1)
    assert grade(TASK, WHY, "the red one") == {"score": 0, "abstained": 0, "trapped": 1}
    assert grade(TASK, WHY, "It is the Red One, I think") == {
        "score": 0,
        "abstained": 0,
        "trapped": 1,
    }
    assert grade(TASK, WHY, "bus 7") == {"score": 0, "abstained": 0, "trapped": 0}
    assert grade(TASK, WHY, "No information about the red one")["trapped"] == 0
    assert grade(TASK, replace(WHY, trap=""), "bus 7")["trapped"] == 0


@pytest.mark.parametrize(
    "said",
    [
        *("", "  ", "Unknown.", "I don’t know", "The notes do not mention it."),  # noqa: RUF001
        *("There is no information available.", "I don't know: nothing that I remember says so."),
        *("Das weiß ich nicht.", "Unbekannt", "Dazu gibt es keine Angaben."),
        *("No lo sé.", "No se menciona en la conversación.", "Je ne sais pas.", "Inconnu"),
        *("我不知道。", "对话中没有提到。", "未知", "わかりません。", "不明"),
        *WHOLE,
        *PHRASES,
    ],
)
def test_abstentions(said: str) -> None:
    assert abstains(said)


@pytest.mark.parametrize(
    "said",
    [
        *("Graz", "an unknown artist", "None of the above", "nothing but tea", "No", "no one"),
        *("Er weiß es seit Mai.", "no", "Nein", "Sie wohnt in Graz", "nada de carne", "non"),
        *("他住在上海", "上海", "東京です", "a mention of rain", "She knows that he is not here"),
    ],
)
def test_answers_that_are_no_abstentions(said: str) -> None:
    assert not abstains(said)


@pytest.mark.parametrize(
    ("said", "reference", "category", "score"),
    [
        ("adopting cats", "adopted a cat", "single-hop", 1.0),
        ("rock and roll", "rock, roll", "temporal", 1.0),
        ("swimming", "swimming, painting", "multi-hop", 0.5),
        ("painting, pottery, swimming", "swimming, painting", "multi-hop", 1.0),
        ("painting and swimming", "swimming, painting", "multi-hop", 2 / 3),
        ("Likely no", "Likely no; since she loves to read", "open-domain", 1.0),
        ("Likely no", "Likely no; since she loves to read", "single-hop", 4 / 9),
        ("", "swimming", "multi-hop", 0.0),
    ],
)
def test_the_f1_of_locomo(said: str, reference: str, category: str, score: float) -> None:
    assert locomo_f1(said, reference, category) == pytest.approx(score)
    asked = replace(WHERE, gold=(reference,), category=category)
    grades = grade_as_locomo(TASK, asked, said)
    assert next(iter(grades)) == "score"
    assert grades["score"] == pytest.approx(score)
    assert grades["f1"] == grade(TASK, asked, said)["f1"]


def test_what_has_no_answer_is_graded_alike_in_locomo() -> None:
    for asked in (WHY, CHOICE):
        assert grade_as_locomo(TASK, asked, "the red one") == grade(TASK, asked, "the red one")


@pytest.mark.parametrize(
    ("said", "letter"),
    [
        *(("b", "b"), ("(b)", "b"), ("B.", "b"), ("b) clocks", "b"), ("The answer is (b).", "b")),
        *(("(B) because he says so", "b"), ("(b) clocks, not (b) canoes", "b"), ("**b**", "b")),
        *(("clocks", "b"), ("Clocks.", "b"), ("(a) or (b)", None), ("", None), ("e", None)),
        *(("A boat", None), ("canoes and clocks", None), ("I do not know", None), ("ab", None)),
    ],
)
def test_the_letter_of_an_answer(said: str, letter: str | None) -> None:
    assert letter_of(said, CHOICE.options) == letter
    right = float(letter == "b")
    expected = {"score": right, "choice": right, "unreadable": float(letter is None)}
    assert grade(TASK, CHOICE, said) == expected


def test_few_shot_examples_as_choices() -> None:
    rows = [
        ("Who?", "Ida"),
        ("Where?", "Graz"),
        ("What?", "unknown"),
        ("When?", "May"),
        ("Why?", "rain"),
    ]
    examples = [Example(evidence=("x",), question=text, answer=said) for text, said in rows]
    choices = as_choices(examples)
    assert [choice.answer for choice in choices] == ["(a)", "(b)", "(c)", "(d)"]
    said = ["Ida", "Graz", "May", "rain"]
    for choice, answer in zip(choices, said, strict=True):
        assert f"{choice.answer} {answer}\n" in choice.question
        assert sorted(line[4:] for line in choice.question.splitlines()[1:-1]) == sorted(said)
    assert lettered("Who?", {"a": "Ida", "b": "Ann"}).splitlines()[1] == "(a) Ida"


def test_the_tables_of_abstentions_and_of_choices() -> None:
    data = people(questions=(WHERE, WHY, CHOICE))
    plain = task_of(data, "people/qa", grade, questions=[WHERE, CHOICE])
    trick = task_of(data, "people/none", grade, questions=[WHY])
    arm, other = ArmName("full", None, 0), ArmName("none", None, 0)

    def score(task: str, asked: ConversationQuestion, said: str, error: str | None = None) -> Score:
        return Score(
            id=asked.id,
            task=task,
            arm=str(arm),
            question=asked.question,
            gold=asked.gold,
            prediction=said,
            grades=grade(plain, asked, said),
            shown=("x", "y"),
            error=error,
        )

    scores = [
        score("people/qa", WHERE, "unknown"),
        score("people/qa", CHOICE, "clocks or canoes"),
        score("people/none", WHY, "the red one"),
    ]
    found = tables([plain, trick], [arm, other], scores)
    (row,) = found["abstention"]
    assert (row["task"], row["arm"]) == ("people", "full+0")
    assert (row["unanswerable"], row["abstained"], row["trapped"]) == (1, 0.0, 1.0)
    assert (row["answerable"], row["falsely"]) == (1, 1.0)
    assert row["abstained_low"] == 0.0 < row["abstained_high"] < 1.0
    assert found["choices"] == [{"task": "people", "arm": "full+0", "n": 1, "unreadable": 1}]
    (evidence,) = found["evidence"]
    assert (evidence["shown"], evidence["n"], evidence["without_gold"]) == (2.0, 3, 1)
    assert tables([plain, trick], [other], scores) == {}
    failed = [replace(score, error="gone") for score in scores]
    assert tables([plain, trick], [arm], failed) == {}
