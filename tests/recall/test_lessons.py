"""Lessons: shown first where the question is asked again, and found by their text elsewhere."""

from typing import NamedTuple

import pytest

from memagent import Agent, Answer, Memory, Scope
from memagent.recall.lessons import same_question
from memagent.stores.database.filters import Filter
from memagent.testing import HashEmbedder, ScriptedChat

ADA = Scope(user="ada")


class Words(NamedTuple):
    """A fact that has changed, with questions about it, in one language."""

    old: str
    asked: str
    asked_again: str
    correction: str
    short: str
    about_another: str
    fact_of_another: str


LANGUAGES = {
    "en": Words(
        "Lena lives in Graz.",
        "Where does Lena live?",
        "where does lena live",
        "Lena lives in Linz.",
        "Linz",
        "Where does Paul live?",
        "Paul lives in Bonn.",
    ),
    "de": Words(
        "Lena wohnt in Graz.",
        "Wo wohnt Lena?",
        "wo wohnt lena",
        "Lena wohnt in Linz.",
        "Linz",
        "Wo wohnt Paul?",
        "Paul wohnt in Bonn.",
    ),
    "es": Words(
        "Lena vive en Graz.",
        "¿Dónde vive Lena?",
        "donde vive lena",
        "Lena vive en Linz.",
        "Linz",
        "¿Dónde vive Paul?",
        "Paul vive en Bonn.",
    ),
    "ja": Words(
        "レナはグラーツに住んでいます。",
        "レナはどこに住んでいますか？",  # noqa: RUF001
        "レナはどこに住んでいますか",
        "レナはリンツに住んでいます。",
        "リンツ",
        "パウルはどこに住んでいますか？",  # noqa: RUF001
        "パウルはボンに住んでいます。",
    ),
}
languages = pytest.mark.parametrize("said", LANGUAGES.values(), ids=LANGUAGES)


@pytest.fixture
def memory() -> Memory:
    return Memory.in_memory(embedder=HashEmbedder(), scope=ADA)


def teach(memory: Memory, question: str, wrong: str = "", **feedback: str) -> None:
    """Give feedback on an answer to a question."""
    answer = Answer(answer=wrong, question=question, recollection=memory.recall(question))
    agent = Agent(memory=memory, model=ScriptedChat([]))
    agent.feedback(answer, scope=ADA, **feedback)  # type: ignore[arg-type]


@languages
def test_a_correction_is_shown_where_the_same_is_asked(memory: Memory, said: Words) -> None:
    memory.add_many([said.old, said.fact_of_another])
    teach(memory, said.asked, "Graz", correction=said.correction)
    for question in (said.asked, said.asked_again):
        shown = memory.recall(question, k=1)
        assert shown.texts == (said.correction,)
        assert shown.hits[0].why["taught"] == 1.0
    assert said.old not in memory.recall(said.asked).texts


@languages
def test_a_correction_is_found_by_its_text_where_something_else_is_asked(
    memory: Memory, said: Words
) -> None:
    memory.add_many([said.old, said.fact_of_another])
    teach(memory, said.asked, "Graz", correction=said.correction)
    shown = memory.recall(said.about_another)
    assert said.fact_of_another in shown.texts
    assert not [hit for hit in shown.hits if "taught" in hit.why]
    for hit in (*memory.search(said.about_another), *memory.search(said.asked)):
        assert hit.key != said.asked


@languages
def test_a_short_correction_stands_after_its_question_but_is_shown_alone(
    memory: Memory, said: Words
) -> None:
    teach(memory, said.asked, correction=said.short)
    (lesson,) = memory.list(kind="lesson")
    assert lesson.text == f"{said.asked} {said.short}"
    assert memory.recall(said.asked).texts == (said.short,)
    texts = memory.recall(said.about_another).texts
    assert said.short not in texts


def test_the_newest_lesson_counts(memory: Memory) -> None:
    for place in ("Linz", "Wien"):
        teach(memory, "Wo wohnt Lena?", correction=f"Lena wohnt in {place}.")
    assert memory.recall("Wo wohnt Lena?").texts == ("Lena wohnt in Wien.",)


