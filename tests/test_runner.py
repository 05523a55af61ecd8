import json
import re
import threading
from collections.abc import Sequence
from pathlib import Path

import httpx
import openai
import pytest
from langchain_core.messages import BaseMessage

from memagent.errors import ModelUnavailable, RunError
from memagent.evals import babi, patience, report
from memagent.evals.arms import ARMS, studied_samples
from memagent.evals.runner import Plan, Run, Score, drawn, read_scores
from memagent.evals.task import Sample, Task
from memagent.testing import HashEmbedder, ScriptedChat


def reader(messages: Sequence[BaseMessage]) -> str:
    """Answer with the last place in the notes, as a careful reader of one right note would."""
    places = re.findall(r"the (\w+)\.", str(messages[-1].content))
    return places[-1] if places else "nowhere"


@pytest.fixture(scope="module")
def task() -> Task:
    return babi.load(None, 1, None)


def run(folder: Path, task: Task, plan: Plan, chat: ScriptedChat, *, resume: bool = False) -> Run:
    whole = Run(folder, [task], plan, resume=resume)
    whole.go(chat, HashEmbedder(), lambda _: None)
    return whole


def test_every_arm_asks_the_same_questions_and_is_shown_what_it_should_be(
    tmp_path: Path, task: Task
) -> None:
    plan = Plan(arms=ARMS, limit=12, shots=2)
    chat = ScriptedChat(reader)
    whole = run(tmp_path / "run", task, plan, chat)
    by_arm = {arm: [one for one in whole.scores if one.arm == arm] for arm in ARMS}
    asked = [{one.id for one in scores} for scores in by_arm.values()]
    assert asked == [{one.id for one in drawn(task, plan)}] * 4
    assert not any(one.correct for one in by_arm["none"])
    assert all(one.correct for one in by_arm["oracle"])
    assert all(one.correct and one.supports_shown for one in by_arm["memory"])
    assert {len(messages) for messages in chat.requests} == {1 + 2 * 2 + 1}


def test_no_arm_but_the_oracle_sees_the_gold_supports(tmp_path: Path, task: Task) -> None:
    from dataclasses import replace

    blind = [replace(one, supports=()) for one in task.asked]
    lesser = replace(
        task, asked=blind, training=[replace(one, supports=()) for one in task.training]
    )
    plan = Plan(arms=("none", "full", "memory"), limit=8)
    seen, unseen = ScriptedChat(reader), ScriptedChat(reader)
    run(tmp_path / "a", task, replace(plan, concurrency=1), seen)
    run(tmp_path / "b", lesser, replace(plan, concurrency=1), unseen)
    assert seen.requests == unseen.requests


def test_the_memory_arm_s_examples_are_asked_as_it_asks(tmp_path: Path, task: Task) -> None:
    from dataclasses import replace

    def before(sample: str, thing: str) -> Sample:
        told = ("Zoe went to the cabin.", "Zoe went to the pier.", f"Zoe lost the {thing}.")
        return Sample(
            id=sample,
            story=sample,
            facts=tuple(enumerate(told, start=1)),
            question=f"Where was the {thing} before the pier?",
            gold=("cabin",),
            supports=(1, 2, 3),
        )

    samples = [before("a", "ring"), before("b", "coat")]
    chat = ScriptedChat(["cabin"])
    lesser = replace(task, training=samples[:1], asked=samples[1:])
    whole = run(tmp_path / "run", lesser, Plan(arms=("memory",), shots=1), chat)
    assert [str(one.content) for one in chat.requests[0][1:]] == [
        "Notes:\n- Zoe went to the cabin.\n- Zoe lost the ring.\n\nQuestion: Where was the ring?",
        "cabin",
        "Notes:\n- Zoe went to the cabin.\n- Zoe lost the coat.\n\nQuestion: Where was the coat?",
    ]
    assert whole.scores[0].supports_shown


def test_a_question_is_never_shown_what_was_told_after_it(tmp_path: Path, task: Task) -> None:
    whole = run(tmp_path / "run", task, Plan(arms=("memory",), limit=40), ScriptedChat(reader))
    facts = {one.id: {text for _, text in one.facts} for one in task.asked}
    assert all(set(score.shown) <= facts[score.id] for score in whole.scores)


def test_a_run_that_was_cut_off_goes_on_where_it_stopped(tmp_path: Path, task: Task) -> None:
    plan = Plan(arms=("none", "memory"), limit=10)
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


