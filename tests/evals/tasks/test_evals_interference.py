import pytest
from interfering import SMALL, conditions, trials

from memagent.evals.score import Score
from memagent.evals.suite import BadOption, Selection
from memagent.evals.task import Task
from memagent.evals.tasks.interference.arm import within
from memagent.evals.tasks.interference.measures import Cell, forgetting, lags, matrix, measured
from memagent.evals.tasks.interference.streams import PLACES, Trial
from memagent.evals.tasks.interference.suite import CONDITIONS, load


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
    first, again, other = (load(Selection(settings=SMALL, seed=seed)) for seed in (1, 1, 2))
    assert [one.sha256 for one in first] == [one.sha256 for one in again]
    assert {one.sha256 for one in first}.isdisjoint(one.sha256 for one in other)


def test_worked_examples_are_of_other_streams() -> None:
    for task in conditions().values():
        assert {one.story for one in task.training}.isdisjoint(one.story for one in task.asked)


@pytest.mark.parametrize(
    ("wanted", "option"),
    [
        (Selection(tasks="nothing"), "--tasks"),
        (Selection(settings={"streams": 0}), "--set"),
        (Selection(settings={"episodes": 21, "people": 2}), "--set"),
        (Selection(settings={"cast": 1}), "--set"),
    ],
)
def test_what_cannot_be_told_names_its_option(wanted: Selection, option: str) -> None:
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
