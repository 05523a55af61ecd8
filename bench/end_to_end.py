"""Share of adding and searching that is not embedding, with the real embedder, at growing size.

    python bench/end_to_end.py CORPUS STORE RESULT [--texts 500]

The store is first filled with a corpus whose vectors are given; what is timed is English.
"""

import argparse
import json
import random
import time
from pathlib import Path
from typing import Any

from corpus import Corpus
from langchain_core.embeddings import Embeddings

from memagent import Memory, Scope, open_embedder
from memagent.types import NewRecord

EMBEDDER = "all-MiniLM-L6-v2"
BATCH = 100
SINGLES = 50
WORDS = (
    "the a my her his our their this that every old new small large red blue quiet late early good"
    " house garden train letter doctor sister brother teacher river bridge dinner coffee book song"
    " picture window street market school office kitchen summer winter morning evening week year"
    " went came found lost bought sold wrote read made broke moved called visited remembered forgot"
    " likes wants needs keeps from to with near before after about under over and but because while"
).split()


class Timed(Embeddings):
    """An embedder that adds up the seconds it takes."""

    def __init__(self, inner: Embeddings) -> None:
        self._inner = inner
        self.name = EMBEDDER
        self.seconds = 0.0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one vector a text."""
        started = time.perf_counter()
        vectors = self._inner.embed_documents(texts)
        self.seconds += time.perf_counter() - started
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of one text."""
        return self.embed_documents([text])[0]


def sentences(count: int) -> list[str]:
    """Return distinct English-like sentences of twelve words."""
    rng = random.Random(0)
    drawn: dict[str, None] = {}
    while len(drawn) < count:
        drawn[" ".join(rng.choices(WORDS, k=12)).capitalize() + "."] = None
    return list(drawn)


def measure(memory: Memory, embedder: Timed, texts: int) -> dict[str, Any]:
    """Return the seconds of each verb, in all and for embedding alone."""
    ada = Scope(user="user0000")
    told = iter(sentences(texts + 2 * SINGLES))
    memory.search(next(told), scope=ada)  # loads the embedder and the user's vectors

    def share(verb: Any, calls: list[Any]) -> dict[str, float]:
        embedder.seconds, started = 0.0, time.perf_counter()
        for call in calls:
            verb(call, scope=ada)
        return {"seconds": time.perf_counter() - started, "embedding": embedder.seconds}

    batches = [[next(told) for _ in range(BATCH)] for _ in range(texts // BATCH)]
    return {
        "add_many": share(memory.add_many, batches),
        "add": share(memory.add, [next(told) for _ in range(SINGLES)]),
        "search": share(memory.search, list(told)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("store", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--texts", type=int, default=500)
    arguments = parser.parse_args()
    embedder = Timed(open_embedder(EMBEDDER))
    with Memory.open(arguments.store, embedder=embedder) as memory:
        for batch in Corpus(arguments.corpus).batches():
            notes = [NewRecord(text=text) for text in batch.texts]
            memory.add_many(notes, scope=Scope(user=batch.user), vectors=batch.vectors)
        result = measure(memory, embedder, arguments.texts)
    arguments.result.write_text(json.dumps(result))


if __name__ == "__main__":
    main()
