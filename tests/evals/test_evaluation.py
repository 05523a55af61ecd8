"""An evaluation as one call from Python."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from running import read_scores, reader

from memagent import evals
from memagent.errors import InvalidInput, RunError
from memagent.evals.arm import ArmName
from memagent.evals.report.html import page
from memagent.evals.runs.run import Run
from memagent.evals.runs.saved import open_saved
from memagent.evals.score import Score
from memagent.evals.suite import BadOption, Selection, Suite
from memagent.evals.task import Task
from memagent.evals.tasks.babi.suite import SUITE
from memagent.testing import HashEmbedder, ScriptedChat

FAKES: dict[str, Any] = {"model": ScriptedChat(reader), "embedder": HashEmbedder()}


class Watcher:
    """Counts what it is shown."""

    def __init__(self) -> None:
        self.remaining: list[int] = []
        self.scores: list[Score] = []

    def start(self, run: Run) -> None:
        self.remaining.append(run.remaining())

    def answered(self, score: Score) -> None:
        self.scores.append(score)


def test_one_call_returns_the_rows_and_the_folder(tmp_path: Path) -> None:
    watcher = Watcher()
    where: dict[str, Any] = {"tasks": "1", "limit": 3, "out": tmp_path / "run", "progress": watcher}
    result = evals.run("babi", ["none", "memory+0"], **where, **FAKES)
    assert result.folder == tmp_path / "run"
    assert [(row["task"], row["name"], row["n"]) for row in result.rows] == [
        ("babi/1", "none+3", 3),
        ("babi/1", "memory+0", 3),
    ]
    assert (len(result.scores), result.failed) == (6, [])
    assert read_scores(result.folder) == list(result.scores)
    assert result.to_dict()["rows"] == list(result.rows)
    assert (watcher.remaining, len(watcher.scores)) == ([6], 6)
    manifest = json.loads((result.folder / "run.json").read_text())
    assert manifest["plan"]["model"] == "ScriptedChat"
    assert manifest["plan"]["embedder"] == "HashEmbedder"


def test_what_a_task_leaves_out_is_kept_and_shown_and_decides_no_resume(tmp_path: Path) -> None:
    def leaving_out(**counts: int) -> Suite:
        def load(selection: Selection) -> list[Task]:
            split = "test" if selection.corrections is None else "test, corrected"
            task = replace(SUITE.load(selection)[0], left_out=counts, split=split)
            return [task]

        return replace(SUITE, load=load)

    labels = tmp_path / "labels.json"
    where: dict[str, Any] = {"tasks": "1", "limit": 2, "out": tmp_path / "run"}
    where |= {"options": evals.Options(corrections=labels), **FAKES}
    evals.run(leaving_out(lost=3), "none", **where)
    saved = open_saved(tmp_path / "run")
    assert [task.left_out for task in saved.tasks] == [{"lost": 3}]
    assert saved.selection(data=None).corrections == labels
    assert saved.manifest["chosen"]["corrections"] == str(labels)
    assert "Left out of babi/1: lost (3)." in page(saved)
    evals.run(leaving_out(lost=4), "none", resume=True, **where)
    path = tmp_path / "run" / "run.json"
    manifest = json.loads(path.read_text())
    del manifest["tasks"][0]["left_out"]
    path.write_text(json.dumps(manifest))
    evals.run(leaving_out(lost=4), "none", resume=True, **where)
    assert open_saved(tmp_path / "run").tasks[0].left_out == {}
    assert "Left out of" not in page(open_saved(tmp_path / "run"))
    where["options"] = evals.Options()
    with pytest.raises(RunError, match="was started with another tasks"):
        evals.run(leaving_out(lost=4), "none", resume=True, **where)


def test_a_run_goes_on_where_it_was_and_asks_nothing_twice(tmp_path: Path) -> None:
    where: dict[str, Any] = {"tasks": ["1"], "limit": 2, "out": str(tmp_path / "run"), **FAKES}
    first = evals.run("babi", "none", **where)
    with pytest.raises(RunError, match="holds a run already"):
        evals.run("babi", "none", **where)
    watcher = Watcher()
    again = evals.run("babi", [ArmName.parse("none")], resume=True, progress=watcher, **where)
    assert again.rows == first.rows
    assert (watcher.remaining, watcher.scores) == ([0], [])


def test_a_suite_of_one_s_own_is_asked_in_its_own_arms(tmp_path: Path) -> None:
    mine = evals.Suite(
        name="mine",
        about="one of mine",
        members=[evals.Member(name="mine/1", about="a story")],
        load=lambda selection: SUITE.load(evals.Selection(tasks="1")),
        arms=("mine",),
        make=lambda name, task, parts: SUITE.make(ArmName("full", None, 0), task, parts),
        default_arms=("mine+0",),
    )
    result = evals.run(mine, limit=2, out=tmp_path / "run", **FAKES)
    assert [(row["name"], row["n"]) for row in result.rows] == [("mine+0", 2)]
    assert result.suite == "mine"


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ({"arms": ["none", "all"]}, "--arms"),
        ({"resume": True}, "--resume"),
        ({"tasks": ["1", "21"]}, "--tasks"),
        ({"options": evals.Options(settings={"streams": 2})}, "--set"),
        ({"options": evals.Options(workers="dask")}, "--workers"),
    ],
)
def test_a_value_that_is_not_possible_names_its_option(
    arguments: dict[str, Any], option: str, tmp_path: Path
) -> None:
    out: dict[str, Any] = {} if option == "--resume" else {"out": tmp_path / "run"}
    with pytest.raises(BadOption) as caught:
        evals.run("babi", **(FAKES | out | arguments))
    assert caught.value.option == option
    assert not (tmp_path / "run").exists()


def test_servers_need_the_name_of_a_model(tmp_path: Path) -> None:
    options = evals.Options(servers=["http://127.0.0.1:1/v1"])
    with pytest.raises(InvalidInput, match="not a chat model"):
        evals.run("babi", out=tmp_path / "run", options=options, **FAKES)


def test_the_evaluation_core_loads_no_task() -> None:
    code = (
        "import sys, memagent.evals.evaluation, memagent.evals.report.html,"
        " memagent.evals.report.permutation\n"
        "print([name for name in sys.modules if name.startswith('memagent.evals.tasks')])"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ)
    )
    assert outcome.stdout.strip() == "[]", outcome.stderr
