import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from memagent.cli import memory
from memagent.errors import ModelUnavailable
from memagent.evals.runs import pool
from memagent.memory import memory as memory_module
from memagent.testing import HashEmbedder, ScriptedChat, StubServer

Command = Callable[..., tuple[int, str, str]]


def test_what_is_added_is_searched_listed_and_asked_for(
    memagent: Command, chat: ScriptedChat
) -> None:
    code, added, err = memagent("add", "Mary moved to the bathroom.")
    record_id = added.strip()
    assert (code, err) == (0, "")
    assert memagent("add", "Mary moved to the bathroom.") == (0, added, "already known\n")
    assert "  -  Mary moved to the bathroom.\n" in memagent("search", "Mary")[1]
    (hit,) = json.loads(memagent("search", "Mary", "--json")[1])
    assert (hit["id"], hit["text"]) == (record_id, "Mary moved to the bathroom.")
    assert {"cosine", "meaning", "words"} <= set(hit["why"])
    assert memagent("ask", "Where is Mary?") == (0, "In the bathroom.\n", "")
    answer = json.loads(memagent("ask", "Where is Mary?", "--json")[1])
    assert (answer["answer"], answer["memories"]) == ("Still in the bathroom.", [record_id])
    assert [one["text"] for one in json.loads(memagent("list", "--json", "--limit", "2")[1])] == [
        "Still in the bathroom.",
        "Where is Mary?",
    ]


@pytest.mark.wire
def test_a_search_uses_the_reranker_of_the_settings(
    memagent: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    memagent("add", stdin=b"tea\ntea with milk\n")
    with StubServer(scorer=lambda question, text: len(text)) as server:
        monkeypatch.setenv("MEMAGENT_RERANKER", f"server:{server.url}")
        monkeypatch.setenv("MEMAGENT_RERANKER_SECONDS", "30")
        hits = json.loads(memagent("search", "tea", "--json")[1])
    assert [hit["text"] for hit in hits] == ["tea with milk", "tea"]
    assert [hit["why"]["rank_before"] for hit in hits] == [2, 1]


def test_records_come_from_stdin_and_from_a_file_one_a_line(
    memagent: Command, tmp_path: Path
) -> None:
    code, out, _ = memagent("add", "--json", stdin="one\n\n  two \n".encode("utf-8-sig"))
    assert (code, [record["text"] for record in json.loads(out)]) == (0, ["one", "two"])
    (tmp_path / "notes.txt").write_text("three\r\nfour\n")
    assert len(memagent("add", "--file", str(tmp_path / "notes.txt"))[1].split()) == 2
    assert memagent("list")[1].split("\n")[0].endswith("  four")


def test_many_records_are_written_in_batches(
    memagent: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "BATCH", 2)
    lines = "".join(f"note {n}\n" for n in range(5))
    assert len(memagent("add", stdin=lines.encode())[1].split()) == 5


def test_users_and_sessions_are_apart(memagent: Command) -> None:
    memagent("add", "tea", "--user", "ada", "--session", "s")
    assert memagent("search", "tea", "--user", "bob") == (0, "", "nothing found\n")
    assert memagent("search", "tea", "--user", "ada", "--session", "t")[1] == ""
    assert "tea" in memagent("search", "tea", "--user", "ada", "--session", "s")[1]


def test_timings_go_to_stderr(memagent: Command) -> None:
    code, out, err = memagent("ask", "Where is Mary?", "--timings")
    assert (code, out) == (0, "In the bathroom.\n")
    times, tokens = err.splitlines()
    parts = [part.split()[0] for part in times.split(", ")]
    assert parts == ["load", "embed", "search", "write", "memory", "model"]
    told = "prompt 0 tokens, 0 of them from the prefix cache (0%), answer 0 tokens, first after "
    assert tokens.startswith(told)
    assert tokens.endswith(" ms, requests 1")


@pytest.mark.parametrize(
    ("arguments", "stdin", "complaint"),
    [
        (["add", ""], b"", "the text is empty: nothing to remember"),
        (["add"], b"", "standard input is empty: nothing to remember"),
        (["add"], b"fine\n\xff\xfe", "standard input is not UTF-8 text (byte 5)"),
        (["add"], b"a\0b", "standard input holds binary data (a NUL byte)"),
        (["add"], b"fine\n" + b"x" * 10_000_000, "record 2: the text has 10,000,000 characters;"),
        (["add", "--file", "/nowhere"], b"", "/nowhere cannot be read: no such file"),
        (["ask", " "], b"", "the question is empty"),
        (["search", " "], b"", "the query is empty"),
        (["list", "--home", "/dev/null/x"], b"", "cannot open a memory in /dev/null/x/memory.db"),
        (["list", "--user", " "], b"", "scope: user must be a non-empty text"),
        (["eval", "run", "bab"], b"", "unknown evaluation 'bab': did you mean 'babi'?"),
        (["eval", "run", "babi", "--variant", "hn"], b"", "--variant chooses among released files"),
    ],
)
def test_what_somebody_can_mend_is_one_line_and_nothing_is_half_written(
    memagent: Command, arguments: list[str], stdin: bytes, complaint: str
) -> None:
    code, out, err = memagent(*arguments, stdin=stdin)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"memagent: {complaint}")
    assert memagent("list") == (0, "", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["ask"],
        ["add", "text", "--file", "file"],
        ["search", "x", "-k", "0"],
        ["import", "file", "--format", "zep"],
        ["forget", "x", "--check", "--dry-run"],
        ["eval", "run", "babi", "--tasks", "21"],
        ["eval", "run", "babi", "--arms", "all"],
        ["eval", "run", "babi", "--split", "dev"],
        ["eval", "run", "babi", "--resume"],
        ["nonsense"],
    ],
)
def test_wrong_usage_is_exit_code_two(memagent: Command, arguments: list[str]) -> None:
    code, out, err = memagent(*arguments)
    assert (code, out) == (2, "")
    assert "Usage" in err


