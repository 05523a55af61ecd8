import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from foreign_chats import (
    chatgpt_conversation,
    chatgpt_message,
    claude_code_line,
    claude_conversation,
    claude_message,
    codex_message,
    codex_session,
    small_talk,
    write_json,
    write_lines,
    write_zip,
)

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.testing import HashEmbedder
from memagent.transcripts import importer
from memagent.transcripts.importer import ImportReport, import_transcripts
from memagent.types import Record

Run = Callable[..., ImportReport]


@pytest.fixture
def run(disk: Memory) -> Run:
    """Import a path for Ada."""

    def run(path: Path, **options: Any) -> ImportReport:
        return import_transcripts(disk, path, user="ada", **options)

    return run


def held(memory: Memory, **options: Any) -> list[Record]:
    """Return Ada's records, oldest first."""
    return memory.list(scope="ada", limit=10_000, **options)[::-1]


def counts(report: ImportReport) -> tuple[int, int, int]:
    """Return how many records are new, were there, and are new versions."""
    files = report.files
    return tuple(sum(getattr(file, name) for file in files) for name in ("new", "there", "edited"))  # type: ignore[return-value]


def test_conversations_become_sessions_and_messages_records(
    run: Run, disk: Memory, tmp_path: Path
) -> None:
    report = run(write_json(tmp_path / "conversations.json", [small_talk("c", 2)]))
    (file,) = report.files
    assert (file.source, file.conversations, file.messages, file.new) == ("chatgpt", 1, 4, 4)
    assert file.first is not None
    first, second, *_ = held(disk)
    assert first.id == "chatgpt:c-u0"
    assert first.scope == Scope(user="ada", session="c")
    assert (first.role, first.evidence, second.role, second.evidence) == (
        "user",
        True,
        "assistant",
        False,
    )
    assert first.valid_from == file.first
    assert first.metadata["import"] == "chatgpt"
    assert first.metadata["title"] == "Garden c"
    hits = disk.search("tulips planted", scope="ada")
    assert "tulips" in hits[0].record.text


def test_a_second_import_adds_nothing_and_a_later_export_what_is_new(
    run: Run, disk: Memory, tmp_path: Path
) -> None:
    file = write_json(tmp_path / "conversations.json", [small_talk("c", 2)])
    run(file)
    before = held(disk)
    assert counts(run(file)) == (0, 4, 0)
    assert held(disk) == before
    write_json(file, [small_talk("d", 1), small_talk("c", 3)])
    assert counts(run(file)) == (4, 4, 0)


def test_a_dry_run_says_the_same_and_stores_nothing(run: Run, disk: Memory, tmp_path: Path) -> None:
    talk = small_talk("c", 2)
    folder = tmp_path / "export"
    write_json(folder / "conversations-000.json", [talk])
    write_json(folder / "conversations-001.json", [talk, small_talk("d", 1)])
    tried = run(folder, dry_run=True)
    assert disk.count(scope="ada") == 0
    done = run(folder)
    assert tried.files == done.files
    assert counts(done) == (6, 4, 0)


def test_an_edited_message_is_a_new_version_once(run: Run, disk: Memory, tmp_path: Path) -> None:
    file = tmp_path / "conversations.json"
    for text, expected in (("Bonn", (1, 0, 0)), ("Berlin", (0, 0, 1)), ("Berlin", (0, 1, 0))):
        message = claude_message("1", "human", f"I live in {text}.")
        write_json(file, [claude_conversation("c", message)])
        assert counts(run(file)) == expected
    assert [record.text for record in held(disk)] == ["I live in Berlin."]
    assert len(held(disk, everything=True)) == 2
    assert held(disk)[0].day == held(disk, everything=True)[0].day


def test_what_the_user_edited_here_stays(run: Run, disk: Memory, tmp_path: Path) -> None:
    file = write_json(tmp_path / "conversations.json", [small_talk("c", 1)])
    run(file)
    disk.update("chatgpt:c-u0", "I planted roses.", scope="ada")
    assert counts(run(file)) == (0, 2, 0)
    assert "I planted roses." in [record.text for record in held(disk)]


