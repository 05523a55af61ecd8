import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from memagent.evals.arm import ArmName, Parts
from memagent.evals.runs.plan import Plan
from memagent.evals.runs.run import Run
from memagent.evals.runs.runner import run_in_process
from memagent.evals.suite import BadOption, Selection
from memagent.evals.task import Task
from memagent.evals.tasks.probes import banks, suite
from memagent.evals.tasks.probes.arm import BankArm, Study, exact, forgotten
from memagent.evals.tasks.probes.banks import BANKS, Bank, Episodes
from memagent.evals.tasks.probes.items import MOST, Item, items
from memagent.evals.tasks.probes.suite import FURTHER, SUITE, TASKS, load, retained
from memagent.memory.memory import Memory
from memagent.testing import HashEmbedder, ScriptedChat
from memagent.types import Scope

SMALL = {"items": 6, "others": 4}
ADA = Scope(user="ada")


def loaded(name: str, **sizes: int) -> Task:
    (task,) = load(Selection(tasks=name, settings=SMALL | sizes))
    return task


def asked(folder: Path, tasks: Sequence[Task], *names: str, limit: int | None = None) -> Run:
    plan = Plan(arms=tuple(ArmName.parse(one, 0) for one in names), limit=limit, model="none")
    run = Run(folder, tasks, plan, resume=(folder / "run.json").exists(), suite="probes")
    run_in_process(run, ScriptedChat([]), HashEmbedder(), lambda _: None, SUITE.make)
    return run


def test_items_have_each_a_cue_of_their_own_and_the_same_seed_gives_the_same() -> None:
    every = items(MOST, seed=3)
    assert len({one.cue for one in every}) == len({one.text for one in every}) == MOST
    assert every[:40] == items(40, seed=3) != items(40, seed=4)
    assert all(one.text.startswith(one.cue + " ") and one.near != one.text for one in every)


def test_an_exact_bank_recognises_and_recalls_all(tmp_path: Path) -> None:
    tasks = [loaded(one) for one in ("recognition", "recognition-near", "recall")]
    run = asked(tmp_path, tasks, "episodic")
    assert len(run.scores) == 18
    assert all(one.correct for one in run.scores)


def test_recognition_fails_where_the_item_was_not_studied(memory: Memory) -> None:
    task = loaded("recognition")
    study = cast(Study, task.asked[0])
    assert study.foil is not None
    bank = Episodes(memory, ADA)
    bank.study([study.foil])
    assert bank.match(study.item) < bank.match(study.foil)
    assert exact(task, study, "foil") == {"exact": 0.0}
    bank.study([study.item])
    assert bank.match(study.item) == pytest.approx(1.0, abs=1e-3)


def test_nothing_is_recognised_or_recalled_by_an_empty_bank(memory: Memory) -> None:
    (item,) = items(1, seed=0)
    for make in BANKS.values():
        bank = make(memory, ADA)
        assert (bank.match(item), bank.recall(item)) == (-1.0, "")


def test_a_rationale_is_recalled_by_its_case(memory: Memory) -> None:
    bank = BANKS["rationale"](memory, ADA)
    first, *rest = items(20, seed=0)
    bank.study([first])
    assert bank.recall(first) == bank.value(first) == first.side
    assert bank.match(first) == pytest.approx(1.0, abs=1e-3)
    assert all(bank.match(one) < 0.999 for one in rest)


def test_a_note_is_recalled_in_place_of_its_sentence(memory: Memory) -> None:
    bank = BANKS["compression"](memory, ADA)
    studied = items(12, seed=0)
    bank.study(studied[:8])
    bank.study(studied[8:])
    for one in studied:
        assert bank.recall(one) == bank.value(one) not in ("", one.text)
        assert set(one.cue.split()) & set(bank.value(one).split())
    assert {hit.record.kind for hit in memory.search("the", scope=ADA, k=50)} == {"note"}
    bank.forget(studied[0])
    assert bank.value(studied[0]) == ""


def test_an_exact_store_is_flat_until_eviction(tmp_path: Path) -> None:
    task = loaded("retention")
    run = asked(tmp_path, [task], "episodic", "episodic:50")
    points = {
        (one["arm"], one["asked"], one["further"]): one["accuracy"]
        for one in retained(run.tasks, run.plan.arms, run.scores)["retention"]
    }
    for kind in ("recognition", "recall"):
        assert [points["episodic+0", kind, n] for n in FURTHER] == [1.0] * 5
        assert [points["episodic:50+0", kind, n] for n in FURTHER[:3]] == [1.0] * 3
    # Six were studied first and fifty are kept: after a hundred more none of them is at hand.
    assert [points["episodic:50+0", "recall", n] for n in FURTHER[3:]] == [0.0] * 2
    assert points["episodic:50+0", "recognition", 100] < 1.0


