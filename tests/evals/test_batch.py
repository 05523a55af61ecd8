"""Several evaluations in one call, with one summary over all."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from bounds import options_of
from langchain_core.messages import BaseMessage
from running import read_scores, reader

from memagent import evals
from memagent.errors import InvalidInput, RunError
from memagent.evals.registry import find_suite
from memagent.evals.report.summary import Part, Summary, open_summary, summary_page
from memagent.evals.runs import pool
from memagent.evals.suite import BadOption, Suite
from memagent.evals.tasks import babi
from memagent.evals.tasks.babi.suite import SUITE
from memagent.testing import HashEmbedder, ScriptedChat

Command = Callable[..., tuple[int, str, str]]
FAKES: dict[str, Any] = {"model": ScriptedChat(reader), "embedder": HashEmbedder(), "limit": 2}
generated = cache(babi.generated)
FIRST = replace(SUITE, name="first", load=lambda _: [generated(1)])
SECOND = replace(SUITE, name="second", load=lambda _: [generated(2)], arms=("none", "memory"))
SUITES = (FIRST, SECOND)


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "open_embedder", lambda _: HashEmbedder())
    monkeypatch.setattr(pool, "open_chat", lambda *_, **__: ScriptedChat(reader))


def ran(folder: Path) -> dict[str, int]:
    """Count the answers of each suite's run."""
    return {one.parent.name: len(read_scores(one.parent)) for one in folder.glob("*/samples.jsonl")}


def test_each_suite_runs_in_its_folder_in_those_arms_that_it_has(tmp_path: Path) -> None:
    found = evals.run_all(SUITES, "none+0,memory+0,oracle+0", out=tmp_path, **FAKES)
    arms = {one.suite: {row["name"] for row in one.rows} for one in found.results}
    assert arms == {
        "first": {"none+0", "memory+0", "oracle+0"},
        "second": {"none+0", "memory+0"},
    }
    assert ran(tmp_path) == {"first": 3 * 2, "second": 2 * 2}
    assert found.summary.problems == {}
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary == found.summary.to_dict() == open_summary(tmp_path).to_dict()
    assert len(summary["rows"]) == 3 + 2
    assert {row["suite"] for row in summary["rows"]} == {"first", "second"}
    page = (tmp_path / "index.html").read_text()
    assert 'href="first/report.html"' in page
    assert all((tmp_path / name / "report.html").exists() for name in ("first", "second"))
    assert not re.search(r"url\(|@import|https?://|<script", page)
    assert page.count("<section>") == 1


def test_sources_never_share_a_table_of_the_summary(tmp_path: Path) -> None:
    found = evals.run_all(SUITES, "none+0", out=tmp_path, **FAKES)
    rows = [row | {"source": "released"} for row in found.summary.parts[0].rows]
    parts = [Part(suite="first", rows=rows), found.summary.parts[1]]
    text = summary_page(Summary(folder=tmp_path, parts=parts))
    first, second = text.split("<section>")[1:]
    assert "babi/1" in first
    assert "babi/1" not in second
    assert "babi/2" in second


def test_one_suite_s_failure_does_not_lose_the_others(tmp_path: Path) -> None:
    found = evals.run_all(["squad", FIRST], "none+0", out=tmp_path, **FAKES)
    assert [one.suite for one in found.results] == ["first"]
    assert list(found.summary.problems) == ["squad"]
    assert "which file?" in found.summary.problems["squad"]
    assert "squad: which file?" in (tmp_path / "index.html").read_text()
    assert open_summary(tmp_path).problems == found.summary.problems


def stopping(after: int) -> ScriptedChat:
    """A model at whose answer after so many somebody presses Ctrl-C."""
    left = iter(range(after))

    def answer(messages: Sequence[BaseMessage]) -> str:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return reader(messages)

    return ScriptedChat(answer)


@pytest.mark.parametrize("after", [2, 4, 6])
def test_a_batch_that_was_stopped_goes_on_where_it_was(after: int, tmp_path: Path) -> None:
    where: dict[str, Any] = FAKES | {"out": tmp_path, "options": evals.Options(concurrency=1)}
    with pytest.raises(KeyboardInterrupt):
        evals.run_all(SUITES, "none+0,memory+0", **(where | {"model": stopping(after)}))
    kept = ran(tmp_path)
    assert sum(kept.values()) == after
    stopped = [name for name, count in (("first", after), ("second", after - 4)) if 0 <= count < 4]
    expected = {"second": "not begun", stopped[0]: "stopped before its end"}
    assert open_summary(tmp_path).problems == expected
    with pytest.raises(RunError, match="holds runs already"):
        evals.run_all(SUITES, "none+0,memory+0", **where)
    again = evals.run_all(SUITES, "none+0,memory+0", resume=True, **where)
    assert ran(tmp_path) == {"first": 4, "second": 4}
    assert again.summary.problems == {}
    asked: list[str] = []
    nobody = ScriptedChat(lambda _: asked.append("asked") or "")
    evals.run_all(SUITES, "none+0,memory+0", resume=True, **(where | {"model": nobody}))
    assert asked == []


