import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from langchain_core.messages import BaseMessage

from memagent import Memory, Scope
from memagent.evals.arm import ArmName
from memagent.evals.runs.plan import Plan
from memagent.evals.runs.run import Run
from memagent.evals.runs.runner import run_in_process
from memagent.evals.suite import BadOption, Selection
from memagent.evals.task import Task
from memagent.evals.tasks.feedback.arm import KINDS, is_right
from memagent.evals.tasks.feedback.measures import measures
from memagent.evals.tasks.feedback.suite import CONDITIONS, SUITE, load
from memagent.evals.tasks.feedback.worlds import CITIES, YEARS, Trial
from memagent.testing import HashEmbedder, ScriptedChat

SMALL = {"worlds": 2, "people": 2, "rounds": 2}


def conditions(seed: int = 0) -> dict[str, Task]:
    tasks = load(Selection(settings=SMALL, seed=seed))
    return {one.name.removeprefix("feedback/"): one for one in tasks}


def careful(messages: Sequence[BaseMessage]) -> str:
    """Answer with the last of the notes that are most about the question, or as it denies."""
    text = str(messages[-1].content)
    asked = text.split("Question:")[-1]
    lines = [line.removeprefix("- ") for line in text.splitlines() if line.startswith("- ")]
    notes = [line.split("? ")[-1] for line in lines]  # without the question before a lesson
    wanted = YEARS if "which year" in asked else CITIES
    about = set(asked.strip(" ?").split())
    notes.reverse()
    for line in sorted(notes, key=lambda note: -len(about & set(note.split()))):
        if "There is no" in line:
            return line
        for word in reversed(line.strip(".").split()):
            if word in wanted:
                return word
    return "somewhere"


def test_the_same_seed_gives_the_same_worlds() -> None:
    assert {name: one.sha256 for name, one in conditions().items()} == {
        name: one.sha256 for name, one in conditions().items()
    }
    assert conditions()["hops"].sha256 != conditions(seed=1)["hops"].sha256


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_world_tells_what_its_questions_rest_on(condition: str) -> None:
    for trial in (cast(Trial, one) for one in conditions()[condition].asked):
        item, told = trial.item, set(trial.world.told)
        assert set(item.supports) <= told
        asserted = any(item.gold in text for text in item.supports)
        assert asserted == bool(item.supports)
        if item.section == "same":
            assert item.correction not in told
            assert item.gold not in item.hint
            assert is_right(item.correction, item)
            assert not is_right(item.hint, item) or condition == "premise"


def test_nobody_who_does_not_exist_is_told_of() -> None:
    for trial in (cast(Trial, one) for one in conditions()["premise"].asked):
        if trial.item.section != "unrelated":
            who = trial.question.split()[4]
            assert not any(who in text for text in trial.world.told)


def test_answers_teach_what_was_asked_and_damage_nothing(tmp_path: Path) -> None:
    tasks = list(conditions().values())
    arms = [ArmName.parse(kind) for kind in KINDS]
    run = Run(tmp_path / "run", tasks, Plan(arms=arms), resume=False, suite="feedback")
    run_in_process(run, ScriptedChat(careful), HashEmbedder(256), lambda _: None, make=SUITE.make)
    rows = measures(tasks, arms, run.scores)["feedback"]

    def accuracy(arm: str, section: str, number: int, task: str) -> float:
        (one,) = [
            row
            for row in rows
            if (row["arm"], row["section"], row["round"], row["task"])
            == (f"{arm}+3", section, number, f"feedback/{task}")
        ]
        return float(one["accuracy"])

    for task in CONDITIONS:
        assert accuracy("ram-answer", "same", 2, task) == 1.0
        for arm in ("none", "rag-only", "r3"):
            assert accuracy(arm, "same", 0, task) == accuracy(arm, "same", 2, task)
        before = accuracy("ram-answer", "unrelated", 0, task)
        assert accuracy("ram-answer", "unrelated", 2, task) >= before
        before = accuracy("ram-answer", "related", 0, task)
        assert accuracy("ram-answer", "related", 2, task) > before
    assert accuracy("r3", "same", 1, "changed") == 0.0
    assert accuracy("none", "unrelated", 0, "changed") == 0.0
    last = [row for row in rows if (row["arm"], row["round"]) == ("ram-answer+3", 2)]
    assert {row["broken"] for row in last if row["section"] != "related"} == {0}
    taught = [row for row in rows if (row["arm"], row["section"]) == ("ram-answer+3", "same")]
    every = next(row for row in taught if (row["task"], row["round"]) == ("all", 2))
    parts = [row for row in taught if row["task"] != "all" and row["round"] == 2]
    assert every["n"] == sum(row["n"] for row in parts) == 12
    assert every["gain"] == pytest.approx(sum(row["gain"] * row["n"] for row in parts) / 12)
    assert every["gain_low"] <= every["gain"] <= every["gain_high"]
    assert every["p"] == pytest.approx(2 * 0.5 ** every["mended"])


def test_lessons_that_the_model_words_are_found_by_the_questions_it_adds(tmp_path: Path) -> None:
    def wording(messages: Sequence[BaseMessage]) -> str:
        text = str(messages[-1].content)
        if "JSON" not in "".join(str(one.content) for one in messages):
            return careful(messages)
        question = text.partition("<question>\n")[2].partition("\n")[0]
        return json.dumps({"lesson": "", "questions": [f"Can you say: {question}"]})

    task = conditions()["changed"]
    plan = Plan(arms=[ArmName.parse("ram-written")])
    run = Run(tmp_path / "run", [task], plan, resume=False, suite="feedback")
    run_in_process(run, ScriptedChat(wording), HashEmbedder(256), lambda _: None, make=SUITE.make)
    with Memory.open(tmp_path / "run" / "memory", embedder=HashEmbedder(256)) as memory:
        story = cast(Trial, task.asked[0]).story
        lessons = memory.list(scope=Scope(user=f"ram-written+3/{story}"), kind="lesson")
    assert lessons
    for lesson in lessons:
        assert any(key.startswith("Can you say: ") for key in lesson.keys)


def test_a_run_that_was_cut_off_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    tasks = [conditions()["changed"]]
    plan = Plan(arms=[ArmName.parse("ram-answer")])

    def ran(folder: Path, *, resume: bool) -> list[tuple[str, str]]:
        run = Run(folder, tasks, plan, resume=resume, suite="feedback")
        run_in_process(
            run, ScriptedChat(careful), HashEmbedder(256), lambda _: None, make=SUITE.make
        )
        return [(one.id, one.prediction) for one in run.scores]

    whole = ran(tmp_path / "whole", resume=False)
    ran(tmp_path / "cut", resume=False)
    file = tmp_path / "cut" / "samples.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[: len(lines) // 2]))
    assert ran(tmp_path / "cut", resume=True) == whole


@pytest.mark.parametrize(
    ("settings", "tasks"), [({"people": 11}, None), ({"worlds": 0}, None), ({}, "gone")]
)
def test_what_there_is_not_is_refused(settings: dict[str, float], tasks: str | None) -> None:
    with pytest.raises(BadOption):
        load(Selection(settings=settings, tasks=tasks))
