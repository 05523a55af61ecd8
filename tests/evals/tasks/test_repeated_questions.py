from collections.abc import Sequence

import pytest

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.evals.metrics.continual import acc, bwt, wc_acc
from memagent.evals.tasks.continual.questions import RepeatedQuestions, Round

PROBES = (("Where is Mary?", "Where is John?"), ("Where is the cat?",))
GOLD = {"Where is Mary?": "garden", "Where is John?": "attic", "Where is the cat?": "roof"}


GOLD_LINES = {
    "Where is Mary?": "Mary moved to the garden.",
    "Where is Daniel?": "Daniel went to the office.",
}


class World:
    """A memory that is a dictionary, and a model that repeats what it is shown last."""

    def __init__(self) -> None:
        self.told: dict[str, str] = {}
        self.asked: list[str] = []
        self.silent: set[str] = set()
        self.down = False

    def prompt_of(self, probe: str) -> str:
        return f"{probe} {self.told.get(probe, 'unknown')}"

    def ask(self, prompts: Sequence[str]) -> list[str | None]:
        if self.down:
            raise ConnectionError("no server")
        self.asked += prompts
        return [None if prompt in self.silent else prompt.split()[-1] for prompt in prompts]

    def probes(self) -> RepeatedQuestions[str]:
        return RepeatedQuestions(
            PROBES,
            prompt_of=self.prompt_of,
            ask=self.ask,
            score=lambda probe, answer: float(answer == GOLD[probe]),
        )


@pytest.fixture
def world() -> World:
    return World()


def test_all_probes_are_asked_once_and_then_only_those_whose_prompt_changed(world: World) -> None:
    probes = world.probes()
    assert probes.before() == Round(scores=(0.0, 0.0), asked=3, reused=0, failed=0)
    world.told["Where is Mary?"] = "garden"
    world.asked.clear()
    assert probes.after(0) == Round(scores=(0.5, 0.0), asked=1, reused=2, failed=0)
    assert world.asked == ["Where is Mary? garden"]
    world.asked.clear()
    assert probes.after(0) == Round(scores=(0.5, 0.0), asked=0, reused=3, failed=0)
    assert world.asked == []


def test_a_changed_prompt_is_asked_again_each_time_it_changes(world: World) -> None:
    """A new fact, a wrong one over it, and the first one again: three calls."""
    probes = world.probes()
    probes.before()
    world.asked.clear()
    scores = []
    for place in ("roof", "cellar", "roof"):
        world.told["Where is the cat?"] = place
        scores.append(probes.after(1).scores[1])
    assert scores == [1.0, 0.0, 1.0]
    assert world.asked == [f"Where is the cat? {place}" for place in ("roof", "cellar", "roof")]


def test_the_rows_are_the_matrix_from_which_the_metrics_come(world: World) -> None:
    """Task 0 is learnt, lost by the write on task 1, and whole again after another one."""
    probes = world.probes()
    probes.before()
    world.told |= {"Where is Mary?": "garden", "Where is John?": "attic"}
    probes.after(0)
    world.told |= {"Where is the cat?": "roof", "Where is Mary?": "roof", "Where is John?": "roof"}
    probes.after(1)
    world.told |= {"Where is Mary?": "garden", "Where is John?": "attic"}
    probes.after(1)
    assert probes.results.scores == ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
    assert probes.results.trained == (0, 1, 1)
    assert probes.results.baseline == (0.0, 0.0)
    assert (acc(probes.results), bwt(probes.results), wc_acc(probes.results)) == (1.0, 0.0, 0.5)
    assert [(one.asked, one.reused) for one in probes.rounds] == [(3, 0), (2, 1), (3, 0), (2, 1)]


def test_a_probe_without_an_answer_is_undefined_and_asked_again(world: World) -> None:
    probes = world.probes()
    world.silent = {"Where is John? unknown"}
    assert probes.before() == Round(scores=(None, 0.0), asked=3, reused=0, failed=1)
    assert probes.after(0) == Round(scores=(None, 0.0), asked=1, reused=2, failed=1)
    world.silent.clear()
    assert probes.after(0) == Round(scores=(0.0, 0.0), asked=1, reused=2, failed=0)


def test_an_old_answer_does_not_stand_for_a_new_prompt_that_got_none(world: World) -> None:
    probes = world.probes()
    world.told["Where is the cat?"] = "roof"
    assert probes.before().scores == (0.0, 1.0)
    world.told["Where is the cat?"] = "cellar"
    world.silent = {"Where is the cat? cellar"}
    assert probes.after(1).scores == (0.0, None)
    world.told["Where is the cat?"] = "roof"
    assert probes.after(1) == Round(scores=(0.0, 1.0), asked=1, reused=2, failed=0)


def test_a_call_that_failed_counts_nothing_and_can_be_made_again(world: World) -> None:
    probes = world.probes()
    probes.before()
    world.told["Where is Mary?"] = "garden"
    world.down = True
    with pytest.raises(ConnectionError):
        probes.after(0)
    assert probes.results.scores == ()
    world.down = False
    assert probes.after(0) == Round(scores=(0.5, 0.0), asked=1, reused=2, failed=0)


def test_answers_must_be_as_many_as_prompts(world: World) -> None:
    probes = RepeatedQuestions(
        PROBES, prompt_of=world.prompt_of, ask=lambda prompts: ["garden"], score=lambda *_: 1.0
    )
    with pytest.raises(ValueError, match="shorter"):
        probes.before()
    assert probes.rounds == ()


def test_a_task_without_probes_has_no_score(world: World) -> None:
    probes = RepeatedQuestions(
        [[], ["Where is Mary?"]], prompt_of=world.prompt_of, ask=world.ask, score=lambda *_: 1.0
    )
    assert probes.after(0).scores == (None, 1.0)
    assert probes.results.baseline == ()


def test_what_comes_out_of_order_is_refused(world: World) -> None:
    probes = world.probes()
    for task in (-1, 2):
        with pytest.raises(InvalidInput, match=f"below 2; found {task}"):
            probes.after(task)
    assert world.asked == []
    probes.after(0)
    with pytest.raises(InvalidInput, match="before the first write"):
        probes.before()


def test_a_real_memory_s_recall_tells_which_prompts_a_write_changed(
    memory: Memory, ada: Scope
) -> None:
    asked: list[str] = []

    def prompt_of(question: str) -> str:
        hits = memory.recall(question, scope=ada).hits
        return "\n".join([*(hit.record.text for hit in hits), question])

    def ask(prompts: Sequence[str]) -> list[str | None]:
        asked.extend(prompts)
        return list(prompts)

    probes = RepeatedQuestions(
        [["Where is Mary?"], ["Where is Daniel?"]],
        prompt_of=prompt_of,
        ask=ask,
        score=lambda question, shown: float(shown.startswith(GOLD_LINES[question])),
    )
    assert probes.before().scores == (0.0, 0.0)
    asked.clear()
    memory.add(GOLD_LINES["Where is Mary?"], scope=ada)
    assert probes.after(0).scores == (1.0, 0.0)
    memory.add(GOLD_LINES["Where is Daniel?"], scope=ada)
    assert probes.after(1).scores == (1.0, 1.0)
    mary, daniel = GOLD_LINES.values()
    assert asked == [f"{mary}\nWhere is Mary?", f"{daniel}\nWhere is Daniel?"]
