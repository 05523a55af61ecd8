"""Runs of the generated task 1, with a model that reads its last note."""

import re
from collections.abc import Sequence
from pathlib import Path

from langchain_core.messages import BaseMessage

from memagent.evals.arm import ArmName
from memagent.evals.runs.plan import Plan
from memagent.evals.runs.run import Run
from memagent.evals.runs.runner import run_in_process
from memagent.evals.score import Score, ScoreFile
from memagent.evals.task import Task
from memagent.evals.tasks.story_arms import StoryArm
from memagent.testing import HashEmbedder, ScriptedChat


def reader(messages: Sequence[BaseMessage]) -> str:
    """Answer with the last place in the notes, as a careful reader of one right note would."""
    places = re.findall(r"the (\w+)\.", str(messages[-1].content))
    return places[-1] if places else "nowhere"


def arms(*names: str, shots: int = 3) -> tuple[ArmName, ...]:
    return tuple(ArmName.parse(name, shots) for name in names)


def read_scores(folder: Path) -> list[Score]:
    return ScoreFile(folder).read()


def run(folder: Path, task: Task, plan: Plan, chat: ScriptedChat, *, resume: bool = False) -> Run:
    whole = Run(folder, [task], plan, resume=resume)
    run_in_process(whole, chat, HashEmbedder(), lambda _: None, StoryArm)
    return whole