def test_a_lesson_that_hurt_too_often_is_a_record_like_others(memory: Memory) -> None:
    teach(memory, "Where does Lena live?", correction="Lena lives in Linz.")
    (lesson,) = memory.list(kind="lesson")
    for _ in range(4):
        memory.changes.judge([lesson.id], "hurt")
    assert not [hit for hit in memory.recall("Where does Lena live?").hits if "taught" in hit.why]


def test_a_denial_is_shown_to_the_model_and_not_said_in_its_place(memory: Memory) -> None:
    teach(memory, "Wo arbeitet Zoe Quark?", correction="Es gibt keine Zoe Quark.")
    chat = ScriptedChat(["Zoe Quark gibt es nicht."])
    answer = Agent(memory=memory, model=chat).ask("Wo arbeitet Zoe Quark?", scope=ADA)
    assert answer.answer == "Zoe Quark gibt es nicht."
    assert "Es gibt keine Zoe Quark." in str(chat.requests[0][-1].content)


@pytest.mark.parametrize(
    ("facts", "asked", "hint", "leads_to", "not_to"),
    [
        (
            ["Ada is led by Bob.", "Bob works in Rome.", "Cleo works in Faro."],
            "Where does the boss of Ada work?",
            "The boss of Ada is Bob.",
            "Bob works in Rome.",
            "Cleo works in Faro.",
        ),
        (
            ["Bob arbeitet in Rom.", "Cleo arbeitet in Faro."],
            "Wo arbeitet die Chefin von Ada?",
            "Die Chefin von Ada heißt Cleo.",
            "Cleo arbeitet in Faro.",
            "Bob arbeitet in Rom.",
        ),
        (
            ["ボブはローマで働いています。", "クレオはファロで働いています。"],
            "エイダの上司はどこで働いていますか？",  # noqa: RUF001
            "エイダの上司の名前はクレオです。",
            "クレオはファロで働いています。",
            "ボブはローマで働いています。",
        ),
    ],
)
def test_a_hint_is_shown_with_what_it_leads_to(
    memory: Memory, facts: list[str], asked: str, hint: str, leads_to: str, not_to: str
) -> None:
    memory.add_many(facts)
    teach(memory, asked, hint=hint)
    vector = memory.engine.encoder.query(asked)
    match = memory.engine.lessons.taught(asked, vector, Filter(scope=ADA))
    assert match is not None
    texts = [hit.text for hit in match.hits]
    assert texts[0] == hint
    assert leads_to in texts
    assert not_to not in texts
    assert {hint, leads_to} <= set(memory.recall(asked).texts)
    assert memory.recall(asked).queries == (asked, hint)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Who leads Ada?", "Whom does Ada lead?"),
        ("Does Ada like Bob?", "Does Bob like Ada?"),
        ("Where was Ada before May?", "Where was Ada after May?"),
        ("What is the code of room 204?", "What is the code of room 205?"),
        ("Wen leitet Ada?", "Wer leitet Ada?"),
        ("Mag Ada Bob?", "Mag Bob Ada?"),
        ("¿A quién dirige Ada?", "¿Quién dirige a Ada?"),
        ("エイダの上司は誰ですか？", "エイダは誰の上司ですか？"),  # noqa: RUF001
        ("兄は何歳ですか？", "妹は何歳ですか？"),  # noqa: RUF001
    ],
)
def test_other_words_or_another_order_ask_something_else(first: str, second: str) -> None:
    assert not same_question(first, second)
    assert same_question(first, first.upper().rstrip("?？"))  # noqa: RUF001


def test_lessons_of_earlier_versions_are_still_read(memory: Memory) -> None:
    question = "Where does Zoe Quark work?"
    change = {"feedback": "denial", "said": "x", "asks": [question], "retired": []}
    metadata = {
        "role": "user",
        "asked": question,
        "answered": "",
        "change": {**change, "superseded": None, "valid_to": None},
    }
    keys = ["There is no Zoe Quark.", question]
    memory.add("There is no Zoe Quark.", kind="lesson", keys=keys, metadata=metadata)
    assert memory.changes.list()[0].feedback == "denial"
    assert memory.recall(question).hits[0].why["taught"] == 1.0
