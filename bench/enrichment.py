"""Worth of question-shaped keys: SQuAD paragraphs found by SQuAD's own questions.

    MEMAGENT_DATA=... python bench/enrichment.py [--model local] [--paragraphs 173]

Every paragraph of the file is one record, every question a search among all of them, before and
after `Memory.enrich`. The questions are people's; the model never sees them.
"""

import argparse
import json
import os
import time
from pathlib import Path

from scipy.stats import binomtest

from memagent import Memory, Scope, open_chat, open_embedder
from memagent.evals.metrics.statistics import wilson

ADA = Scope(user="ada")


def found(memory: Memory, asked: list[tuple[str, str]]) -> list[bool]:
    first = [(memory.search(question, scope=ADA, k=1), wanted) for question, wanted in asked]
    return [bool(hits) and hits[0].record.id == wanted for hits, wanted in first]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="local")
    parser.add_argument("--paragraphs", type=int, default=None)
    arguments = parser.parse_args()
    file = Path(os.environ["MEMAGENT_DATA"]) / "squad" / "dev-5-articles.json"
    articles = json.loads(file.read_text())["data"]
    paragraphs = [one for article in articles for one in article["paragraphs"]]
    asked: list[tuple[str, str]] = []
    with Memory.in_memory(embedder=open_embedder("all-MiniLM-L6-v2")) as memory:
        for paragraph in paragraphs[: arguments.paragraphs]:
            record = memory.add(paragraph["context"], scope=ADA)
            asked += [(qa["question"], record.id) for qa in paragraph["qas"]]
        before = found(memory, asked)
        started = time.perf_counter()
        done = memory.notes.generate_queries(open_chat(arguments.model, max_tokens=200), scope=ADA)
        seconds = time.perf_counter() - started
        print(
            f"{done.records} enriched with {done.keys} keys, {done.failed} failed, {seconds:.0f} s"
        )
        after = found(memory, asked)
    for name, right in (("before", before), ("after", after)):
        low, high = wilson(sum(right), len(right))
        print(f"{name:>6}: top-1 {sum(right) / len(right):.3f} ({low:.3f}-{high:.3f})", end="")
        print(f", n = {len(right)}")
    won = sum(b < a for b, a in zip(before, after, strict=True))
    lost = sum(b > a for b, a in zip(before, after, strict=True))
    p = binomtest(won, won + lost).pvalue if won + lost else 1.0
    print(f"{won} won, {lost} lost; exact McNemar p = {p:.4f}")


if __name__ == "__main__":
    main()
