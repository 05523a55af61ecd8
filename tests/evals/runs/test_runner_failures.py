import re
import threading
from collections.abc import Sequence
from pathlib import Path

import httpx
import openai
import pytest
from langchain_core.messages import BaseMessage
from running import arms, read_scores, reader, run

from memagent.errors import ModelUnavailable, RunError
from memagent.evals.report import tables
from memagent.evals.runs import retry
from memagent.evals.runs.plan import Plan, drawn
from memagent.evals.score import Score, ScoreFile
from memagent.evals.task import Task
from memagent.evals.tasks import babi
from memagent.testing import ScriptedChat


@pytest.fixture(scope="module")
def task() -> Task:
    return babi.load(None, 1, None)


def test_a_run_that_was_cut_off_goes_on_where_it_stopped(tmp_path: Path, task: Task) -> None:
    plan = Plan(arms=arms("none", "memory"), limit=10)
    whole = run(tmp_path / "whole", task, plan, ScriptedChat(reader))
    calls = 0

    def failing(messages: Sequence[BaseMessage]) -> str:
        nonlocal calls
        calls += 1
        if calls > 13:
            raise RuntimeError("killed")
        return reader(messages)

    with pytest.raises(RuntimeError, match="killed"):
        run(tmp_path / "cut", task, plan, ScriptedChat(failing))
    with (tmp_path / "cut" / "samples.jsonl").open("a") as file:
        file.write('{"id": "half a li')
    resumed = ScriptedChat(reader)
    again = run(tmp_path / "cut", task, plan, resumed, resume=True)
    assert len(resumed.requests) <= 20 - 12

    def outcome(score: Score) -> tuple[str, str, str, bool]:
        return (score.arm, score.id, score.prediction, score.correct)

    assert sorted(map(outcome, again.scores)) == sorted(map(outcome, whole.scores))
    assert sorted(map(outcome, read_scores(tmp_path / "cut"))) == sorted(map(outcome, whole.scores))


def lost() -> ModelUnavailable:
    """Return what a question comes back with when the server dies under it."""
    error = ModelUnavailable("the connection failed")
    error.__cause__ = openai.APIConnectionError(request=httpx.Request("POST", "http://server/v1"))
    return error


def test_a_server_that_dies_and_comes_back_costs_no_answer(
    tmp_path: Path, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "DELAYS", (0.0,) * 20)
    plan = Plan(arms=arms("oracle", "memory"), limit=8)
    calls, down = 0, threading.Event()

    def dying(messages: Sequence[BaseMessage]) -> str:
        nonlocal calls
        calls += 1
        if 5 <= calls <= 20:
            down.set()
            raise lost()
        return reader(messages)

    whole = run(tmp_path / "run", task, plan, ScriptedChat(dying))
    assert down.is_set()
    assert len(whole.scores) == 16
    assert not any(one.error for one in whole.scores)
    assert all(one.correct for one in whole.scores if one.arm.startswith("oracle"))


def test_a_server_that_stays_away_stops_the_run_which_goes_on_later(
    tmp_path: Path, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "DELAYS", (0.0, 0.0))
    plan = Plan(arms=arms("oracle"), limit=10, concurrency=2)
    calls = 0

    def dead(messages: Sequence[BaseMessage]) -> str:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise lost()
        return reader(messages)

    with pytest.raises(RunError, match=r"server is gone .*go on with --resume"):
        run(tmp_path / "run", task, plan, ScriptedChat(dead))
    kept = read_scores(tmp_path / "run")
    assert 1 <= len(kept) <= 3
    assert all(one.correct for one in kept)
    whole = run(tmp_path / "run", task, plan, ScriptedChat(reader), resume=True)
    assert [one.id for one in whole.scores] == [one.id for one in drawn(task, plan)]
    assert all(one.correct for one in whole.scores)


