"""Learning from solved problems: rationales, few-shot examples, and ablations."""

# The function `learn` has its module's name, and is imported from there.

from memagent.learning.learn import Learned, LearningOptions
from memagent.learning.problems import Check, Problem
from memagent.learning.rationales import Rationales

__all__ = ["Check", "Learned", "LearningOptions", "Problem", "Rationales"]
