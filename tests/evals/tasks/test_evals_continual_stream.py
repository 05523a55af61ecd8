import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from langchain_core.messages import BaseMessage

from memagent.evals.arm import ArmName, Parts
from memagent.evals.metrics import continual
from memagent.evals.runs.plan import Plan
from memagent.evals.runs.run import Run
from memagent.evals.runs.runner import run_in_process
from memagent.evals.score import Score
from memagent.evals.suite import BadOption, Selection
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.continual.arm import StreamArm
from memagent.evals.tasks.continual.recurrence import recurring
from memagent.evals.tasks.continual.streams import (
    Stream,
    StreamQuestion,
    renamed,
    samples,
)
from memagent.evals.tasks.continual.suite import SUITE, changed, load, measures, results
from memagent.memory.memory import Memory
from memagent.testing import HashEmbedder, ScriptedChat

PEOPLE = ("Ana", "Ben", "Cem", "Dora")


def reader(messages: Sequence[BaseMessage]) -> str:
    """Answer with the last place that the notes tell of the person who is asked about."""
    text = str(messages[-1].content)
    person = text.split("Where is ")[-1].rstrip("?")
    found = re.findall(rf"{person} .*?the (\w+)\.", text.split("Question:")[0])
    return found[-1] if found else "nowhere"


def story(number: int) -> Sample:
    place = ("garden", "office", "kitchen", "hallway")[number]
    return Sample(
        id=f"s{number}",
        story=f"s{number}",
        facts=((1, f"{PEOPLE[number]} went to the {place}."),),
        question=f"Where is {PEOPLE[number]}?",
        gold=(place,),
        supports=(1,),
    )


@pytest.fixture
def task() -> Task:
    """Four stories, told in the order of columns 0, 0, 1, 0."""
    told = tuple(map(story, range(4)))
    whole = Stream("stories", ("a", "b"), (0, 0, 1, 0), told, ((told[0], told[1]), (told[2],)))
    return Task(
        name="continual/stories",
        source="generated",
        split="test",
        asked=samples("continual/stories", whole),
        training=told,
        sha256="",
    )


def asked(folder: Path, task: Task, chat: ScriptedChat, *arms: str) -> Run:
    plan = Plan(arms=tuple(ArmName.parse(one, 0) for one in arms))
    run = Run(folder, [task], plan, resume=(folder / "run.json").exists(), suite="continual")
    run_in_process(run, chat, HashEmbedder(), lambda _: None, SUITE.make)
    return run


def test_the_matrix_grows_as_stories_are_told_and_prompts_that_stay_are_not_asked_again(
    tmp_path: Path, task: Task
) -> None:
    chat = ScriptedChat(reader)
    run = asked(tmp_path, task, chat, "memory")
    found = results(task, run.scores)
    assert found.baseline == (0.0, 0.0)
    assert found.scores == ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (1.0, 1.0))
    assert found.trained == (0, 0, 1, 0)
    prompts = {(one.question, one.shown) for one in run.scores}
    assert len(chat.requests) == len(prompts) == 9
    assert len(run.scores) == 5 * 3
    (row,) = measures([task], run.plan.arms, run.scores)["continual"]
    assert (row["asked"], row["reused"], row["probes"]) == (9, 6, 3)
    assert {name: row[name] for name in continual.summary(found, (10,))} == continual.summary(
        found, (10,)
    )
    assert (row["acc"], row["bwt"], row["fwt"]) == (1.0, 0.0, 0.0)


def test_a_memory_of_one_record_forgets_what_it_was_told_before(tmp_path: Path, task: Task) -> None:
    run = asked(tmp_path, task, ScriptedChat(reader), "fifo:1")
    found = results(task, run.scores)
    assert found.scores == ((0.5, 0.0), (0.5, 0.0), (0.0, 1.0), (0.0, 0.0))
    assert continual.forgetting(found) == 1.0
    assert continual.acc(found) == 0.0


def test_a_task_that_never_came_and_one_update_leave_metrics_undefined(
    tmp_path: Path, task: Task
) -> None:
    one = story(0)
    whole = Stream("stories", ("a", "b"), (0,), (one,), ((one,), ()))
    lone = replace(task, asked=samples("continual/stories", whole))
    run = asked(tmp_path, lone, ScriptedChat(reader), "memory")
    tables = measures([lone], run.plan.arms, run.scores)
    (row,), (table,) = tables["continual"], tables["matrix"]
    assert (row["acc"], row["bwt"], row["fwt"], row["min_acc"]) == (1.0, None, None, None)
    assert table["scores"] == [[1.0, None]]
    assert "null" in json.dumps(tables, allow_nan=False)