def test_what_was_taken_back_in_a_branch_is_no_evidence(
    run: Run, disk: Memory, tmp_path: Path
) -> None:
    talk = chatgpt_conversation(
        "c",
        chatgpt_message("1", "user", "I live in Bonn."),
        chatgpt_message("2", "user", "I live in Berlin.", parent="root"),
    )
    run(write_json(tmp_path / "conversations.json", [talk]))
    assert [(one.text, one.evidence) for one in held(disk)] == [
        ("I live in Berlin.", True),
        ("I live in Bonn.", False),
    ]


def test_a_long_message_becomes_several_records(
    run: Run, disk: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "MAX_TEXT", 10)
    talk = chatgpt_conversation("c", chatgpt_message("1", "user", "0123456789abcdefghij!"))
    file = write_json(tmp_path / "conversations.json", [talk])
    assert counts(run(file)) == (3, 0, 0)
    assert [(one.id, one.text) for one in held(disk)] == [
        ("chatgpt:1", "0123456789"),
        ("chatgpt:1#2", "abcdefghij"),
        ("chatgpt:1#3", "!"),
    ]
    assert counts(run(file)) == (0, 3, 0)


def test_damaged_and_refused_parts_are_one_line_each_and_the_rest_is_stored(
    run: Run, disk: Memory, tmp_path: Path
) -> None:
    odd = chatgpt_conversation(
        "c", chatgpt_message("x" * 2000, "user", "Long id."), chatgpt_message("1", "user", "Fine.")
    )
    report = run(write_json(tmp_path / "conversations.json", [small_talk("d", 1), odd, 7, {}]))
    (file,) = report.files
    assert dict(file.left_out) == {"damaged": 2, "refused": 1}
    assert [line.split(":")[0] for line in file.problems] == [
        "conversation 3",
        "conversation 4",
        "chatgpt",
    ]
    assert all("\n" not in line for line in file.problems)
    assert "Fine." in [record.text for record in held(disk)]


def test_an_export_of_claude_with_its_projects_and_memories(
    run: Run, disk: Memory, tmp_path: Path
) -> None:
    talk = claude_conversation("c", claude_message("1", "human", "I live in Bonn."))
    files = {
        "users.json": [{"uuid": "a", "full_name": "Ada"}],
        "conversations.json": [talk],
        "memories.json": [{"conversations_memory": "Ada grows tulips.", "account_uuid": "a"}],
        "projects/p.json": {"uuid": "p", "name": "Book", "prompt_template": "Be brief."},
    }
    report = run(write_zip(tmp_path / "export.zip", files))
    assert {file.source for file in report.files} == {"claude"}
    assert report.others == 1
    assert {record.text for record in held(disk)} == {
        "I live in Bonn.",
        "Ada grows tulips.",
        "Be brief.",
    }


def test_session_logs_of_claude_code_and_codex(run: Run, disk: Memory, tmp_path: Path) -> None:
    result = [{"type": "tool_result", "tool_use_id": "t", "content": "secret file"}]
    code = [
        '{"type":"summary","summary":"Garden","leafUuid":"2"}',
        claude_code_line("1", "user", "Fix the test."),
        claude_code_line("2", "assistant", [{"type": "text", "text": "Done."}]),
        claude_code_line("3", "user", result),
        claude_code_line("4", "user", "Sub-agent.", isSidechain=True),
        "{broken",
    ]
    write_lines(tmp_path / "projects" / "-home-ada" / "session-1.jsonl", code)
    write_lines(tmp_path / "projects" / "-home-ada" / "session-2.jsonl", code[:3])
    rollout = [codex_session("s"), codex_message("user", "Plant tulips.")]
    write_lines(tmp_path / "sessions" / "2025" / "rollout-1.jsonl", rollout)
    report = run(tmp_path)
    assert [(file.source, file.new, file.there) for file in report.files] == [
        ("claude-code", 2, 0),
        ("claude-code", 0, 2),
        ("codex", 1, 0),
    ]
    assert dict(report.files[0].left_out) == {
        "entry of the program": 1,
        "tool output": 1,
        "said by a sub-agent": 1,
        "damaged": 1,
    }
    assert report.files[0].problems == ["line 6 is no JSON object"]
    assert [(one.id, one.scope.session) for one in held(disk)] == [
        ("claude-code:1", "session-1"),
        ("claude-code:2", "session-1"),
        ("codex:s:2", "s"),
    ]