def test_a_database_of_another_program_is_one_line(memagent: Command, tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "memory.db")
    database.execute("CREATE TABLE mine (x)")
    database.close()
    code, _, err = memagent("list", "--home", str(tmp_path))
    assert (code, err.count("\n")) == (1, 1)
    assert "is a database of another program" in err


def test_the_evaluation_prints_one_object_and_writes_every_question(
    memagent: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "open_embedder", lambda _: HashEmbedder())
    monkeypatch.setattr(pool, "open_chat", lambda *_, **__: ScriptedChat(lambda _: "garden"))
    where = ["--out", str(tmp_path / "run"), "--arms", "none,memory", "--limit", "3"]
    code, out, _ = memagent("eval", "run", "babi", "--tasks", "1", *where, "--json")
    rows = json.loads(out)["rows"]
    assert code == 0
    assert [(row["task"], row["arm"], row["n"]) for row in rows] == [
        ("babi/1", "none", 3),
        ("babi/1", "memory", 3),
    ]
    assert len((tmp_path / "run" / "samples.jsonl").read_text().splitlines()) == 6
    again = memagent("eval", "run", "babi", "--tasks", "1", *where)
    assert (again[0], "holds a run already" in again[2]) == (1, True)
    table = memagent("eval", "run", "babi", "--tasks", "1", *where, "--resume")
    assert "babi/1" in table[1]
    assert "generated, test" in table[1]


def test_any_task_runs_with_no_data_and_an_edited_file_is_named(
    memagent: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "open_embedder", lambda _: HashEmbedder())
    monkeypatch.setattr(pool, "open_chat", lambda *_, **__: ScriptedChat(lambda _: "one"))
    asked = ["eval", "run", "babi", "--arms", "none", "--limit", "2", "--json"]
    code, out, err = memagent(*asked, "--tasks", "7", "--out", str(tmp_path / "generated"))
    (row,) = json.loads(out)["rows"]
    assert (code, row["task"], row["source"], "not as" in err) == (0, "babi/7", "generated", False)
    name = "qa7_counting_train.txt"
    (tmp_path / "babi" / "en").mkdir(parents=True)
    (tmp_path / "babi" / "en" / name).write_text("1 A b.\n2 C d?\tone\t1\n" * 5)
    monkeypatch.setenv("MEMAGENT_DATA", str(tmp_path))
    code, out, err = memagent(
        *asked, "--tasks", "7", "--shots", "0", "--out", str(tmp_path / "edited")
    )
    assert (code, json.loads(out)["rows"][0]["source"]) == (0, "edited")
    assert f"not as released: {name}\n" in err


