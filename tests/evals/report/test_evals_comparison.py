import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from saving import TASK, save, score
from typer.testing import CliRunner

from memagent.cli.app import app
from memagent.errors import RunError, UserError
from memagent.evals.report.comparison import between, compared, same_arms
from memagent.evals.report.permutation import permutation_tests
from memagent.evals.report.rescore import rescore
from memagent.evals.runs.manifest import migrate
from memagent.evals.runs.saved import open_saved
from memagent.evals.score import Score, ScoreFile
from memagent.evals.suite import Selection
from memagent.evals.tasks import babi
from memagent.evals.tasks.babi.suite import SUITE

OTHER = TASK | {"name": "babi/2", "sha256": "b" * 64}


def told(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["eval", *arguments])


def sides(task: str, arm: str, right: str) -> list[Score]:
    """A score for each letter: r is right, w wrong, f without an answer."""
    made = [
        score(arm, number, right=letter == "r", task=task) for number, letter in enumerate(right)
    ]
    return [
        replace(one, error="refused") if letter == "f" else one
        for one, letter in zip(made, right, strict=True)
    ]


def test_a_comparison_counts_the_questions_both_answered() -> None:
    (found,) = compared(sides("babi/1", "none", "wwwrrfw"), sides("babi/1", "memory", "rrrrwr"))
    assert (found.n, found.first_right, found.second_right) == (5, 2, 4)
    assert (found.only_first, found.only_second) == (1, 3)
    assert found.difference.value == pytest.approx(0.4)
    assert [(one.id, one.better) for one in found.changed] == [
        ("babi/1/0", "second"),
        ("babi/1/1", "second"),
        ("babi/1/2", "second"),
        ("babi/1/4", "first"),
    ]
    assert (found.changed[0].first, found.changed[0].second) == ("cellar", "attic")
    assert found.p == pytest.approx(10 / 16)


def test_p_values_are_corrected_for_the_number_of_tasks() -> None:
    first = sides("babi/1", "none", "wwwwww") + sides("babi/2", "none", "rwrw")
    second = sides("babi/1", "memory", "rrrrrr") + sides("babi/2", "memory", "rwrw")
    one, two = compared(first, second)
    assert (one.p, one.holm) == pytest.approx((1 / 32, 2 / 32))
    assert (two.p, two.holm) == (1.0, 1.0)


def test_runs_over_different_data_do_not_compare(tmp_path: Path) -> None:
    scores = sides("babi/1", "none", "rw")
    one = open_saved(save(tmp_path / "a", scores))
    two = open_saved(save(tmp_path / "b", scores, tasks=[TASK | {"sha256": "c" * 64}]))
    with pytest.raises(RunError, match=r"babi/1 was asked from different data: .*aaaa.*cccc"):
        between(one, two, same_arms(one, two))
    three = open_saved(save(tmp_path / "c", [], tasks=[OTHER]))
    with pytest.raises(RunError, match="no task in common"):
        between(one, three, same_arms(one, three))
    four = open_saved(save(tmp_path / "d", []))
    with pytest.raises(RunError, match="no question that both have answered"):
        between(one, four, same_arms(one, four))
    five = open_saved(save(tmp_path / "e", [], arms=["full+3"]))
    with pytest.raises(RunError, match=r"no arm in common .*full\+3.*--arms"):
        same_arms(one, five)


def test_compare_prints_counts_and_what_changed_sides(tmp_path: Path) -> None:
    one = save(tmp_path / "a", sides("babi/1", "memory", "wwr"))
    two = save(tmp_path / "b", sides("babi/1", "memory", "rrw"))
    outcome = told("compare", str(one), str(two), "--changed", "2")
    assert outcome.exit_code == 0
    assert (
        "gained  babi/1/0  Where is Mary?  gold 'attic': memory+3 'cellar', memory+3 'attic'"
        in outcome.stdout
    )
    assert "1 more changed: --changed 3 or --json shows all" in outcome.stdout
    row = json.loads(told("compare", str(one), str(two), "--json").stdout)["comparisons"][0]
    assert (row["task"], row["n"], row["only_first"], row["only_second"]) == ("babi/1", 3, 1, 2)
    assert [one["id"] for one in row["changed"]] == ["babi/1/0", "babi/1/1", "babi/1/2"]


