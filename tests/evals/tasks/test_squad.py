import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memagent.errors import InvalidInput, RunError
from memagent.evals.arm import ArmName
from memagent.evals.score import Score
from memagent.evals.suite import BadOption, Selection
from memagent.evals.tasks.documents import squad
from memagent.evals.tasks.documents.examples import EXAMPLES, few_shot_examples
from memagent.evals.tasks.documents.measures import measures
from memagent.evals.tasks.documents.squad import SUITE

DATA = os.environ.get("MEMAGENT_DATA")


def file(where: Path, articles: int = 3, paragraphs: int = 2) -> Path:
    """Write a file in the released layout: each passage has a question, every second one two."""
    data: list[dict[str, Any]] = []
    for a in range(articles):
        told = []
        for p in range(paragraphs):
            qas: list[dict[str, Any]] = [
                {
                    "id": f"{a}.{p}",
                    "question": f"Who won race{a}x{p}? ",
                    "answers": [
                        {"text": text, "answer_start": 0}
                        for text in (f"Ann{a}x{p} Lee", f"Ann{a}x{p}", f"Ann{a}x{p}")
                    ],
                }
            ]
            if p % 2:
                qas.append(
                    {
                        "id": f"{a}.{p}-none",
                        "question": "Why?",
                        "answers": [],
                        "is_impossible": True,
                    }
                )
            text = f"Ann{a}x{p} Lee won race{a}x{p}. It rained."
            told.append({"context": text, "qas": qas})
        data.append({"title": f"Race {a}", "paragraphs": told})
    path = where / "races.json"
    path.write_text(json.dumps({"version": "1.1", "data": data}))
    return path


def test_the_released_layout_becomes_a_stream(tmp_path: Path) -> None:
    tasks = squad.tasks(file(tmp_path))
    assert list(tasks) == [one.name for one in SUITE.members]
    stream = tasks["squad/stream"]
    assert [one.number for one in stream.documents] == [1, 2, 3, 4, 5, 6]
    assert stream.documents[1].sentences == ("Ann0x1 Lee won race0x1.", "It rained.")
    assert not stream.dated
    second = stream.asked[1]
    assert second.question == "Who won race0x1?"
    assert (second.gold, second.supports) == (("Ann0x1 Lee", "Ann0x1"), (2,))
    assert (len(stream.asked), len(tasks["squad/unanswerable"].asked)) == (6, 3)
    assert len(tasks["squad/retention-before"].documents) == 3
    assert [one.id for one in tasks["squad/retention-after"].asked] == ["0.0", "0.1", "1.0"]


@pytest.mark.parametrize(
    "text",
    [
        '{"data": [{"title": "a"}]}',
        "[]",
        '{"data": [{"title": "a", "paragraphs": [{"context": "A.", "qas":'
        ' [{"id": "1", "question": "Who?", "answers": []}]}]}]}',
    ],
)
def test_another_layout_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=r"bad.json: expected data, paragraphs, qas"):
        squad.tasks(path)
    path.write_text("{")
    with pytest.raises(InvalidInput, match="expected JSON"):
        squad.tasks(path)
    path.write_text('{"data": []}')
    with pytest.raises(InvalidInput, match="holds no question"):
        squad.tasks(path)
    with pytest.raises(RunError, match="cannot be read"):
        squad.tasks(tmp_path / "none.json")


def test_the_suite_wants_a_file_or_the_data_folder(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="name one with --file, or set MEMAGENT_DATA"):
        SUITE.load(Selection())
    with pytest.raises(RunError, match=r"squad/dev-5-articles.json cannot be read"):
        SUITE.load(Selection(data=tmp_path))
    with pytest.raises(BadOption, match="'squad/none' is not one of squad/stream"):
        SUITE.load(Selection(file=file(tmp_path), tasks="none"))


