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
from memagent.evals.arm import ArmName
from memagent.evals.arms import ARMS, studied_samples
from memagent.evals.migrate import migrate
from memagent.evals.plan import Plan, drawn
from memagent.evals.run import Run
from memagent.evals.runner import go
from memagent.evals.score import Score, ScoreFile
from memagent.evals.task import Sample, Task
from memagent.testing import HashEmbedder, ScriptedChat


def reader(messages: Sequence[BaseMessage]) -> str:
    """Answer with the last place in the notes, as a careful reader of one right note would."""
    places = re.findall(r"the (\w+)\.", str(messages[-1].content))
    return places[-1] if places else "nowhere"


@pytest.fixture(scope="module")
def task() -> Task:
    return babi.load(None, 1, None)


def arms(*names: str, shots: int = 3) -> tuple[ArmName, ...]:
    return tuple(ArmName.parse(name, shots) for name in names)


def read_scores(folder: Path) -> list[Score]:
    return ScoreFile(folder).read()


def run(folder: Path, task: Task, plan: Plan, chat: ScriptedChat, *, resume: bool = False) -> Run:
    whole = Run(folder, [task], plan, resume=resume)
    go(whole, chat, HashEmbedder(), lambda _: None)
    return whole


def test_every_arm_asks_the_same_questions_and_is_shown_what_it_should_be(
    tmp_path: Path, task: Task
) -> None:
    plan = Plan(arms=arms(*ARMS, shots=2), limit=12)
    chat = ScriptedChat(reader)
    whole = run(tmp_path / "run", task, plan, chat)
    by_arm = {arm: [one for one in whole.scores if one.arm == f"{arm}+2"] for arm in ARMS}
    asked = [{one.id for one in scores} for scores in by_arm.values()]
    assert asked == [{one.id for one in drawn(task, plan)}] * len(ARMS)
    assert not any(one.correct for one in by_arm["none"])
    assert all(one.correct for one in by_arm["oracle"])
    assert all(one.correct and one.recall == 1.0 for one in by_arm["memory"])
    assert {len(messages) for messages in chat.requests} == {1 + 2 * 2 + 1}


def test_no_arm_but_the_oracle_sees_the_gold_supports(tmp_path: Path, task: Task) -> None:
    from dataclasses import replace

    blind = [replace(one, supports=()) for one in task.asked]
    lesser = replace(
        task, asked=blind, training=[replace(one, supports=()) for one in task.training]
    )
    plan = Plan(arms=arms("none", "full", "memory"), limit=8)
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
    whole = run(tmp_path / "run", lesser, Plan(arms=arms("memory+1")), chat)
    assert [str(one.content) for one in chat.requests[0][1:]] == [
        "Notes:\n- Zoe went to the cabin.\n- Zoe lost the ring.\n\nQuestion: Where was the ring?",
        "cabin",
        "Notes:\n- Zoe went to the cabin.\n- Zoe lost the coat.\n\nQuestion: Where was the coat?",
    ]
    assert whole.scores[0].recall == 1.0


def test_a_question_is_never_shown_what_was_told_after_it(tmp_path: Path, task: Task) -> None:
    whole = run(tmp_path / "run", task, Plan(arms=arms("memory"), limit=40), ScriptedChat(reader))
    facts = {one.id: {text for _, text in one.facts} for one in task.asked}
    assert all(set(score.shown) <= facts[score.id] for score in whole.scores)


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


def test_a_run_is_neither_overwritten_nor_mixed_with_another(tmp_path: Path, task: Task) -> None:
    plan = Plan(arms=arms("none"), limit=2)
    run(tmp_path, task, plan, ScriptedChat(reader))
    with pytest.raises(RunError, match="holds a run already"):
        Run(tmp_path, [task], plan, resume=False)
    with pytest.raises(RunError, match="started with another plan"):
        Run(tmp_path, [task], Plan(arms=arms("none"), limit=3), resume=True)
    (tmp_path / "samples.jsonl").write_text("{}\n")
    with pytest.raises(RunError, match=r"samples.jsonl:1: expected one answer"):
        Run(tmp_path, [task], plan, resume=True)


def test_the_draw_is_seeded(task: Task) -> None:
    plan = Plan(arms=arms("none"), limit=5)
    assert drawn(task, plan) == drawn(task, plan)
    assert drawn(task, plan) != drawn(task, Plan(arms=arms("none"), limit=5, seed=1))
    assert studied_samples(task.training, 0) == studied_samples(task.training, 0)


def test_the_rows_hold_what_programs_and_people_read(tmp_path: Path, task: Task) -> None:
    plan = Plan(arms=arms("full", "memory"), limit=4)
    whole = run(tmp_path, task, plan, ScriptedChat(reader))
    rows = report.rows([task], plan.arms, whole.scores)
    whole_object = json.loads(json.dumps(report.as_object(tmp_path, rows, {})))
    assert whole_object["run"] == str(tmp_path)
    memory = whole_object["rows"][1]
    assert (memory["task"], memory["arm"], memory["n"]) == ("babi/1", "memory", 4)
    assert (memory["accuracy"], memory["high"]) == (1.0, 1.0)
    assert memory["low"] == pytest.approx(0.51, abs=0.01)
    assert (memory["supports_shown"], whole_object["rows"][0]["supports_shown"]) == (1.0, 1.0)
    assert (memory["source"], memory["split"], memory["shots"]) == ("generated", "test", 3)
    (table,) = report.as_tables(rows)
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
    assert all(one.correct and not one.error for one in whole.scores)


