"""Judging of a run: leniency first, verdicts, the grade, the tables, and judging again."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from judges import Accepting, Honest, Rejecting, Unreadable, case, labelled
from saving import save, score

from memagent.evals import Selection
from memagent.evals.judge.leniency import LabelledAnswer, LeniencyFile
from memagent.evals.judge.verdicts import VerdictFile
from memagent.evals.judging import Judged, judge_run
from memagent.evals.report.html import page
from memagent.evals.report.rescore import rescore
from memagent.evals.report.tables import rows
from memagent.evals.runs.saved import open_saved
from memagent.evals.score import ScoreFile
from memagent.evals.tasks import babi
from memagent.evals.tasks.babi.suite import SUITE

TASK = babi.load(None, 1, None)
SHARE = "50% (accepts 0% of vague wrong answers, n = 4)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of four questions in two arms: `none` is never right, `memory` at every other one."""
    scores = [
        replace(
            score(arm, 0, right=right),
            id=sample.id,
            question=sample.question,
            gold=sample.gold,
            prediction=sample.gold[0] if right else "somewhere",
        )
        for arm in ("none", "memory")
        for place, sample in enumerate(TASK.asked[:4])
        for right in [arm == "memory" and place % 2 == 0]
    ]
    scores[3] = replace(scores[3], error="refused", prediction="", grades={})
    kept = {"name": TASK.name, "source": TASK.source, "split": TASK.split, "sha256": TASK.sha256}
    return save(tmp_path, scores, tasks=[kept], arms=["none+3", "memory+3"])


def judged(
    folder: Path, judge: Accepting, answers: Sequence[LabelledAnswer] = (), **options: Any
) -> Judged:
    run = open_saved(folder)
    return judge_run(run, SUITE, Selection(), judge, labelled=answers, **options)


def test_a_run_is_judged_after_the_leniency_of_its_judge(folder: Path) -> None:
    judge = Honest()
    found = judged(folder, judge, labelled())
    # of the kinds that no question of the run is judged by, nothing is measured
    assert [asked.unanswerable for asked in judge.cases] == [False] * 15
    none, memory = found.tables["judged"]
    assert (none["task"], none["arm"], none["n"], none["share"]) == (TASK.name, "none+3", 3, 0.0)
    assert (memory["judge"], memory["rubric"], memory["n"]) == ("honest", "answer-1", 4)
    assert memory["low"] < memory["share"] == 0.5 < memory["high"]
    assert memory["quote"] == SHARE
    assert [row["answers"] for row in found.tables["leniency"]] == [
        "right answers",
        "vague wrong answers",
    ]
    assert open_saved(folder).measures == found.tables
    assert (found.unreadable, found.without) == (0, 0)
    grades = [one.grades for one in ScoreFile(folder).read()]
    assert [grade.get("judge") for grade in grades] == [0, 0, 0, None, 1, 0, 1, 0]
    assert next(iter(grades[4])) == "exact_mention"


def test_the_gold_of_a_list_is_one_answer_and_of_other_tasks_each_is(folder: Path) -> None:
    judge = Honest()
    judged(folder, judge)
    assert {asked.all_of for asked in judge.cases} == {True}  # bAbI's tasks 7 and 8 have lists
    own = replace(SUITE, load=lambda _: [replace(TASK, grade=lambda *_: {"right": 1.0})])
    other = Honest()
    other.name = "other"
    judge_run(open_saved(folder), own, Selection(), other)
    assert {asked.all_of for asked in other.cases} == {False}


def test_no_share_is_quoted_before_the_leniency_is_measured(folder: Path) -> None:
    found = judged(folder, Honest())
    for row in found.tables["judged"]:
        assert (row["share"], row["low"], row["high"]) == (None, None, None)
        assert row["quote"] == f"not measured: run `memagent eval judge {folder} --leniency FILE`"
    run = open_saved(folder)
    assert "judge" not in rows(run.tasks, run.arms, run.scores)[0]
    assert "not measured: run" in page(run)
    assert "accepts" not in page(run)
    judge = Honest()
    assert judged(folder, judge, labelled()).tables["judged"][1]["quote"] == SHARE
    assert len(judge.cases) == 8  # the run's answers are not asked for again
    assert SHARE in page(open_saved(folder))


def test_a_measurement_is_of_one_judge_and_one_version_of_the_rubric(folder: Path) -> None:
    judged(folder, Honest(), labelled())
    other = judged(folder, Accepting()).tables["judged"]
    assert {(row["judge"], row["share"]) for row in other} == {
        ("honest", 0.0),
        ("honest", 0.5),
        ("accepting", None),
    }
    file = LeniencyFile(folder)
    file.path.write_text(file.path.read_text().replace("answer-1", "answer-0"))
    assert {row["share"] for row in judged(folder, Honest()).tables["judged"]} == {None}


