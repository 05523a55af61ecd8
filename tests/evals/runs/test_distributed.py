"""The same evaluation over a Ray cluster of two workers, and over two servers."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from memagent.evals.arm import ArmName
from memagent.evals.runs.plan import Plan
from memagent.evals.runs.ray import WorkerSpec, ray_pool
from memagent.evals.runs.run import Run
from memagent.evals.runs.runner import ask_all, run_in_process
from memagent.evals.runs.worker import WorkerPool
from memagent.evals.score import Score
from memagent.evals.task import Sample, Task
from memagent.evals.tasks import babi
from memagent.evals.tasks.story_arms import StoryArm
from memagent.models.open_chat import open_chat
from memagent.testing import HashEmbedder, Say, StubServer
from memagent.testing.stub_wire import Action

ARMS = tuple(map(ArmName.parse, ("none", "full", "memory", "wrong+0")))


def answer(asked: dict[str, Any]) -> Action:
    """Answer by what was asked alone: the last word but one."""
    return Say(str(asked["messages"][-1]["content"]).split()[-2])


@pytest.fixture
def servers() -> Iterator[list[StubServer]]:
    with StubServer(answer) as one, StubServer(answer) as other:
        yield [one, other]


LIMIT = 6
"""Questions of each of the two tasks."""


def begun(folder: Path, limit: int = LIMIT) -> Run:
    tasks = [babi.load(None, number, None) for number in (1, 2)]
    plan = Plan(arms=ARMS, limit=limit, model="http://s/v1")
    return Run(folder, tasks, plan, resume=False)


def outcomes(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "samples.jsonl").read_text().splitlines()
    measured = ("seconds", "memory_seconds", "cached_tokens")
    return [{k: v for k, v in json.loads(one).items() if k not in measured} for one in lines]


@pytest.mark.wire
def test_a_cluster_gives_the_answers_of_a_local_run(
    tmp_path: Path, servers: list[StubServer]
) -> None:
    local = begun(tmp_path / "local")
    run_in_process(local, open_chat(servers[0].url), HashEmbedder(), lambda _: None, StoryArm)
    alone = len(servers[0].requests)
    recipes = [
        WorkerSpec(make=StoryArm, model=one.url, embedder=HashEmbedder(), seed=0, options={})
        for one in servers
    ]
    seen: list[Score] = []
    far = begun(tmp_path / "far")
    with ray_pool(recipes, 4) as pool:
        ask_all(far, pool, seen.append)
        again = begun(tmp_path / "again", limit=3)
        ask_all(again, pool, lambda _: None)
    assert outcomes(tmp_path / "far") == outcomes(tmp_path / "local")
    assert len(seen) == alone == 2 * LIMIT * len(ARMS)
    assert len(again.scores) == 2 * 3 * len(ARMS)
    assert len(servers[1].requests) > 0.3 * alone


@pytest.mark.wire
def test_a_worker_of_the_cluster_that_dies_costs_no_answer(
    tmp_path: Path, servers: list[StubServer]
) -> None:
    recipe = WorkerSpec(
        make=StoryArm, model=servers[0].url, embedder=HashEmbedder(), seed=0, options={}
    )
    run = begun(tmp_path)
    killed: list[int] = []

    def kill(score: Score) -> None:
        if len(run.scores) == 2 * LIMIT:
            told = subprocess.run(["pgrep", "-f", "ray::_Remote"], capture_output=True, text=True)
            killed.extend(map(int, told.stdout.split()))
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    with ray_pool([recipe], 4) as pool:
        ask_all(run, pool, kill)
    assert len(killed) == 1
    assert not run.failed
    assert [one["id"] for one in outcomes(tmp_path)] == [one.id for one in run.scores]
    assert len(run.scores) == 2 * LIMIT * len(ARMS)


@pytest.mark.wire
def test_several_servers_share_the_questions(tmp_path: Path, servers: list[StubServer]) -> None:
    both, one = begun(tmp_path / "both"), begun(tmp_path / "one")
    chats = [open_chat(server.url) for server in servers]
    run_in_process(both, chats, HashEmbedder(), lambda _: None, StoryArm)
    shares = [len(server.requests) for server in servers]
    run_in_process(one, open_chat(servers[0].url), HashEmbedder(), lambda _: None, StoryArm)
    assert sum(shares) == len(both.scores)
    assert min(shares) > 0.3 * sum(shares)
    assert outcomes(tmp_path / "both") == outcomes(tmp_path / "one")


class Slow:
    """An asker that waits until it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.begun = threading.Event()
        self.gate = threading.Event()

    def ask(
        self, task: Task, name: ArmName, samples: Sequence[Sample], stop: threading.Event
    ) -> Iterator[Score]:
        self.asked += 1
        self.begun.set()
        self.gate.wait(30)
        yield Score(id="a", task=task.name, arm=str(name), question="?", gold=("x",))


def test_a_pool_gives_a_story_to_the_worker_with_the_fewest() -> None:
    slow, quick = Slow(), Slow()
    quick.gate.set()
    pool = WorkerPool([slow, quick])
    task = babi.load(None, 1, None)
    held = threading.Thread(target=lambda: list(pool.ask(task, ARMS[0], [], threading.Event())))
    held.start()
    assert slow.begun.wait(30)
    for _ in range(3):
        assert len(list(pool.ask(task, ARMS[0], [], threading.Event()))) == 1
    slow.gate.set()
    held.join()
    assert (slow.asked, quick.asked) == (1, 3)
