"""Runs of a suite that had another name when they were made."""

import json
from pathlib import Path

from saving import TASK, save, score

from memagent.evals.report.comparison import between, same_arms
from memagent.evals.report.html import page
from memagent.evals.runs.saved import MeasuresFile, open_saved
from memagent.evals.suite import Selection
from memagent.evals.tasks.feedback.suite import SUITE

SIZES = {"worlds": 1.0, "people": 1.0, "rounds": 0.0}


def earlier(folder: Path, suite: str = "communicative") -> Path:
    scores = [score("r3", number, right=True, task=f"{suite}/hops") for number in range(3)]
    save(folder, scores, tasks=[TASK | {"name": f"{suite}/hops"}], arms=["r3+3"])
    manifest = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(manifest | {"suite": suite}))
    row = {"task": f"{suite}/hops", "arm": "r3+3", "section": "same", "round": 0, "accuracy": 1.0}
    MeasuresFile(folder).write({suite: [row | {"low": 0.4, "high": 1.0, "n": 3}]})
    return folder


def test_it_is_read_and_drawn_under_the_present_name(tmp_path: Path) -> None:
    run = open_saved(earlier(tmp_path))
    assert (run.suite, [task.name for task in run.tasks]) == ("feedback", ["feedback/hops"])
    assert {(one.task, one.id.split("/")[0]) for one in run.scores} == {
        ("feedback/hops", "feedback")
    }
    assert list(run.measures) == ["feedback"]
    assert "feedback/hops, same questions: accuracy by round of feedback" in page(run, SUITE)


def test_it_compares_with_one_of_the_present_name(tmp_path: Path) -> None:
    old, new = (
        open_saved(earlier(tmp_path / "old")),
        open_saved(earlier(tmp_path / "new", "feedback")),
    )
    (comparison,) = between(old, new, same_arms(old, new))
    assert (comparison.task, comparison.n) == ("feedback/hops", 3)


def test_the_digest_of_its_data_is_that_of_the_earlier_version() -> None:
    (task,) = SUITE.load(Selection(tasks="hops", settings=SIZES))
    assert task.sha256 == "dafa76e71c82da3f8a139d532063ba4ca3a303244cee6a7414e77162e47af776"
    assert task.name == "feedback/hops"
