import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from langchain_core.messages import BaseMessage

from memagent import Memory, Scope
from memagent.agent.conversation import Conversation
from memagent.cli.chat.loop import converse
from memagent.models import open_chat
from memagent.testing import ScriptedChat

Command = Callable[..., tuple[int, str, str]]


def reading(messages: Sequence[BaseMessage]) -> str:
    notes = [line for line in str(messages[-1].content).splitlines() if line.startswith("- ")]
    return notes[-1].removeprefix("- ") if notes else "I cannot tell."


@pytest.fixture
def turn(memagent: Command, monkeypatch: pytest.MonkeyPatch) -> str:
    """A turn whose answer is wrong: its id."""
    monkeypatch.setattr(open_chat, "chat_of", lambda _: ScriptedChat(reading))
    memagent("add", "Ada works in Rome.")
    told = json.loads(memagent("ask", "Where does Ada work?", "--json")[1])
    assert told["answer"] == "Ada works in Rome."
    return str(told["turn"][-1])


def test_a_correction_is_kept_shown_and_undone(memagent: Command, turn: str) -> None:
    code, out, err = memagent("feedback", turn, "--correct", "Ada works in Lisbon.", "--why", "new")
    assert (code, err) == (0, "")
    assert out.endswith(": Ada works in Lisbon.\n")
    change = out.split()[2].rstrip(":")
    assert memagent("ask", "Where does Ada work?")[1] == "Ada works in Lisbon.\n"
    assert (
        f"  {change}    kept  correction  me  Ada works in Lisbon.\n"
        in memagent("changes", "list")[1]
    )
    shown = memagent("changes", "show", change)[1].splitlines()
    assert [line[0] for line in shown if line[0] in "+-"] == ["-", "+"]
    assert shown[0].endswith(" new")
    assert memagent("changes", "undo", change)[1] == "undone: Ada works in Lisbon.\n"
    assert memagent("ask", "Where does Ada work?")[1] == "Ada works in Rome.\n"
    (held,) = json.loads(memagent("changes", "list", "--json")[1])
    assert (held["id"], held["said"], held["undone"] is None) == (
        change,
        "Ada works in Lisbon.",
        False,
    )


def test_a_change_is_listed_on_one_line(memagent: Command, turn: str) -> None:
    memagent("feedback", turn, "--correct", "Ada works\nin Lisbon.", "--no-check")
    (line,) = memagent("changes", "list")[1].splitlines()
    assert line.endswith("  Ada works in Lisbon.")


def test_what_does_not_mend_is_not_kept(
    memagent: Command, turn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_chat, "chat_of", lambda _: ScriptedChat(lambda __: "In Rome."))
    out = memagent("feedback", turn, "--correct", "Ada works in Lisbon.")[1]
    assert out == "not kept: the check: the question is still answered with 'In Rome.'\n"
    kept = memagent("feedback", turn, "--correct", "Ada works in Lisbon.", "--no-check")[1]
    assert kept.startswith("kept as ")


def test_a_verdict_is_counted(memagent: Command, turn: str) -> None:
    assert memagent("feedback", turn, "--bad")[1] == "1 memory judged\n"
    told = json.loads(memagent("feedback", turn, "--good", "--json")[1])
    assert told == {"judged": 1, "change": None, "checked": None}


