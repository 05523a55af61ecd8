import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from langchain_core.messages import BaseMessage

from memagent.evals.arm import ArmName, Parts
from memagent.evals.interference import Cell, forgetting, lags, matrix, measured, measures
from memagent.evals.interference_arm import BUDGET, KINDS, EpisodeArm, within
from memagent.evals.interference_streams import PLACES, Trial
from memagent.evals.interference_suite import CONDITIONS, SETTINGS, SUITE, load
from memagent.evals.plan import Plan
from memagent.evals.run import Run
from memagent.evals.runner import go
from memagent.evals.score import Score
from memagent.evals.suite import BadOption, Wanted
from memagent.evals.task import Task
from memagent.memory import Memory
from memagent.stores.ranking import tokens_of
from memagent.testing import HashEmbedder, ScriptedChat
from memagent.types import Scope

SMALL = {"streams": 2, "episodes": 4}


def conditions(**settings: int) -> dict[str, Task]:
    tasks = load(Wanted(settings=SMALL | settings))
    return {one.name.removeprefix("interference/"): one for one in tasks}


def trials(task: Task) -> list[Trial]:
    return [cast(Trial, one) for one in task.asked]


def careful(messages: Sequence[BaseMessage]) -> str:
    """Answer with the last place that the notes tell of the person who is asked about."""
    text = str(messages[-1].content)
    person = re.findall(r"Where (?:is|was) (\w+)", text)[-1]
    found = re.findall(rf"{person} .*?the (\w+)\.", text.split("Question:")[0])
    return found[-1] if found else "nowhere"


def summarising(messages: Sequence[BaseMessage]) -> str:
    """Answer like `careful`, and summarise by repeating all that was told."""
    text = str(messages[-1].content)
    if text.startswith("Summary:"):
        return " ".join(re.findall(r"\w+ [\w ]+ to the \w+\.", text))
    return careful(messages)


def scored(trial: Trial, prediction: str, task: Task) -> Score:
    grades = dict(task.grade(task, trial, prediction))
    return Score(
        id=trial.id,
        task=task.name,
        arm="full+3",
        question=trial.question,
        gold=trial.gold,
        prediction=prediction,
        correct=grades["exact_mention"] == 1.0,
        grades=grades,
    )


def test_after_each_insertion_every_episode_so_far_is_asked_whose_fact_still_holds() -> None:
    asked = {
        name: [(one.insertion, one.episode) for one in trials(task)]
        for name, task in conditions(streams=1).items()
    }
    whole = [(j, i) for j in range(1, 5) for i in range(1, j + 1)]
    assert asked["no-conflict"] == asked["dated"] == whole
    assert {(j, j) for j in range(1, 5)} <= set(asked["conflict"]) < set(whole)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_no_place_is_told_twice_and_the_gold_is_what_the_supporting_line_says(
    condition: str,
) -> None:
    for trial in trials(conditions(streams=4)[condition]):
        assert len(set(trial.told)) == len(trial.told) == len(trial.facts)
        text = dict(trial.facts)[trial.supports[0]]
        assert trial.gold[0] in text
        person = trial.question.rstrip("?").split()[2]
        assert person in text
        others = [
            fact for line, fact in trial.facts if person in fact and line not in trial.supports
        ]
        assert len(others) == len(trial.competing)
        assert all(place in " ".join(others) for place in trial.competing)
        if condition == "no-conflict":
            assert trial.competing == ()
        if condition == "conflict":
            newest = [line for line, fact in trial.facts if person in fact][-1]
            assert trial.supports == (newest,)
        if condition == "dated":
            assert f"On day {trial.episode} " in text
            assert trial.question.endswith(f"on day {trial.episode}?")


def test_the_conflict_conditions_do_conflict() -> None:
    for name in ("conflict", "dated"):
        assert any(one.competing for one in trials(conditions()[name]))


def test_the_same_seed_tells_the_same_and_another_another() -> None:
    first, again, other = (load(Wanted(settings=SMALL, seed=seed)) for seed in (1, 1, 2))
    assert [one.sha256 for one in first] == [one.sha256 for one in again]
    assert {one.sha256 for one in first}.isdisjoint(one.sha256 for one in other)


def test_worked_examples_are_of_other_streams() -> None:
    for task in conditions().values():
        assert {one.story for one in task.training}.isdisjoint(one.story for one in task.asked)


