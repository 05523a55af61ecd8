"""The evaluations of interference, streams and probes, from the command line, with fakes."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from memagent.evals import evaluation
from memagent.evals.runs import pool
from memagent.evals.suite import Selection
from memagent.evals.task import Task
from memagent.evals.tasks.babi.suite import SUITE as BABI
from memagent.testing import HashEmbedder, ScriptedChat

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "open_embedder", lambda _: HashEmbedder())
    chat = ScriptedChat(lambda _: "garden")
    monkeypatch.setattr(pool, "open_chat", lambda *_, **__: chat)


@pytest.mark.parametrize(
    ("name", "sizes", "tables"),
    [
        ("interference", ["streams=1", "episodes=2"], {"interference", "lags", "matrix"}),
        ("continual", ["updates=2", "probes=1"], {"continual", "l2", "matrix"}),
        ("feedback", ["worlds=1", "people=1", "rounds=1"], {"feedback"}),
    ],
)
def test_an_evaluation_prints_its_tables_and_resumes_with_the_same_sizes(
    name: str, sizes: list[str], tables: set[str], memagent: Command, tmp_path: Path
) -> None:
    settings = [part for size in sizes for part in ("--set", size)]
    asked = ["eval", "run", name, *settings, "--shots", "0", "--out", str(tmp_path / "run")]
    code, out, _ = memagent(*asked, "--json")
    printed = json.loads(out)
    assert (code, tables <= set(printed)) == (0, True)
    where = str(tmp_path / "run")
    assert json.loads(memagent("eval", "report", where, "--json")[1]) == printed
    assert memagent("eval", "report", where)[0] == 0
    page = (tmp_path / "run" / "report.html").read_text()
    assert all(f"<summary>{table}</summary>" in page for table in tables - {"matrix"})
    (tmp_path / "run" / "measures.json").unlink()
    assert not tables & set(json.loads(memagent("eval", "report", where, "--json")[1]))
    assert memagent("eval", "rescore", where)[0] == 0
    assert json.loads(memagent("eval", "report", where, "--json")[1]) == printed
    first, _, value = sizes[0].partition("=")
    manifest = json.loads((tmp_path / "run" / "run.json").read_text())
    assert manifest["plan"]["settings"][first] == float(value)
    assert json.loads(memagent(*asked, "--json", "--resume")[1]) == printed
    other = memagent(*asked, "--resume", "--set", f"{first}=3")
    assert (other[0], "was started with another plan" in other[2]) == (1, True)
    text = memagent(*asked, "--resume")[1]
    assert name in text
    assert "matrix" not in text


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("interference", ["streams=1", "episodes=2"]),
        ("continual", ["updates=2", "probes=1"]),
        ("feedback", ["worlds=1", "people=1", "rounds=1"]),
        ("probes", ["items=3", "others=2"]),
    ],
)
def test_a_run_of_its_own_sizes_and_seed_is_graded_again(
    name: str, sizes: list[str], memagent: Command, tmp_path: Path
) -> None:
    settings = [part for size in sizes for part in ("--set", size)]
    where = str(tmp_path / "run")
    assert memagent("eval", "run", name, *settings, "--seed", "3", "--out", where)[0] == 0
    code, out, err = memagent("eval", "rescore", where, "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["graded"] == len((tmp_path / "run" / "samples.jsonl").read_text().splitlines())
    assert told["changed"] == 0


def test_a_run_that_ended_before_its_answers_were_in_order_is_put_in_order(
    memagent: Command, tmp_path: Path
) -> None:
    asked = ["eval", "run", "babi", "--tasks", "1", "--limit", "3", "--arms", "none+0,full+0"]
    asked += ["--out", str(tmp_path / "run")]
    assert memagent(*asked)[0] == 0
    path = tmp_path / "run" / "samples.jsonl"
    whole = path.read_text()
    path.write_text("".join(reversed(whole.splitlines(keepends=True))))
    assert memagent(*asked, "--resume")[0] == 0
    assert path.read_text() == whole


def test_a_run_of_harder_stories_keeps_how_hard_they_are(memagent: Command, tmp_path: Path) -> None:
    asked = ["eval", "run", "babi", "--tasks", "1", "--limit", "2", "--arms", "full+0"]
    plain, hard = tmp_path / "plain", tmp_path / "hard"
    assert memagent(*asked, "--out", str(plain))[0] == 0
    assert "settings" not in json.loads((plain / "run.json").read_text())["plan"]
    harder = ["--set", "length=40", "--set", "distractors=3", "--out", str(hard)]
    assert memagent(*asked, *harder)[0] == 0
    plan = json.loads((hard / "run.json").read_text())["plan"]
    assert plan["settings"] == {"length": 40, "distractors": 3}
    assert memagent("eval", "rescore", str(hard))[0] == 0
    code, _, err = memagent("eval", "compare", str(plain), str(hard))
    assert (code, "was asked from different data" in err) == (1, True)


def test_probes_open_no_model(
    memagent: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "open_chat", None)
    asked = ["eval", "run", "probes", "--tasks", "recall", "--set", "items=3", "--json"]
    code, out, _ = memagent(*asked, "--out", str(tmp_path / "run"))
    assert code == 0
    assert [row["accuracy"] for row in json.loads(out)["rows"] if row["arm"] == "episodic"] == [1.0]
    assert json.loads((tmp_path / "run" / "run.json").read_text())["model"] == {"spec": "none"}


def test_what_is_left_out_and_what_is_corrected_is_said(
    memagent: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = tmp_path / "labels.json"

    def load(selection: Selection) -> list[Task]:
        assert selection.corrections == labels
        task = BABI.load(selection)[0]
        return [replace(task, split="test, corrected", left_out={"lost": 1200, "odd": 1})]

    monkeypatch.setattr(evaluation, "find_suite", lambda _: replace(BABI, load=load))
    asked = ["eval", "run", "babi", "--tasks", "1", "--limit", "1", "--arms", "none+0"]
    where = ["--corrections", str(labels), "--out", str(tmp_path / "run")]
    code, _, err = memagent(*asked, *where)
    assert (code, "left out of babi/1: lost (1,200), odd (1)\n" in err) == (0, True)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["interference", "--set", "streams"], "expected name=number"),
        (["interference", "--set", "stream=2"], "'stream' is not one of streams"),
        (["babi", "--set", "streams=2"], "'streams' is not one of length, distractors"),
        (["squad", "--set", "streams=2"], "'streams' is not one of none"),
        (["babi", "--tasks", "1,storys"], "did you mean 'babi/"),
        (["babi", "--corrections", "labels.json"], "babi has no labels to correct"),
        (["babi", "--file", "mine.txt"], "babi reads a folder of files"),
        (["interference", "--arms", "oracle"], "'oracle' is not one of none, full"),
        (["probes", "--workers", "ray"], "probes asks no model"),
    ],
)
def test_what_an_evaluation_does_not_know_is_refused(
    wrong: list[str], message: str, memagent: Command, tmp_path: Path
) -> None:
    code, out, err = memagent("eval", "run", *wrong, "--out", str(tmp_path / "run"))
    assert (code, out) == (2, "")
    assert message in " ".join(err.replace("│", " ").split())
