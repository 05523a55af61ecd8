"""Generated conversations: the same again, complete in every language, and true to their gold."""

import random
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from itertools import product
from typing import Any

import pytest

from memagent.errors import InvalidInput
from memagent.evals.tasks.conversations.conversation import ConversationQuestion, DataSet, Turn
from memagent.evals.tasks.conversations.generator.generate import STYLES, Style, generate
from memagent.evals.tasks.conversations.generator.phrases import LANGUAGES, load
from memagent.evals.tasks.conversations.generator.questions import CATEGORIES
from memagent.evals.tasks.conversations.generator.world import SIZES, build
from memagent.evals.tasks.conversations.generator.wrong_answers import wrong_answers

CASES = list(product(STYLES, LANGUAGES))


@cache
def data_of(style: Style, language: str) -> DataSet:
    return generate(name="conversations", style=style, language=language)


@pytest.fixture
def data(style: Style, language: str) -> DataSet:
    return data_of(style, language)


sets = pytest.mark.parametrize(("style", "language"), CASES, ids=map("-".join, CASES))


def turns_of(data: DataSet) -> dict[tuple[str, str], Turn]:
    return {(talk.id, turn.id): turn for talk in data.conversations for turn in talk.turns}


def when(turn: Turn) -> datetime:
    assert turn.when is not None
    return turn.when


def gold_texts(question: ConversationQuestion) -> list[str]:
    """Return the right answers as texts, where they are letters of options too."""
    return [question.options.get(answer, answer) for answer in question.gold]


def kind_of(question: ConversationQuestion) -> str:
    return question.id.split("/")[1]


