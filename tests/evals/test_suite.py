from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from memagent.errors import InvalidInput, RunError
from memagent.evals import registry
from memagent.evals.arm import ArmName
from memagent.evals.registry import all_suites, find_suite
from memagent.evals.report.html import command
from memagent.evals.runs import manifest
from memagent.evals.runs.plan import Plan
from memagent.evals.suite import BadOption, Selection, Suite, load_tasks
from memagent.evals.task import Task
from memagent.evals.tasks.babi.suite import SUITE
from memagent.evals.tasks.story_arms import ARMS, StoryArm


def test_corrections_are_refused_where_no_task_is_corrected() -> None:
    named = Selection(tasks="1", corrections=Path("labels.json"))
    with pytest.raises(BadOption, match="babi has no labels to correct") as caught:
        load_tasks(SUITE, named)
    assert caught.value.option == "--corrections"
    corrected = replace(
        SUITE, load=lambda _: [replace(SUITE.load(named)[0], split="test, corrected")]
    )
    assert len(load_tasks(corrected, named)) == 1


def test_babi_has_its_twenty_tasks() -> None:
    assert [one.name for one in all_suites()["babi"].members] == [f"babi/{n}" for n in range(1, 21)]
    assert len({one.about for one in SUITE.members}) == 20


@pytest.mark.parametrize("asked", ["1,2", "babi/1, babi/2", "1,2,1"])
def test_tasks_are_named_by_number_or_in_full(asked: str) -> None:
    assert [one.name for one in SUITE.load(Selection(tasks=asked))] == ["babi/1", "babi/2"]


@pytest.mark.parametrize(
    ("wanted", "option"),
    [
        (Selection(tasks="21"), "--tasks"),
        (Selection(tasks="two"), "--tasks"),
        (Selection(split="dev"), "--split"),
        (Selection(variant="de", data=Path()), "--variant"),
        (Selection(file=Path("mine.txt")), "--file"),
    ],
)
def test_what_is_none_of_the_choices_names_its_option(wanted: Selection, option: str) -> None:
    with pytest.raises(BadOption) as caught:
        SUITE.load(wanted)
    assert caught.value.option == option


@pytest.mark.parametrize(
    ("name", "tasks", "near"),
    [
        ("babi", "1,babi/3x", "babi/3"),
        ("babi", "pathfinding", "babi/19"),
        ("continual", "continual/storys", "continual/stories"),
        ("feedback", "hop", "feedback/hops"),
        ("interference", "conflct", "interference/conflict"),
        ("probes", "recall,recal", "probes/recall"),
        ("gsm8k", "gsm", "gsm8k"),
        ("streamingqa", "resent", "streamingqa/recent"),
    ],
)
def test_a_task_that_is_none_has_its_nearest_named(name: str, tasks: str, near: str) -> None:
    with pytest.raises(BadOption, match=f"did you mean '{near}'\\?") as caught:
        load_tasks(find_suite(name), Selection(tasks=tasks))
    assert caught.value.option == "--tasks"


def test_an_option_that_is_none_has_no_task_named() -> None:
    with pytest.raises(BadOption) as caught:
        load_tasks(SUITE, Selection(tasks="21", split="dev"))
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize("name", ["feedback", "continual", "interference", "probes", "tool-calls"])
def test_what_makes_its_own_questions_takes_no_files(name: str, tmp_path: Path) -> None:
    (task, *_) = find_suite(name).load(Selection(split="test"))
    assert task.source == "generated"
    for option, wanted in (
        ("--split", Selection(split="train")),
        ("--variant", Selection(variant="en")),
        ("--file", Selection(file=tmp_path)),
    ):
        with pytest.raises(BadOption, match=f"{name} makes its own questions") as caught:
            find_suite(name).load(wanted)
        assert caught.value.option == option


def test_generated_stories_are_as_long_and_distracting_as_is_wanted(tmp_path: Path) -> None:
    def told(**settings: float) -> Task:
        (task,) = SUITE.load(Selection(tasks="1", settings=settings))
        return task

    plain, long = told(), told(length=30, distractors=2, story_seed=4)
    assert told(story_seed=1).sha256 == plain.sha256
    assert told(story_seed=2).sha256 != plain.sha256
    first = next(one for one in reversed(long.asked) if one.story == long.asked[0].story)
    assert len(first.facts) >= 30 + 2
    (tmp_path / "babi" / "en").mkdir(parents=True)
    for wanted, complaint in (
        (Selection(settings={"length": 3}), "a length from 5 to 500 statements for task 1"),
        (Selection(settings={"distractors": 1.5}), "expected whole numbers"),
        (Selection(settings={"length": 9}, data=tmp_path), "length: of generated stories"),
    ):
        with pytest.raises(InvalidInput, match=complaint):
            SUITE.load(wanted)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"there is no folder .*hn"):
        SUITE.load(Selection(data=tmp_path, variant="hn"))
    with pytest.raises(RunError, match="set MEMAGENT_DATA"):
        SUITE.load(Selection(variant="hn"))


MINE = Suite(
    name="mine",
    about="one of another package",
    members=[],
    load=lambda _: [],
    arms=ARMS,
    make=StoryArm,
    default_arms=ARMS[:1],
)


def points(*named: tuple[str, str]) -> list[EntryPoint]:
    return [EntryPoint(name=name, value=value, group=registry.GROUP) for name, value in named]


def test_another_package_registers_an_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    found = points(("mine", "tests.test_suite:MINE"))
    monkeypatch.setattr(EntryPoint, "load", lambda _: MINE)
    monkeypatch.setattr(registry, "entry_points", lambda group: found if group else [])
    assert find_suite("mine") is MINE
    with pytest.raises(RunError, match="unknown evaluation 'nine': did you mean 'mine'"):
        find_suite("nine")


def test_a_name_that_is_taken_or_no_suite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        registry, "entry_points", lambda group: points(("babi", "other:SUITE")) if group else []
    )
    with pytest.raises(RunError, match="two evaluations are called 'babi', one of other:SUITE"):
        all_suites()
    monkeypatch.setattr(registry, "entry_points", lambda group: points(("x", "json:dumps")))
    with pytest.raises(RunError, match="'x' is no Suite, but function"):
        all_suites()


def test_a_package_that_is_broken_is_named_and_breaks_none_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "entry_points", lambda group: points(("x", "json:nothing")))
    with pytest.raises(RunError, match="'x' cannot be loaded from json:nothing: AttributeError"):
        all_suites()
    assert find_suite("babi") is SUITE


def test_a_run_s_command_names_the_data_that_was_chosen(tmp_path: Path) -> None:
    wanted = Selection(variant="hn", file=tmp_path / "my file.json")
    assert Selection().chosen() == {}
    tasks = SUITE.load(Selection(tasks="1"))
    plan = Plan(arms=(ArmName("none", None, 0),), limit=2, settings={"streams": 3.0})
    again = command(manifest.create("babi", tasks, plan, wanted.chosen()))
    assert f"--variant hn --file '{tmp_path}/my file.json' --set streams=3" in again
    assert again.startswith("memagent eval run babi --tasks babi/1 --arms none+0 --limit 2")
    valid = command(manifest.create("babi", tasks, plan, Selection(split="valid").chosen()))
    assert valid.count("--split") == valid.count("--split valid") == 1