class Blurred(Episodes):
    """A bank that keeps of each item only its first three words: it compresses."""

    compresses = True

    def study(self, items: Sequence[Item]) -> None:
        from dataclasses import replace

        super().study([replace(one, text=" ".join(one.text.split()[:3])) for one in items])


def test_a_bank_that_compresses_recognises_more_than_it_recalls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(banks.BANKS, "blurred", Blurred)
    compressing = [name for name, make in BANKS.items() if getattr(make, "compresses", False)]
    assert "blurred" in compressing
    run = asked(tmp_path, [loaded("retention")], *compressing, limit=None)
    for point in (points := retained(run.tasks, run.plan.arms, run.scores)["retention"]):
        if point["asked"] == "recall":
            (seen,) = (
                one["accuracy"]
                for one in points
                if (one["arm"], one["further"], one["asked"])
                == (point["arm"], point["further"], "recognition")
            )
            assert seen > point["accuracy"]


@pytest.mark.parametrize("bank", BANKS)
def test_what_is_erased_is_at_the_baseline_of_what_was_never_told(
    bank: str, tmp_path: Path
) -> None:
    run = asked(tmp_path, [loaded("forgetting")], bank, limit=2)
    assert [one.error for one in run.scores] == [None, None]
    assert all(one.grades["seen"] == one.grades["forgotten"] == 1.0 for one in run.scores)
    assert {"direct", "paraphrase", "cue", "vector", "bytes"} <= set(run.scores[0].grades)


class Pretending(Episodes):
    """A bank that archives what it should erase."""

    def forget(self, item: Item) -> None:
        self._memory.maintenance.retain(0, scope=self._scope)


class Careless(Episodes):
    """A bank that erases all it holds."""

    def forget(self, item: Item) -> None:
        self._memory.forget(scope=self._scope, everything=True)


@pytest.mark.parametrize(("make", "failed"), [(Pretending, "direct"), (Careless, "kept")])
def test_archiving_is_not_forgetting_nor_is_losing_the_rest(
    make: type[Bank], failed: str, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(banks.BANKS, "bad", make)
    task = loaded("forgetting")
    parts = Parts(memory=memory, embedder=HashEmbedder(), model=ScriptedChat([]))
    said = BankArm(ArmName("bad", shots=0), task, parts).ask(task.asked[0]).answer.answer
    grades = forgotten(task, task.asked[0], said)
    assert (grades["forgotten"], grades[failed], grades["seen"]) == (0.0, 0.0, 1.0)


def test_forgetting_is_passed_only_at_the_baseline_and_where_it_was_seen_before() -> None:
    task = loaded("forgetting")

    def grade(before: int, after: int, never: int, lost: int = 0) -> float:
        found = {"before": {"cue": before}, "after": {"cue": after}, "never": {"cue": never}}
        return forgotten(task, task.asked[0], json.dumps(found | {"lost": lost}))["forgotten"]

    assert [grade(3, 0, 0), grade(3, 1, 1)] == [1.0, 1.0]
    assert [grade(3, 1, 0), grade(0, 0, 0), grade(3, 0, 0, lost=1)] == [0.0, 0.0, 0.0]


def test_a_run_that_was_cut_off_ends_as_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite, "FURTHER", (0, 10, 60))
    tasks = [loaded("retention"), loaded("recall")]
    names = ("episodic:50", "rationale")
    whole = asked(tmp_path / "whole", tasks, *names)
    asked(tmp_path / "cut", tasks, *names)
    kept = (tmp_path / "cut" / "samples.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "cut" / "samples.jsonl").write_text("".join(kept[::3]) + kept[1][:20])
    again = asked(tmp_path / "cut", tasks, *names)
    assert [one.outcome() for one in again.scores] == [one.outcome() for one in whole.scores]


def test_every_probe_is_a_task_and_bad_sizes_are_refused() -> None:
    assert [one.name for one in load(Selection())] == [f"probes/{name}" for name in TASKS]
    with pytest.raises(BadOption, match="'x' is not one of recognition"):
        load(Selection(tasks="x"))
    with pytest.raises(BadOption, match="sizes from 1 to"):
        load(Selection(settings={"items": 0}))
