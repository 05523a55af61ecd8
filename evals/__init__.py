"""Evaluations that measure, with controls, what the memory adds to a model."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memagent.evals.batch import Batch, run_all
    from memagent.evals.evaluation import Options, Progress, Result, run
    from memagent.evals.suite import Member, Selection, Suite
    from memagent.evals.task import Sample, Task

__all__ = [
    "Batch",
    "Member",
    "Options",
    "Progress",
    "Result",
    "Sample",
    "Selection",
    "Suite",
    "Task",
    "run",
    "run_all",
]

_HOMES = {
    "Batch": "batch",
    "Member": "suite",
    "Options": "evaluation",
    "Progress": "evaluation",
    "Result": "evaluation",
    "Sample": "task",
    "Selection": "suite",
    "Suite": "suite",
    "Task": "task",
    "run": "evaluation",
    "run_all": "batch",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that a metric alone loads no model code."""
    if name not in _HOMES:
        raise AttributeError(f"module 'memagent.evals' has no attribute {name!r}")
    return getattr(import_module(f"memagent.evals.{_HOMES[name]}"), name)
