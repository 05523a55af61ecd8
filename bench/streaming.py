"""Reading a stream of documents, without a language model.

    python bench/streaming.py recall squad [--file PATH] [--article 0] [--arms memory,dense,bm25]
    python bench/streaming.py recall streamingqa [--split train] [--variant small]
    python bench/streaming.py grow [--documents 100000] [--questions 100] [--embedder NAME]
    python bench/streaming.py keys [--keys 11000000]

`recall` tells how often what an arm shows is of the gold passage, and holds a reference. `grow`
writes generated passages, three sentences each with made-up vectors, so that the embedder is not
what is measured: seconds a document at each tenth of the way, bytes a document, what a question
takes at 1,000 passages and on, and the ratio of the last tenth's document to the first's. At each
size a memory of 1,000 passages is asked by turns as well, ten questions at a time, so that a slow
while of the machine is of both; how many times as long they take is the ratio of the medians. With
`--embedder` each question is embedded as well, right before its search, and the time of both is
told beside that of the search. `keys` reads a list of sorting keys in a process of its own, and
tells its time and its largest resident memory.
"""

import argparse
import gzip
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from langchain_core.embeddings import Embeddings

from memagent import Memory, Scope, open_embedder
from memagent.config import load_settings
from memagent.evals.arm import ArmName, Parts
from memagent.evals.metrics.answers import normalised
from memagent.evals.metrics.statistics import wilson
from memagent.evals.registry import find_suite
from memagent.evals.suite import Selection
from memagent.evals.tasks.documents.arms import DocumentArm
from memagent.evals.tasks.documents.documents import StreamTask
from memagent.evals.tasks.documents.streamingqa.keys import KeySet
from memagent.testing import ScriptedChat
from memagent.types import NewRecord

BATCH = 64
SENTENCES = 3
DIMENSIONS = 384
FEW = 1_000
TURN = 10
SCOPE = Scope(user="stream")
CENTRES = np.random.default_rng(0).standard_normal((500, DIMENSIONS))


def recall(arguments: argparse.Namespace) -> None:
    wanted = Selection(
        tasks=arguments.tasks,
        split=arguments.split,
        variant=arguments.variant,
        data=load_settings().data,
        file=arguments.file,
        seed=arguments.seed,
    )
    embedder = open_embedder(load_settings().embedder)
    print("| task | arm | n | gold passage | holds a reference (95%) | words shown |")
    print("|---|---|---|---|---|---|")
    with Memory.in_memory(embedder=embedder) as memory:
        parts = Parts(memory=memory, embedder=embedder, model=ScriptedChat(lambda _: ""))
        for task in find_suite(arguments.suite).load(wanted):
            for name in arguments.arms.split(","):
                _recall(task, ArmName.parse(name, 0), parts, arguments)


def _recall(task: StreamTask, name: ArmName, parts: Parts, arguments: argparse.Namespace) -> None:
    groups = list(dict.fromkeys(one.group for one in task.documents))
    asked = [
        one
        for one in task.asked
        if arguments.article is None or one.group == groups[arguments.article]
    ]
    arm = DocumentArm(name, task, parts)
    found, held, shown = [], [], []
    for one in asked:
        reply = arm.ask(one)
        found.append(reply.recall or 0.0)
        text = normalised(" ".join(reply.shown))
        held.append(any(normalised(gold) in text for gold in one.gold))
        shown.append(len(text.split()))
    low, high = wilson(sum(held), len(held))
    cells = f"{statistics.mean(found):.1%} | {statistics.mean(held):.1%} ({low:.1%}-{high:.1%})"
    print(f"| {task.name} | {name} | {len(asked)} | {cells} | {statistics.mean(shown):.0f} |")


class Still(Embeddings):
    """An embedder that takes no time: one of many vectors drawn before, by the text."""

    name = "still"

    def __init__(self) -> None:
        drawn = np.random.default_rng(0).standard_normal((20_000, DIMENSIONS))
        self._vectors = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self._vectors[hash(text) % len(self._vectors)].tolist()


def grow(arguments: argparse.Namespace) -> None:
    tenth = arguments.documents // 10
    with (
        tempfile.TemporaryDirectory() as folder,
        Memory.open(Path(folder) / "small", embedder=Still()) as small,
        Memory.open(Path(folder) / "large", embedder=Still()) as large,
    ):
        print("| documents | ms a document | search p50 | p95 | times that of 1,000 |", end="")
        print(" with embedding p50 | p95 ms | times |")
        print("|---|---|---|---|---|---|---|---|")
        embedder = open_embedder(arguments.embedder) if arguments.embedder else None
        _write(small, 0, FEW)
        written, seconds = 0, dict[int, float]()
        for mark in sorted({FEW, *range(tenth, arguments.documents + 1, tenth)}):
            seconds[mark] = _write(large, written, mark)
            written = mark
            few, many = _questions({small: FEW, large: written}, arguments.questions, embedder)
            cells = [
                f"{statistics.median(own):.1f} | {_p95(own):.1f}"
                f" | {statistics.median(own) / statistics.median(least):.2f}"
                for least, own in zip(few, many, strict=True)
            ]
            print(f"| {written:,} | {1000 * seconds[mark]:.2f} | {' | '.join(cells)} |", flush=True)
        files = [path for path in (Path(folder) / "large").rglob("*") if path.is_file()]
        print(f"bytes a document: {sum(path.stat().st_size for path in files) / written:,.0f}")
        print(f"a document of the last tenth takes {seconds[written] / seconds[tenth]:.2f} times")
        print("what one of the first takes")


