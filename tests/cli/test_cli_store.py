import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from memagent.memory import engine
from memagent.testing import HashEmbedder

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tea(memagent: Command) -> str:
    """The id of a record that says "tea is hot"."""
    return memagent("add", "tea is hot")[1].strip()


def test_a_record_is_edited_shown_and_its_history_told(memagent: Command, tea: str) -> None:
    new = memagent("edit", tea, "tea is cold", "--why", "it stood")[1].strip()
    assert memagent("list")[1].count("\n") == 1
    assert memagent("list", "--all")[1].count("\n") == 2
    shown = json.loads(memagent("show", tea, "--json")[1])
    assert (shown["text"], shown["superseded"], shown["keys"]) == (
        "tea is hot",
        True,
        ["tea is hot"],
    )
    assert "tea is cold" in memagent("show", new)[1]
    events = json.loads(memagent("history", new, "--json")[1])
    assert [(one["action"], one["who"], one["why"]) for one in events][1:] == [
        ("supersede", "me", "it stood"),
        ("add", "me", "it stood"),
    ]
    assert memagent("history", tea)[1].splitlines()[1].endswith("supersede  by me it stood")
    assert memagent("edit", tea, "tea is gone")[0] == 1


def test_why_shows_what_would_come_up(memagent: Command, tea: str) -> None:
    code, out, err = memagent("recall", "What is hot tea?")
    assert (code, tea in out, "candidates" in err) == (0, True, True)
    told = json.loads(memagent("recall", "What is hot tea?", "--json")[1])
    assert [hit["id"] for hit in told["hits"]] == [tea]
    assert told["texts"] == [told["hits"][0]["text"]]


def test_recall_prints_what_a_model_is_shown(memagent: Command) -> None:
    memagent("add", "Tea is hot.", "--at", "2024-05-01")
    memagent("add", "Tea is cold.", "--at", "2024-06-01")
    _, out, _ = memagent("recall", "Is tea hot or cold?")
    assert all(text in out for text in ("2024-05-01: Tea is hot.", "2024-06-01: Tea is cold."))
    told = json.loads(memagent("recall", "Is tea hot or cold?", "--json")[1])
    assert told["texts"] == ["2024-05-01: Tea is hot.", "2024-06-01: Tea is cold."]


def test_forgetting_says_first_and_then_does(memagent: Command, tea: str) -> None:
    assert "would erase 1 record " in memagent("forget", tea, "--dry-run")[1]
    assert memagent("list")[1] != ""
    receipt = json.loads(memagent("forget", tea, "--json")[1])
    assert (receipt["records"], receipt["dry_run"]) == (1, False)
    assert memagent("list")[1] == ""
    assert "erased 0 records" in memagent("forget", "--all")[1]
    assert memagent("forget")[0] == 1


