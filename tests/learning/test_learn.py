"""Learning from solved problems: rationales, warnings, votes and cost estimates."""

from collections.abc import Sequence

import pytest
from langchain_core.messages import BaseMessage

from memagent import Agent, Memory, Scope
from memagent.errors import ContextTooLong, InvalidInput
from memagent.evals.metrics.coverage import curve, votes_of
from memagent.learning.learn import LearningOptions, estimate_cost, graded, majority_vote
from memagent.learning.problems import Problem, same_number
from memagent.learning.rationales import Rationales, example_of, win_rate
from memagent.testing import ScriptedChat

CATS = Problem(question="Ann has 2 cats and gets 3 more. How many cats has Ann?", answer="5")
DOGS = Problem(question="Bob sold 8 dogs at half price. How many dogs did he sell?", answer="8")
BOTH = [CATS, DOGS]
LESSONS = Scope(user="lessons")


class Pupil:
    """Gives the scripted solutions of each problem in turn."""

    def __init__(self, **solutions: Sequence[str]) -> None:
        self.left = {name: list(texts) for name, texts in solutions.items()}
        self.asked = 0

    def __call__(self, messages: Sequence[BaseMessage]) -> str:
        self.asked += 1
        question = str(messages[-1].content)
        (name,) = [name for name in self.left if name in question]
        return self.left[name].pop(0)


def pupil(**solutions: Sequence[str]) -> ScriptedChat:
    return ScriptedChat(Pupil(**solutions))


def learner(memory: Memory, chat: ScriptedChat) -> Agent:
    return Agent(memory=memory, model=chat, learned_scope=LESSONS)


def kept(memory: Memory, everything: bool = False) -> dict[str, str]:
    return {
        str(one.metadata["text"]): str(one.metadata["solution"])
        for one in Rationales(memory, LESSONS).list(everything=everything)
    }


def test_right_solutions_are_kept_and_wrong_ones_are_warnings(memory: Memory) -> None:
    chat = pupil(
        cats=["2+3=5\n#### 5", "#### 6", "2+3=5\n#### 5"], dogs=["#### 1", "#### 2", "#### 3"]
    )
    seen: list[tuple[int, int]] = []
    learned = learner(memory, chat).learn(
        BOTH, same_number, how=LearningOptions(samples=3), progress=lambda *done: seen.append(done)
    )
    assert (learned.problems, learned.solved, learned.kept, learned.warnings) == (2, 1, 1, 4)
    assert kept(memory) == {"2+3=5\n#### 5": "right"}
    assert list(kept(memory, everything=True).values()).count("wrong") == 4
    assert seen == [(1, 1), (2, 1)]
    assert memory.recall(CATS.question, scope=LESSONS).hits == ()


def test_every_sample_has_its_own_seed_and_the_temperature(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[object, object]] = []
    original = ScriptedChat._generate

    def generate(self: ScriptedChat, messages: list[BaseMessage], *args: object, **kwargs: object):
        drawn.append((kwargs.get("temperature"), kwargs.get("seed")))
        return original(self, messages)

    monkeypatch.setattr(ScriptedChat, "_generate", generate)
    how = LearningOptions(samples=3, temperature=0.9, seed=10)
    learner(memory, pupil(cats=["#### 5"] * 3)).learn([CATS], same_number, how=how)
    assert drawn == [(0.9, 10), (0.9, 11), (0.9, 12)]


def test_what_was_learnt_from_is_not_asked_again(memory: Memory) -> None:
    how = LearningOptions(samples=1)
    first = pupil(cats=["#### 5"], dogs=["#### 8"])
    learner(memory, first).learn([CATS], same_number, how=how)
    second = pupil(cats=["never asked"], dogs=["#### 8"])
    learned = learner(memory, second).learn([*BOTH, DOGS], same_number, how=how)
    assert (learned.problems, learned.skipped) == (1, 2)
    assert len(second.requests) == 1
    third = learner(memory, pupil()).learn(BOTH, same_number, how=how)
    assert (third.problems, third.skipped) == (0, 2)
    assert len(kept(memory)) == 2


def test_what_was_learnt_before_the_model_failed_is_kept(memory: Memory) -> None:
    chat = pupil(cats=["#### 5"], dogs=[])
    with pytest.raises(IndexError):
        learner(memory, chat).learn(
            BOTH, same_number, how=LearningOptions(samples=1, concurrency=1)
        )
    assert kept(memory) == {"#### 5": "right"}


def test_the_same_solution_of_the_same_problem_is_one_record(memory: Memory) -> None:
    rationales = Rationales(memory, LESSONS)
    (first,) = rationales.keep(CATS, [("#### 5", "right", 1.0)])
    (again,) = rationales.keep(CATS, [("#### 5", "right", 1.0)])
    (other,) = rationales.keep(DOGS, [("#### 5", "wrong", 1.0)])
    assert first.id == again.id != other.id


def test_without_a_check_an_answer_needs_the_minimum_share(memory: Memory) -> None:
    chat = pupil(
        cats=["a #### 5", "b #### 5.0", "c #### 5", "#### 9"], dogs=["#### 1", "#### 2"] * 2
    )
    agent = learner(memory, chat)
    learned = agent.learn(BOTH, how=LearningOptions(samples=4, min_share=0.5))
    assert (learned.kept, learned.solved) == (4, 2)
    strict = graded(CATS, ["a #### 5", "b #### 5", "#### 9", "#### 5"], None, 0.7)
    assert [one[1] for one in strict].count("self-generated") == 3
    assert {one[1] for one in graded(CATS, ["#### 5", "#### 9"], None, 0.7)} == {"undecided"}
    assert set(kept(memory).values()) == {"self-generated"}


