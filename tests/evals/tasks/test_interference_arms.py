import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from interfering import SMALL, careful, conditions, summarising, trials
from langchain_core.messages import BaseMessage

from memagent.evals.arm import ArmName, Parts
from memagent.evals.runs.plan import Plan
from memagent.evals.runs.run import Run
from memagent.evals.runs.runner import run_in_process
from memagent.evals.tasks.interference.arm import BUDGET, KINDS, EpisodeArm
from memagent.evals.tasks.interference.measures import measures
from memagent.evals.tasks.interference.suite import CONDITIONS, SETTINGS, SUITE
from memagent.memory.memory import Memory
from memagent.stores.ranking import tokens_of
from memagent.testing import HashEmbedder, ScriptedChat
from memagent.types import Scope


def parts(memory: Memory, chat: ScriptedChat) -> Parts:
    return Parts(memory=memory, embedder=HashEmbedder(), model=chat)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_arm_stays_within_its_budget(kind: str, condition: str, memory: Memory) -> None:
    task = conditions(episodes=8)[condition]
    arm = EpisodeArm(ArmName(kind, shots=0), task, parts(memory, ScriptedChat(summarising)))
    shown = [arm.ask(trial).shown for trial in task.asked]
    sizes = [sum(tokens_of(len(text)) for text in texts) for texts in shown]
    if kind == "full":
        assert max(sizes) > BUDGET
    else:
        assert max(sizes) <= BUDGET
    assert (max(sizes) == 0) == (kind == "none")


@pytest.mark.parametrize("kind", ["window", "summary", "dense", "memory", "memory-supersede"])
def test_asking_is_a_fork_that_changes_nothing(kind: str, memory: Memory) -> None:
    task = conditions(streams=1, episodes=5)["dated"]
    last = task.asked[-1]
    name = ArmName(kind, shots=0)
    asked = EpisodeArm(name, task, parts(memory, ScriptedChat(summarising)))
    for trial in [*task.asked, *task.asked[-5:]]:
        asked.ask(trial)
    scope = Scope(user=f"{name}/{last.story}")
    held = [one.text for one in memory.list(scope=scope, everything=True)]
    with Memory.in_memory(embedder=HashEmbedder()) as other:
        alone = EpisodeArm(name, task, parts(other, ScriptedChat(summarising)))
        assert alone.ask(last).shown == asked.ask(last).shown
        assert held == [one.text for one in other.list(scope=scope, everything=True)]
    if kind in ("dense", "memory", "memory-supersede"):
        assert sorted(held) == sorted(text for _, text in last.facts)


def test_an_earlier_question_asked_late_is_shown_no_later_fact(memory: Memory) -> None:
    task = conditions(streams=1)["conflict"]
    arm = EpisodeArm(ArmName("memory", shots=0), task, parts(memory, ScriptedChat(careful)))
    first = arm.ask(task.asked[0])
    arm.ask(task.asked[-1])
    assert arm.ask(task.asked[0]).shown == first.shown


def test_supersession_leaves_only_the_newest_of_a_person_to_be_found(memory: Memory) -> None:
    task = conditions(streams=1, episodes=6, cast=2)["conflict"]
    last = trials(task)[-1]
    assert last.competing
    found = {}
    for kind in ("memory", "memory-supersede"):
        name = ArmName(kind, shots=0)
        arm = EpisodeArm(name, task, parts(memory, ScriptedChat(careful)))
        arm.ask(last)
        scope = Scope(user=f"{name}/{last.story}")
        found[kind] = {hit.record.text for hit in memory.search("went", scope=scope, k=50)}
    newest = {
        [text for _, text in last.facts if text.startswith(person)][-1]
        for person in set(last.subjects)
    }
    assert found["memory-supersede"] == newest
    assert found["memory"] == {text for _, text in last.facts}


def test_the_summary_is_made_once_an_insertion_and_cut_to_the_budget(memory: Memory) -> None:
    task = conditions(streams=1)["no-conflict"]
    chat = ScriptedChat(summarising)
    arm = EpisodeArm(ArmName("summary", size=20, shots=0), task, parts(memory, chat))
    for trial in task.asked:
        arm.ask(trial)
    asked = [str(one[-1].content) for one in chat.requests]
    made = [text for text in asked if text.startswith("Summary:")]
    assert len(made) == 4
    assert made[0].startswith("Summary:\nnothing yet")
    assert all(f"- {text}" in "".join(made) for _, text in task.asked[-1].facts)


def test_a_prompt_that_was_asked_keeps_its_answer(memory: Memory) -> None:
    task = conditions(streams=1)["no-conflict"]
    chat = ScriptedChat(careful)
    arm = EpisodeArm(ArmName("memory", shots=0), task, parts(memory, chat))
    replies = [arm.ask(trial) for trial in task.asked]
    prompts = {(trial.question, one.shown) for trial, one in zip(task.asked, replies, strict=True)}
    assert len(chat.requests) == len(prompts) < len(task.asked)


def whole_run(folder: Path, chat: ScriptedChat, *, resume: bool = False) -> Run:
    tasks = list(conditions().values())
    names = tuple(ArmName.parse(kind, 2) for kind in KINDS)
    plan = Plan(arms=names, settings=SETTINGS | SMALL)
    run = Run(folder, tasks, plan, resume=resume, suite="interference")
    run_in_process(run, chat, HashEmbedder(), lambda _: None, SUITE.make)
    return run


def test_a_run_that_was_cut_off_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole = whole_run(tmp_path / "whole", ScriptedChat(summarising))
    left = 150

    def failing(messages: Sequence[BaseMessage]) -> str:
        nonlocal left
        left -= 1
        if left < 0:
            raise RuntimeError("killed")
        return summarising(messages)

    with pytest.raises(RuntimeError, match="killed"):
        whole_run(tmp_path / "cut", ScriptedChat(failing))
    again = whole_run(tmp_path / "cut", ScriptedChat(summarising), resume=True)
    assert [one.outcome() for one in again.scores] == [one.outcome() for one in whole.scores]
    tables = measures(whole.tasks, whole.plan.arms, whole.scores)
    rows = {(one["task"].split("/")[1], one["arm"]): one for one in tables["interference"]}
    assert rows["no-conflict", "full+2"]["final"] == 1.0
    assert rows["no-conflict", "none+2"]["final"] == 0.0
    assert rows["no-conflict", "memory+2"] == rows["no-conflict", "memory-supersede+2"] | {
        "arm": "memory+2"
    }
    assert len(tables["matrix"]) == len(rows) == 3 * len(KINDS)
    json.dumps(tables, allow_nan=False)
