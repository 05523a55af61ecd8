"""Replies of a model that says some sentences again and again."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from memagent.agent.adaptation.fresh_reply import TRIES, SentenceFilter, areply, heard, reply
from memagent.models.replies import Piece, Reply
from memagent.testing import ScriptedChat

STORY = "That is a great story."
TWICE = [STORY, f"{STORY} Go on."]
MESSAGES = [HumanMessage("Hello.")]


class Sampling(ScriptedChat):
    """Scripted model with a temperature."""

    temperature: float = 0.0

    def __init__(self, script: Sequence[str]) -> None:  # a type checker would see the fields
        super().__init__(script)


def whole(pieces: Sequence[Piece]) -> tuple[str, Reply]:
    """Return what was shown of a reply, and the reply."""
    last = pieces[-1]
    assert isinstance(last, Reply)
    return "".join(piece for piece in pieces if isinstance(piece, str)), last


def said(chat: Any, before: Sequence[str], stream: bool = True) -> tuple[str, Reply]:
    return whole(list(reply(chat, MESSAGES, before, stream=stream)))


@pytest.mark.parametrize("stream", [True, False])
def test_a_reply_that_repeats_is_asked_for_again_and_nothing_of_it_is_shown(stream: bool) -> None:
    chat = Sampling([f"{STORY} The key hangs here.", "In the pantry."])
    shown, last = said(chat, TWICE, stream)
    assert (shown, last.answer, last.call.usage.requests) == ("In the pantry.", "In the pantry.", 2)
    assert len(chat.requests) == 2


async def test_in_an_event_loop_it_is_the_same() -> None:
    chat = Sampling([STORY, "In the pantry."])
    pieces = [piece async for piece in areply(chat, MESSAGES, TWICE, stream=True)]
    assert whole(pieces)[0] == "In the pantry."


def test_a_sentence_may_come_twice_and_a_short_one_again_and_again() -> None:
    chat = Sampling([f"{STORY} Of course."])
    shown, last = said(chat, [STORY, "Of course.", "Of course.", "Of course."])
    assert shown == last.answer == f"{STORY} Of course."


def test_what_is_shown_stays_and_a_sentence_that_repeats_after_it_is_left_out() -> None:
    chat = Sampling([f"In the pantry. {STORY} Third shelf."])
    shown, last = said(chat, TWICE)
    assert shown == last.answer == "In the pantry. Third shelf."


def test_the_last_try_is_shown_without_the_sentence() -> None:
    chat = Sampling([STORY] * TRIES + [f"{STORY} In the pantry."])
    shown, last = said(chat, TWICE)
    assert shown == last.answer == "In the pantry."
    assert last.call.usage.requests == TRIES + 1


@pytest.mark.parametrize("model", [Sampling, ScriptedChat])
def test_a_reply_that_is_nothing_but_the_sentence_stays_rather_than_none(
    model: type[ScriptedChat],
) -> None:
    shown, last = said(model([STORY] * (TRIES + 1)), TWICE)
    assert shown == last.answer == STORY


def test_within_one_reply_a_sentence_comes_twice_at_most() -> None:
    shown, _ = said(Sampling([f"Well. {STORY} {STORY} {STORY} {STORY} Bye now."]), [])
    assert shown == f"Well. {STORY} {STORY} Bye now."


def test_the_same_question_may_have_the_same_answer_but_none_is_the_question_itself() -> None:
    turns = [("Where is the key?", "In the pantry, as ever."), ("It rains.", STORY)]
    assert heard(turns, "where is the key")[:1] == [STORY]
    question = "Where is my red hat?"
    assert heard([], question) == [question, question]
    assert heard([], "It rains.") == []


def test_spelling_and_space_make_no_other_sentence() -> None:
    checked = SentenceFilter(["In the  PANTRY now!", "in the pantry, now."])
    assert checked.feed("In the pantry now. ") + checked.end() == ""
    assert checked.repeats


@given(st.lists(st.sampled_from(["One two three. ", "Four five six! ", "Yes. ", "七八九。"])))
def test_a_filter_that_heard_nothing_changes_no_text_without_repetition(parts: list[str]) -> None:
    text = "".join(dict.fromkeys(parts))
    checked = SentenceFilter([])
    out = "".join(map(checked.feed, text)) + checked.end()
    assert out == checked.text == text