def test_one_source_of_several_is_chosen(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    write_json(folder / "conversations.json", [small_talk("c", 1)])
    write_lines(folder / "s.jsonl", [claude_code_line("1", "user", "Hello.")])
    report = run(folder, source="claude-code")
    assert ([file.source for file in report.files], report.others) == (["claude-code"], 1)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("chat.html", b"<!DOCTYPE html><html>", "a page; the conversations are in"),
        ("notes.txt", b"Tulips", "text"),
        ("a.json", b"[]", "JSON that holds nothing"),
        ("a.json", b'{"user": 1}', "JSON of another sort"),
        ("a.pdf", b"%PDF-1.7", "a PDF"),
        ("a.json", b"", "an empty file"),
    ],
)
def test_a_wrong_file_is_named(
    run: Run, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=f"holds no conversations: it is {words}"):
        run(tmp_path / name)
    with pytest.raises(InvalidInput, match="holds no conversations of ChatGPT, Claude"):
        run(tmp_path)


def test_all_of_an_import_or_of_a_session_is_forgotten(
    run: Run, disk: Memory, tmp_path: Path
) -> None:
    disk.add("Tulips are mine.", scope="ada")
    run(write_json(tmp_path / "conversations.json", [small_talk("c", 2), small_talk("d", 2)]))
    disk.forget(scope=Scope(user="ada", session="c"), everything=True)
    assert disk.sessions(scope="ada") == ("d",)
    disk.forget(scope="ada", where={"import": "chatgpt"})
    assert [record.text for record in held(disk)] == ["Tulips are mine."]
    assert disk.maintenance.verify() == ()


def test_progress_ends_at_all_bytes(run: Run, tmp_path: Path) -> None:
    told = list[tuple[int, int]]()
    file = write_json(tmp_path / "conversations.json", [small_talk("c", 2)])
    run(file, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (file.stat().st_size, file.stat().st_size)


def _import(home: Path, file: Path) -> None:
    with Memory.open(home, embedder=HashEmbedder()) as memory:
        import_transcripts(memory, file, user="ada")


@pytest.mark.skipif(os.name != "posix", reason="needs kill -9")
def test_an_import_that_is_killed_and_run_again_ends_as_one_that_is_not(tmp_path: Path) -> None:
    talks = [small_talk(f"c{number}", 10) for number in range(40)]
    file = write_json(tmp_path / "conversations.json", talks)
    whole = _contents(tmp_path / "whole", file, ())
    cut = _contents(tmp_path / "cut", file, (100, 400))
    assert len(whole) == 40 * 20
    assert cut == whole


def _contents(home: Path, file: Path, kills: Sequence[int]) -> list[tuple[Any, ...]]:
    """Return what a memory holds after an import, killed whenever so many records were there."""
    home.mkdir()
    context = multiprocessing.get_context("spawn")
    for records in kills:
        process = context.Process(target=_import, args=(home, file))
        process.start()
        with Memory.open(home, embedder=HashEmbedder()) as memory:
            while process.is_alive() and memory.count(scope="ada") < records:
                time.sleep(0.005)
        assert process.is_alive()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    _import(home, file)
    with Memory.open(home, embedder=HashEmbedder()) as memory:
        assert memory.maintenance.verify() == ()
        return [
            (one.id, one.text, one.scope, one.valid_from, one.evidence, dict(one.metadata))
            for one in held(memory)
        ]
