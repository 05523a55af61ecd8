from datetime import UTC, datetime, timedelta, timezone

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from memagent import Memory, Record, Scope
from memagent.errors import InvalidInput
from memagent.integrations.chat_history import MemagentChatMessageHistory
from memagent.types import NewRecord

START = datetime(2024, 1, 1, tzinfo=UTC)
TALK = Scope(user="ada", session="talk")
STEPS = [
    {"step": "acted", "tool": "calculator", "arguments": {"expression": "6*7"}},
    {"step": "observed", "tool": "calculator", "text": "forty-two", "failed": False},
]


def say(memory: Memory, turns: int, first: int = 0, scope: Scope = TALK) -> list[Record]:
    notes = []
    for n in range(first, first + turns):
        when = START + timedelta(days=n)
        notes.append(
            NewRecord(
                text=f"My dog Rex{n} weighs {n + 10} kilos.",
                valid_from=when,
                metadata={"role": "user"},
            )
        )
        notes.append(
            NewRecord(
                text=f"Good dog, number {n} is noted here.",
                valid_from=when,
                evidence=False,
                metadata={"role": "assistant", "steps": STEPS},
            )
        )
    return memory.add_many(notes, scope=scope)


def summaries(memory: Memory, *, evidence: bool) -> list[Record]:
    found = memory.list(scope=TALK, kind="note", limit=1000)
    return [one for one in reversed(found) if one.evidence is evidence]


def test_old_turns_become_two_summaries_of_what_was_stated_and_what_was_done(
    memory: Memory,
) -> None:
    written = say(memory, 5)
    done = memory.notes.compress_sessions(scope=TALK, before=START + timedelta(days=3), ratio=0.6)
    assert (done.notes, done.archived) == (2, 0)
    (stated,) = summaries(memory, evidence=True)
    (acted,) = summaries(memory, evidence=False)
    assert memory.notes.sources(stated.id, scope=TALK) == written[0:6:2]
    assert memory.notes.sources(acted.id, scope=TALK) == written[1:6:2]
    assert "Rex0" in stated.text
    assert "Rex3" not in stated.text
    assert stated.metadata["compressed"]["session"] == "talk"


def test_a_time_without_a_zone_is_local_and_one_out_of_range_is_refused(memory: Memory) -> None:
    say(memory, 5)
    local = (START + timedelta(days=3)).astimezone().replace(tzinfo=None)
    memory.notes.compress_sessions(scope=TALK, before=local, ratio=0.6)
    (stated,) = summaries(memory, evidence=True)
    assert "Rex2" in stated.text
    assert "Rex3" not in stated.text
    ahead = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))
    with pytest.raises(InvalidInput, match="outside the years"):
        memory.notes.compress_sessions(scope=TALK, before=ahead)


def test_a_tool_call_stays_with_its_result(memory: Memory) -> None:
    say(memory, 8)
    memory.notes.compress_sessions(scope=TALK, ratio=0.3)
    (acted,) = summaries(memory, evidence=False)
    lines = acted.text.split("\n")
    assert lines
    assert all(("calculator(" in line) == ("forty-two" in line) for line in lines)
    assert any("calculator(" in line for line in lines)


def test_messages_of_a_chat_history_keep_calls_and_results_in_one_summary(memory: Memory) -> None:
    history = MemagentChatMessageHistory(memory, scope=TALK)
    for n in range(15):
        call = {"name": "clock", "args": {"zone": n}, "id": f"c{n}"}
        history.add_messages(
            [
                HumanMessage(f"What time is it in zone {n}?"),
                AIMessage("", tool_calls=[call]),
                ToolMessage(f"it is {n} o'clock", tool_call_id=f"c{n}"),
                AIMessage(f"It is {n} o'clock in zone {n}."),
            ]
        )
    memory.notes.compress_sessions(scope=TALK, but=2, ratio=0.9)
    found = summaries(memory, evidence=False)
    parts = [memory.notes.sources(one.id, scope=TALK) for one in found]
    assert [len(part) % 4 for part in parts] == [0] * len(parts)
    assert sum(len(part) for part in parts) == 14 * 4
    assert len(history.messages) == 60