def test_what_was_measured_is_not_measured_again_but_on_another_source(folder: Path) -> None:
    judged(folder, Honest(), labelled())
    again = Honest()
    judged(folder, again, labelled(9))
    assert again.cases == []
    other = [replace(answer, source="vague.json", kind="theirs") for answer in labelled(3)]
    wrong = [answer for answer in other if not answer.right]
    found = judged(folder, again, [*wrong, *labelled()]).tables["judged"]
    assert len(again.cases) == 3
    assert found[1]["quote"] == "50% (accepts 0% of theirs, n = 3)"
    judged(folder, again, [*wrong, *labelled()])
    assert len(again.cases) == 3


def test_a_lenient_judge_says_so_beside_its_share(folder: Path) -> None:
    found = judged(folder, Accepting(), labelled())
    quotes = {row["quote"] for row in found.tables["judged"]}
    assert quotes == {"100% (accepts 100% of vague wrong answers, n = 4)"}
    strict = judged(folder, Rejecting(), labelled()).tables["leniency"]
    rejected = [row for row in strict if row["judge"] == "rejecting"]
    assert {row["answers"]: row["share"] for row in rejected}["right answers"] == 0.0


def test_two_judges_stand_side_by_side_and_the_last_gives_the_grade(folder: Path) -> None:
    judged(folder, Honest(), labelled())
    found = judged(folder, Accepting(), labelled(), limit=2)
    shares = {(row["judge"], row["arm"]): row["n"] for row in found.tables["judged"]}
    assert shares["honest", "memory+3"] == 4
    assert shares["accepting", "memory+3"] == 2
    grades = [one.grades.get("judge") for one in ScoreFile(folder).read()]
    assert {grade for grade in grades if grade is not None} == {1.0}
    asked = {row.id for row in VerdictFile(folder).read().values() if row.judge == "accepting"}
    assert len(asked & {one.id for one in ScoreFile(folder).read()}) == 2


def test_unreadable_verdicts_count_neither_way_and_are_asked_again(folder: Path) -> None:
    judge = Unreadable()
    found = judged(folder, judge, labelled())
    assert [(row["n"], row["unreadable"]) for row in found.tables["judged"]] == [(0, 3), (0, 4)]
    assert found.unreadable == 7
    assert {row["share"] for row in found.tables["judged"]} == {None}
    assert not [one for one in ScoreFile(folder).read() if "judge" in one.grades]
    judge.value = lambda case: 0.0  # type: ignore[method-assign]
    again = judged(folder, judge, labelled())
    assert again.unreadable == 0
    assert [row["share"] for row in again.tables["judged"]] == [0.0, 0.0]


def test_rescore_keeps_what_was_judged(folder: Path) -> None:
    found = judged(folder, Honest(), labelled())
    before = [one.grades["judge"] for one in ScoreFile(folder).read() if "judge" in one.grades]
    outcome = rescore(open_saved(folder), SUITE, Selection())
    after = [one.grades["judge"] for one in ScoreFile(folder).read() if "judge" in one.grades]
    assert (outcome.graded, before, len(before)) == (7, after, 7)
    assert open_saved(folder).measures == found.tables


def test_a_verdict_on_another_answer_counts_nowhere(folder: Path) -> None:
    judged(folder, Honest(), labelled())
    scores = ScoreFile(folder).read()
    scores[4] = replace(scores[4], prediction="nowhere", grades={"exact_mention": 0.0})
    ScoreFile(folder).replace(scores)
    rescore(open_saved(folder), SUITE, Selection())
    assert open_saved(folder).measures["judged"][1]["n"] == 3
    again = Honest()
    assert judged(folder, again).tables["judged"][1]["share"] == 0.25
    assert len(again.cases) == 1


def test_a_run_that_was_never_judged_has_no_such_tables(folder: Path) -> None:
    rescore(open_saved(folder), SUITE, Selection())
    assert not {"judged", "leniency"} & set(open_saved(folder).measures)


def test_credits_have_an_interval_too(folder: Path) -> None:
    judge = Honest()
    judge.value = lambda case: 0.5 if case.references else 1.0  # type: ignore[method-assign]
    wrong = [LabelledAnswer(id="1", kind="vague wrong answers", right=False, case=case("up"))]
    row = judged(folder, judge, wrong).tables["judged"][0]
    assert (row["share"], row["low"], row["high"]) == (0.5, 0.5, 0.5)
    assert json.loads(json.dumps(row)) == row
