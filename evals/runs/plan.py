"""Plan of a run: its arms, the questions drawn from each task, and how they are asked."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from memagent.evals.arm import ArmName
from memagent.evals.task import Sample, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Arms, number of questions a task, how these are drawn, and the model that answers them.

    `limit` draws so many questions of each task by `seed`, the same for every arm; with `shuffle`
    the stories are asked in a drawn order. `concurrency` stories are asked side by side, and more
    than `max_failures` questions without an answer end the run. `settings` are the evaluation's.
    """

    arms: tuple[ArmName, ...]
    limit: int | None = None
    seed: int = 0
    shuffle: bool = False
    model: str = "local"
    embedder: str = "all-MiniLM-L6-v2"
    concurrency: int = 4
    max_failures: int = 100
    settings: Mapping[str, float] = field(default_factory=dict)

    def deciding(self) -> dict[str, Any]:
        """Return the parts that decide the answers, as JSON."""
        everything = asdict(self) | {"arms": [str(arm) for arm in self.arms]}
        idle = {"concurrency", "max_failures"} | (set() if self.settings else {"settings"})
        return {name: value for name, value in everything.items() if name not in idle}


def drawn(task: Task, plan: Plan) -> list[Sample]:
    """Return the samples to ask, the same for every arm; of one story in order."""
    samples = list(task.asked)
    if plan.limit is not None and plan.limit < len(samples):
        positions = random.Random(plan.seed).sample(range(len(samples)), plan.limit)
        samples = [samples[position] for position in sorted(positions)]
    if plan.shuffle:
        stories = by_story(samples)
        random.Random(plan.seed).shuffle(stories)
        samples = [sample for story in stories for sample in story]
    return samples


def by_story(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Group samples that must be asked in order: a story with questions between its facts.

    Of a story whose facts all come before its first question, each question is its own group.
    """
    stories: dict[str, list[Sample]] = {}
    for sample in samples:
        stories.setdefault(sample.story, []).append(sample)
    groups: list[list[Sample]] = []
    for story in stories.values():
        whole = len({len(sample.facts) for sample in story}) == 1
        groups += [[sample] for sample in story] if whole else [story]
    return groups
