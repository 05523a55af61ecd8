"""Records as lines: who said what and when, in a pipe and at a terminal."""

import json
from collections.abc import Callable
from datetime import datetime

import pytest

from memagent import Agent, Memory, Scope
from memagent.agent.conversation import Conversation
from memagent.cli import output
from memagent.cli.chat.loop import converse
from memagent.testing import ScriptedChat

Command = Callable[..., tuple[int, str, str]]
LONG = "The quick brown fox jumps over the lazy dog beside the river, and then it rests."


@pytest.fixture
def ids(memagent: Command) -> list[str]:
    lines = [
        {"text": "I live in\nPorto.", "role": "user", "valid_from": "2026-05-01T14:30"},
        {"text": "Noted.", "role": "assistant", "valid_from": "2026-05-01T14:31"},
        {"text": LONG, "role": "user", "name": "Ada", "valid_from": "2026-05-01T14:32"},
        {"text": "Rain tomorrow.", "sources": ["paper"], "valid_from": "2026-05-01T14:33:59"},
        {"text": "Bare.", "valid_from": "2026-05-01"},
    ]
    return memagent("add", "--jsonl", stdin="\n".join(map(json.dumps, lines)).encode())[1].split()


def test_a_list_says_who_said_what_and_when(memagent: Command, ids: list[str]) -> None:
    assert memagent("list")[1].splitlines() == [
        f"{ids[4]}  2026-05-01 00:00  -          Bare.",
        f"{ids[3]}  2026-05-01 14:33  paper      Rain tomorrow.",
        f"{ids[2]}  2026-05-01 14:32  Ada        {LONG}",
        f"{ids[1]}  2026-05-01 14:31  assistant  Noted.",
        f"{ids[0]}  2026-05-01 14:30  user       I live in Porto.",
    ]


def test_a_search_says_who_said_what_and_when(memagent: Command, ids: list[str]) -> None:
    (line,) = memagent("search", "Where is Porto?", "-k", "1")[1].splitlines()
    assert line.endswith(f"  {ids[0]}  2026-05-01 14:30  user  I live in Porto.")
    (line,) = memagent("search", "Noted", "-k", "1", "--roles", "all")[1].splitlines()
    assert line.endswith(f"  {ids[1]}  2026-05-01 14:31  assistant  Noted.")
    assert memagent("search", "Noted", "--roles", "assistant", "--json")[1].count('"id"') == 1
    assert memagent("search", "Noted", "--roles", "nobody")[0] == 1
    assert memagent("recall", "Noted", "--roles", "user, assistant", "--json")[1].count(ids[1]) == 1


def test_at_a_terminal_ids_are_short_and_text_is_broken_between_words(
    memagent: Command, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "terminal_width", lambda: 80)
    lines = memagent("list")[1].splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) > 5
    words = " ".join(line.split("  ")[-1].strip() for line in lines).split()
    assert set(LONG.split()) <= set(words)
    shorts = [line.split()[0] for line in lines if "2026" in line]
    assert [id.startswith(short) for short, id in zip(shorts, reversed(ids), strict=True)] == [
        True
    ] * 5
    assert all(memagent("show", short)[0] == 0 for short in shorts)


def test_in_a_narrow_terminal_a_text_has_lines_of_its_own() -> None:
    lines = list(output.wrapped("an-id  2026-05-01 14:30  user  ", LONG, 40))
    assert lines[0] == "an-id  2026-05-01 14:30  user"
    assert " ".join(line.strip() for line in lines[1:]) == LONG
    assert max(map(len, lines)) <= 40


def test_a_text_cannot_steer_the_terminal(memagent: Command) -> None:
    memagent("add", "red \x1b[31m alert")
    assert "\x1b" not in memagent("list")[1]


def test_the_memories_of_a_chat_say_who_and_when(
    memory: Memory, ada: Scope, capsys: pytest.CaptureFixture[str]
) -> None:
    at = datetime(2026, 5, 1, 14, 30)
    record = memory.add("I live in Porto.", scope=ada, valid_from=at, metadata={"role": "user"})
    conversation = Conversation(Agent(memory=memory, model=ScriptedChat([])), ada)
    converse(conversation, lambda: iter(["/memories", "/memories Porto"]))
    listed, found = capsys.readouterr().out.splitlines()
    assert listed == f"{record.id}  2026-05-01 14:30  user  I live in Porto."
    assert found.endswith(f"  {listed}")
    converse(conversation, lambda: iter([f"/forget abc {record.id[:8]}"]))
    converse(conversation, lambda: iter([f"/forget {record.id[:8]}"]))
    out, err = capsys.readouterr()
    assert (out, err) == (
        "forgotten: 1 record, 1 key\n",
        "memagent: there is no record 'abc' of user 'ada'\n",
    )


def test_what_the_command_line_lists_is_what_the_library_hands_out(
    memagent: Command, ids: list[str]
) -> None:
    (newest,) = json.loads(memagent("list", "--json", "--limit", "1")[1])
    assert (newest["text"], newest["role"], newest["id"]) == ("Bare.", None, ids[4])
    (hit,) = json.loads(memagent("search", "fox", "--json", "-k", "1")[1])
    assert {"score", "key", "why", "excerpt", "text"} <= set(hit)


def test_pages_of_a_list_go_on(memagent: Command, ids: list[str]) -> None:
    _, out, err = memagent("list", "--limit", "3")
    assert (out.count("\n"), err) == (3, f"there are more: --after {ids[2]}\n")
    assert memagent("list", "--limit", "3", "--after", ids[2])[1].count("\n") == 2