def test_a_question_that_is_refused_is_neither_right_nor_wrong_and_is_asked_again(
    tmp_path: Path, task: Task
) -> None:
    plan = Plan(arms=arms("oracle"), limit=6)
    bad = drawn(task, plan)[2].question

    def refusing(messages: Sequence[BaseMessage]) -> str:
        if bad in str(messages[-1].content):
            raise ModelUnavailable("400: no such thing")
        return reader(messages)

    whole = run(tmp_path / "run", task, plan, ScriptedChat(refusing))
    refused = [one for one in whole.scores if one.question == bad]
    assert whole.failed == refused
    assert {one.error for one in refused} == {"ModelUnavailable: 400: no such thing"}
    (row,) = tables.rows([task], plan.arms, whole.scores)
    assert (row["n"], row["failed"], row["accuracy"]) == (6 - len(refused), len(refused), 1.0)
    again = ScriptedChat(reader)
    whole = run(tmp_path / "run", task, plan, again, resume=True)
    assert len(again.requests) == len(refused)
    assert not whole.failed
    assert len(read_scores(tmp_path / "run")) == 6


def test_a_resumed_run_equals_one_that_was_never_cut_off_byte_for_byte(
    tmp_path: Path, task: Task
) -> None:
    plan = Plan(arms=arms("none", "memory", "wrong"), limit=9, shuffle=True)
    run(tmp_path / "whole", task, plan, ScriptedChat(reader))
    calls = 0

    def failing(messages: Sequence[BaseMessage]) -> str:
        nonlocal calls
        calls += 1
        if calls > 14:
            raise KeyboardInterrupt
        return reader(messages)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", task, plan, ScriptedChat(failing))
    run(tmp_path / "cut", task, plan, ScriptedChat(reader), resume=True)

    def without_what_is_measured(folder: Path) -> str:
        text = (folder / "samples.jsonl").read_text()
        return re.sub(r'"(cached_tokens|seconds|memory_seconds)": [^,]+, ', "", text)

    whole = without_what_is_measured(tmp_path / "whole")
    assert len(whole.splitlines()) == 27
    assert "seconds" not in whole
    assert without_what_is_measured(tmp_path / "cut") == whole


def test_too_many_questions_without_an_answer_end_the_run(tmp_path: Path, task: Task) -> None:
    def refuse(_: Sequence[BaseMessage]) -> str:
        raise ModelUnavailable("400: no such thing")

    plan = Plan(arms=arms("none"), limit=40, concurrency=1, max_failures=3)
    with pytest.raises(RunError, match=r"^4 questions got no answer, such as .* is kept in"):
        run(tmp_path, task, plan, ScriptedChat(refuse))
    assert len(read_scores(tmp_path)) >= 4
    assert len(run(tmp_path, task, plan, ScriptedChat(reader), resume=True).scores) == 40


def test_a_full_disk_loses_nothing_but_what_is_in_flight(
    tmp_path: Path, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(arms=arms("oracle"), limit=20, concurrency=1)
    kept = 0
    append = ScoreFile.append

    def filling(file: ScoreFile, score: Score) -> None:
        nonlocal kept
        if kept == 7:
            with file.path.open("a") as half:
                half.write('{"id": "hal')
            raise RunError("cannot write: No space left on device")
        kept += 1
        append(file, score)

    with monkeypatch.context() as full:
        full.setattr(ScoreFile, "append", filling)
        with pytest.raises(RunError, match="No space left"):
            run(tmp_path, task, plan, ScriptedChat(reader))
    assert len(read_scores(tmp_path)) == 7
    again = ScriptedChat(reader)
    assert len(run(tmp_path, task, plan, again, resume=True).scores) == 20
    assert len(again.requests) == 13


def test_what_the_disk_refuses_is_said_in_one_line(tmp_path: Path) -> None:
    file = ScoreFile(tmp_path / "nowhere")
    score = Score(id="a", task="t", arm="none+0", question="?", gold=("x",))
    with pytest.raises(RunError, match=r"cannot write to .*No such file.* go on with --resume"):
        file.append(score)
    with pytest.raises(RunError, match=r"cannot write .*No such file"):
        file.replace([score])
