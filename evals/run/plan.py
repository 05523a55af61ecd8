"""What a run asks, and how."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from memagent.evals.arm import ArmName
from memagent.evals.task import Sample, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Which arms, how many questions a task, how they are drawn, and by whom they are answered.

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
        """Return what decides the answers, as JSON."""
        all_of_it = asdict(self) | {"arms": [str(arm) for arm in self.arms]}
        idle = {"concurrency", "max_failures"} | (set() if self.settings else {"settings"})
        return {name: value for name, value in all_of_it.items() if name not in idle}


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
    """Group samples by what can be asked side by side: a story told step by step is one group.

    Of a story that is told before its first question, each question is a group of its own.
    """
    stories: dict[str, list[Sample]] = {}
    for sample in samples:
        stories.setdefault(sample.story, []).append(sample)
    groups: list[list[Sample]] = []
    for story in stories.values():
        whole = len({len(sample.facts) for sample in story}) == 1
        groups += [[sample] for sample in story] if whole else [story]
    return groups
