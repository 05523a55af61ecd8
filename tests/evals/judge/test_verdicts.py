"""Verdicts as they are kept, and rounds of judging that go on where they were."""

import json
from dataclasses import replace
from pathlib import Path

import httpx
import openai
import pytest
from judges import Accepting, Honest, Unreadable, case

from memagent.errors import ContextTooLong, ModelUnavailable, RunError
from memagent.evals.judge.case import Case
from memagent.evals.judge.judge import Verdict
from memagent.evals.judge.round import MAX_REFUSED, Item, judge_all
from memagent.evals.judge.verdicts import VERDICTS_FILE, VerdictFile
from memagent.evals.runs import retry

ITEMS = [
    Item(task="talk", arm="memory+0", id=str(number), case=case(answer))
    for number, answer in enumerate(["attic", "the attic", "cellar", "upstairs"])
]


class Down(Honest):
    """A judge whose server is lost after some cases, and stays away."""

    name = "honest"

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def judge(self, case: Case) -> Verdict:
        if len(self.cases) >= self.after:
            error = ModelUnavailable("the connection to the model's server failed")
            error.__cause__ = openai.APIConnectionError(request=httpx.Request("POST", "http://x"))
            raise error
        return super().judge(case)


class Refusing(Accepting):
    def judge(self, case: Case) -> Verdict:
        if case.answer != "cellar":
            raise ContextTooLong("it does not fit")
        return super().judge(case)


def test_verdicts_come_in_order_and_are_kept(tmp_path: Path) -> None:
    left: list[int] = []
    file = VerdictFile(tmp_path)
    found = judge_all(Honest(), ITEMS, file=file, progress=left.append)
    assert [verdict.value for verdict in found] == [1.0, 1.0, 0.0, 0.0]
    assert (sorted(left), found[0].prompt_tokens) == ([0, 1, 2, 3], 7)
    assert sorted(file.read().values(), key=lambda row: row.id) == found
    row = json.loads((tmp_path / VERDICTS_FILE).read_text().splitlines()[0])
    assert (row["judge"], row["rubric"], row["reason"]) == ("honest", "answer-1", "so be it")
    assert (tmp_path / VERDICTS_FILE).stat().st_mode & 0o077 == 0


def test_what_is_kept_is_not_asked_again_unless_the_answer_is_another(tmp_path: Path) -> None:
    file = VerdictFile(tmp_path)
    judge_all(Honest(), ITEMS[:3], file=file)
    again = Honest()
    changed = [replace(ITEMS[0], case=case("loft")), *ITEMS[1:]]
    assert [row.value for row in judge_all(again, changed, file=file)] == [0.0, 1.0, 0.0, 0.0]
    assert sorted(asked.answer for asked in again.cases) == ["loft", "upstairs"]
    assert len(file.read()) == 4


def test_a_verdict_that_cannot_be_read_is_asked_for_again(tmp_path: Path) -> None:
    file = VerdictFile(tmp_path)
    first, second = Unreadable(), Unreadable()
    assert {row.value for row in judge_all(first, ITEMS, file=file)} == {None}
    second.value = lambda case: 1.0  # type: ignore[method-assign]
    assert {row.value for row in judge_all(second, ITEMS, file=file)} == {1.0}
    assert {row.value for row in file.read().values()} == {1.0}


def test_two_judges_share_a_file(tmp_path: Path) -> None:
    file = VerdictFile(tmp_path)
    judge_all(Honest(), ITEMS, file=file)
    other = Accepting()
    judge_all(other, ITEMS, file=file)
    assert (len(other.cases), len(file.read())) == (4, 8)


def test_a_judge_that_is_down_leaves_what_was_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "DELAYS", (0.0,))
    file = VerdictFile(tmp_path)
    with pytest.raises(RunError, match=r"the judge's server is gone .* the same command goes on"):
        judge_all(Down(after=2), ITEMS, file=file, concurrency=1)
    assert len(file.read()) == 2
    back = Honest()
    assert len(judge_all(back, ITEMS, file=file)) == 4
    assert len(back.cases) == 2


def test_a_case_that_is_refused_counts_neither_way() -> None:
    found = judge_all(Refusing(), ITEMS)
    assert [row.value for row in found] == [None, None, 1.0, None]
    assert "does not fit" in found[0].reason


def test_a_judge_that_refuses_everything_ends_the_round() -> None:
    many = [replace(ITEMS[0], id=str(number)) for number in range(10 * MAX_REFUSED)]
    with pytest.raises(RunError, match=r"refuses every answer: .*does not fit"):
        judge_all(Refusing(), many, concurrency=1)


def test_a_line_that_was_cut_short_is_dropped(tmp_path: Path) -> None:
    file = VerdictFile(tmp_path)
    judge_all(Honest(), ITEMS, file=file)
    path = tmp_path / VERDICTS_FILE
    path.write_text(path.read_text()[:-20])
    cut = path.read_text()
    assert len(file.read()) == 3
    assert path.read_text() == cut
    again = Honest()
    judge_all(again, ITEMS, file=file)
    assert (len(again.cases), len(file.read())) == (1, 4)


@pytest.mark.parametrize("line", ["{", "[]", '{"task": 1}', "7"])
def test_a_line_that_is_no_verdict_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / VERDICTS_FILE).write_text(line + "\n")
    with pytest.raises(RunError, match=r"verdicts\.jsonl:1: expected one verdict as JSON"):
        VerdictFile(tmp_path).read()
