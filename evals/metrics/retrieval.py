"""Measures of a ranking against a set of gold items, such as recall@k, MRR and nDCG@k.

`found` says of each item of a ranking, best first, whether it is gold (items), and `gold` is the
number of gold items, at least 1. A ranking that is shorter than k is measured as it is.
"""

from collections.abc import Collection, Hashable, Iterable, Sequence
from math import log2

CUTOFFS = (1, 3, 5, 10, 20)
"""The values of k that are reported."""


def hit_rate(found: Sequence[bool], k: int) -> float:
    """Return 1 if any of the first k is gold, else 0: any@k."""
    return float(any(found[:k]))


def recall(found: Sequence[bool], k: int, gold: int) -> float:
    """Return the share of the gold items that are among the first k."""
    return sum(found[:k]) / gold


def precision(found: Sequence[bool], k: int) -> float:
    """Return the share of the first k that are gold, 0 where there are none.

    Of a ranking that is shorter than k it is the share of what there is.
    """
    return sum(found[:k]) / len(found[:k]) if found[:k] else 0.0


def complete(found: Sequence[bool], k: int, gold: int) -> float:
    """Return 1 if all gold items are among the first k, else 0: all@k."""
    return float(sum(found[:k]) == gold)


def reciprocal_rank(found: Sequence[bool]) -> float:
    """Return 1 / rank of the first gold item, 0 without one.

    Its mean over questions is the MRR (Voorhees, TREC-8 Question Answering Track, 1999).
    """
    return next((1 / rank for rank, is_gold in enumerate(found, start=1) if is_gold), 0.0)


def ndcg(found: Sequence[bool], k: int, gold: int) -> float:
    """Return the normalised discounted cumulative gain of the first k, each gold item worth 1.

    Gains are divided by log2(rank + 1), and their sum by that of the ideal ranking (Järvelin and
    Kekäläinen, Cumulated gain-based evaluation of IR techniques, TOIS 20(4), 2002).
    """
    gain = sum(1 / log2(rank + 1) for rank, is_gold in enumerate(found[:k], start=1) if is_gold)
    return gain / sum(1 / log2(rank + 1) for rank in range(1, min(k, gold) + 1))


def measures(
    ranking: Iterable[Hashable], gold: Collection[Hashable], cutoffs: Sequence[int] = CUTOFFS
) -> dict[str, float]:
    """Return every measure of a ranking at every cutoff by name, such as "recall@10".

    An item that comes twice counts where it comes first. "mrr" counts ranks up to the last cutoff.
    """
    wanted = set(gold)
    found = [item in wanted for item in dict.fromkeys(ranking)]
    n = len(wanted)
    return {
        **{f"any@{k}": hit_rate(found, k) for k in cutoffs},
        **{f"recall@{k}": recall(found, k, n) for k in cutoffs},
        **{f"precision@{k}": precision(found, k) for k in cutoffs},
        **{f"all@{k}": complete(found, k, n) for k in cutoffs},
        **{f"ndcg@{k}": ndcg(found, k, n) for k in cutoffs},
        "mrr": reciprocal_rank(found[: max(cutoffs)]),
    }