@pytest.mark.parametrize(
    ("wanted", "option"),
    [
        (Wanted(tasks="nothing"), "--tasks"),
        (Wanted(settings={"streams": 0}), "--set"),
        (Wanted(settings={"episodes": 21, "people": 2}), "--set"),
        (Wanted(settings={"cast": 1}), "--set"),
    ],
)
def test_what_cannot_be_told_names_its_option(wanted: Wanted, option: str) -> None:
    with pytest.raises(BadOption) as caught:
        load(wanted)
    assert caught.value.option == option


def cell(insertion: int, episode: int, *, right: bool) -> Cell:
    trial = Trial(
        id=f"{insertion}/{episode}",
        story="s",
        facts=(),
        question="?",
        gold=("barn",),
        supports=(),
        insertion=insertion,
        episode=episode,
        subjects=(),
        competing=(),
        told=(),
    )
    score = Score(
        id=trial.id,
        task="t",
        arm="a",
        question="?",
        gold=trial.gold,
        correct=right,
        shown=("x" * 9,),
    )
    return Cell(trial, score)


def test_the_matrix_its_curve_and_what_was_forgotten_by_hand() -> None:
    # Two streams of three episodes; in the second, episode 1 no longer holds after the second.
    cells = [
        cell(1, 1, right=True), cell(1, 1, right=True),
        cell(2, 1, right=True), cell(2, 2, right=True), cell(2, 2, right=False),
        cell(3, 1, right=False), cell(3, 2, right=True), cell(3, 2, right=False),
        cell(3, 3, right=True), cell(3, 3, right=True),
    ]  # fmt: skip
    assert matrix(cells) == [[1.0, None, None], [1.0, 0.5, None], [0.0, 0.5, 1.0]]
    assert forgetting(matrix(cells)) == pytest.approx((1.0 + 0.0) / 2)
    points = [(one["lag"], one["accuracy"], one["n"]) for one in lags(cells)]
    assert points == [(0, 5 / 6, 6), (1, 2 / 3, 3), (2, 0.0, 1)]
    row = measured(cells)
    assert (row["immediate"], row["final"], row["n"]) == (5 / 6, 3 / 5, 10)
    assert row["loss"] == pytest.approx(5 / 6 - 3 / 5)
    assert (row["errors"], row["intrusion_rate"], row["notes"]) == (3, 0.0, 3)


def test_what_is_not_defined_is_none() -> None:
    assert forgetting(matrix([cell(1, 1, right=True)])) is None
    assert forgetting([[1.0, None], [None, 1.0]]) is None
    nothing = measured([])
    assert (nothing["immediate"], nothing["final"], nothing["loss"]) == (None, None, None)
    assert measured([cell(1, 1, right=True)])["intrusion_rate"] is None


def test_a_wrong_answer_tells_where_it_comes_from() -> None:
    task = conditions()["conflict"]
    trial = next(one for one in trials(task) if one.competing)
    other = next(one for one in trial.told if one not in (*trial.competing, *trial.gold))
    untold = next(one for one in PLACES if one not in trial.told)
    graded = {
        said: tuple(task.grade(task, trial, said).values())[:3]
        for said in (trial.gold[0], trial.competing[0], other, untold, "I do not know.")
    }
    assert list(graded.values()) == [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0), (0, 0, 0)]
    both = task.grade(task, trial, f"the {trial.gold[0]} or the {trial.competing[0]}")
    assert tuple(both.values()) == (0, 0, 0, trial.lag)
    row = measured(
        [Cell(trial, scored(trial, said, task)) for said in (trial.competing[0], other, untold)]
    )
    assert (row["intrusion_rate"], row["swap_rate"]) == (1 / 3, 1 / 3)
    assert row["errors_with_rival"] == 3


def test_a_budget_keeps_the_last_texts_whole() -> None:
    assert within(["a" * 8, "b" * 8, "c" * 5], 4) == ("b" * 8, "c" * 5)
    assert within(["a" * 8, "b" * 8], 1) == ()
    assert within([], 1) == ()


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
    held = [one.value for one in memory.list(scope=scope, everything=True)]
    with Memory.open(None, embedder=HashEmbedder()) as other:
        alone = EpisodeArm(name, task, parts(other, ScriptedChat(summarising)))
        assert alone.ask(last).shown == asked.ask(last).shown
        assert held == [one.value for one in other.list(scope=scope, everything=True)]
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
        found[kind] = {hit.record.value for hit in memory.search("went", scope=scope, k=50)}
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
    go(run, chat, HashEmbedder(), lambda _: None, SUITE.make)
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
