"""Share of needed records that are still at hand, by what goes first when memory is full.

    python bench/retention.py [--seeds 20]

A stream of writes and needs: every fifth step writes something new, the others need something old.
In the stream "uses", the chance that an item is needed is proportional to the sum of L^-d over all
its earlier uses, L steps ago: what was often needed is needed again. In "last", only the last use
counts, which is the one thing that LRU looks at. d = 0 needs all alike. What is needed and not at
hand is a miss, and is written again. Capacity is a quarter of all items. The measure is the share
of needs that are at hand; all policies see the same streams.
"""

import argparse
import random
import statistics

from memagent.stores.lifecycle.retention import POLICIES, retention_scores
from memagent.types import Policy

ITEMS, STEPS_PER_ITEM, CAPACITY = 400, 5, 100
SECOND, STEP = 1_000_000, 60_000_000
EXPONENTS = (0.0, 0.5, 1.0)


def stream(kind: str, exponent: float, rng: random.Random) -> list[int]:
    """Return which item each step concerns; an item's first step writes it."""
    uses: list[list[int]] = []
    steps: list[int] = []
    for step in range(ITEMS * STEPS_PER_ITEM):
        if step % STEPS_PER_ITEM == 0:
            item = len(uses)
            uses.append([])
        else:
            counted = uses if kind == "uses" else [times[-1:] for times in uses]
            chances = [sum((step - time) ** -exponent for time in times) for times in counted]
            item = rng.choices(range(len(uses)), chances)[0]
        uses[item].append(step)
        steps.append(item)
    return steps


def hit_rate(steps: list[int], policy: Policy) -> float:
    held: dict[int, list[int]] = {}
    history: dict[int, list[int]] = {}
    hits = needs = 0
    for number, item in enumerate(steps):
        now = number * STEP
        if item in history:
            needs += 1
            hits += item in held
        history.setdefault(item, []).append(now)
        held[item] = history[item] if policy != "fifo" or item in held else [now]
        if len(held) > CAPACITY:
            scores = retention_scores(held, now + SECOND, policy)
            others = (one for one in held if one != item)
            del held[min(others, key=scores.__getitem__)]
    return hits / needs


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    print(f"{ITEMS} items, capacity {CAPACITY}, {seeds} seeds; mean hit rate and, for the others,")
    print("the mean difference to activation with a 95% interval over the seeds (paired)\n")
    print("| stream | d | activation | lru | fifo | lru - activation | fifo - activation |")
    print("|---|---|---|---|---|---|---|")
    for kind, exponent in [(kind, d) for kind in ("uses", "last") for d in EXPONENTS]:
        rates: dict[str, list[float]] = {policy: [] for policy in POLICIES}
        for seed in range(seeds):
            steps = stream(kind, exponent, random.Random(seed))
            for policy in POLICIES:
                rates[policy].append(hit_rate(steps, policy))
        cells = [f"{statistics.mean(rates[p]):.3f}" for p in ("activation", "lru", "fifo")]
        for policy in ("lru", "fifo"):
            apart = [a - b for a, b in zip(rates[policy], rates["activation"], strict=True)]
            half = 1.96 * statistics.stdev(apart) / seeds**0.5
            cells.append(f"{statistics.mean(apart):+.3f} ± {half:.3f}")
        print(f"| {kind} | {exponent} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
