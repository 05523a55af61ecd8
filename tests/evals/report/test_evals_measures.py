import json
from pathlib import Path

import pytest
from saving import save, score

from memagent.errors import RunError
from memagent.evals.report.measures import as_tables, cell, flat
from memagent.evals.runs.saved import MeasuresFile, open_saved
from memagent.evals.score import ScoreFile

TABLES = {"lags": [{"arm": "full", "lag": 1, "accuracy": 0.5, "gain": None}]}


def test_tables_are_read_back_with_the_run_until_its_answers_change(tmp_path: Path) -> None:
    folder = save(tmp_path, [score("memory", 1, right=True)])
    assert open_saved(folder).measures == {}
    MeasuresFile(folder).write(TABLES)
    assert open_saved(folder).measures == TABLES
    ScoreFile(folder).append(score("memory", 2, right=True))
    assert open_saved(folder).measures == {}
    MeasuresFile(folder).write(TABLES)
    assert open_saved(folder).measures == TABLES


def test_a_damaged_file_and_one_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    file = MeasuresFile(save(tmp_path / "run", []))
    file.write(TABLES)
    assert file.read() == TABLES
    for damaged in ("{", "[]", "{}"):
        file.path.write_text(damaged)
        with pytest.raises(RunError, match=r"measures\.json is damaged: delete it"):
            file.read()
    with pytest.raises(RunError, match="cannot write"):
        MeasuresFile(tmp_path / "nowhere").write(TABLES)


def test_a_number_that_json_has_not_is_refused(tmp_path: Path) -> None:
    file = MeasuresFile(save(tmp_path, []))
    with pytest.raises(RunError, match="expected None"):
        file.write({"x": [{"acc": float("nan")}]})
    assert file.read() == {}
    assert not list(tmp_path.glob("*.new"))


def test_a_table_has_every_column_that_is_no_list_and_a_dash_for_what_is_not_defined() -> None:
    rows = [{"arm": "memory", "acc": 0.5, "bwt": None, "scores": [[1.0]]}, {"arm": "x", "n": 3}]
    tables = {"continual": rows, "matrix": [{"arm": "memory", "scores": []}]}
    (table,) = as_tables(tables)
    assert [str(column.header) for column in table.columns] == ["arm", "acc", "bwt", "n"]
    assert [list(column.cells) for column in table.columns] == [
        ["memory", "x"],
        ["0.500", "-"],
        ["-", "-"],
        ["-", "3"],
    ]
    assert list(flat(tables)) == ["continual"]
    assert (cell(None), cell(1), cell(0.12345)) == ("-", "1", "0.123")


def test_a_task_has_a_table_of_its_own_and_a_wide_one_has_its_arms_as_columns() -> None:
    wide = {f"m{number}": number for number in range(9)}
    rows = [
        {"task": task, "arm": arm, **wide} for task in ("t/1", "t/2") for arm in ("full", "none")
    ]
    first, second = as_tables({"much": rows})
    assert (first.title, second.title) == ("much, t/1", "much, t/2")
    assert [str(column.header) for column in first.columns] == ["", "full", "none"]
    assert list(first.columns[0].cells) == list(wide)
    assert list(first.columns[2].cells) == [str(number) for number in range(9)]
    # Where an arm has several rows it cannot be a column.
    (long,) = as_tables({"much": [rows[0], rows[0]]})
    assert str(long.columns[0].header) == "arm"


def test_the_file_is_json_without_the_run_s_answers(tmp_path: Path) -> None:
    file = MeasuresFile(save(tmp_path, [score("memory", 1, right=True)]))
    file.write(TABLES)
    held = json.loads(file.path.read_text())
    assert held["tables"] == TABLES
    assert len(held["answers"]) == 64
