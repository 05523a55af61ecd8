"""bAbI: twenty tasks, from the released files or our own generator, and a solver for both."""

from memagent.evals.babi.generator import GENERATED, generate
from memagent.evals.babi.lines import parse
from memagent.evals.babi.loading import TASKS, Split, Variant, differing, generated, load
from memagent.evals.babi.solver import Solution, solve

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
