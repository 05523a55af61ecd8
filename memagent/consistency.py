"""Self-consistency: how sure a model is of an answer, told by how often it gives it.

After T-SAS (Jeong et al. 2023): of m answers to one question the most frequent is kept if its share
reaches 0.7. Here it is written to memory, where T-SAS trains weights on it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

GATE = 0.7


@dataclass(frozen=True, kw_only=True, slots=True)
class Vote:
    """The answer that most samples give, and the share of the samples that give it."""

    answer: str
    share: float


def vote(answers: Sequence[str]) -> Vote:
    """Return the most frequent answer; of equally frequent ones the first given.

    An answer that is empty is none, but counts as a sample.
    """
    counts = Counter(answer for answer in answers if answer)
    if not counts:
        return Vote(answer="", share=0.0)
    answer, count = counts.most_common(1)[0]
    return Vote(answer=answer, share=count / len(answers))
