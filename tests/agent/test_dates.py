"""Dates in a prompt: those of memories where they say something, and then today's."""

from datetime import UTC, datetime, timedelta

import pytest

from memagent import Agent, Memory, Scope
from memagent.errors import InvalidInput
from memagent.records import line_of, local_day
from memagent.testing import ScriptedChat

MAY, JUNE, NOW = (datetime(2023, month, 8, 12, tzinfo=UTC) for month in (5, 6, 7))
QUESTION = "What did Ann plant?"


def prompt(memory: Memory, ada: Scope, **options: object) -> str:
    chat = ScriptedChat(["Roses."])
    Agent(memory=memory, model=chat).ask(QUESTION, scope=ada, remember=False, **options)
    return str(chat.requests[-1][-1].content)


def test_dates_that_the_writer_gave_are_shown_oldest_first_and_todays(
    memory: Memory, ada: Scope
) -> None:
    memory.add("Ann planted roses.", scope=ada, valid_from=JUNE)
    memory.add("Ann planted beans.", scope=ada, valid_from=MAY)
    shown = prompt(memory, ada, now=NOW)
    beans = line_of("Ann planted beans.", day=local_day(MAY))
    roses = line_of("Ann planted roses.", day=local_day(JUNE))
    assert "2023-05-08" in beans
    assert shown == f"Notes:\n- {beans}\n- {roses}\n\nToday: 2023-07-08\nQuestion: {QUESTION}"
    days = [datetime.now(UTC).astimezone().date()]
    shown = prompt(memory, ada)
    days.append(datetime.now(UTC).astimezone().date())  # midnight may have passed
    assert any(f"\nToday: {day}\n" in shown for day in days)


def test_without_dates_there_is_no_today(memory: Memory, ada: Scope) -> None:
    memory.add("Ann planted roses.", scope=ada)
    memory.add("Ann planted beans.", scope=ada)
    notes = "Notes:\n- Ann planted roses.\n- Ann planted beans."
    assert prompt(memory, ada) == f"{notes}\n\nQuestion: {QUESTION}"


def test_a_question_of_the_past_is_shown_what_held_then(memory: Memory, ada: Scope) -> None:
    memory.add("Ann planted beans.", scope=ada, valid_from=MAY)
    memory.add("Ann planted roses.", scope=ada, valid_from=NOW)
    memory.add("Ann planted sage.", scope=ada)  # written in the present
    then = prompt(memory, ada, now=JUNE)
    assert "beans" in then
    assert "roses" not in then
    assert "sage" not in then
    assert "roses" in prompt(memory, ada)


def test_one_date_of_all_tells_nothing(memory: Memory, ada: Scope) -> None:
    for minutes, text in enumerate(("Ann planted roses.", "Ann planted beans.")):
        memory.add(text, scope=ada, valid_from=MAY + timedelta(minutes=minutes))
    assert "2023" not in prompt(memory, ada, now=NOW)


def test_the_same_date_is_shown_where_others_were_found(memory: Memory, ada: Scope) -> None:
    memory.add("Ann planted roses.", scope=ada, valid_from=MAY)
    memory.add("Bo painted a fence.", scope=ada, valid_from=JUNE)
    found = memory.recall(QUESTION, scope=ada, k=1)
    assert found.texts == (line_of("Ann planted roses.", day=local_day(MAY)),)


def test_a_single_record_has_its_date_unless_that_is_today(memory: Memory, ada: Scope) -> None:
    memory.add("Ann planted roses.", scope=ada, valid_from=MAY)
    assert "2023-05-08" in prompt(memory, ada)
    memory.forget(scope=ada, everything=True)
    memory.add("Ann planted roses.", scope=ada, valid_from=datetime.now(UTC))
    assert "Today" not in prompt(memory, ada)


def test_an_empty_memory_leaves_the_question_as_it_is(memory: Memory, ada: Scope) -> None:
    assert prompt(memory, ada, now=NOW) == QUESTION


def test_given_evidence_has_today_only_with_a_given_time(memory: Memory, ada: Scope) -> None:
    assert "Today" not in prompt(memory, ada, evidence=["Ann planted roses."])
    assert "Today: 2023-07-08" in prompt(memory, ada, evidence=["Ann planted roses."], now=NOW)
    assert prompt(memory, ada, evidence=[], now=NOW) == QUESTION


@pytest.mark.parametrize("now", ["2023-07-08", 3])
def test_a_time_is_wanted(memory: Memory, ada: Scope, now: object) -> None:
    with pytest.raises(InvalidInput, match="now: a datetime is wanted"):
        prompt(memory, ada, now=now)