def test_an_answer_is_consistent_with_itself_only_among_several(memory: Memory) -> None:
    agent = learner(memory, pupil(cats=["#### 5"]))
    with pytest.raises(InvalidInput, match="at least two samples"):
        agent.learn([CATS], how=LearningOptions(samples=1))
    assert kept(memory, everything=True) == {}


def test_the_share_is_of_all_samples_also_of_silent_and_refused_ones(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = learner(memory, pupil(cats=["#### 5", " ", "", "#### 5"]))
    assert agent.learn([CATS], how=LearningOptions(samples=4)).kept == 0
    assert kept(memory, everything=True) == {"#### 5": "undecided"}
    drawn = iter([False, True, True, True, False])

    def reply(messages: Sequence[BaseMessage]) -> str:
        if next(drawn):
            raise ContextTooLong("too long")
        return "#### 8"

    learned = learner(memory, ScriptedChat(reply)).learn([DOGS], how=LearningOptions(samples=5))
    assert (learned.failed, learned.kept) == (3, 0)
    shares = [one.metadata["share"] for one in Rationales(memory, LESSONS).list(everything=True)]
    assert shares == [0.4, 0.5]


def test_a_call_that_is_cut_off_goes_on_where_it_was(memory: Memory) -> None:
    more = [Problem(question=f"What is item{n}, {n} and 3?", answer=str(n + 3)) for n in range(20)]
    asked: list[str] = []

    def reply(messages: Sequence[BaseMessage]) -> str:
        question = str(messages[-1].content)
        asked.append(question)
        return next(f"#### {one.answer}" for one in more if one.question == question)

    def cut(done: int, kept: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    how = LearningOptions(samples=2)
    with pytest.raises(KeyboardInterrupt):
        learner(memory, ScriptedChat(reply)).learn(more, same_number, how=how, progress=cut)
    asked.clear()
    learned = learner(memory, ScriptedChat(reply)).learn(more, same_number, how=how)
    assert (learned.skipped, learned.problems, learned.kept) == (7, 13, 13)
    assert sorted(asked) == sorted(2 * [one.question for one in more[7:]])
    assert len(Rationales(memory, LESSONS).list(everything=True)) == 20


def test_a_vote_counts_samples_without_an_answer() -> None:
    assert majority_vote(["5", "", "5", "6"]).share == 0.5
    assert majority_vote(["b", "a"]).answer == "b"
    assert (majority_vote(["", ""]).answer, majority_vote([]).share) == ("", 0.0)


def test_precision_rises_and_coverage_falls_with_the_threshold() -> None:
    rows = {row["threshold"]: row for row in curve([(1.0, True), (0.7, True), (0.4, False)])}
    assert (rows[0.1]["coverage"], rows[0.1]["precision"]) == (1.0, pytest.approx(2 / 3))
    assert (rows[0.7]["kept"], rows[0.7]["precision"]) == (2, 1.0)
    assert rows[1.0]["coverage"] == pytest.approx(1 / 3)
    (none,) = [row for row in curve([(0.2, True)]) if row["threshold"] == 0.5]
    assert (none["precision"], none["low"]) == (None, None)


def test_the_vote_of_a_checked_problem_is_its_most_frequent_answer(memory: Memory) -> None:
    rationales = Rationales(memory, LESSONS)
    rationales.keep(CATS, [("#### 5", "right", 0.4), ("#### 6", "wrong", 0.6)])
    rationales.keep(DOGS, [("#### 8", "right", 1.0)])
    assert sorted(votes_of(rationales.list(everything=True))) == [(0.6, False), (1.0, True)]


def test_the_cost_is_estimated_for_pending_problems(memory: Memory) -> None:
    rationales = Rationales(memory, LESSONS)
    how = LearningOptions(samples=2)
    before = estimate_cost(BOTH, rationales, how)
    assert (before.problems, before.requests, before.completion_tokens) == (2, 4, 600)
    rationales.keep(CATS, [("#### 5", "right", 1.0)])
    after = estimate_cost(BOTH, rationales, how)
    assert (after.problems, after.done, after.requests) == (1, 1, 2)
    assert 0 < after.prompt_tokens < before.prompt_tokens


@pytest.mark.parametrize(
    "wrong", [{"samples": 0}, {"temperature": -1.0}, {"temperature": 0.0}, {"min_share": 0.0}]
)
def test_a_number_out_of_its_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="learning: "):
        LearningOptions(**wrong)  # type: ignore[arg-type]


def test_an_agent_without_a_memory_or_a_scope_cannot_learn(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="takes a memory"):
        Agent(memory=None, model=pupil(), learned_scope=LESSONS).learn(BOTH)
    with pytest.raises(InvalidInput, match="a scope"):
        Agent(memory=memory, model=pupil()).learn(BOTH)
    assert win_rate(Rationales(memory, LESSONS).keep(CATS, [("x", "right", 1.0)])[0]) == 0.5
    assert example_of(Rationales(memory, LESSONS).list()[0]).question == CATS.question