def test_a_server_that_stays_away_stops_the_run_which_goes_on_later(
    tmp_path: Path, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PAUSES", (0.0, 0.0))
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
    (row,) = report.rows([task], plan.arms, whole.scores)
    assert (row["n"], row["failed"], row["accuracy"]) == (6 - len(refused), len(refused), 1.0)
    again = ScriptedChat(reader)
    whole = run(tmp_path / "run", task, plan, again, resume=True)
    assert len(again.requests) == len(refused)
    assert not whole.failed
    assert len(read_scores(tmp_path / "run")) == 6


def test_the_answers_are_in_the_order_of_the_questions_whichever_came_first(
    tmp_path: Path, task: Task
) -> None:
    plan = Plan(arms=arms("oracle", "full"), limit=12, concurrency=8)
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
        (str(arm), one) for arm in plan.arms for one in ids
    ]


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


def test_a_shuffled_run_asks_the_same_in_another_order(task: Task) -> None:
    plain, mixed = (Plan(arms=arms("none"), limit=30, shuffle=one) for one in (False, True))
    ids = [[one.id for one in drawn(task, plan)] for plan in (plain, mixed)]
    assert ids[0] != ids[1]
    assert sorted(ids[0]) == sorted(ids[1])
    lines = {one.id: len(one.facts) for one in task.asked}
    told: dict[str, int] = {}
    for one in drawn(task, mixed):
        assert told.get(one.story, 0) < lines[one.id]
        told[one.story] = lines[one.id]


def test_the_manifest_says_what_the_run_was_made_with(tmp_path: Path, task: Task) -> None:
    run(tmp_path, task, Plan(arms=arms("none"), limit=1, model="http://s/v1"), ScriptedChat(reader))
    manifest = json.loads((tmp_path / "run.json").read_text())
    assert manifest["plan"]["arms"] == ["none+3"]
    assert manifest["tasks"][0]["sha256"] == task.sha256
    assert manifest["model"] == {"spec": "http://s/v1"}
    assert manifest["versions"]["memagent"]
    assert manifest["machine"]["cores"] >= 1
    assert {"began", "commit", "concurrency"} <= set(manifest)


def test_a_run_of_another_format_says_how_to_go_on(tmp_path: Path, task: Task) -> None:
    plan = Plan(arms=arms("none", "memory"), limit=2)
    run(tmp_path, task, plan, ScriptedChat(reader))
    path = tmp_path / "run.json"
    now = json.loads(path.read_text())
    path.write_text(json.dumps(now | {"format": 3, "versions": {"memagent": "9.0"}}))
    for read_by in (lambda: Run(tmp_path, [task], plan, resume=True), lambda: migrate(tmp_path)):
        with pytest.raises(RunError, match=r"format 3, not 2: read it with .* \(memagent 9.0\)"):
            read_by()
    old = {name: value for name, value in now["plan"].items() if name != "shuffle"}
    old |= {"arms": ["none", "memory"], "shots": 3, "concurrency": 4}
    path.write_text(json.dumps(now | {"format": 1, "plan": old}))
    scores = []
    for one in read_scores(tmp_path):
        row = one.outcome() | {"arm": one.arm.removesuffix("+3"), "supports_shown": True}
        scores.append({k: v for k, v in row.items() if k not in ("grades", "recall")})
    (tmp_path / "samples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in scores))
    with pytest.raises(RunError, match=r"format 1, not 2: `memagent eval migrate"):
        Run(tmp_path, [task], plan, resume=True)
    with (tmp_path / "samples.jsonl").open("a") as file:
        file.write('{"id": "babi/1/as')  # the run was killed while it wrote
    assert migrate(tmp_path)
    assert not migrate(tmp_path)
    migrated = (tmp_path / "samples.jsonl").read_text()
    path.write_text(json.dumps(now | {"format": 1, "plan": old}))
    assert migrate(tmp_path)  # as one that was cut off before it wrote the manifest
    assert (tmp_path / "samples.jsonl").read_text() == migrated
    whole = Run(tmp_path, [task], plan, resume=True, suite="babi")
    assert [one.recall for one in whole.scores] == [None] * 4
    assert not any(whole.todo(task, arm) for arm in plan.arms)
    (tmp_path / "samples.jsonl").write_text("{}\n")
    path.write_text(json.dumps(now | {"format": 1, "plan": old}))
    with pytest.raises(RunError, match=r"samples\.jsonl:1: expected one answer as JSON"):
        migrate(tmp_path)
    path.write_text(json.dumps(now | {"format": 1}))
    with pytest.raises(RunError, match="holds no run that can be read"):
        migrate(tmp_path)