def _write(memory: Memory, start: int, end: int) -> float:
    """Write passages, and return the mean seconds that one took."""
    rng = np.random.default_rng(start)
    seconds = 0.0
    for first in range(start, end, BATCH):
        notes = [_passage(number) for number in range(first, min(first + BATCH, end))]
        near = CENTRES[rng.integers(0, len(CENTRES), len(notes) * SENTENCES)]
        vectors = near + 0.8 * rng.standard_normal(near.shape)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        started = time.perf_counter()
        memory.add_many(notes, scope=SCOPE, vectors=vectors.astype(np.float32))
        seconds += time.perf_counter() - started
    return seconds / (end - start)


def _passage(number: int) -> NewRecord:
    rng = random.Random(number)
    told = [_sentence(rng, number, place) for place in range(SENTENCES)]
    return NewRecord(text=" ".join(told), id=str(number + 1), keys=tuple(told))


def _sentence(rng: random.Random, number: int, place: int) -> str:
    words = [f"word{int(rng.paretovariate(0.7)) % 30_000}" for _ in range(14)]
    return f"Town{number % 5_000} {' '.join(words)} event{number}x{place}."


def _questions(
    memories: Mapping[Memory, int], count: int, embedder: Embeddings | None
) -> list[tuple[list[float], list[float]]]:
    """Return for each memory what searches take in milliseconds, alone and with the embedding.

    Each is asked of the passages that it has, ten questions at a time. The first ten are not
    counted, and none is asked twice: embedders remember.
    """
    rng = random.Random(sum(memories.values()))
    taken: list[tuple[list[float], list[float]]] = [([], []) for _ in memories]
    for _ in range(1 + -(-count // TURN)):
        for (memory, size), (searched, whole) in zip(memories.items(), taken, strict=True):
            for _ in range(TURN):
                asked = f"What of word{int(rng.paretovariate(0.7)) % 30_000}"
                asked += f" in Town{rng.randrange(size) % 5_000}?"
                started = time.perf_counter()
                if embedder is not None:
                    embedder.embed_query(asked)
                embedded = time.perf_counter()
                memory.search(asked, scope=SCOPE, k=16)
                ended = time.perf_counter()
                searched.append(1000 * (ended - embedded))
                whole.append(1000 * (ended - started))
    return [(searched[TURN:], whole[TURN:]) for searched, whole in taken]


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[int(0.95 * len(values))]


def keys(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keys.txt.gz"
        with gzip.open(path, "wb", compresslevel=1) as file:
            rng = random.Random(0)
            for number in range(arguments.keys):
                day = 20070101 + number % 28
                file.write(b"%d000000000000\x00\x01%064x\x00\x01\n" % (day, rng.getrandbits(256)))
        subprocess.run([sys.executable, __file__, "read-keys", str(path)], check=True)


def read_keys(arguments: argparse.Namespace) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    held = KeySet.read(arguments.path)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{len(held):,} keys in {seconds:.0f} s, {time.process_time():.0f} of a processor:"
        f" {held.nbytes / 1e6:.0f} MB held; largest resident"
        f" memory {after / 1024:.0f} MiB, {before / 1024:.0f} of it before"
    )


def parsed(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("recall")
    one.add_argument("suite", choices=("squad", "streamingqa", "archivalqa"))
    one.add_argument("--file", type=Path)
    one.add_argument("--tasks")
    one.add_argument("--split")
    one.add_argument("--variant")
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--article", type=int, help="only questions about this one")
    one.add_argument("--arms", default="memory,search-k,dense,bm25")
    one.set_defaults(run=recall)
    one = commands.add_parser("grow")
    one.add_argument("--documents", type=int, default=100_000)
    one.add_argument("--questions", type=int, default=100)
    one.add_argument("--embedder", help="embeds the questions too, such as all-MiniLM-L6-v2")
    one.set_defaults(run=grow)
    one = commands.add_parser("keys")
    one.add_argument("--keys", type=int, default=11_000_000)
    one.set_defaults(run=keys)
    one = commands.add_parser("read-keys")
    one.add_argument("path", type=Path)
    one.set_defaults(run=read_keys)
    return parser.parse_args(given)


def main() -> None:
    arguments = parsed()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
