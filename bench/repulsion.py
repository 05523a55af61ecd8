"""Near-duplicate episodes told apart: top-1 before and after keys were moved, on unseen wordings.

    python bench/repulsion.py [--groups 40]

Each group holds five records that differ in one detail, and each record has four wordings of a
question that names the detail otherwise. Two wordings are asked first, ten times over; whenever one
finds a wrong record, that is a confirmed confusion, and the keys are moved one step. The other two
wordings, which moved nothing, are the measurement, by cosine alone, with the real embedder.
"""

import argparse
import random

import numpy as np
from scipy.stats import binomtest

from memagent import Memory, Scope, open_embedder
from memagent.evals.metrics.statistics import wilson

ADA = Scope(user="ada")
PEOPLE = "Anna Bruno Clara David Elena Felix Greta Henry Irene Jonas".split()
PLACES = "office clinic garage library harbour school bakery station museum farm".split()
DETAILS = [
    ("a quarter past nine", ["9:15", "nine fifteen", "soon after nine", "15 minutes past 9"]),
    ("half past eleven", ["11:30", "eleven thirty", "shortly before noon", "30 past eleven"]),
    ("two in the afternoon", ["2 pm", "14:00", "right after lunch", "fourteen hundred hours"]),
    ("a quarter to five", ["4:45 pm", "16:45", "just before five", "sixteen forty-five"]),
    ("eight in the evening", ["8 pm", "20:00", "after supper", "twenty hundred hours"]),
]
ASKED = "What parcel did {person} hand over in the {place}, {detail}?"
TOLD = "At {detail}, parcel {visitor} was signed for by {person} in the {place}."
PASSES = 10


def top1(
    memory: Memory, asked: list[tuple[str, str]], vectors: np.ndarray, *, learn: bool = False
) -> list[bool]:
    """Return which questions find their own record first; `learn` moves the keys of the others."""
    right = []
    for (_, wanted), vector in zip(asked, vectors, strict=True):
        found = memory.search(scope=ADA, vector=vector, k=1)[0].record.id
        right.append(found == wanted)
        if learn and found != wanted:
            memory.changes.separate(vector=vector, wanted=wanted, found=found, scope=ADA)
    return right


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--groups", type=int, default=40)
    groups, rng = parser.parse_args().groups, random.Random(2)
    embedder = open_embedder("all-MiniLM-L6-v2")
    pairs = rng.sample([(person, place) for person in PEOPLE for place in PLACES], groups)
    seen: list[tuple[str, str]] = []
    unseen: list[tuple[str, str]] = []
    with Memory.in_memory(embedder=embedder) as memory:
        for person, place in pairs:
            for detail, wordings in DETAILS:
                told = TOLD.format(
                    person=person, place=place, detail=detail, visitor=rng.randrange(1000)
                )
                record = memory.add(told, scope=ADA)
                for number, wording in enumerate(wordings):
                    question = ASKED.format(person=person, place=place, detail=wording)
                    (seen if number < 2 else unseen).append((question, record.id))
        values = {record.id: record.text for record in memory.list(scope=ADA, limit=10_000)}
        embedded = [
            np.array(embedder.embed_documents([question for question, _ in part]))
            for part in (seen, unseen)
        ]
        before = report("before", memory, seen, unseen, embedded)
        for _ in range(PASSES):
            top1(memory, seen, embedded[0], learn=True)
        compare(before, report("after", memory, seen, unseen, embedded))
        same = {record.id: record.text for record in memory.list(scope=ADA, limit=10_000)}
        print(f"values byte-identical: {same == values} ({len(values)} records)")
        print(f"moved back: {memory.changes.move_back(list(values), scope=ADA)} keys")
        report("undone", memory, seen, unseen, embedded)


def report(
    when: str,
    memory: Memory,
    seen: list[tuple[str, str]],
    unseen: list[tuple[str, str]],
    embedded: list[np.ndarray],
) -> list[bool]:
    """Print top-1 with its interval for both parts, and return the unseen part's answers."""
    right: list[bool] = []
    for name, asked, vectors in (("seen", seen, embedded[0]), ("unseen", unseen, embedded[1])):
        right = top1(memory, asked, vectors)
        low, high = wilson(sum(right), len(right))
        print(
            f"{when:>7}  {name:>6} wordings: top-1 {sum(right) / len(right):.3f}"
            f" ({low:.3f}-{high:.3f}), n = {len(right)}"
        )
    return right


def compare(before: list[bool], after: list[bool]) -> None:
    won = sum(b < a for b, a in zip(before, after, strict=True))
    lost = sum(b > a for b, a in zip(before, after, strict=True))
    p = binomtest(won, won + lost).pvalue if won + lost else 1.0
    print(f"unseen: {won} won, {lost} lost; exact McNemar p = {p:.4f}")


if __name__ == "__main__":
    main()
