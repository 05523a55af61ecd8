"""The headline score of a run: in its rows, its tables, its page and its comparisons."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from saving import TASK, save, score
from typer.testing import CliRunner

from memagent.cli.app import app
from memagent.errors import RunError
from memagent.evals.arm import ArmName
from memagent.evals.metrics.statistics import difference, mean_interval, sign_flip, wilson
from memagent.evals.report.comparison import between, compared, same_arms
from memagent.evals.report.html import page
from memagent.evals.report.measures import common_tables
from memagent.evals.report.rescore import rescore
from memagent.evals.report.tables import as_tables, rows
from memagent.evals.runs.saved import SavedTask, open_saved
from memagent.evals.score import Score
from memagent.evals.suite import ACCURACY, Headline, Selection
from memagent.evals.tasks import babi
from memagent.evals.tasks.babi.suite import SUITE

F1 = Headline(grade="f1", label="F1")
STORED = {"headline": {"grade": "f1", "label": "F1"}}
TASKS = [SavedTask(**TASK)]


def graded(arm: str, *values: float) -> list[Score]:
    """A score for each F1; an answer is right whose F1 is 1."""
    return [
        replace(
            score(arm, number, right=value == 1), grades={"exact": float(value == 1), "f1": value}
        )
        for number, value in enumerate(values)
    ]


SCORES = [
    *graded("none", 0, 0, 0.5, 0),
    *graded("memory", 0.5, 0.8, 0.5, 0.2),
    *graded("oracle", 0.8, 0.8, 0.5, 0.9),
]
ARMS = [ArmName("none"), ArmName("memory"), ArmName("oracle")]


def told(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["eval", *arguments])


def test_rows_have_the_headline_score_and_the_accuracy_beside_it() -> None:
    none, memory, oracle = rows(TASKS, ARMS, SCORES, F1)
    assert (memory["headline"], memory["score"], memory["accuracy"]) == ("F1", 0.5, 0.0)
    assert 0.2 <= memory["low"] < 0.5 < memory["high"] <= 0.8
    assert memory["f1"] == 0.5
    assert memory["efficiency"] == pytest.approx((0.5 - 0.125) / (0.75 - 0.125))
    (_, plain, _) = rows(TASKS, ARMS, SCORES)
    assert (plain["headline"], plain["score"], plain["efficiency"]) == ("accuracy", 0.0, None)
    assert (plain["low"], plain["high"]) == wilson(0, 4)
    assert (none["efficiency"], oracle["efficiency"]) == (None, None)


def test_a_grade_of_a_row_s_own_name_does_not_take_its_place() -> None:
    odd = [replace(one, grades={"n": 0.5, "score": 0.25}) for one in graded("memory", 1, 1)]
    (row,) = rows(TASKS, [ArmName("memory")], odd)
    assert (row["n"], row["score"]) == (2, 1.0)


def test_the_table_has_a_column_of_the_headline_and_two_sources_are_apart() -> None:
    tasks = [*TASKS, SavedTask(**TASK | {"name": "other/1", "source": "generated"})]
    first, second = as_tables(rows(tasks, ARMS, SCORES, F1))
    assert (first.title, second.title) == ("released, test", "generated, test")
    assert [str(column.header) for column in first.columns][2:4] == ["F1", "95% CI"]
    assert list(first.columns[2].cells) == ["12%", "50%", "75%"]


def test_an_older_run_is_read_as_accuracy_until_it_is_graded_again(tmp_path: Path) -> None:
    task = babi.load(None, 1, None)
    kept = {"name": task.name, "source": task.source, "split": task.split, "sha256": task.sha256}
    sample = task.asked[0]
    answer = replace(score("none", 0, right=True), id=sample.id, prediction=sample.gold[0])
    run = open_saved(save(tmp_path, [answer], tasks=[kept]))
    assert run.headline == ACCURACY
    rescore(run, SUITE, Selection())
    assert open_saved(tmp_path).headline == SUITE.headline != ACCURACY


def test_a_manifest_whose_headline_is_none_is_one_line(tmp_path: Path) -> None:
    run = open_saved(save(tmp_path, SCORES, headline=["f1"]))
    with pytest.raises(RunError, match=r"run\.json says of no headline score"):
        page(run)


def test_the_page_is_about_the_headline(tmp_path: Path) -> None:
    text = page(open_saved(save(tmp_path / "f1", SCORES, **STORED)))
    assert "<h3>F1 by task</h3>" in text
    assert "F1, mean of tasks (%)" in text
    assert "F1 against tokens" in text
    assert 'aria-label="F1 on babi/1"' in text
    assert ">50.0<small>" in text
    assert "tasks passed" not in text
    assert "stories" not in text
    plain = page(open_saved(save(tmp_path / "accuracy", SCORES)))
    assert "<h3>Accuracy by task</h3>" in plain
    assert "tasks passed" in plain


def test_a_comparison_of_other_than_right_and_wrong_is_a_permutation_test(tmp_path: Path) -> None:
    none, memory = SCORES[:4], SCORES[4:8]
    (found,) = compared(none, memory, F1)
    assert (found.headline, found.test) == ("F1", "permutation")
    assert (found.first_score, found.second_score, found.first_right) == (0.125, 0.5, 0)
    assert (found.only_first, found.only_second) == (0, 3)
    assert found.p == pytest.approx(2 / 2**3)
    assert found.difference.value == pytest.approx(0.375)
    assert [one.better for one in found.changed] == ["second"] * 3
    (binary,) = compared(none, memory)
    assert (binary.test, binary.p) == ("McNemar", 1.0)
    folder = str(save(tmp_path, SCORES, **STORED))
    outcome = told("compare", folder, "--arms", "none,memory")
    assert "F1 1" in outcome.stdout
    assert "permutation test" in outcome.stdout
    assert json.loads(told("report", folder, "--json").stdout)["rows"][1]["score"] == 0.5


def test_an_older_run_compares_with_a_newer_one_by_the_newer_s_headline(tmp_path: Path) -> None:
    older = open_saved(save(tmp_path / "older", SCORES))
    newer = open_saved(save(tmp_path / "newer", SCORES, **STORED))
    for first, second in ((older, newer), (newer, older)):
        assert {one.headline for one in between(first, second, same_arms(first, second))} == {"F1"}


def test_the_scores_by_category_are_a_table_where_there_are_categories() -> None:
    assert common_tables(TASKS, ARMS, SCORES, F1) == {}
    kinds = ["time", "place", "time", "time"]
    scores = [
        replace(one, category=kinds[int(one.id.rpartition("/")[2])], error=None) for one in SCORES
    ]
    scores[-1] = replace(scores[-1], error="refused")
    table = common_tables(TASKS, ARMS, scores, F1)["by category"]
    assert [(row["arm"], row["category"], row["n"], row["score"]) for row in table] == [
        ("none+3", "place", 1, 0.0),
        ("none+3", "time", 3, pytest.approx(1 / 6)),
        ("memory+3", "place", 1, 0.8),
        ("memory+3", "time", 3, pytest.approx(0.4)),
        ("oracle+3", "place", 1, 0.8),
        ("oracle+3", "time", 2, pytest.approx(0.65)),
    ]
    assert all(row["low"] <= row["score"] <= row["high"] for row in table)


def test_what_had_no_room_is_a_table_of_the_arms_that_left_something_out() -> None:
    scores = [
        replace(one, left_out=4 if one.arm == "memory+3" and one.id.endswith("/1") else 0)
        for one in SCORES
    ]
    assert common_tables(TASKS, ARMS, scores, F1) == {
        "left out": [{"task": "babi/1", "arm": "memory+3", "n": 4, "mean": 1.0, "share": 0.25}]
    }


def test_the_interval_of_a_mean_is_wilson_s_for_right_and_wrong_else_the_bootstrap_s() -> None:
    assert mean_interval([1, 0, 1, 1]) == wilson(3, 4)
    assert mean_interval([]) == mean_interval([0.4]) == (0.0, 1.0)
    values = [number / 50 for number in range(51)]
    low, high = mean_interval(values)
    # The bootstrap of a paired difference draws the questions themselves.
    drawn = difference(values, [0.0] * len(values))
    assert (low, high) == pytest.approx((drawn.low, drawn.high), abs=0.004)
    assert mean_interval(values) == (low, high)
    assert mean_interval([0.5] * 9) == pytest.approx((0.5, 0.5))


def test_signs_are_flipped_in_every_way_of_few_questions_and_by_chance_of_many() -> None:
    assert sign_flip([0.5, 0.3], [0.5, 0.3]) == 1.0
    assert sign_flip([0.5], [0.3]) == 1.0
    assert sign_flip([0.5] * 5, [0.1, 0.2, 0.3, 0.4, 0.5]) == pytest.approx(2 / 2**4)
    first, second = [0.6] * 40, [0.1 + 0.01 * number for number in range(40)]
    assert sign_flip(first, second) == sign_flip(first, second) < 0.001
    assert sign_flip([0.2, 0.8] * 20, [0.8, 0.2] * 20) == 1.0