def test_a_move_to_another_embedder_tells_what_it_would_do_first(
    memagent: Command, tea: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    memagent("add", "coffee is cold")
    fits = "the new embedder can read the old vectors (AC 1, BC +0.00, FC +0.00); 100% of"
    assert memagent("reembed", "--dry-run")[1] == (
        f"would embed 2 of 2 keys\n{fits} neighbours alike (2 keys compared)\n"
    )
    monkeypatch.setattr(engine, "open_embedder", lambda _: HashEmbedder(32))
    told = json.loads(memagent("reembed", "--dry-run", "--json")[1])
    assert told["compatibility"] | {"neighbours": None} == {
        "probes": 2,
        "neighbours": None,
        "ac": 0,
        "bc": -1.0,
        "fc": -1.0,
    }
    assert (told["keys"], told["dry_run"]) == (2, True)
    assert "the new embedder cannot read the old vectors" in memagent("reembed")[1]
    assert tea in memagent("search", "hot tea")[1]


def test_forgetting_with_probes_says_who_still_knows_it(memagent: Command, tea: str) -> None:
    other = memagent("add", "they say that tea is hot")[1].strip()
    code, out, _ = memagent("forget", tea, "--check")
    assert (code, out.split("\n")[0][:15]) == (1, "erased 1 record")
    assert "    direct  2 of 3 know it, 3 did before\n" in out
    assert f"            record {other} says the same\n" in out
    code, out, _ = memagent("forget", other, "--check", "--json")
    probed = json.loads(out)["checked"]
    assert (code, probed["known"], probed["lost"]) == (0, False, [])
    assert [one["kind"] for one in probed["probes"] if one["before"] and not one["after"]] == [
        "direct",
        "paraphrase",
        "cue",
        "vector",
        "bytes",
    ]
    assert memagent("forget", "unknown", "--check")[0] == 1


def test_forgetting_at_a_terminal_asks_and_no_erases_nothing(memagent: Command, tea: str) -> None:
    code, _, err = memagent("forget", tea, stdin=b"n\n", terminal=True)
    assert (code, "Erase 1 record?" in err) == (1, True)
    assert memagent("list")[1] != ""
    assert memagent("forget", tea, "--yes", terminal=True)[0] == 0
    assert memagent("list")[1] == ""


def test_an_export_is_imported_into_another_home(
    memagent: Command, tea: str, tmp_path: Path
) -> None:
    lines = memagent("export", "--vectors")[1]
    file, other = tmp_path / "out.jsonl", ["--home", str(tmp_path / "other")]
    assert memagent("export", "--vectors", "--file", str(file))[0] == 0
    assert file.read_text() == lines
    assert memagent("import", str(file), *other)[1] == "1 new record\n"
    assert memagent("export", "--vectors", *other)[1] == lines
    assert memagent("import", str(tmp_path / "none"))[0] == 1
    assert memagent("export", "--file", "/nowhere/x")[0] == 1


def test_a_mem0_result_and_langgraph_items_are_imported(memagent: Command, tmp_path: Path) -> None:
    (tmp_path / "mem0.json").write_text(
        '{"results": [\n{"id": "m1", "memory": "tea is hot", "user_id": "ada"}]}'
    )
    item = '{"namespace": ["memories"], "key": "k", "value": {"text": "tea"}}'
    assert memagent("import", str(tmp_path / "mem0.json"))[1] == "1 new record\n"
    assert "  mem0  tea is hot" in memagent("list", "--user", "ada")[1]
    arguments = ["import", "--format", "langgraph", "--user", "ada"]
    assert memagent(*arguments, stdin=item.encode())[1] == "1 new record\n"
    assert "  langgraph  tea\n" in memagent("list", "--user", "ada")[1]
    code, _, err = memagent("import", "--format", "mem0", stdin=item.encode())
    assert (code, err.startswith("memagent: line 1: 'id': expected a text in a mem0")) == (1, True)


def test_only_a_line_feed_ends_a_line_of_an_export(memagent: Command, tmp_path: Path) -> None:
    text = "one\u2028two\x85three"
    memagent("import", stdin=json.dumps({"id": "m", "memory": text, "user_id": "me"}).encode())
    lines = memagent("export")[1]
    assert text in lines
    other = ["--home", str(tmp_path / "other")]
    assert memagent("import", *other, stdin=f"{lines}\n".encode())[1] == "1 new record\n"
    assert memagent("export", *other)[1] == lines


def test_the_store_is_counted_checked_and_compacted(memagent: Command, tea: str) -> None:
    assert json.loads(memagent("stats", "--json")[1])["records"] == 1
    assert "1 records" in memagent("stats")[1]
    assert memagent("verify") == (0, "the store is whole\n", "")
    assert "bytes before" in memagent("compact")[1]
    assert "the store is whole" in memagent("doctor")[1]
    assert "sandbox   " in memagent("doctor")[1]
    assert json.loads(memagent("doctor", "--json")[1])["sandbox"]


def test_a_store_that_is_not_whole_is_exit_code_one(
    memagent: Command, tea: str, tmp_path: Path
) -> None:
    database = sqlite3.connect(tmp_path / "home" / "memory.db")
    database.execute("DELETE FROM keys")
    database.commit()
    database.close()
    code, out, _ = memagent("verify")
    assert (code, out) == (1, f"record {tea} has no key\n")


@pytest.mark.parametrize("command", [["show"], ["history"], ["edit", "--why", "x"]])
def test_a_record_that_is_not_there_is_named(memagent: Command, command: list[str]) -> None:
    text = ["text"] if command[0] == "edit" else []
    code, _, err = memagent(command[0], "nothing", *text, *command[1:])
    assert (code, "there is no record 'nothing'" in err) == (1, True)
