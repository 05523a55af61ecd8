"""Small streams of interference, and models that read them."""

import re
from collections.abc import Sequence
from typing import cast

from langchain_core.messages import BaseMessage

from memagent.evals.suite import Selection
from memagent.evals.task import Task
from memagent.evals.tasks.interference.streams import Trial
from memagent.evals.tasks.interference.suite import load

SMALL = {"streams": 2, "episodes": 4}


def conditions(**settings: int) -> dict[str, Task]:
    tasks = load(Selection(settings=SMALL | settings))
    return {one.name.removeprefix("interference/"): one for one in tasks}


def trials(task: Task) -> list[Trial]:
    return [cast(Trial, one) for one in task.asked]


def careful(messages: Sequence[BaseMessage]) -> str:
    """Answer with the last place that the notes tell of the person who is asked about."""
    text = str(messages[-1].content)
    person = re.findall(r"Where (?:is|was) (\w+)", text)[-1]
    found = re.findall(rf"{person} .*?the (\w+)\.", text.split("Question:")[0])
    return found[-1] if found else "nowhere"


def summarising(messages: Sequence[BaseMessage]) -> str:
    """Answer like `careful`, and summarise by repeating all that was told."""
    text = str(messages[-1].content)
    if text.startswith("Summary:"):
        return " ".join(re.findall(r"\w+ [\w ]+ to the \w+\.", text))
    return careful(messages)