def test_a_run_prints_every_score_by_its_name(
    memagent: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The model of this test says what it is shown, so that `memory` is right and `wrong` not."""
    from memagent.evals.runs import pool
    from memagent.testing import HashEmbedder, ScriptedChat

    def said(messages: Any) -> str:
        text = str(messages[-1].content)
        return text.split("- ")[1].split()[0] if "- " in text else ""

    monkeypatch.setattr(pool, "open_chat", lambda *_, **__: ScriptedChat(said))
    monkeypatch.setattr(pool, "open_embedder", lambda _: HashEmbedder())
    monkeypatch.setattr("memagent.evals.runs.run.manifest._model", lambda spec: {"spec": spec})
    asked = ["--file", str(file(tmp_path)), "--arms", "none,memory:1,oracle,wrong:1,dense,bm25"]
    code, out, err = memagent(
        "eval", "run", "squad", *asked, "--out", str(tmp_path / "run"), "--json"
    )
    assert code == 0, err
    told = json.loads(out)
    rows = {row["name"].split("+")[0]: row for row in told["rows"]}
    for name in ("em_strict", "em_prefix", "em_max_ref", "f1"):
        assert rows["memory:1"][name] == rows["oracle"][name] == 1.0
        assert rows["none"][name] == rows["wrong:1"][name] == 0.0
    assert rows["memory:1"]["recall"] == 1.0
    assert rows["wrong:1"]["recall"] is None
    (reading,) = told["reading"]
    assert reading["documents"] == 6
    assert reading["seconds_per_document"] > 0
    assert reading["bytes_per_document"] > 0
    prompts = {row["name"]: row["prompt_tokens"] for row in told["prompts"]}
    assert list(prompts) == [one["name"] for one in told["rows"]]
    against = {(row["name"], row["against"]): row for row in told["against"]}
    assert against["memory:1+3", "oracle+3"]["ratio"] == 1.0
    assert against["wrong:1+3", "none+3"]["difference"] == 0.0
    again = json.loads(memagent("eval", "report", str(tmp_path / "run"), "--json")[1])
    assert again == told


def test_a_run_over_notes_prints_how_short_they_came_out(
    memagent: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from memagent.evals.runs import pool
    from memagent.testing import HashEmbedder, ScriptedChat

    whole = json.loads(file(tmp_path, 1, 2).read_text())
    for paragraph in whole["data"][0]["paragraphs"]:
        paragraph["context"] += " It rained on all of them for as long as anybody stayed." * 5
    (tmp_path / "races.json").write_text(json.dumps(whole))
    monkeypatch.setattr(pool, "open_chat", lambda *_, **__: ScriptedChat(lambda _: "Ann0x0"))
    monkeypatch.setattr(pool, "open_embedder", lambda _: HashEmbedder())
    monkeypatch.setattr("memagent.evals.runs.run.manifest._model", lambda spec: {"spec": spec})
    asked = ["--file", str(tmp_path / "races.json"), "--arms", "none,memory,notes:4"]
    out = str(tmp_path / "run")
    code, told, err = memagent("eval", "run", "squad", *asked, "--out", out, "--json")
    assert code == 0, err
    (notes,) = json.loads(told)["notes"]
    assert (notes["way"], notes["notes"]) == ("runs-aware-source:4", 2)
    assert notes["ratio"] > 3.5
    assert memagent("eval", "report", out)[0] == 0
    page = (tmp_path / "run" / "report.html").read_text()
    assert "F1, squad/stream" in page
    assert f"at {notes['ratio']:.1f}x" in page


def test_no_worked_example_is_asked_about() -> None:
    if DATA is None:
        pytest.skip("MEMAGENT_DATA is not set")
    tasks = squad.tasks(Path(DATA).resolve() / "squad" / squad.FILE)
    asked = {one.question for task in tasks.values() for one in task.asked}
    told = " ".join(one.text for one in tasks["squad/stream"].documents)
    assert not asked & {one.question for one in EXAMPLES}
    assert not any(sentence in told for one in EXAMPLES for sentence in one.sentences)
    assert len(tasks["squad/stream"].documents) == 173
    numbers = [len(tasks[f"squad/{name}"].asked) for name in ("stream", "unanswerable")]
    assert numbers == [705, 702]


def test_every_worked_example_has_its_answer_in_its_sentence() -> None:
    for one in EXAMPLES:
        assert one.answer in one.sentences[one.place]
        assert sum(one.answer in sentence for sentence in one.sentences) == 1
    assert len({one.question for one in EXAMPLES}) == len(EXAMPLES) == 8
    (dated,) = few_shot_examples(1, "sentence", dated=True)
    assert dated.evidence == (
        "Tuesday, June 4, 2013. The engineer Tobias Wenlock finished it in 1868, after nine years"
        " of work.",
    )


def test_what_is_retained_is_the_ratio_over_the_questions_answered_in_both(tmp_path: Path) -> None:
    tasks = squad.tasks(file(tmp_path))
    asked = [tasks["squad/retention-before"], tasks["squad/retention-after"]]

    def score(task: int, id: str, f1: float, error: str | None = None) -> Score:
        return Score(
            id=id,
            task=asked[task].name,
            arm="memory+8",
            question="Who?",
            gold=("Ann",),
            grades={} if error else {"f1": f1},
            prompt_tokens=100,
            error=error,
        )

    scores = [
        score(0, "a", 1.0),
        score(0, "b", 0.5),
        score(0, "c", 1.0),
        score(1, "a", 1.0),
        score(1, "b", 0.2),
        score(1, "c", 0.0, "the server refused"),
    ]
    arms = [ArmName.parse("memory+8")]
    told = measures(asked, arms, scores)
    (row,) = told["retention"]
    assert (row["n"], row["before"], row["after"]) == (2, 0.75, 0.6)
    assert row["retained"] == pytest.approx(0.8)
    assert row["low"] == pytest.approx(0.4)
    assert row["high"] == pytest.approx(1.0)
    assert [one["prompt_tokens"] for one in told["prompts"]] == [100.0, 100.0]
    (none,) = measures(asked, arms, [score(0, "a", 0.0), score(1, "a", 1.0)])["retention"]
    assert none["retained"] is None
    assert set(measures(asked[:1], arms, scores)) == {"prompts"}


def test_arms_are_held_against_the_gold_document_no_memory_and_raw_passages(tmp_path: Path) -> None:
    tasks = [squad.tasks(file(tmp_path))["squad/stream"]]
    told = {"none+8": 0.0, "oracle+8": 0.8, "memory+8": 0.6, "notes:4+8": 0.3, "notes+3": 0.9}

    def score(arm: str, number: int, error: str | None = None) -> Score:
        f1 = told[arm] + (0.1 if number % 2 else -0.1) * bool(told[arm])
        return Score(
            id=str(number),
            task="squad/stream",
            arm=arm,
            question="Who?",
            gold=("Ann",),
            grades={} if error else {"f1": f1},
            error=error,
        )

    scores = [score(arm, number) for arm in told for number in range(40)]
    scores += [score("notes:4+8", 40), score("memory+8", 40, "the server refused")]
    arms = [ArmName.parse(one) for one in told]
    rows = {(one["name"], one["against"]): one for one in measures(tasks, arms, scores)["against"]}
    assert len(rows) == 3 * 2 + 3  # of notes+3 nothing was asked with as many worked examples
    row = rows["memory+8", "oracle+8"]
    assert (row["n"], row["f1"], row["other"]) == (40, pytest.approx(0.6), pytest.approx(0.8))
    assert row["ratio"] == pytest.approx(0.75)
    assert 0.74 < row["ratio_low"] < 0.75 < row["ratio_high"] < 0.76
    assert row["difference"] == pytest.approx(-0.2)
    assert row["difference_low"] == pytest.approx(-0.2) == row["difference_high"]
    assert rows["notes:4+8", "memory+8"]["ratio"] == pytest.approx(0.5)
    assert rows["notes:4+8", "memory+8"]["n"] == 40
    assert rows["memory+8", "none+8"]["ratio"] is None
    assert rows["memory+8", "none+8"]["difference"] == pytest.approx(0.6)
