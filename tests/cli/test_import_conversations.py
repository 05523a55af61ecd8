import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from foreign_chats import (
    chatgpt_conversation,
    chatgpt_message,
    claude_conversation,
    claude_message,
    small_talk,
    write_json,
    write_zip,
)

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def export(tmp_path: Path) -> str:
    """An export of ChatGPT: two conversations, a system message, and something damaged."""
    odd = chatgpt_conversation("d", chatgpt_message("1", "system", "x"), title="\x1b[31m")
    talks = [small_talk("c", 2), odd, {"id": "\x1b[31m"}]
    files = {"conversations.json": talks, "chat.html": b"<html>"}
    return str(write_zip(tmp_path / "export.zip", files))


def test_a_dry_run_an_import_and_the_way_back(memagent: Command, export: str) -> None:
    lines = [
        "export.zip/conversations.json (chatgpt): 1 conversation, 4 messages, 2023-11-14",
        "  left out: 1 system, 1 damaged",
        "  conversation 3: no conversation: it has no mapping",
    ]
    code, out, err = memagent("import", export, "--dry-run")
    assert (code, err) == (0, "")
    assert out.splitlines() == [*lines, "would add 4 new records, 1 other file not read"]
    assert memagent("list")[1] == ""
    out = memagent("import", export)[1]
    assert out.splitlines()[:3] == lines
    end, _, back = out.splitlines()[-1].partition("; to take them back: ")
    assert end == "4 new records, 1 other file not read"
    assert "4 there already" in memagent("import", export, "--from", "chatgpt")[1]
    assert "c" in memagent("sessions")[1].split()
    assert memagent(*shlex.split(back)[1:], "--yes")[0] == 0
    assert memagent("list")[1] == ""


def test_json_and_another_user(memagent: Command, tmp_path: Path) -> None:
    talk = claude_conversation("c", claude_message("1", "human", "I live in Bonn."))
    file = write_json(tmp_path / "conversations.json", [talk])
    report = json.loads(memagent("import", str(file), "--user", "ada", "--json")[1])
    assert (report["dry_run"], report["others"]) == (False, 0)
    (found,) = report["files"]
    assert (found["source"], found["new"], found["there"], found["left_out"]) == (
        "claude",
        1,
        0,
        {},
    )
    assert "I live in Bonn." in memagent("list", "--user", "ada")[1]
    assert memagent("list")[1] == ""


def test_records_are_imported_as_before(memagent: Command, tmp_path: Path) -> None:
    memagent("add", "tea is hot")
    lines = memagent("export")[1]
    file = tmp_path / "records.jsonl"
    file.write_text(lines)
    assert memagent("import", str(file))[1] == "0 new records\n"
    assert memagent("import", stdin=lines.encode())[1] == "0 new records\n"
    assert json.loads(memagent("import", str(file), "--json")[1]) == {"new": 0}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{file}", "--from", "gemini"], "expected auto or one of chatgpt, claude"),
        (["--from", "chatgpt"], "give the file or folder"),
        (["{file}", "--from", "chatgpt", "--format", "mem0"], "exclude each other"),
        (["{file}", "--dry-run"], "only conversations can be tried"),
        (["{file}", "--from", "chatgpt"], "it is text"),
        (["{folder}"], "holds no conversations"),
        (["{folder}/none"], "cannot be read"),
    ],
)
def test_what_cannot_be_imported_is_refused_in_words(
    memagent: Command, tmp_path: Path, arguments: list[str], words: str
) -> None:
    file = tmp_path / "notes" / "notes.txt"
    file.parent.mkdir()
    file.write_text("tulips")
    given = [part.format(file=file, folder=file.parent) for part in arguments]
    code, out, err = memagent("import", *given, stdin=b"")
    assert code != 0
    assert out == ""
    assert words in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err
