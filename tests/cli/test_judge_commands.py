"""`memagent eval judge`, `memagent eval leniency` and `eval run --judge`, with scripted models."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from judges import graded, labelled
from langchain_core.messages import BaseMessage

from memagent.evals.judge import judge
from memagent.evals.judge.leniency import LabelledAnswer
from memagent.evals.runs import pool
from memagent.evals.tasks.conversations import labelled as module
from memagent.testing import HashEmbedder, ScriptedChat

Command = Callable[..., tuple[int, str, str]]
RUN = ("eval", "run", "babi", "--tasks", "1", "--limit", "3", "--arms", "none")


def honest(messages: Sequence[BaseMessage]) -> str:
    """Judge by whether the answer holds the reference."""
    text = str(messages[-1].content)
    reference = text.partition("<reference>\n")[2].partition("\n")[0]
    return graded(reference in text.partition("<answer>\n")[2])


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> ScriptedChat:
    """The judge; the answering model always says "garden"."""
    judging = ScriptedChat(honest)
    limits: list[int] = []

    def generated(limit: int, seed: int = 0) -> list[LabelledAnswer]:
        limits.append(limit)
        return labelled(limit)

    monkeypatch.setattr(pool, "open_embedder", lambda _: HashEmbedder())
    monkeypatch.setattr(pool, "open_chat", lambda *_, **__: ScriptedChat(lambda _: "garden"))
    monkeypatch.setattr(judge, "open_chat", lambda *_, **__: judging)
    monkeypatch.setattr(module, "generated_answers", generated)
    return judging


@pytest.fixture
def run(memagent: Command, chat: ScriptedChat, tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    assert memagent(*RUN, "--out", str(folder))[0] == 0
    return folder


def test_a_run_is_judged_when_its_answers_are_there(
    memagent: Command, chat: ScriptedChat, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    code, out, _ = memagent(*RUN, "--judge", "local", "--out", str(folder), "--json")
    assert code == 0
    printed = json.loads(out)
    assert [row["n"] for row in printed["judged"]] == [3]
    assert "vague wrong answers, n = 3)" in printed["judged"][0]["quote"]
    assert len(chat.requests) == 2 * 3 + 3
    code, out, _ = memagent(*RUN, "--judge", "local", "--out", str(folder), "--resume")
    assert code == 0
    assert len(chat.requests) == 9
    assert "judged, babi/1" in out
    assert json.loads(memagent("eval", "report", str(folder), "--json")[1])["judged"]


def test_a_kept_run_is_judged(memagent: Command, chat: ScriptedChat, run: Path) -> None:
    code, out, err = memagent("eval", "judge", str(run), "--model", "local", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["run"], found["unreadable"], found["without"]) == (str(run), 0, 0)
    assert len(found["leniency"]) == 2
    assert found["judged"][0]["judge"] == "ScriptedChat"
    asked = len(chat.requests)
    code, out, _ = memagent("eval", "judge", str(run), "--model", "local")
    assert (code, len(chat.requests)) == (0, asked)
    assert "accepts 0% of vague wrong answers, n = 100" in " ".join(out.split())


def test_a_file_of_wrong_answers_is_measured_instead(
    memagent: Command, chat: ScriptedChat, run: Path, tmp_path: Path
) -> None:
    answers: list[dict[str, Any]] = [
        {
            "question_id": str(number),
            "question": "Where is Mary?",
            "golden_answer": "attic",
            "generated_answer": "somewhere upstairs",
            "category": number % 2,
        }
        for number in range(8)
    ]
    path = tmp_path / "vague.json"
    path.write_text(json.dumps({"detailed_results": {"u": answers}}))
    judge_run = ("eval", "judge", str(run), "--model", "local", "--leniency", str(path))
    code, out, _ = memagent(*judge_run, "--json")
    assert code == 0
    assert "of wrong answers in vague.json, n = 8)" in json.loads(out)["judged"][0]["quote"]
    code, out, _ = memagent(
        "eval", "leniency", "--judge", "local", "--file", str(path), "--limit", "6", "--json"
    )
    assert code == 0
    rows = {row["answers"]: row["n"] for row in json.loads(out)["leniency"]}
    assert rows["wrong answers in vague.json"] == 6
    assert sum(rows.values()) == 12
    path.write_text("[]")
    code, _, err = memagent(*judge_run)
    assert (code, err.count("\n")) == (1, 1)
    assert "expected an object whose 'detailed_results'" in err


def test_leniency_alone_is_printed(memagent: Command, chat: ScriptedChat) -> None:
    code, out, _ = memagent("eval", "leniency", "--judge", "local", "--limit", "4", "--json")
    assert code == 0
    found = {row["answers"]: (row["n"], row["share"]) for row in json.loads(out)["leniency"]}
    assert found["vague wrong answers"] == (4, 0.0)
    assert found["right answers"] == (4, 1.0)
    code, out, _ = memagent("eval", "leniency", "--judge", "local", "--limit", "4")
    assert "vague wrong answers" in out


def test_what_cannot_be_read_is_said(
    memagent: Command, chat: ScriptedChat, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "open_chat", lambda *_, **__: ScriptedChat(lambda _: "Well..."))
    code, _, err = memagent("eval", "judge", str(run), "--model", "local", "--json")
    assert code == 0
    assert f"3 verdicts cannot be read and count nowhere: `memagent eval judge {run}" in err


def test_several_evaluations_are_judged_one_by_one(memagent: Command, chat: ScriptedChat) -> None:
    code, _, err = memagent("eval", "run", "babi,squad", "--judge", "local")
    assert (code, "--judge" in err, "eval judge" in err) == (2, True, True)


def test_a_judge_or_a_run_that_is_not_there_is_one_line(
    memagent: Command, chat: ScriptedChat, run: Path, tmp_path: Path
) -> None:
    code, _, err = memagent("eval", "judge", str(tmp_path / "no"), "--model", "local")
    assert (code, err.count("\n"), "holds no run" in err) == (1, 1, True)
    assert memagent("eval", "judge", str(run))[0] == 2
    missing = str(tmp_path / "vague.json")
    code, _, err = memagent("eval", "leniency", "--judge", "local", "--file", missing)
    assert (code, err.count("\n"), "vague.json" in err) == (1, 1, True)