def test_two_arms_of_one_run_compare_by_their_names(tmp_path: Path) -> None:
    scores = sides("babi/1", "none", "ww") + sides("babi/1", "memory", "rw")
    folder = str(save(tmp_path, scores))
    outcome = told("compare", folder, "--arms", "none,memory+3", "--json")
    (row,) = json.loads(outcome.stdout)["comparisons"]
    assert (row["first"], row["second"], row["only_second"]) == ("none+3", "memory+3", 1)
    assert told("compare", folder).exit_code == 2
    assert told("compare", folder, "--arms", "none").exit_code == 2


def test_an_arm_that_is_not_there_has_its_nearest_named(tmp_path: Path) -> None:
    run = open_saved(save(tmp_path, [], arms=["memory+3", "window:10+3", "window:5+3"]))
    assert str(run.arm("memory")) == "memory+3"
    with pytest.raises(RunError, match=r"no arm 'memry': did you mean 'memory\+3'"):
        run.arm("memry")
    with pytest.raises(RunError, match=r"window:10\+3 and window:5\+3"):
        run.arm("window")


def test_a_folder_without_a_run_is_refused_everywhere(tmp_path: Path) -> None:
    for command in ("report", "rescore"):
        outcome = told(command, str(tmp_path))
        assert isinstance(outcome.exception, UserError)
        assert "holds no run" in str(outcome.exception)
    save(tmp_path, [])
    (tmp_path / "run.json").write_text('{"format": 2}')
    with pytest.raises(RunError, match="says of no run"):
        open_saved(tmp_path)


@pytest.mark.parametrize(
    ("manifest", "complaint"),
    [
        ("[1]", "run.json says of no run: expected a JSON object"),
        ("{", "run.json is no JSON"),
        ("\xff", "run.json is no JSON"),
        ('{"format": "x"}', r"format x, not 2: read it with .* \(its version is not known\)"),
        ('{"format": 3, "versions": []}', "format 3, not 2"),
    ],
)
def test_a_manifest_that_is_none_is_one_line(tmp_path: Path, manifest: str, complaint: str) -> None:
    (tmp_path / "run.json").write_bytes(manifest.encode("latin-1"))
    for read in (open_saved, migrate):
        with pytest.raises(RunError, match=complaint):
            read(tmp_path)


def test_what_lies_where_a_run_s_files_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "a" / "run.json").mkdir(parents=True)
    with pytest.raises(RunError, match=r"run\.json cannot be read"):
        open_saved(tmp_path / "a")
    run = save(tmp_path / "b", [])
    with pytest.raises(RunError, match="holds no run"):
        open_saved(run / "run.json")
    (run / "samples.jsonl").write_bytes(b"\xff\n")
    with pytest.raises(RunError, match=r"samples\.jsonl cannot be read"):
        open_saved(run)


def test_reading_a_run_that_goes_on_leaves_its_file_alone(tmp_path: Path) -> None:
    folder = save(tmp_path, sides("babi/1", "none", "rw"))
    path = folder / "samples.jsonl"
    torn = path.read_text() + '{"id": "babi/1/2", "ta'
    path.write_text(torn)
    assert len(open_saved(folder).scores) == 2
    assert path.read_text() == torn


def test_a_prediction_with_unicode_line_ends_is_one_line(tmp_path: Path) -> None:
    odd = replace(score("none", 1, right=False), prediction="a\u2028b\x85c\x0cd")
    assert open_saved(save(tmp_path, [odd])).scores == [odd]


def test_report_prints_the_rows_or_writes_the_page(tmp_path: Path) -> None:
    folder = save(tmp_path, sides("babi/1", "none", "rw"))
    found = json.loads(told("report", str(folder), "--json").stdout)
    assert found["rows"][0] | {"n": 2, "accuracy": 0.5} == found["rows"][0]
    assert not (folder / "report.html").exists()
    assert told("report", str(folder), "--csv", str(tmp_path / "rows.csv")).exit_code == 0
    assert (tmp_path / "rows.csv").read_text().startswith("task,arm,")
    assert not (folder / "report.html").exists()
    outcome = told("report", str(folder))
    assert outcome.stdout.strip() == str(folder / "report.html")
    assert (folder / "report.html").exists()


