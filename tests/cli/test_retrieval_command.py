"""`memagent eval retrieval` from the command line, with the hashing embedder."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from talking_files import ASKED, locomo_file

from memagent.evals.runs import pool
from memagent.evals.tasks.conversations.retrieval.arm import RetrievalArm
from memagent.testing import HashEmbedder

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "open_embedder", lambda _: HashEmbedder())


def test_the_command_prints_its_tables_and_says_what_is_left_out_of_them(
    memagent: Command, tmp_path: Path
) -> None:
    file, out = str(locomo_file(tmp_path)), str(tmp_path / "run")
    code, printed, said = memagent("eval", "retrieval", "locomo", "--file", file, "--out", out)
    assert code == 0
    for title in ("turns found", "turns in order", "sessions found", "by category", "writing"):
        assert title in printed
    assert "at equal n" not in printed
    assert "samples.jsonl" in said
    again = ("eval", "retrieval", "locomo", "--file", file, "--out", out, "--resume")
    assert "at equal n" in memagent(*again, "--at-equal-n")[1]
    found = json.loads(memagent(*again, "--json")[1])
    run = ("eval", "run", "retrieval", "--tasks", "locomo", "--file", file, "--out", out)
    assert json.loads(memagent(*run, "--resume", "--json")[1]) == found
    assert json.loads(memagent("eval", "report", out, "--json")[1])["turns"] == found["turns"]
    assert memagent("eval", "report", out)[0] == memagent("eval", "rescore", out)[0] == 0


def test_at_equal_n_adds_search_and_needs_an_arm_that_chooses(
    memagent: Command, tmp_path: Path
) -> None:
    asked = ("eval", "retrieval", "locomo", "--file", str(locomo_file(tmp_path)), "--at-equal-n")
    code, printed, _ = memagent(*asked, "--arms", "recall", "--out", str(tmp_path / "a"))
    assert (code, "search" in printed, "at equal n" in printed) == (0, True, True)
    code, _, said = memagent(*asked, "--arms", "search,recent", "--out", str(tmp_path / "b"))
    assert (code, "no arm here chooses how many" in said) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("locomo", "--file", "absent.json"), 1, "there is no absent.json"),
        (("locomo", "--file", "."), 1, "holds no file"),
        (("lokomo",), 2, "did you mean 'retrieval/locomo'"),
        (("locomo", "--arms", "serach"), 2, "'serach' is not one of search, recall"),
        (("locomo", "--arms", "search:0"), 1, "at least 1"),
        (("locomo", "--resume"), 2, "--out"),
        (("conversations", "--file", "x.json"), 2, "reads no files"),
        (("beam", "--corrections", "x.json"), 2, "--corrections"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    memagent: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    found, printed, said = memagent("eval", "retrieval", *arguments)
    assert (found, printed) == (code, "")
    assert words in " ".join(said.split()).replace("│ ", "")
    assert "Traceback" not in said


def test_a_file_without_gold_or_dates_is_no_trouble(memagent: Command, tmp_path: Path) -> None:
    file = locomo_file(tmp_path, ASKED[3:4])
    code, _, said = memagent("eval", "retrieval", "locomo", "--file", str(file))
    assert (code, "no question has gold turns" in said) == (1, True)
    rows = json.loads(locomo_file(tmp_path).read_text())
    for row in rows:
        for session in "123":
            del row["conversation"][f"session_{session}_date_time"]
    file.write_text(json.dumps(rows))
    out = str(tmp_path / "run")
    command = ("eval", "retrieval", "locomo", "--file", str(file), "--out", out, "--json")
    code, printed, _ = memagent(*command)
    assert code == 0
    assert {row["n"] for row in json.loads(printed)["turns"]} == {6}


def test_what_was_asked_is_kept_when_the_user_stops(
    memagent: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, asked = RetrievalArm.ask, []

    def ask(self: RetrievalArm, sample: object) -> object:
        if len(asked) == 3:
            raise KeyboardInterrupt
        asked.append(sample)
        return whole(self, sample)  # type: ignore[arg-type]

    monkeypatch.setattr(RetrievalArm, "ask", ask)
    out = str(tmp_path / "run")
    command = ("eval", "retrieval", "locomo", "--file", str(locomo_file(tmp_path)), "--out", out)
    code, _, said = memagent(*command)
    assert (code, "--resume" in said) == (130, True)
    monkeypatch.setattr(RetrievalArm, "ask", whole)
    assert memagent(*command, "--resume")[0] == 0
