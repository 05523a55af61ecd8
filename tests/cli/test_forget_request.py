import json
from collections.abc import Callable
from pathlib import Path

import pytest
from one_hot import OneHotEmbedder

from memagent.memory import engine

Command = Callable[..., tuple[int, str, str]]
NOTES = ["My address is 12 Elm Street.", "My address is 9 Oak Road.", "Rain is good for the lawn."]
ABOUT = ["forget", "--about", "my address"]


@pytest.fixture
def ids(memagent: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Notes of which two fit the request, with an embedder that takes unlike words for unlike."""
    monkeypatch.setattr(engine, "open_embedder", lambda _: OneHotEmbedder())
    file = tmp_path / "notes.txt"
    file.write_text("\n".join(NOTES))
    return memagent("add", "--file", str(file))[1].split()


def left(memagent: Command) -> list[str]:
    return [record["text"] for record in json.loads(memagent("list", "--json")[1])][::-1]


def test_a_dry_run_lists_what_a_request_means(memagent: Command, ids: list[str]) -> None:
    code, out, err = memagent(*ABOUT, "--dry-run")
    *listed, receipt = out.splitlines()
    assert (code, err) == (0, "")
    assert [line[:6] for line in listed] == ["1 * 1.", "2 * 1."]
    assert {id for id in ids if any(id in line for line in listed)} == set(ids[:2])
    assert receipt.startswith("would erase 2 records ")
    found = json.loads(memagent(*ABOUT, "--dry-run", "--json")[1])
    assert {one["text"] for one in found["candidates"] if one["meant"]} == set(NOTES[:2])
    assert (found["request"], found["receipt"]["records"]) == ("my address", 2)
    assert left(memagent) == NOTES


def test_in_a_pipe_nothing_is_erased_without_yes(memagent: Command, ids: list[str]) -> None:
    code, out, err = memagent(*ABOUT)
    assert (code, len(out.splitlines())) == (1, 2)
    assert err.startswith("memagent: nothing is erased: ")
    code, out, _ = memagent(*ABOUT, "--json")
    assert (code, len(json.loads(out)["candidates"])) == (1, 2)
    assert left(memagent) == NOTES
    code, out, _ = memagent(*ABOUT, "--yes", "--json")
    done = json.loads(out)
    assert (code, done["receipt"]["records"], done["receipt"]["dry_run"]) == (0, 2, False)
    assert left(memagent) == NOTES[2:]


@pytest.mark.parametrize(
    ("answer", "erased"),
    [
        (b"\n", []),
        (b"n\n", []),
        (b"maybe\n", []),
        (b"3\n", []),
        (b"2\n", [2]),
        (b"1, 2\n", [1, 2]),
        (b"y\n", [1, 2]),
    ],
)
def test_a_terminal_asks_and_takes_numbers(
    memagent: Command, ids: list[str], answer: bytes, erased: list[int]
) -> None:
    code, out, err = memagent(*ABOUT, stdin=answer, terminal=True)
    assert "Erase 2 records (*)? [y/N/numbers]" in err
    assert code == (0 if erased else 1)
    gone = [out.splitlines()[number - 1] for number in erased]
    assert left(memagent) == [
        note for note in NOTES if not any(line.endswith(note) for line in gone)
    ]


def test_what_is_not_known_is_one_line(memagent: Command, ids: list[str]) -> None:
    code, out, err = memagent("forget", "--about", "xylophones", "--yes")
    assert (code, out) == (1, "")
    assert err == "memagent: no record of user 'me' fits 'xylophones'\n"


@pytest.mark.parametrize(
    "more", [["abcd"], ["--source", "book"], ["--all"], ["--where", '{"page": 3}']]
)
def test_a_request_stands_alone(memagent: Command, more: list[str]) -> None:
    assert memagent(*ABOUT, *more)[0] == 2
    assert memagent("forget", "abcd", "--model", "local")[0] == 2