def asked_of_babi(folder: Path) -> Path:
    """A run of the generated task 1 whose predictions were all graded as wrong."""
    task = babi.load(None, 1, None)
    scores = [
        replace(score("none", 0, right=False), id=one.id, gold=one.gold, prediction=one.gold[0])
        for one in task.asked[:3]
    ]
    scores[1] = replace(scores[1], prediction="nowhere")
    scores[2] = replace(scores[2], error="refused", grades={})
    kept = {"name": task.name, "source": task.source, "split": task.split, "sha256": task.sha256}
    return save(folder, scores, tasks=[kept])


def test_rescore_grades_again_and_tells_how_many_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEMAGENT_DATA", raising=False)
    folder = asked_of_babi(tmp_path)
    outcome = told("rescore", str(folder))
    assert outcome.stdout == "2 answers graded again, 1 changed: 1 are right now, 0 wrong\n"
    assert [one.correct for one in ScoreFile(folder).read()] == [True, False, False]
    assert told("rescore", str(folder), "--json").stdout == (
        '{"graded": 2, "changed": 0, "now_right": 0, "now_wrong": 0}\n'
    )


def test_rescore_refuses_other_data_and_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    folder = asked_of_babi(tmp_path)
    manifest = json.loads((folder / "run.json").read_text())
    manifest["tasks"][0]["sha256"] = "d" * 64
    (folder / "run.json").write_text(json.dumps(manifest))
    before = (folder / "samples.jsonl").read_bytes()
    with pytest.raises(RunError, match=r"the data of babi/1 is not the run's: .*dddd"):
        rescore(open_saved(folder), SUITE, Selection())
    assert (folder / "samples.jsonl").read_bytes() == before
    stray = [replace(one, id="babi/1/asked/none") for one in ScoreFile(folder).read()[:1]]
    with pytest.raises(RunError, match="is no question of babi/1 any more"):
        rescore(open_saved(save(folder, stray, tasks=_kept())), SUITE, Selection())


def _kept() -> list[dict[str, Any]]:
    task = babi.load(None, 1, None)
    return [{"name": task.name, "source": task.source, "split": task.split, "sha256": task.sha256}]


def answering(folder: Path, predict: str) -> Path:
    """A run of the generated tasks 1 and 6 that predicts each gold, or always the same."""
    tasks = [babi.load(None, number, None) for number in (1, 6)]
    scores = [
        replace(
            score("wrong", 0, right=predict == "gold" or predict == one.gold[0], task=task.name),
            id=one.id,
            gold=one.gold,
            prediction=one.gold[0] if predict == "gold" else predict,
        )
        for task in tasks
        for one in task.asked[:30]
    ]
    kept = [
        {"name": task.name, "source": task.source, "split": task.split, "sha256": task.sha256}
        for task in tasks
    ]
    return save(folder, scores, tasks=kept, arms=["wrong+3"])


def test_answers_that_are_always_the_same_are_right_as_often_when_permuted(tmp_path: Path) -> None:
    first, second, both = permutation_tests(
        open_saved(answering(tmp_path, "no")), SUITE, Selection(), "wrong+3"
    )
    assert (first.score, first.expected, first.p) == (0, 0, 1)
    assert 0 < second.score == pytest.approx(second.expected)
    assert (second.n, second.p) == (30, 1)
    assert (both.task, both.n) == ("all tasks", 60)
    assert both.score == pytest.approx(second.score / 2)


def test_answers_that_follow_the_question_are_right_more_often_than_permuted(
    tmp_path: Path,
) -> None:
    found = permutation_tests(
        open_saved(answering(tmp_path, "gold")), SUITE, Selection(), "wrong+3"
    )
    for one in found:
        assert one.score == 1
        assert one.low <= one.expected <= one.high < 1
        assert one.p < 0.01


def test_the_permutation_test_is_printed_for_the_arms_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEMAGENT_DATA", raising=False)
    folder = str(answering(tmp_path, "gold"))
    table = told("permutation", folder).stdout
    assert "all tasks" in table
    assert "100.0%" in table
    found = json.loads(told("permutation", folder, "--arms", "wrong", "--json").stdout)[
        "permutation"
    ]
    assert [one["task"] for one in found] == ["babi/1", "babi/6", "all tasks"]
    assert told("permutation", folder, "--arms", "memory").exception
