import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from saving import TASK, save, score

from memagent.errors import RunError
from memagent.evals.arm import ArmName
from memagent.evals.report.charts import Point, curves, ticks_to
from memagent.evals.report.html import colours, command, page, percent, write_page
from memagent.evals.report.tables import as_csv, rows
from memagent.evals.runs.saved import MeasuresFile, open_saved
from memagent.evals.score import Score
from memagent.evals.tasks.babi.suite import SUITE as BABI
from memagent.evals.tasks.feedback.suite import SUITE as FEEDBACK

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u2028"
SCORES = [
    score("none", 1, right=False),
    score("none", 2, right=True),
    score("none", 3, right=False),
    score("memory", 1, right=True, recall=1.0, shown=("Mary is in the attic.",)),
    score("memory", 2, right=True, recall=0.5),
    score("memory", 3, right=False, recall=0.5),
    score("oracle", 1, right=True),
    score("oracle", 2, right=True),
    score("oracle", 3, right=True),
]


class Reader(HTMLParser):
    """Collects the cells of a page's links into its questions, and its tags with attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside = ""
        self.data = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        values = dict(attrs)
        if tag == "a" and "title" in values:
            self.inside = str(values["href"])
        if values.get("id") == "data":
            self.inside = "data"

    def handle_endtag(self, tag: str) -> None:
        if tag in ("a", "script"):
            self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "data":
            self.data += data
        elif self.inside:
            self.cells[self.inside] = self.cells.get(self.inside, "") + data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    return reader


def questions(reader: Reader) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reader.data)
    return found


def test_the_page_s_numbers_are_those_of_the_rows(tmp_path: Path) -> None:
    run = open_saved(save(tmp_path, SCORES))
    table = rows(run.tasks, run.arms, run.scores)
    cells = read(page(run)).cells
    shown = {}
    for row in table:
        place = f"#q/task=babi%2F1&arm={row['arm']}%2B3"
        values = [percent(row[name]) for name in ("accuracy", "low", "high")]
        shown[place] = f"{values[0]}{values[1]} to {values[2]}"
    assert cells == shown
    assert [row["efficiency"] for row in table] == [None, pytest.approx(0.5), None]
    assert "0.50" in page(run)


def test_every_question_is_in_the_page_with_what_was_shown(tmp_path: Path) -> None:
    failed = replace(score("memory", 4, right=False), error="refused", prediction="")
    scores = [replace(one, category="places") for one in SCORES]
    scores[3] = replace(scores[3], marked=(0,), grades={"f1": 1.0, "exact": 1 / 3})
    data = questions(read(page(open_saved(save(tmp_path, [*scores, failed])))))
    assert len(data["answers"]) == len(SCORES) + 1
    assert [row[2] for row in data["answers"]] == [0, 1, 0, 1, 1, 0, 2, 1, 1, 1]
    first = next(row for row in data["answers"] if row[1] == data["arms"].index("memory+3"))
    assert [data["texts"][number] for number in first[4]] == ["Mary is in the attic."]
    task, identity, asked, gold, category = data["questions"][first[0]]
    assert (data["tasks"][task], identity, category) == ("babi/1", "babi/1/1", "places")
    names, *values = data["grades"][first[8]]
    assert dict(zip(data["names"][names], values, strict=True)) == {"f1": 1.0, "exact": 0.333}
    assert first[9] == [0]
    assert (data["texts"][asked], data["texts"][gold]) == ("Where is Mary?", "attic")
    assert data["answers"][6][3] == "refused"


def test_texts_that_look_like_the_page_s_own_do_no_harm(tmp_path: Path) -> None:
    hostile = [
        replace(one, question=HOSTILE, gold=(HOSTILE,), prediction=HOSTILE, shown=(HOSTILE,))
        for one in SCORES
    ]
    task = TASK | {"name": f"babi/{HOSTILE}", "source": HOSTILE}
    named = [replace(one, task=f"babi/{HOSTILE}") for one in hostile]
    reader = read(page(open_saved(save(tmp_path, named, tasks=[task]))))
    tags = [tag for tag, _ in reader.tags]
    assert tags.count("script") == 2
    assert "img" not in tags
    assert HOSTILE in questions(reader)["texts"]


def test_the_page_fetches_nothing_and_runs_only_its_own_script(tmp_path: Path) -> None:
    text = page(open_saved(save(tmp_path, SCORES)))
    tags = read(text).tags
    (policy,) = [one["content"] for tag, one in tags if tag == "meta" and "http-equiv" in one]
    assert str(policy).startswith("default-src 'none'")
    assert "unsafe" not in str(policy)
    assert not [one for _, one in tags if "src" in one or str(one.get("href", "#"))[0] != "#"]
    assert not re.search(r"url\(|@import|https?://", text)
    assert not [one for _, one in tags if "style" in one or any(k[:2] == "on" for k in one)]


def test_a_page_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    run = open_saved(save(tmp_path, SCORES))
    with pytest.raises(RunError, match="cannot write"):
        write_page(run, tmp_path / "nowhere" / "report.html")
    write_page(run, tmp_path / "report.html")
    assert "<!doctype html>" in (tmp_path / "report.html").read_text()
    assert not list(tmp_path.glob("*.new"))


def test_a_run_that_is_not_complete_says_so_and_one_without_answers_too(tmp_path: Path) -> None:
    assert "not complete" not in page(open_saved(save(tmp_path, SCORES)))
    assert "not complete" in page(open_saved(save(tmp_path, SCORES[:-1])))
    assert "Nothing was answered yet" in page(open_saved(save(tmp_path, [])))


def test_a_run_with_lags_has_a_curve_for_each_task(tmp_path: Path) -> None:
    lagged = [
        replace(one, grades={"exact_mention": float(one.correct), "lag": float(number % 3)})
        for number, one in enumerate(SCORES)
    ]
    # The other task is answered rightly at every lag: its points are not those of the first.
    other = [replace(one, task="babi/2", correct=True) for one in lagged]
    tasks = [TASK, TASK | {"name": "babi/2"}]
    text = page(open_saved(save(tmp_path, [*lagged, *other], tasks=tasks)))
    first, second = text.split('aria-label="accuracy by lag, babi/1"')[1].split(
        'aria-label="accuracy by lag, babi/2"'
    )
    assert "none+3, lag 0: 0.0%" in first
    assert "none+3, lag 0: 100.0%" in second.split("</svg>")[0]
    assert "Accuracy by lag" not in page(open_saved(save(tmp_path, SCORES)))


def test_a_run_s_further_tables_and_their_drawings_are_in_the_page(tmp_path: Path) -> None:
    folder = save(tmp_path, SCORES)
    assert "Further measures" not in page(open_saved(folder))
    rows = [
        {"task": "t", "arm": "memory+3", "section": "same", "round": number, "accuracy": 0.5}
        | {"low": 0.1, "high": 0.9, "n": 4, "gain": None}
        for number in (0, 1)
    ]
    MeasuresFile(folder).write({"feedback": rows, HOSTILE: [{"arm": HOSTILE, "n": 1}]})
    text = page(open_saved(folder), FEEDBACK)
    reader = read(text)
    assert "Further measures" in text
    assert "memory+3, round 1: 50.0% (10.0% to 90.0%), 4 questions" in text
    assert [tag for tag, _ in reader.tags].count("polyline") == 1
    assert [tag for tag, _ in reader.tags].count("script") == 2
    assert "<td>0.500</td><td>0.100</td><td>0.900</td><td>4</td><td>-</td>" in text


def test_a_lag_curve_has_a_line_an_arm_and_a_point_a_lag() -> None:
    points = [
        Point(line=arm, x=lag, n=5, value=0.5, low=0.2, high=0.8, colour=0)
        for arm in ("full+3", "<b>")
        for lag in (0, 1, 4)
    ]
    drawn = curves(points, "lag", "accuracy by lag")
    assert (drawn.count("<polyline"), drawn.count("<circle")) == (2, 6)
    assert "<b>" not in drawn
    assert "&lt;b&gt;, lag 4: 50.0% (20.0% to 80.0%), 5 questions" in drawn


@pytest.mark.parametrize("most", [0.003, 0.09, 0.7, 1, 3.2, 6, 7.5, 99, 1024, 123456])
def test_an_axis_ends_at_a_round_number_at_or_past_the_last_point(most: float) -> None:
    ticks = ticks_to(most)
    assert 3 <= len(ticks) <= 8
    assert ticks[-2] < most <= ticks[-1] * (1 + 1e-9)


@pytest.mark.parametrize("most", [0, 1, 2, 3, 5, 9, 12, 25, 200])
def test_an_axis_of_whole_numbers_has_no_fractions(most: int) -> None:
    ticks = ticks_to(most, whole=True)
    assert ticks == [int(tick) for tick in ticks]
    assert 2 <= len(ticks) <= 8
    assert ticks[-2] < max(most, 1) <= ticks[-1]


def test_each_arm_has_a_colour_of_its_own_while_there_are_enough() -> None:
    arms = [ArmName.parse(name) for name in ("memory", "memory+0", "none", "mine", "oracle")]
    found = colours(arms, BABI.arms)
    assert len(set(found.values())) == 5
    assert found["memory+3"] == colours(arms[:1], BABI.arms)["memory+3"]
    many = [ArmName("mine", size) for size in range(20)]
    assert set(colours(many).values()) == set(range(8))


def test_published_rows_stand_beside_released_tasks_only(tmp_path: Path) -> None:
    assert "MemNN" in page(open_saved(save(tmp_path, SCORES)), BABI)
    assert "MemNN" not in page(open_saved(save(tmp_path, SCORES)))
    generated = TASK | {"source": "generated"}
    assert "MemNN" not in page(open_saved(save(tmp_path, SCORES, tasks=[generated])), BABI)


def test_the_command_asks_the_same_again(tmp_path: Path) -> None:
    run = open_saved(save(tmp_path, SCORES))
    assert command(run.manifest) == (
        "memagent eval run babi --tasks babi/1 --arms none+3,memory+3,oracle+3 --limit 3 --seed 7"
        " --model local"
    )
    odd = dict(run.manifest) | {"plan": run.manifest["plan"] | {"model": "x; rm", "shuffle": True}}
    assert command(odd).endswith("--shuffle --model 'x; rm'")


def test_rows_as_csv_have_a_head_and_nothing_for_none(tmp_path: Path) -> None:
    run = open_saved(save(tmp_path, SCORES))
    head, first, *rest = as_csv(rows(run.tasks, run.arms, run.scores)).splitlines()
    assert head.startswith("task,arm,name,shots,n,failed,headline,score,low,high,accuracy,")
    assert first.startswith("babi/1,none,none+3,3,3,0,accuracy,0.333")
    assert first.endswith(",")
    assert len(rest) == 2


def test_efficiency_is_over_the_questions_all_three_answered(tmp_path: Path) -> None:
    lost = [
        replace(one, error="refused") if (one.arm, one.id) == ("memory+3", "babi/1/3") else one
        for one in SCORES
    ]
    run = open_saved(save(tmp_path, lost))
    found = {row["arm"]: row for row in rows(run.tasks, run.arms, run.scores)}
    assert (found["memory"]["efficiency"], found["memory"]["n"]) == (1.0, 2)
    no_oracle: list[Score] = [one for one in SCORES if one.arm != "oracle+3"]
    assert rows(run.tasks, run.arms, no_oracle)[1]["efficiency"] is None
