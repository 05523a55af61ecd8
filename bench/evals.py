"""Share of a server's throughput that is left when an evaluation asks it.

python bench/evals.py --tasks 1,2 --limit 50 --repeats 6 --out runs/bench-evals

An evaluation is run, and the prompts that it sent are sent again, to the same server and as many at
once, by a bare asynchronous HTTP client. The two take turns within a repeat, and change places from
one to the next. The ratio is the questions a second of the evaluation, with the writing and the
recall of its memory, over those of the bare client.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage, convert_to_openai_messages
from serving import Server, interval

from memagent.embedding.open_embedder import open_embedder
from memagent.evals.arm import ArmName
from memagent.evals.runs.plan import Plan
from memagent.evals.runs.run import Run
from memagent.evals.runs.runner import run_in_process
from memagent.evals.suite import Selection
from memagent.evals.tasks.babi.suite import SUITE


class Prompts(BaseCallbackHandler):
    """Keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[list[BaseMessage]] = []

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], **_: Any
    ) -> None:
        self.sent += messages


class Bare(Server):
    """Sends prompts again as they were."""

    def again(self, prompts: Sequence[Any], limit: int) -> None:
        """Send prompts, with at most `limit` at once."""
        self.prompts = [json.dumps(convert_to_openai_messages(one)) for one in prompts]
        asyncio.run(self.bare(self.prompts, limit))

    def body(self, question: str) -> dict[str, Any]:
        return {
            "model": self.chat.model_name,
            "messages": json.loads(question),
            "temperature": 0.0,
            "max_completion_tokens": self.tokens,
        }


def seconds_of(
    arm: str, asked: argparse.Namespace, server: Bare, embedder: Any
) -> tuple[float, Any]:
    """Run an evaluation of one arm in a new folder; returns its seconds, and the prompts sent."""
    tasks = SUITE.load(Selection(tasks=asked.tasks, data=asked.data))
    plan = Plan(
        arms=(ArmName.parse(arm),), limit=asked.limit, concurrency=asked.concurrency, model="bench"
    )
    prompts = Prompts()
    server.chat.callbacks = [prompts]
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "run", tasks, plan, resume=False)
        started = time.perf_counter()
        run_in_process(run, server.chat, embedder, lambda _: None, SUITE.make)
        seconds = time.perf_counter() - started
    server.chat.callbacks = None
    return seconds, prompts.sent


def main() -> None:
    """Measure, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="local")
    parser.add_argument("--tasks", default="1,2")
    parser.add_argument("--arms", default="none,full,memory,oracle")
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=6)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--data", type=Path, default=None, help="released files, else generated")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    server = Bare(asked.model, asked.tokens)
    embedder = open_embedder("all-MiniLM-L6-v2")
    found: dict[str, Any] = {"cores": os.cpu_count(), **{k: str(v) for k, v in vars(asked).items()}}
    print("| arm | prompts | evaluation / bare (95%) | questions/s |")
    print("|---|---|---|---|")
    for arm in asked.arms.split(","):
        _, prompts = seconds_of(arm, asked, server, embedder)  # to warm up
        rows = []
        for repeat in range(asked.repeats):
            times = {}
            for who in ("own", "bare") if repeat % 2 else ("bare", "own"):
                if who == "own":
                    times[who], _ = seconds_of(arm, asked, server, embedder)
                else:
                    started = time.perf_counter()
                    server.again(prompts, asked.concurrency)
                    times[who] = time.perf_counter() - started
            rows.append(times)
            print(f"{arm}, repeat {repeat + 1}: {times}", file=sys.stderr)
        found[arm] = rows
        middle, low, high = interval([one["bare"] / one["own"] for one in rows])
        rate = len(prompts) / (sum(one["own"] for one in rows) / len(rows))
        print(f"| {arm} | {len(prompts)} | {middle:.1%} ({low:.1%}-{high:.1%}) | {rate:.2f} |")
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "evals.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
