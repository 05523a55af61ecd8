import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from saving import TASK, save, score

from memagent.evals.report.charts import Level, RatioPoint, ratio_curve
from memagent.evals.report.html import page
from memagent.evals.runs.saved import SavedRun, open_saved
from memagent.evals.score import Score
from memagent.evals.tasks.documents.costs import NOTES_FILE
from memagent.evals.tasks.documents.ratio_curve import drawn, ratio_curves
from memagent.evals.tasks.documents.squad import SUITE

STREAM = TASK | {"name": "squad/stream"}
F1 = {"none": 0.1, "memory": 0.5, "oracle": 0.7, "notes:2": 0.4, "notes:4": 0.3, "bm25": 0.2}
RECALL = {"none": 0.0, "memory": 1.0, "oracle": 1.0, "notes:2": 1.0, "notes:4": 0.5, "bm25": 1.0}


def asked(arm: str, number: int) -> Score:
    found = score(arm, number, right=False, task="squad/stream")
    shift = 0.1 if number % 2 else -0.1
    recall = RECALL[arm] if RECALL[arm] in (0, 1) else float(number % 2)
    return replace(found, grades={"f1": F1[arm] + shift}, recall=recall)


def saved(folder: Path, *, ways: bool = True) -> SavedRun:
    scores = [asked(arm, number) for arm in F1 for number in range(20)]
    scores.append(replace(asked("notes:4", 20), error="the server refused", grades={}))
    where = save(folder, scores, tasks=[STREAM], arms=[f"{arm}+3" for arm in F1])
    if ways:
        told: dict[str, Any] = {"notes": 1, "failed": 0, "dropped": 0, "seconds": 1.0, "bytes": 10}
        told |= {"asked": 4, "answered": 3}
        lines = [
            {"stream": stream, "way": f"runs-aware-source:{ratio}", "before": 100, "after": after}
            for stream, ratio, after in (("a", 2, 48), ("a", 4, 20), ("b", 4, 30))
        ]
        (where / NOTES_FILE).write_text("".join(json.dumps(one | told) + "\n" for one in lines))
    return open_saved(where)


def test_a_curve_has_what_notes_reached_by_their_measured_ratio(tmp_path: Path) -> None:
    f1, recall = ratio_curves(saved(tmp_path), ["squad/stream"])
    assert (f1.measure, recall.measure) == ("F1", "recall of gold documents")
    assert [(one.arm, one.series) for one in f1.points] == [
        ("notes:2+3", "notes+3"),
        ("notes:4+3", "notes+3"),
    ]
    assert [one.ratio for one in f1.points] == pytest.approx([100 / 48, 200 / 50])
    assert [one.value.value for one in f1.points] == pytest.approx([0.4, 0.3])
    assert [one.value.n for one in f1.points] == [20, 20]
    low, high = f1.points[1].value.low, f1.points[1].value.high
    assert low is not None
    assert high is not None
    assert 0.2 < low < 0.3 < high < 0.4
    assert [one.value.value for one in recall.points] == pytest.approx([1.0, 0.5])
    beside = {one.arm: one.value.value for one in f1.levels}
    assert beside == pytest.approx({"none+3": 0.1, "memory+3": 0.5, "oracle+3": 0.7})


def test_where_no_ratio_was_measured_it_is_that_of_the_arms_name(tmp_path: Path) -> None:
    f1, _ = ratio_curves(saved(tmp_path, ways=False), ["squad/stream"])
    assert [one.ratio for one in f1.points] == [2.0, 4.0]
    assert ratio_curves(saved(tmp_path, ways=False), ["squad/unanswerable"]) == []


def test_the_page_draws_both_curves_and_none_without_notes(tmp_path: Path) -> None:
    run = saved(tmp_path)
    text = page(run, SUITE)
    assert "recall of gold documents, squad/stream" in text
    assert text.count("by compression ratio") == 2
    for one in ratio_curves(run, ["squad/stream"]):
        assert drawn(one) in text
    without = [one for one in run.scores if not one.arm.startswith("notes")]
    bare = save(tmp_path / "bare", without, tasks=[STREAM], arms=["none+3", "memory+3"])
    assert "compression ratio" not in page(open_saved(bare), SUITE)


def test_a_drawing_has_a_line_a_series_a_point_an_arm_and_a_line_across_a_level() -> None:
    points = [
        RatioPoint(
            label=f"{series}:{ratio}", series=series, ratio=ratio, value=0.5, low=0.4, high=0.6,
            colour=1,
        )
        for series in ("notes", "<b>")
        for ratio in (1.9, 4.2, 17)
    ]  # fmt: skip
    levels = [Level(label="memory", value=0.6, colour=2)]
    told = ratio_curve(points, levels, "F1")
    assert (told.count("<polyline"), told.count("<circle")) == (2, 6)
    assert told.count('class="level c2"') == 1
    assert "32x" in told
    assert "64x" not in told
    assert "<b>" not in told
    assert "notes:4.2: 50.0% (40.0% to 60.0%) at 4.2x" in told
    (x,) = {one.split('"')[1] for one in told.split("<circle cx=")[1:] if "at 1.9x" in one}
    assert 42 < float(x) < 460