def test_an_evaluation_keeps_a_server_fuller_than_the_embedded_model(
    memagent: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "open_embedder", lambda _: HashEmbedder())
    monkeypatch.setattr(pool, "open_chat", lambda *_, **__: ScriptedChat(lambda _: "garden"))
    for model, together in (("local", 4), ("http://server/v1", 64)):
        out = tmp_path / str(together)
        asked = ["--tasks", "1", "--limit", "1", "--arms", "none", "--model", model]
        assert memagent("eval", "run", "babi", *asked, "--out", str(out))[0] == 0
        assert json.loads((out / "run.json").read_text())["concurrency"] == together


def test_an_evaluation_that_is_stopped_says_how_to_go_on(
    memagent: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(pool, "open_embedder", lambda _: HashEmbedder())
    monkeypatch.setattr(pool, "open_chat", lambda *_, **__: ScriptedChat(stop))
    where = ["--out", str(tmp_path / "run"), "--arms", "none", "--limit", "3", "--tasks", "1"]
    code, out, err = memagent("eval", "run", "babi", *where)
    assert (code, out) == (130, "")
    assert f"stopped: 0 answers are kept in {tmp_path / 'run'}, go on with --resume" in err


def test_every_evaluation_is_named_with_its_tasks(memagent: Command) -> None:
    code, out, _ = memagent("eval", "list", "--json")
    rows = json.loads(out)
    babi = [row["task"] for row in rows if row["evaluation"] == "babi"]
    assert (code, babi) == (0, [f"babi/{number}" for number in range(1, 21)])
    assert {"none", "window", "bm25", "wrong"} <= set(rows[0]["arms"])
    plain = memagent("eval", "list")[1]
    assert "babi/20" in plain
    assert "agents' motivations" in plain


def test_an_evaluation_with_questions_that_got_no_answer_fails_and_says_so(
    memagent: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> str:
        raise ModelUnavailable("404: no such model")

    monkeypatch.setattr(pool, "open_embedder", lambda _: HashEmbedder())
    monkeypatch.setattr(pool, "open_chat", lambda *_, **__: ScriptedChat(refuse))
    where = ["--out", str(tmp_path / "run"), "--arms", "none", "--limit", "3", "--tasks", "1"]
    code, out, err = memagent("eval", "run", "babi", *where, "--json")
    (row,) = json.loads(out)["rows"]
    assert (code, row["n"], row["failed"]) == (1, 0, 3)
    assert "3 questions got no answer and are not counted" in err
    assert "404: no such model" in err


def test_chat_remembers_between_two_runs(memagent: Command, chat: ScriptedChat) -> None:
    code, out, _ = memagent("chat", stdin=b"Mary moved to the bathroom.\n/quit\n")
    assert (code, out) == (0, "In the bathroom.\n")
    memagent("chat", stdin=b"Where is Mary?")
    assert "- Mary moved to the bathroom." in str(chat.requests[1][-1].content)


def test_the_version_and_the_help_are_printed(memagent: Command) -> None:
    assert memagent("--version")[1].startswith("memagent 0.")
    for command in ("chat", "ask", "add", "search", "list", "eval", "model"):
        assert command in memagent("--help")[1]


def test_ctrl_c_outside_a_conversation_leaves_no_traceback(
    memagent: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(memory_module.Memory, "search", interrupt)
    code, _, err = memagent("search", "tea")
    assert (code, "Traceback" in err) == (130, False)


def test_the_module_runs_as_a_program() -> None:
    command = [sys.executable, "-m", "memagent", "--version"]
    outcome = subprocess.run(command, capture_output=True, text=True)
    assert outcome.stdout.startswith("memagent 0.")