def test_the_same_arguments_give_the_same_data_whatever_the_hash_seed() -> None:
    code = (
        "from memagent.evals.tasks.conversations.generator.generate import generate;"
        "print(generate(name='x', style='people', language='de', seed=3).sha256)"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    data = generate(name="x", style="people", language="de", seed=3)
    assert outcome.stdout.strip() == data.sha256


def test_another_seed_gives_other_names_and_values() -> None:
    first, second = (generate(name="x", style="people", seed=seed) for seed in (0, 1))
    assert [turn.name for turn in first.conversations[0].turns] != [
        turn.name for turn in second.conversations[0].turns
    ]
    assert [question.gold for question in first.questions] != [
        question.gold for question in second.questions
    ]


@sets
def test_a_small_set_has_enough_of_everything(data: DataSet) -> None:
    assert data.source == "generated"
    assert data.split == "test"
    assert len(data.conversations) >= 4
    assert len(data.questions) >= 80
    assert {question.category for question in data.questions} == set(CATEGORIES)
    ids = [question.id for question in data.questions]
    assert len(set(ids)) == len(ids)
    texts = {tuple(turn.text for turn in talk.turns) for talk in data.conversations}
    assert len(texts) == len(data.conversations)


@sets
def test_sessions_have_dates_months_apart_and_turns_minutes_apart(data: DataSet) -> None:
    for talk in data.conversations:
        assert len({turn.id for turn in talk.turns}) == len(talk.turns)
        times = [when(turn) for turn in talk.turns]
        assert times == sorted(times)
        assert times[-1] - times[0] > timedelta(days=40)
        for session in talk.sessions().values():
            assert 10 <= len(session) <= 30
            assert when(session[-1]) - when(session[0]) < timedelta(hours=2)


@pytest.mark.parametrize("style", STYLES)
def test_styles_differ_in_who_speaks(style: Style) -> None:
    data = data_of(style, "en")
    for talk in data.conversations:
        names = {turn.name for turn in talk.turns}
        roles = {turn.role for turn in talk.turns}
        assert (len(names - {""}), roles) == (
            (2, {"user"}) if style == "people" else (0, {"user", "assistant"})
        )
    assert all(bool(question.options) == (style == "choice") for question in data.questions)
    assert any(question.rubric for question in data.questions) == (style == "assistant")


@sets
def test_no_template_leaves_a_placeholder(data: DataSet) -> None:
    texts = [turn.text for talk in data.conversations for turn in talk.turns]
    texts += [question.question for question in data.questions]
    texts += [text for question in data.questions for text in question.options.values()]
    texts += [text for question in data.questions for text in question.gold]
    for text in texts:
        assert text == text.strip()
        assert text
        assert not set(text) & set("{}<>|"), text


@sets
def test_gold_turns_say_the_answer(data: DataSet) -> None:
    turns = turns_of(data)
    for question in data.questions:
        if question.category == "unanswerable":
            assert not question.evidence
            continue
        gold = gold_texts(question)
        texts = [turns[question.story, turn].text for turn in question.evidence]
        days = [when(turns[question.story, turn]).date() for turn in question.evidence]
        kind = kind_of(question)
        if kind == "day":
            written = load(question.story[:2]).dates.write
            before = [days[0] - timedelta(days=ago) for ago in (1, 2, 3)]
            assert any(gold[0] == written(day)[0] for day in before)
        elif kind == "trip":
            assert len(texts) > 1
            values = load(question.story[:2]).attributes["trip"].values
            named = [value for value in values if value in gold[0]]
            assert len(named) == len(texts)
            assert all(any(value in text for text in texts) for value in named)
        elif kind == "item":
            assert len(texts) == 2
        else:
            assert any(answer in text for answer in gold for text in texts), question


@sets
def test_an_update_asks_for_the_newest_and_for_the_one_before(data: DataSet) -> None:
    checked = 0
    for newest, before in zip(data.questions, data.questions[1:], strict=False):
        if (newest.category, before.category) != ("update", "update"):
            continue
        if kind_of(newest) != kind_of(before):
            continue
        places = [int(turn.split(":")[0]) for turn in (*before.evidence, *newest.evidence)]
        assert places[0] < places[1]
        assert gold_texts(newest)[0] != gold_texts(before)[0]
        checked += 1
    assert checked >= 8


@sets
def test_what_is_unanswerable_is_said_of_somebody_else(data: DataSet) -> None:
    asked = [question for question in data.questions if question.category == "unanswerable"]
    for question in asked:
        talk = next(talk for talk in data.conversations if talk.id == question.story)
        assert question.unanswerable
        assert question.trap
        assert any(question.trap in turn.text for turn in talk.turns)
        if question.options:
            never = load(question.story[:2]).never_said
            assert gold_texts(question) == [never]
        else:
            assert question.gold == ()


@pytest.mark.parametrize("speakers", [1, 2])
def test_what_is_withheld_is_told_of_a_relative_and_never_of_the_speaker(speakers: int) -> None:
    world = build(load("en"), SIZES["small"], speakers, random.Random(0))
    for speaker, kinds in enumerate(world.withheld):
        assert len(kinds) == 2
        for kind in kinds:
            assert world.chain(speaker, kind) == []
            assert len(world.of_relatives(speaker, kind)) == 1


def test_options_have_the_gold_once_at_even_places() -> None:
    for language in LANGUAGES:
        data = data_of("choice", language)
        places = Counter(question.gold for question in data.questions)
        assert set(places) == {("a",), ("b",), ("c",), ("d",)}
        assert max(places.values()) - min(places.values()) <= 8
        for question in data.questions:
            assert list(question.options) == ["a", "b", "c", "d"]
            assert len(set(question.options.values())) == 4
        never = load(data.questions[0].story[:2]).never_said
        offered = [question for question in data.questions if never in question.options.values()]
        assert any(question.category != "unanswerable" for question in offered)


@sets
def test_wrong_answers_are_of_the_same_kind_and_wrong(data: DataSet) -> None:
    for question in data.questions:
        specific, vague = wrong_answers(question, data, seed=0)
        assert (specific, vague) == wrong_answers(question, data, seed=0)
        right = [answer.casefold() for answer in gold_texts(question)]
        assert specific.casefold() not in right
        assert not any(answer in vague.casefold().split() for answer in right)
        assert vague


@pytest.mark.parametrize(
    ("size", "sessions", "style"), [("medium", 20, "people"), ("large", 60, "choice")]
)
def test_larger_sizes_have_more_sessions(size: str, sessions: int, style: Style) -> None:
    data = generate(name="x", style=style, size=size)
    assert [len(talk.sessions()) for talk in data.conversations] == [sessions] * 4


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_enough_values_for_the_largest_world(language: str) -> None:
    world = build(load(language), SIZES["large"], 2, random.Random(0))
    assert len(world.facts) > 60


@pytest.mark.parametrize(
    "wrong", [{"style": "monologue"}, {"language": "xx"}, {"size": "tiny"}], ids=str
)
def test_unknown_names_are_refused_with_those_that_exist(wrong: dict[str, str]) -> None:
    arguments: Any = {"style": "people", **wrong}
    with pytest.raises(InvalidInput, match="expected"):
        generate(name="x", **arguments)
