from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from one_hot import OneHotEmbedder

from memagent.evals import run
from memagent.evals.evaluation import Options
from memagent.evals.suite import BadOption, Selection
from memagent.evals.tasks.forgetting.cases import KINDS, ForgetCase, cases
from memagent.evals.tasks.forgetting.measures import grade
from memagent.evals.tasks.forgetting.spellings import SPELLINGS
from memagent.evals.tasks.forgetting.suite import SPLITS, load

ALL = [(split, kind) for split in SPLITS for kind in KINDS]


def drawn(split: str, kind: str, count: int = 16, seed: str = "0") -> list[ForgetCase]:
    return list(cases(kind, SPLITS[split], count, seed))


@pytest.mark.parametrize(("split", "kind"), ALL)
def test_a_case_says_which_notes_are_meant_and_which_words_go_and_stay(
    split: str, kind: str
) -> None:
    for case in drawn(split, kind):
        meant = [note.text for place, note in enumerate(case.notes, 1) if place in case.supports]
        others = [note.text for note in case.notes if note.text not in meant]
        assert bool(meant) == (kind != "absent")
        assert len(case.notes) == len({note.text for note in case.notes}) >= 8
        assert all(any(words in text for text in meant) for words in (*case.gone, *case.along))
        assert not any(words in text for words in case.gone for text in others)
        assert all(any(words in text for text in others) for words in case.kept)


def test_cases_repeat_with_the_seed_and_differ_without_it() -> None:
    assert drawn("test", "direct") == drawn("test", "direct")
    assert drawn("test", "direct") != drawn("test", "direct", seed="1")


def test_the_splits_share_no_text() -> None:
    notes = [
        {note.text for kind in KINDS for case in drawn(split, kind) for note in case.notes}
        for split in SPLITS
    ]
    assert not notes[0] & notes[1]
    requests = [
        {case.question for kind in KINDS for case in drawn(split, kind)} for split in SPLITS
    ]
    assert not requests[0] & requests[1]


def test_every_kind_of_identifier_has_several_spellings() -> None:
    for split in SPLITS.values():
        assert set(split.identified) <= set(SPELLINGS)
    asked = drawn("test", "obfuscated", 48)
    assert not any(words in case.question for case in asked for words in case.gone)


@pytest.mark.parametrize(
    ("erased", "exact", "under", "over", "f1"),
    [([1], 1, 0, 0, 1), ([], 0, 1, 0, 0), ([1, 2], 0, 0, 1, 2 / 3), ([2], 0, 1, 1, 0)],
)
def test_too_much_counts_as_much_as_too_little(
    erased: Sequence[int], exact: int, under: int, over: int, f1: float
) -> None:
    (task,) = load(Selection(tasks="direct", settings={"cases": 1}))
    case = next(iter(task.asked))
    assert len(case.supports) == 1
    places = [case.supports[0] if place == 1 else 99 for place in erased]
    found = f'{{"erased": {places}, "left": [], "lost": [], "along": [], "known": null}}'
    graded = grade(task, case, found)
    assert [graded[name] for name in ("exact", "under", "over")] == [exact, under, over]
    assert graded["f1"] == pytest.approx(f1)
    assert "known" not in graded


@pytest.mark.parametrize(
    "selection",
    [
        Selection(split="training"),
        Selection(tasks="likely"),
        Selection(variant="a"),
        Selection(settings={"cases": 0}),
        Selection(settings={"probed": -1}),
    ],
)
def test_what_cannot_be_selected_is_said(selection: Selection) -> None:
    with pytest.raises(BadOption):
        load(selection)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, Any]]:
    """Rows of a small run of all arms, by arm and kind."""
    folder: Path = tmp_path_factory.mktemp("forgetting")
    options = Options(settings={"cases": 2, "probed": 1})
    done = run("forgetting", embedder=OneHotEmbedder(), out=folder / "run", options=options)
    assert not done.failed
    return {
        (str(row["arm"]).partition("+")[0], str(row["kind"])): row
        for row in done.tables["forgetting"]
    }


def test_neither_nothing_nor_everything_scores_well_and_the_oracle_is_right(
    rows: dict[tuple[str, str], dict[str, Any]],
) -> None:
    assert rows["oracle", "all"]["exact"] == rows["oracle", "all"]["f1"] == 1
    assert rows["oracle", "all"]["words"] == 1
    assert rows["oracle", "all"]["known"] == 0
    assert rows["nothing", "all"]["exact"] == rows["nothing", "all"]["f1"] == 1 / len(KINDS)
    assert rows["nothing", "all"]["under"] == 1 - 1 / len(KINDS)
    assert rows["everything", "all"]["exact"] == 0
    assert rows["everything", "all"]["f1"] < 0.3
    assert rows["everything", "all"]["over"] == 1


def test_the_fact_that_goes_along_is_counted_apart(
    rows: dict[tuple[str, str], dict[str, Any]],
) -> None:
    assert rows["oracle", "compound"]["exact"] == 1
    assert rows["oracle", "compound"]["along"] > 0
    assert rows["nothing", "compound"]["along"] == 0


def test_identifiers_are_found_in_other_spellings(
    rows: dict[tuple[str, str], dict[str, Any]],
) -> None:
    assert rows["memory", "obfuscated"]["exact"] == 1
    assert rows["memory", "all"]["n"] == 2 * len(KINDS)