def test_a_run_is_neither_overwritten_nor_mixed_with_another(tmp_path: Path, task: Task) -> None:
    plan = Plan(arms=("none",), limit=2)
    run(tmp_path, task, plan, ScriptedChat(reader))
    with pytest.raises(RunError, match="holds a run already"):
        Run(tmp_path, [task], plan, resume=False)
    with pytest.raises(RunError, match="started with another plan"):
        Run(tmp_path, [task], Plan(arms=("none",), limit=3), resume=True)
    (tmp_path / "samples.jsonl").write_text("{}\n")
    with pytest.raises(RunError, match=r"samples.jsonl:1: expected one answer"):
        Run(tmp_path, [task], plan, resume=True)


def test_the_draw_is_seeded(task: Task) -> None:
    plan = Plan(arms=("none",), limit=5)
    assert drawn(task, plan) == drawn(task, plan)
    assert drawn(task, plan) != drawn(task, Plan(arms=("none",), limit=5, seed=1))
    assert studied_samples(task.training, 0) == studied_samples(task.training, 0)


def test_the_rows_hold_what_programs_and_people_read(tmp_path: Path, task: Task) -> None:
    plan = Plan(arms=("full", "memory"), limit=4)
    whole = run(tmp_path, task, plan, ScriptedChat(reader))
    rows = report.rows([task], plan, whole.scores)
    whole_object = json.loads(json.dumps(report.as_object(tmp_path, rows)))
    assert whole_object["run"] == str(tmp_path)
    memory = whole_object["rows"][1]
    assert (memory["task"], memory["arm"], memory["n"]) == ("babi/1", "memory", 4)
    assert (memory["accuracy"], memory["high"]) == (1.0, 1.0)
    assert memory["low"] == pytest.approx(0.51, abs=0.01)
    assert (memory["supports_shown"], whole_object["rows"][0]["supports_shown"]) == (1.0, None)
    assert (memory["source"], memory["split"], memory["shots"]) == ("generated", "test", 3)
    table = report.as_table(rows)
    assert table.row_count == 2
    assert "generated stories, test" in str(table.title)


def lost() -> ModelUnavailable:
    """Return what a question comes back with when the server dies under it."""
    error = ModelUnavailable("the connection failed")
    error.__cause__ = openai.APIConnectionError(request=httpx.Request("POST", "http://server/v1"))
    return error


def test_a_server_that_dies_and_comes_back_costs_no_answer(
    tmp_path: Path, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PAUSES", (0.0,) * 20)
    plan = Plan(arms=("oracle", "memory"), limit=8)
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
    assert all(one.correct and not one.error for one in whole.scores)


def test_a_server_that_stays_away_stops_the_run_which_goes_on_later(
    tmp_path: Path, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PAUSES", (0.0, 0.0))
    plan = Plan(arms=("oracle",), limit=10, concurrency=2)
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
    plan = Plan(arms=("oracle",), limit=6)
    bad = drawn(task, plan)[2].question

    def refusing(messages: Sequence[BaseMessage]) -> str:
        if bad in str(messages[-1].content):
            raise ModelUnavailable("400: no such thing")
        return reader(messages)

    whole = run(tmp_path / "run", task, plan, ScriptedChat(refusing))
    refused = [one for one in whole.scores if one.question == bad]
    assert whole.failed == refused
    assert {one.error for one in refused} == {"ModelUnavailable: 400: no such thing"}
    (row,) = report.rows([task], plan, whole.scores)
    assert (row["n"], row["failed"], row["accuracy"]) == (6 - len(refused), len(refused), 1.0)
    again = ScriptedChat(reader)
    whole = run(tmp_path / "run", task, plan, again, resume=True)
    assert len(again.requests) == len(refused)
    assert not whole.failed
    assert len(read_scores(tmp_path / "run")) == 6


def test_the_answers_are_in_the_order_of_the_questions_whichever_came_first(
    tmp_path: Path, task: Task
) -> None:
    plan = Plan(arms=("oracle", "full"), limit=12, concurrency=8)
    first = drawn(task, plan)[0].question
    others = threading.Semaphore(0)

    def late(messages: Sequence[BaseMessage]) -> str:
        if str(messages[-1].content).endswith(first):
            others.acquire(timeout=30)
        else:
            others.release()
        return reader(messages)

    whole = run(tmp_path / "run", task, plan, ScriptedChat(late))
    ids = [one.id for one in drawn(task, plan)]
    assert [(one.arm, one.id) for one in whole.scores] == [
        (arm, one) for arm in plan.arms for one in ids
    ]
