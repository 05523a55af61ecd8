import json
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from langchain_core.messages import BaseMessage
from running import arms, read_scores, reader, run

from memagent.errors import RunError
from memagent.evals.report import tables
from memagent.evals.runs.manifest import migrate
from memagent.evals.runs.plan import Plan, drawn
from memagent.evals.runs.run import Run
from memagent.evals.task import Sample, Task
from memagent.evals.tasks import babi
from memagent.evals.tasks.story_arms import ARMS, studied_samples
from memagent.testing import ScriptedChat


@pytest.fixture(scope="module")
def task() -> Task:
    return babi.load(None, 1, None)


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
    assert all(one.recall == 1.0 for one in by_arm["memory"])
    assert any(one.correct for one in by_arm["memory"])
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
    notes = "- Zoe went to the cabin.\n- Zoe went to the pier.\n- Zoe lost the "
    chat = ScriptedChat(["cabin"])
    lesser = replace(task, training=samples[:1], asked=samples[1:])
    whole = run(tmp_path / "run", lesser, Plan(arms=arms("memory+1")), chat)
    assert [str(one.content) for one in chat.requests[0][1:]] == [
        f"Notes:\n{notes}ring.\n\nQuestion: Where was the ring before the pier?",
        "cabin",
        f"Notes:\n{notes}coat.\n\nQuestion: Where was the coat before the pier?",
    ]
    assert whole.scores[0].recall == 1.0


def test_a_question_is_never_shown_what_was_told_after_it(tmp_path: Path, task: Task) -> None:
    whole = run(tmp_path / "run", task, Plan(arms=arms("memory"), limit=40), ScriptedChat(reader))
    facts = {one.id: {text for _, text in one.facts} for one in task.asked}
    assert all(set(score.shown) <= facts[score.id] for score in whole.scores)


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
    rows = tables.rows([task], plan.arms, whole.scores)
    whole_object = json.loads(json.dumps(tables.as_object(tmp_path, rows, {})))
    assert whole_object["run"] == str(tmp_path)
    memory = whole_object["rows"][1]
    assert (memory["task"], memory["arm"], memory["n"]) == ("babi/1", "memory", 4)
    assert (memory["accuracy"], memory["high"]) == (1.0, 1.0)
    assert memory["low"] == pytest.approx(0.51, abs=0.01)
    assert (memory["supports_shown"], whole_object["rows"][0]["supports_shown"]) == (1.0, 1.0)
    assert (memory["source"], memory["split"], memory["shots"]) == ("generated", "test", 3)
    (table,) = tables.as_tables(rows)
    assert table.row_count == 2
    assert "generated, test" in str(table.title)


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