def test_a_file_gives_feedback_of_every_kind(memagent: Command, turn: str, tmp_path: Path) -> None:
    lines = [
        {"turn": turn, "verdict": "bad"},
        {"turn": turn, "hint": "Ada has moved."},
        {"turn": turn, "correct": "Ada works in Lisbon.", "who": "bob"},
    ]
    file = tmp_path / "feedback.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in lines))
    code, out, _ = memagent("feedback", "--file", str(file), "--no-check")
    assert (code, len(out.splitlines())) == (0, 3)
    found = json.loads(memagent("changes", "list", "--json")[1])
    assert [(one["feedback"], one["who"]) for one in found] == [
        ("correction", "bob"),
        ("hint", found[1]["who"]),
    ]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("[]", "line 1: expected an object with a turn's id"),
        ("{", "line 1: not JSON"),
        ('{"turn": "x", "nice": 1}', "line 1: unknown nice"),
        ('{"turn": "x", "verdict": "bad"}', "line 1: there is no turn 'x'"),
        ('{"turn": "x"}', "line 1: expected a verdict, a hint or what is correct"),
        ('{"turn": "x", "verdict": "meh"}', "line 1: a verdict is 'good' or 'bad', not 'meh'"),
        ('{"turn": "x", "verdict": {}}', "line 1: verdict: expected a text, found {}"),
        ('{"turn": "x", "correct": 5}', "line 1: correct: expected a text, found 5"),
        ('{"turn": "x", "correct": "a", "why": ["b"]}', "line 1: why: expected a text"),
        ('{"turn": "x", "hint": "a", "who": 5}', "line 1: who: expected a text, found 5"),
        ('{"turn": "x", "hint": "a", "who": " "}', "line 1: who: expected a text, found ' '"),
        ('{"turn": "x", "hint": "a", "correct": "b"}', "line 1: give a correction or a hint"),
        ('{"turn": "x", "correct": " "}', "line 1: the text is empty"),
        ('{"turn": "x", "correct": "\\ud800"}', "line 1: the text holds half of a character"),
        ('\n\n{"turn": "x", "verdict": "bad"}\n\n{oops', "line 5: not JSON"),
    ],
)
def test_a_malformed_file_is_one_line(
    memagent: Command, tmp_path: Path, line: str, complaint: str
) -> None:
    file = tmp_path / "feedback.jsonl"
    file.write_text(line)
    code, _, err = memagent("feedback", "--file", str(file))
    assert code == 1
    assert complaint in err


def test_nothing_of_a_file_counts_if_a_later_line_is_wrong(
    memagent: Command, turn: str, tmp_path: Path
) -> None:
    file = tmp_path / "feedback.jsonl"
    right = json.dumps({"turn": turn, "correct": "Ada works in Lisbon.", "verdict": "bad"})
    before = memagent("export")[1]
    for wrong in ('{"turn": "gone", "hint": "a"}', '{"turn": "x"', '{"turn": "x", "verdict": 1}'):
        file.write_text(f"{right}\n{wrong}\n")
        code, _, err = memagent("feedback", "--file", str(file), "--no-check")
        assert (code, "line 2: " in err) == (1, True)
    assert memagent("export")[1] == before
    file.write_bytes(b"\xff")
    assert "is not UTF-8 text" in memagent("feedback", "--file", str(file))[2]
    # Only a line feed ends a line of JSON lines.
    file.write_text(right.replace("Lisbon.", "Lisbon\u2028now.") + "\n", encoding="utf-8")
    assert memagent("feedback", "--file", str(file), "--no-check")[0] == 0


@pytest.mark.parametrize(
    "arguments", [[], ["t"], ["t", "--good", "--bad"], ["t", "--file", "f"]], ids=str
)
def test_unclear_feedback_is_refused(memagent: Command, arguments: list[str]) -> None:
    assert memagent("feedback", *arguments)[0] == 2


def test_hints_and_changes_by_slash_command(
    memory: Memory, ada: Scope, capsys: pytest.CaptureFixture[str]
) -> None:
    from memagent import Agent

    memory.add("Ada works in Rome.", scope=ada)
    talk = Conversation(Agent(memory=memory, model=ScriptedChat(reading)), ada)
    said = ["Where does Ada work?", "/hint Ada has moved.", "/correct Ada works in Lisbon."]
    converse(talk, lambda: iter([*said, "/changes", "/undo", "/changes", "/undo", "/undo"]))
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert [line.split("  ", 2)[2] for line in lines[3:5]] == [
        "ada  Ada works in Lisbon.",
        "ada  Ada has moved.",
    ]
    assert lines[5] == "undone: Ada works in Lisbon."
    assert "undone  Ada works in Lisbon." in lines[6]
    assert lines[8] == "undone: Ada has moved."
    assert err == "memagent: there is no change to undo\n"
