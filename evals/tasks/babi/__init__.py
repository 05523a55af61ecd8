"""bAbI: twenty tasks, from the released files or our own generator, and a solver for both."""

from memagent.evals.tasks.babi.generator.generate import GENERATED, generate
from memagent.evals.tasks.babi.loader import (
    TASKS,
    Split,
    Variant,
    differing,
    generated,
    load,
    parse,
)
from memagent.evals.tasks.babi.solver.solve import Solution, solve

__all__ = [
    "GENERATED",
    "TASKS",
    "Solution",
    "Split",
    "Variant",
    "differing",
    "generate",
    "generated",
    "load",
    "parse",
    "solve",
]