def test_a_run_that_was_cut_off_ends_as_one_that_was_not(tmp_path: Path, task: Task) -> None:
    names = ("memory", "fifo:1")
    whole = asked(tmp_path / "whole", task, ScriptedChat(reader), *names)
    asked(tmp_path / "cut", task, ScriptedChat(reader), *names)
    path = tmp_path / "cut" / "samples.jsonl"
    kept = path.read_text().splitlines(keepends=True)
    path.write_text("".join(kept[:7]) + kept[7][:30])
    again = asked(tmp_path / "cut", task, ScriptedChat(reader), *names)
    assert [one.outcome() for one in again.scores] == [one.outcome() for one in whole.scores]


def test_asking_and_going_back_change_nothing(memory: Memory, task: Task) -> None:
    parts = Parts(memory=memory, embedder=HashEmbedder(), model=ScriptedChat(reader))
    arm = StreamArm(ArmName("memory", shots=0), task, parts)
    first = [arm.ask(one).shown for one in task.asked]
    held = memory.maintenance.stats()["records"]
    assert [arm.ask(one).shown for one in task.asked[:3]] == first[:3]
    assert [arm.ask(one).shown for one in task.asked[3:]] == first[3:]
    assert memory.maintenance.stats()["records"] == held == 4


def test_a_cell_with_a_question_that_got_no_answer_is_undefined(tmp_path: Path, task: Task) -> None:
    run = asked(tmp_path, task, ScriptedChat(reader), "memory")
    lost = [
        replace(one, error="refused") if one.id.endswith("/2/0/1") else one for one in run.scores
    ]
    found = results(task, cast(list[Score], lost))
    assert found.scores[1] == (None, 0.0)
    assert changed(task, lost) == 8


def test_a_stream_of_stories_has_one_answer_to_each_question_and_recurs_as_drawn() -> None:
    (one,) = load(Selection(tasks="stories", settings={"updates": 12, "probes": 3}, seed=4))
    first = cast(StreamQuestion, one.asked[0])
    whole = first.stream
    assert whole.order == recurring(4, 12, exponent=0.5, seed=4)
    people = [
        set(re.findall(r"\b[A-Z][a-z]{3}\b", " ".join(text for _, text in told.facts)))
        - {"Then", "That"}
        for told in whole.updates
    ]
    for number, some in enumerate(people):
        assert some
        assert some.isdisjoint(set().union(*people[:number]))
    for column, some in enumerate(whole.probes):
        assert len(some) == min(3, whole.order.count(column))
    told = [text for update in whole.updates[:5] for _, text in update.facts]
    fifth = next(
        cast(StreamQuestion, each) for each in one.asked if cast(StreamQuestion, each).update == 5
    )
    assert [text for _, text in fifth.facts] == told


def test_lessons_and_probes_share_no_story() -> None:
    (one,) = load(Selection(tasks="lessons", settings={"updates": 6, "probes": 2}))
    whole = cast(StreamQuestion, one.asked[0]).stream
    probed = {probe.story for some in whole.probes for probe in some}
    assert probed.isdisjoint(update.story for update in whole.updates)
    assert all("/train/" in update.story for update in whole.updates)
    assert [len(some) for some in whole.probes] == [2, 2, 2, 2]


def test_lessons_are_learnt_and_probes_keep_to_their_own_stories(memory: Memory) -> None:
    (one,) = load(Selection(tasks="lessons", settings={"updates": 6, "probes": 2}))
    parts = Parts(memory=memory, embedder=HashEmbedder(), model=ScriptedChat(lambda _: "x"))
    arm = StreamArm(ArmName("memory", shots=1), one, parts)
    for sample in one.asked:
        probe = cast(StreamQuestion, sample).probe
        assert set(arm.ask(sample).shown) <= {text for _, text in probe.facts}


def test_people_are_renamed_everywhere() -> None:
    sample = replace(
        story(0),
        facts=((1, "Mary and John went to the office."), (2, "Then they left.")),
        question="Where is Mary?",
    )
    other = renamed(sample, ["Ana", "Ben", "Cem", "Dora"])
    assert other.facts == ((1, "Cem and Ben went to the office."), (2, "Then they left."))
    assert other.question == "Where is Cem?"


@pytest.mark.parametrize(
    ("wanted", "option"),
    [
        (Selection(tasks="x"), "--tasks"),
        (Selection(settings={"updates": 0}), "--set"),
        (Selection(settings={"exponent": -1}), "--set"),
    ],
)
def test_a_stream_that_cannot_be_is_refused(wanted: Selection, option: str) -> None:
    with pytest.raises(BadOption) as caught:
        load(wanted)
    assert caught.value.option == option