def test_a_suite_that_comes_later_joins_the_summary(tmp_path: Path) -> None:
    first = evals.run_all([FIRST], "none+0", out=tmp_path, **FAKES)
    found = evals.run_all([SECOND], "none+0", out=tmp_path, resume=True, **FAKES)
    assert [part.suite for part in found.summary.parts] == ["first", "second"]
    assert found.summary.parts[0].rows == first.summary.parts[0].rows


def test_a_suite_without_a_model_has_no_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: dict[str, str | None] = {}

    def run(suite: Suite, *_: object, options: evals.Options, **__: object) -> None:
        handed[suite.name] = options.workers
        raise RunError("not now")

    monkeypatch.setattr("memagent.evals.batch.run", run)
    evals.run_all(["babi", "probes"], out=tmp_path, options=evals.Options(workers="ray:2"))
    assert handed == {"babi": "ray:2", "probes": None}


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ({"arms": "none,all"}, "--arms"),
        ({"arms": "oracle"}, "--arms"),
        ({"arms": "no ne"}, "--arms"),
        ({"resume": True}, "--resume"),
        ({"options": evals.Options(file="x")}, "--file"),
        ({"options": evals.Options(variant="x")}, "--variant"),
        ({"options": evals.Options(split="test")}, "--split"),
        ({"options": evals.Options(settings={"streams": 2})}, "--set"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_asked(
    arguments: dict[str, Any], option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadOption) as caught:
        evals.run_all(SUITES, **(FAKES | arguments))
    assert caught.value.option == option
    assert list(tmp_path.iterdir()) == []


def test_a_batch_needs_a_suite_that_is_there_and_a_folder_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="name one at least"):
        evals.run_all([], out=tmp_path, **FAKES)
    with pytest.raises(RunError, match="did you mean 'babi'"):
        evals.run_all(["babi", "babbi"], out=tmp_path, **FAKES)
    evals.run("babi", "none+0", tasks="1", out=tmp_path, **FAKES)
    with pytest.raises(RunError, match="holds a run of one evaluation"):
        evals.run_all(SUITES, out=tmp_path, resume=True, **FAKES)


def test_the_command_runs_several_and_reports_them_again(memagent: Command, tmp_path: Path) -> None:
    where = ["--out", str(tmp_path / "x"), "--limit", "1", "--arms", "none+0,memory+0"]
    code, out, err = memagent("eval", "run", "babi,squad", *where, "--json")
    assert code == 1
    assert "1 of 2 evaluations did not come to their end: squad: which file?" in err
    found = json.loads(out)
    assert (found["suites"], len(found["rows"])) == (["babi", "squad"], 8)
    page = tmp_path / "x" / "index.html"
    before = page.read_text()
    page.unlink()
    assert memagent("eval", "report", str(tmp_path / "x"))[:2] == (0, f"{page}\n")
    assert page.read_text() == before
    assert json.loads(memagent("eval", "report", str(tmp_path / "x"), "--json")[1]) == found
    table = memagent("eval", "run", "babi,squad", *where, "--resume")[1]
    assert "generated, test" in table
    refused = memagent("eval", "run", "babi,squad", *where, "--tasks", "1")
    assert (refused[0], "--tasks" in refused[2]) == (2, True)
    damaged = tmp_path / "x" / "summary.json"
    damaged.write_text("[]")
    assert "is no summary of a batch" in memagent("eval", "report", str(tmp_path / "x"))[2]


def test_released_and_generated_suites_run_side_by_side(tmp_path: Path) -> None:
    """The options of a file are for one suite, so its file is put where the data folder has it."""
    options = options_of(find_suite("squad"), tmp_path)
    data = tmp_path / "data" / "squad"
    data.mkdir(parents=True)
    assert options.file is not None
    Path(options.file).rename(data / "dev-5-articles.json")
    there = evals.Options(data=tmp_path / "data")
    found = evals.run_all(
        ["squad", "interference"], "none", out=tmp_path / "x", options=there, **FAKES
    )
    assert found.summary.problems == {}
    assert {row["headline"] for row in found.summary.rows} == {"F1", "accuracy"}
    assert (tmp_path / "x" / "index.html").read_text().count("<section>") == 2
