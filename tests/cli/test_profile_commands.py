import json
from collections.abc import Callable
from pathlib import Path

import pytest
from lasting import reads_always

from memagent import Agent, Memory, Scope
from memagent.agent.conversation import Conversation
from memagent.cli.chat.commands import run_command
from memagent.cli.chat.profile import update_at_end
from memagent.errors import InvalidInput
from memagent.testing import HashEmbedder, ScriptedChat

Command = Callable[..., tuple[int, str, str]]
ADA = Scope("ada")
USER = ("--user", "ada")
WINDOW = "I always sit at the window."


def test_lines_are_shown_updated_edited_removed_and_added(
    memagent: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads_always(monkeypatch)
    code, out, err = memagent("profile", *USER)
    assert (code, out) == (0, "")
    assert "the profile is empty" in err
    memagent("add", WINDOW, *USER)
    code, out, _ = memagent("profile", "update", *USER)
    assert (code, out) == (0, "looked through 1 record: 1 new line\n")
    (line,) = json.loads(memagent("profile", "--json", *USER)[1])
    assert (line["text"], line["by"], len(line["sources"])) == (WINDOW, "statements", 1)
    shown = memagent("profile", *USER)[1]
    assert WINDOW in shown
    assert line["id"] in shown
    assert line["sources"][0] in shown
    code, out, _ = memagent("profile", "edit", line["id"], "Window seats.", *USER)
    edited = out.split()[-1]
    assert (code, out) == (0, f"edited as {edited}\n")
    assert "[user] Window seats." in memagent("profile", *USER)[1]
    assert memagent("profile", "remove", edited, *USER)[1].startswith("removed; undo: ")
    assert memagent("profile", *USER)[1] == ""
    change = json.loads(memagent("changes", "list", *USER, "--json")[1])[0]
    assert change["feedback"] == "profile"
    assert memagent("changes", "undo", change["id"], *USER)[0] == 0
    assert "Window seats." in memagent("profile", *USER)[1]
    assert memagent("profile", "add", "Call me Max.", *USER)[0] == 0
    assert len(json.loads(memagent("profile", "--json", *USER)[1])) == 2
    assert len(json.loads(memagent("profile", "--json", "--tokens", "3", *USER)[1])) == 1


def test_errors_are_one_line(memagent: Command) -> None:
    for arguments in (("edit", "nothing", "x"), ("remove", "nothing")):
        code, out, err = memagent("profile", *arguments, *USER)
        assert (code, out) == (1, "")
        assert "there is no line 'nothing' of user 'ada'" in err
    memagent("add", "A note.", *USER)
    code, _, err = memagent("profile", "update", *USER)
    assert code == 0
    assert "no classifier reads the vectors of hash-64" in err


def test_classifiers_are_trained(memagent: Command, tmp_path: Path) -> None:
    out = tmp_path / "weights.json"
    code, shown, _ = memagent("profile", "train", "--out", str(out), "--embedder", "any")
    assert (code, "held-out topics" in shown) == (0, True)
    assert json.loads(out.read_text()).keys() == {"any"}


def test_the_chat_shows_and_edits_it(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    reads_always(monkeypatch)
    talk = Conversation(Agent(memory=memory, model=ScriptedChat(["Fine."])), ADA)
    assert next(iter(run_command(talk, "/profile"))).startswith("nothing yet")
    list(talk.say(WINDOW))
    assert list(run_command(talk, "/profile update")) == ["looked through 1 record: 1 new line"]
    (line,) = memory.profile.lines(scope=ADA)
    assert WINDOW in "".join(run_command(talk, "/profile"))
    list(run_command(talk, f"/profile edit {line.id} Window seats."))
    (line,) = memory.profile.lines(scope=ADA)
    assert line.text == "Window seats."
    assert "/undo" in "".join(run_command(talk, f"/profile remove {line.id}"))
    list(run_command(talk, "/undo"))
    list(run_command(talk, "/profile add Call me Max."))
    assert memory.profile.text(scope=ADA) == "Window seats.\nCall me Max."
    for wrong in ("/profile sing", "/profile add", "/profile edit 1", "/profile remove"):
        with pytest.raises(InvalidInput):
            list(run_command(talk, wrong))


def test_the_end_of_a_chat_updates_it(
    memagent: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reads_always(monkeypatch)
    code, _, err = memagent("chat", *USER, stdin=f"{WINDOW}\n".encode())
    assert code == 0
    assert "1 line more about you" in err
    with Memory.open(tmp_path / "home", embedder=HashEmbedder()) as memory:
        assert memory.profile.text(scope=ADA) == WINDOW
    monkeypatch.setenv("MEMAGENT_PROFILE", "false")
    assert "more about you" not in memagent("chat", *USER, stdin=b"I always walk.\n")[2]


def test_what_stops_the_update_at_the_end_is_left_for_later(
    memory: Memory, capsys: pytest.CaptureFixture[str]
) -> None:
    memory.add("A note.", scope=ADA)
    update_at_end(memory, ADA)  # no classifier reads these vectors
    memory.close()
    update_at_end(memory, ADA)
    assert capsys.readouterr().err == ""
