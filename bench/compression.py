"""Share of gold answers that are left in notes after compression, by ratio.

    MEMAGENT_DATA=... python bench/compression.py [--articles 0 | 1-4] [--ratios 1,2,4,8,16]

Every SQuAD paragraph is one record, found by its sentences; a note stands for each. Of the
answerable questions it prints the share

    kept      whose gold answer is in the note on the gold paragraph,
    top1/5    whose gold paragraph is found first, or among five,
    note      whose answer is in the best note (of raw paragraphs: in the best paragraph),
    sentence  whose answer is in the sentence found (raw), or in the one behind the note (drilled),
    gathered  whose answer is in what eight notes say in the room of one paragraph,

and how many tokens were shown. No chat model is asked. All rows have the same questions.
"""

import argparse
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from memagent import Memory, Scope, open_embedder
from memagent.evals.metrics.statistics import wilson
from memagent.stores.ranking import tokens_of
from memagent.text.english import sentences
from memagent.types import NewRecord, Recollection

ADA = Scope(user="ada")
ROOM = 160
"""About the tokens of one paragraph."""
METHODS: dict[str, dict[str, Any]] = {
    "runs-aware": {"method": "runs"},
    "runs-salience": {"method": "runs", "aware": False},
    "sentences-aware": {"method": "sentences"},
    "sentences-salience": {"method": "sentences", "aware": False},
    "own-keys": {"method": "runs", "keys": "own"},
}
GATHERED: dict[str, dict[str, Any]] = {
    "gathered": {"self_match": False},
    "gathered-self": {"self_match": True},
    "gathered-groups": {"self_match": False, "k": 16, "group": 4},
}
Question = tuple[str, list[str], str]


def plain(text: str) -> str:
    words = re.sub(r"[^\w\s]", " ", text.lower()).split()
    return f" {' '.join(word for word in words if word not in ('a', 'an', 'the'))} "


def holds(text: str, gold: Sequence[str]) -> bool:
    return any(plain(one) in plain(text) for one in gold)


def asked(paragraphs: Sequence[Mapping[str, Any]]) -> list[Question]:
    return [
        (qa["question"], [one["text"] for one in qa["answers"]], str(number))
        for number, paragraph in enumerate(paragraphs)
        for qa in paragraph["qas"]
        if qa["answers"]
    ]


def shares(memory: Memory, questions: list[Question], *, notes: bool) -> str:
    """Return a line of shares with their 95% intervals, and of the tokens shown."""
    standing = memory.list(scope=ADA, kind="note", limit=10_000) if notes else []
    by_source = {one.sources[0]: one.text for one in standing}
    right: dict[str, int] = {}
    shown: dict[str, int] = {}

    def count(name: str, is_right: bool, text: str | None = None) -> None:
        right[name] = right.get(name, 0) + is_right
        if text is not None:
            shown[name] = shown.get(name, 0) + tokens_of(len(text))

    for question, gold, number in questions:
        hits = memory.search(question, scope=ADA, k=5)
        found = [(hit.record.sources or (hit.record.id,))[0] for hit in hits]
        if notes:
            (source,) = memory.get([number], scope=ADA)
            count("kept", holds(by_source.get(number, source.text), gold))
        count("top1", found[:1] == [number])
        count("top5", number in found)
        count("note", holds(hits[0].record.text, gold), hits[0].record.text)
        behind = memory.notes.expand(question, Recollection(hits=(hits[0],)), scope=ADA)
        sentence = " ".join(behind.texts) if notes else hits[0].key
        count("sentence", holds(sentence, gold), sentence)
        for name, how in GATHERED.items() if notes else ():
            text = " ".join(memory.notes.gather(question, scope=ADA, tokens=ROOM, **how).lines)
            count(name, holds(text, gold), text)
    n = len(questions)
    parts = []
    for name, is_right in right.items():
        low, high = wilson(is_right, n)
        tokens = f" {shown[name] / n:.0f}t" if name in shown else ""
        parts.append(f"{name} {is_right / n:.3f} ({low:.2f}-{high:.2f}){tokens}")
    return "  ".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--articles", default="0")
    parser.add_argument("--ratios", default="1,2,4,8,16")
    parser.add_argument("--methods", default=",".join(METHODS))
    arguments = parser.parse_args()
    file = Path(os.environ["MEMAGENT_DATA"]) / "squad" / "dev-5-articles.json"
    articles = json.loads(file.read_text())["data"]
    first, _, last = arguments.articles.partition("-")
    chosen = articles[int(first) : int(last or first) + 1]
    paragraphs = [one for article in chosen for one in article["paragraphs"]]
    questions = asked(paragraphs)
    print(f"{len(paragraphs)} paragraphs, n = {len(questions)} answerable questions")
    notes = []
    for number, paragraph in enumerate(paragraphs):
        text = paragraph["context"]
        keys = tuple(span.of(text) for span in sentences(text))
        notes.append(NewRecord(text=text, id=str(number), keys=keys))
    embedder = open_embedder("all-MiniLM-L6-v2")
    with Memory.in_memory(embedder=embedder) as memory:
        memory.add_many(notes, scope=ADA)
        print(f"{'raw':>18}  1.0x  {shares(memory, questions, notes=False)}", flush=True)
    for name in arguments.methods.split(","):
        for ratio in arguments.ratios.split(","):
            with Memory.in_memory(embedder=embedder) as memory:
                memory.add_many(notes, scope=ADA)
                how = METHODS[name]
                done = memory.notes.compress(scope=ADA, ratio=1 / float(ratio), archive=True, **how)
                told = shares(memory, questions, notes=True)
                print(f"{name:>18}  {done.ratio:.1f}x  {told}", flush=True)


if __name__ == "__main__":
    main()
