"""Time from a correction, unchecked, to where the same question is answered from it.

    python bench/feedback.py [--sizes 1000,10000] [--turns 50]

Each turn asks where somebody works, is corrected, and recalls for the same question. The embedder
is real, the language model is scripted and not counted: what is told is the correction until it is
on the disk, and that together with the recall that shows it. Median, 95th percentile and the worst.
"""

import argparse
import random
import statistics
import tempfile
import time

from memagent import Agent, Memory, Scope, open_embedder
from memagent.feedback.rate_limit import RateLimit
from memagent.testing import ScriptedChat

ADA = Scope(user="ada")
PLACES = ("Rome", "Paris", "Lisbon", "Vienna", "Oslo", "Madrid")


def names(count: int) -> list[str]:
    rng = random.Random(count)
    parts = ("Ba", "De", "Fi", "Go", "Ku", "La", "Mi", "No", "Pe", "Ru", "Sa", "To", "Vi", "Ze")
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join([rng.choice(parts), *(rng.choice(parts).lower() for _ in range(3))])] = None
    return list(found)


def measure(size: int, turns: int) -> None:
    people = names(size)
    with (
        tempfile.TemporaryDirectory() as folder,
        Memory.open(folder, embedder=open_embedder("all-MiniLM-L6-v2")) as memory,
    ):
        texts = [f"{one} works in {PLACES[at % 6]}." for at, one in enumerate(people)]
        for start in range(0, size, 500):
            memory.add_many(texts[start : start + 500], scope=ADA)
        agent = Agent(
            memory=memory, model=ScriptedChat(lambda _: "In Berlin."), rate_limit=RateLimit(None)
        )
        memory.maintenance.warm(scope=ADA)
        kept, shown = [], []
        for one in random.Random(0).sample(people, turns):
            asked, right = f"Where does {one} work?", f"{one} works in Prague."
            answer = agent.ask(asked, scope=ADA, remember=False)
            started = time.perf_counter()
            agent.feedback(answer, scope=ADA, correction=right)
            kept.append(time.perf_counter() - started)
            assert memory.recall(asked, scope=ADA).texts == (right,)
            shown.append(time.perf_counter() - started)
    for name, seconds in (("kept", kept), ("shown", shown)):
        middle, high = statistics.median(seconds), sorted(seconds)[int(0.95 * len(seconds))]
        print(f"| {size:,} | {name} | {middle:.3f} | {high:.3f} | {max(seconds):.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="1000,10000")
    parser.add_argument("--turns", type=int, default=50)
    asked = parser.parse_args()
    print("| records | until | median s | 95 % s | worst s |\n|---|---|---|---|---|")
    for size in map(int, asked.sizes.split(",")):
        measure(size, asked.turns)


if __name__ == "__main__":
    main()
