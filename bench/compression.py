"""How much of what is asked for is left after compression: gold answers in notes, by ratio.

    MEMAGENT_DATA=... python bench/compression.py [--articles 0 | 0-4] [--ratios 1,2,4,8,16]

Every SQuAD paragraph is one record; a note stands for each. Of the answerable questions it prints
the share whose gold answer is still in the note of the gold paragraph (`kept`), whose paragraph is
found first or among five (`top1`, `top5`), and whose answer is in what is shown: the best note
(`note`), what is gathered from notes in the room of one raw paragraph (`gathered`), and the
sentences that drilling down puts in a note's place (`drilled`); each with the mean tokens shown.
No chat model is asked. The whole table is one run, every row on the same questions.
"""

import argparse
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from memagent import Memory, Scope, open_embedder
from memagent.evals.metrics import wilson
from memagent.stores.ranking import tokens_of
from memagent.types import Note, Recollection

ADA = Scope(user="ada")
ROOM = 160
"""About the tokens of one raw paragraph."""
METHODS = {
    "runs, aware": {"method": "runs"},
    "runs, salience": {"method": "runs", "aware": False},
    "sentences, aware": {"method": "sentences"},
    "sentences, salience": {"method": "sentences", "aware": False},
    "runs, aware, own keys": {"method": "runs", "keys": "own"},
}


def plain(text: str) -> str:
    words = re.sub(r"[^\w\s]", " ", text.lower()).split()
    return f" {' '.join(word for word in words if word not in ('a', 'an', 'the'))} "


def holds(text: str, gold: Sequence[str]) -> bool:
    return any(plain(one) in plain(text) for one in gold)


def asked(paragraphs: Sequence[dict]) -> list[tuple[str, list[str], str]]:
    return [
        (qa["question"], [one["text"] for one in qa["answers"]], str(number))
        for number, paragraph in enumerate(paragraphs)
        for qa in paragraph["qas"]
        if qa["answers"]
    ]


def row(memory: Memory, questions: list[tuple[str, list[str], str]], *, notes: bool) -> dict:
    """Return the shares and the tokens of one way of keeping the paragraphs."""
    standing = memory.list(scope=ADA, kind="note", limit=10_000) if notes else []
    by_source = {one.sources[0]: one.value for one in standing}
    right = dict.fromkeys(("kept", "top1", "top5", "note", "gathered", "drilled"), 0)
    tokens = dict.fromkeys(("note", "gathered", "drilled"), 0)
    for question, gold, number in questions:
        hits = memory.search(question, scope=ADA, k=5)
        places = [(hit.record.sources or (hit.record.id,))[0] for hit in hits]
        right["kept"] += holds(by_source.get(number, ""), gold) if notes else 1
        right["top1"] += places[:1] == [number]
        right["top5"] += number in places
        shown = {"note": hits[0].record.value}
        if notes:
            gathered = memory.gather(question, scope=ADA, tokens=ROOM, self_match=False)
            behind = memory.drill(question, Recollection(hits=(hits[0],)), scope=ADA)
            shown["gathered"] = " ".join(gathered.lines)
            shown["drilled"] = " ".join(behind.shown)
        for name, text in shown.items():
            right[name] += holds(text, gold)
            tokens[name] += tokens_of(len(text))
    n = len(questions)
    return {name: (count, n) for name, count in right.items()} | {
        f"{name} tokens": round(count / n) for name, count in tokens.items()
    }


def told(name: str, ratio: str, found: dict) -> str:
    shares = "  ".join(
        "{} {:.3f} ({:.2f}-{:.2f})".format(key, value[0] / value[1], *wilson(*value))
        for key, value in found.items()
        if isinstance(value, tuple)
    )
    lengths = "  ".join(f"{key} {value}" for key, value in found.items() if isinstance(value, int))
    return f"{name:>22} {ratio:>5}  {shares}  {lengths}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--articles", default="0")
    parser.add_argument("--ratios", default="1,2,4,8,16")
    parser.add_argument("--methods", default=",".join(METHODS).replace(", ", "_"))
    arguments = parser.parse_args()
    file = Path(os.environ["MEMAGENT_DATA"]) / "squad" / "dev-5-articles.json"
    articles = json.loads(file.read_text())["data"]
    first, _, last = arguments.articles.partition("-")
    chosen = articles[int(first) : int(last or first) + 1]
    paragraphs = [one for article in chosen for one in article["paragraphs"]]
    questions = asked(paragraphs)
    print(f"{len(paragraphs)} paragraphs, {len(questions)} answerable questions")
    notes = [Note(text=one["context"], id=str(n)) for n, one in enumerate(paragraphs)]
    embedder = open_embedder("all-MiniLM-L6-v2")
    with Memory.open(None, embedder=embedder) as memory:
        memory.add_many(notes, scope=ADA)
        print(told("raw passages", "1", row(memory, questions, notes=False)), flush=True)
    for name in arguments.methods.replace("_", ", ").split(",") if False else METHODS:
        if name.replace(", ", "_") not in arguments.methods:
            continue
        for ratio in arguments.ratios.split(","):
            with Memory.open(None, embedder=embedder) as memory:
                memory.add_many(notes, scope=ADA)
                done = memory.compress(
                    scope=ADA, ratio=1 / float(ratio), archive=True, **METHODS[name]
                )
                found = row(memory, questions, notes=True)
                print(told(name, f"{done.ratio:.1f}x", found), flush=True)


if __name__ == "__main__":
    main()