def test_a_summary_of_messages_has_each_result_with_its_call(memory: Memory) -> None:
    """This holds for several calls at once, for one without a result, and for calls with text."""
    history = MemagentChatMessageHistory(memory, scope=TALK)
    for n in range(4):
        calls = [{"name": "clock", "args": {"zone": z}, "id": f"{n}.{z}"} for z in ("a", "b")]
        lost = {"name": "clock", "args": {"zone": "lost"}, "id": f"{n}.lost"}
        history.add_messages(
            [
                HumanMessage(f"What time is it, number {n}?"),
                AIMessage("I look." if n else "", tool_calls=[*calls, lost]),
                ToolMessage(f"b{n}\nis none", tool_call_id=f"{n}.b", status="error"),
                ToolMessage(f"a{n} o'clock", tool_call_id=f"{n}.a"),
                AIMessage("It is late. " * 20),
            ]
        )
    memory.notes.compress_sessions(scope=TALK, ratio=0.4)
    (acted,) = summaries(memory, evidence=False)
    used = [line for line in acted.text.split("\n") if line.startswith("used ")]
    assert used == [
        line
        for n in range(4)
        for line in (
            f'used clock({{"zone": "a"}}): a{n} o\'clock',
            f'used clock({{"zone": "b"}}): failed: b{n} is none',
            'used clock({"zone": "lost"})',
        )
    ]
    assert "tool:" not in acted.text
    assert "I look." in acted.text


def test_a_summary_on_summaries_keeps_calls_with_their_results(memory: Memory) -> None:
    for n in range(8):
        say(memory, 2, first=2 * n)
        memory.notes.compress_sessions(scope=TALK)
    (top,) = [
        one for one in summaries(memory, evidence=False) if one.metadata["compressed"]["level"] == 1
    ]
    lines = top.text.split("\n")
    assert any("calculator(" in line for line in lines)
    assert all(("calculator(" in line) == ("forty-two" in line) for line in lines)


def test_later_turns_get_a_further_summary_and_none_is_lost(memory: Memory) -> None:
    say(memory, 3)
    memory.notes.compress_sessions(scope=TALK)
    first = summaries(memory, evidence=True)
    assert memory.notes.compress_sessions(scope=TALK).notes == 0
    say(memory, 2, first=3)
    assert memory.notes.compress_sessions(scope=TALK).notes == 2
    assert summaries(memory, evidence=True)[:1] == first
    assert len(summaries(memory, evidence=True)) == 2


def test_many_summaries_get_one_on_them_that_leads_down_to_the_episodes(memory: Memory) -> None:
    written: list[Record] = []
    for n in range(9):
        written += say(memory, 2, first=2 * n)
        memory.notes.compress_sessions(scope=TALK, archive=True)
    found = summaries(memory, evidence=True)
    (top,) = [one for one in found if one.metadata["compressed"]["level"] == 1]
    below = memory.notes.sources(top.id, scope=TALK)
    assert [one.kind for one in below] == ["note"] * 8
    assert all(one.archived is None for one in below)
    deep = memory.notes.sources(top.id, scope=TALK, deep=True)
    assert deep == memory.get([one.id for one in written[0:32:2]], scope=TALK)
    assert memory.maintenance.verify() == ()


def test_nothing_is_deleted_and_expansion_finds_what_is_archived(memory: Memory) -> None:
    written = say(memory, 20)
    done = memory.notes.compress_sessions(scope=TALK, ratio=0.3, archive=True)
    assert done.archived == 40
    assert memory.maintenance.stats()["records"] == 40 + done.notes
    found = memory.recall("How much does Rex7 weigh?", scope=Scope(user="ada"))
    assert "My dog Rex7 weighs 17 kilos." in {hit.text for hit in found.hits}
    assert memory.changes.restore([one.id for one in written], scope=TALK).changed == 40


def test_forgetting_an_episode_forgets_its_summary_and_the_rest_is_summarised_anew(
    memory: Memory,
) -> None:
    written = say(memory, 3)
    memory.notes.compress_sessions(scope=TALK, ratio=0.9, archive=True)
    memory.forget([written[0].id], scope=TALK)
    assert summaries(memory, evidence=True) == []
    assert memory.notes.compress_sessions(scope=TALK, ratio=0.9).notes == 1
    (stated,) = summaries(memory, evidence=True)
    assert "Rex0" not in stated.text
    assert len(stated.sources) == 2


def test_a_turn_that_is_not_over_yet_stays_whole(memory: Memory) -> None:
    say(memory, 3)
    memory.notes.compress_sessions(scope=TALK, but=1)
    assert len(summaries(memory, evidence=True)[0].sources) == 2
    assert len(summaries(memory, evidence=False)[0].sources) == 2


def test_other_sessions_and_users_are_left_alone(memory: Memory) -> None:
    say(memory, 3, scope=Scope(user="ada", session="other"))
    say(memory, 3, scope=Scope(user="bob", session="talk"))
    assert memory.notes.compress_sessions(scope=TALK).notes == 0
    assert memory.notes.compress_sessions(scope=Scope(user="ada")).notes == 2
