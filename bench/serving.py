"""Share of a server's throughput that is left when it is asked through memagent.

python bench/serving.py --model local --out runs/serving-local
python bench/serving.py --model http://127.0.0.1:8000/v1 --out runs/serving-vllm

The same kind of prompts is sent to the same server by a bare asynchronous HTTP client, by the
OpenAI client, and by memagent in the way that evaluations ask: an `Agent` over `open_chat`, called
in threads by `in_flight`. The three take turns within a repeat, and begin at another one in each. A
ratio is memagent's requests a second over the bare client's in the same repeat. Beside it stands
what a request costs this process in CPU time, which a busy machine blurs less; the embedded server
lives in this process, so for it that would say nothing, and is left out.
"""

import argparse
import asyncio
import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import openai
from langchain_core.messages import convert_to_openai_messages
from scipy.stats import t as student

from memagent import Agent, Scope, open_chat
from memagent.evals.runs.runner import in_flight
from memagent.prompts import SHORT_ANSWER, render

SCOPE = Scope(user="bench")
EVIDENCE = (
    "Mary moved to the bathroom.",
    "John went to the hallway with the apple.",
    "Sandra travelled to the garden and took the milk there.",
)
Ask = Callable[[Sequence[str], int], int]


class Server:
    """A server, and the three ways of asking it; each returns how many tokens came back."""

    def __init__(self, spec: str, tokens: int) -> None:
        self.chat: Any = open_chat(
            spec, api_key=os.environ.get("MEMAGENT_API_KEY"), max_tokens=tokens
        )
        self.url = str(self.chat.openai_api_base)
        self.key = self.chat.openai_api_key.get_secret_value()
        self.tokens = tokens
        self.agent = Agent(memory=None, model=self.chat, instructions=SHORT_ANSWER)
        self.ways: dict[str, Ask] = {
            "bare": lambda questions, limit: asyncio.run(self.bare(questions, limit)),
            "openai": lambda questions, limit: asyncio.run(self.openai(questions, limit)),
            "memagent": self.memagent,
        }

    def memagent(self, questions: Sequence[str], limit: int) -> int:
        """Ask as an evaluation does."""

        def ask(question: str) -> int:
            answer = self.agent.ask(question, scope=SCOPE, remember=False, evidence=EVIDENCE)
            return answer.usage.completion_tokens

        return sum(in_flight(questions, ask, limit=limit))

    async def bare(self, questions: Sequence[str], limit: int) -> int:
        """Ask with nothing but HTTP and JSON."""
        limits = httpx.Limits(max_connections=limit, max_keepalive_connections=limit)
        headers = {"Authorization": f"Bearer {self.key}"}
        async with httpx.AsyncClient(limits=limits, headers=headers, timeout=600) as client:

            async def ask(question: str) -> int:
                answer = await client.post(f"{self.url}/chat/completions", json=self.body(question))
                return int(answer.raise_for_status().json()["usage"]["completion_tokens"])

            return await gathered(ask, questions, limit)

    async def openai(self, questions: Sequence[str], limit: int) -> int:
        """Ask with the OpenAI client."""
        async with openai.AsyncOpenAI(
            base_url=self.url, api_key=self.key, timeout=600, max_retries=0
        ) as client:

            async def ask(question: str) -> int:
                answer = await client.chat.completions.create(**self.body(question))
                return int(answer.usage.completion_tokens)

            return await gathered(ask, questions, limit)

    def body(self, question: str) -> dict[str, Any]:
        """Return what memagent sends for a question."""
        messages = render(question, EVIDENCE, instructions=SHORT_ANSWER)
        return {
            "model": self.chat.model_name,
            "messages": convert_to_openai_messages(messages),
            "temperature": 0.0,
            "max_completion_tokens": self.tokens,
        }


async def gathered(ask: Callable[[str], Any], questions: Sequence[str], limit: int) -> int:
    """Ask all, with at most `limit` at once; returns the tokens of all."""
    free = asyncio.Semaphore(limit)

    async def one(question: str) -> int:
        async with free:
            return int(await ask(question))

    return sum(await asyncio.gather(*(one(question) for question in questions)))


def measured(server: Server, limit: int, count: int, repeats: int) -> dict[str, list[dict]]:
    """Let the ways take turns, and return for each its seconds and tokens by repeat."""
    names = list(server.ways)
    runs: dict[str, list[dict]] = {name: [] for name in names}
    for repeat in range(-1, repeats):
        for place in range(len(names)):
            name = names[(place + repeat) % len(names)]
            questions = [
                f"Case {repeat + 1}-{place}-{number}: where is Mary, and where is John?"
                for number in range(count)
            ]
            started, worked = time.perf_counter(), time.process_time()
            tokens = server.ways[name](questions, limit)
            run = {
                "seconds": time.perf_counter() - started,
                "cpu": time.process_time() - worked,
                "tokens": tokens,
                "requests": count,
            }
            if repeat >= 0:  # the first turn of each is to warm up
                runs[name].append(run)
        print(f"{limit} in flight, repeat {repeat + 1} of {repeats}", file=sys.stderr)
    return runs


def interval(ratios: Sequence[float]) -> tuple[float, float, float]:
    """Return the geometric mean of ratios and its 95% interval (Student's t on the logarithms)."""
    logs = [math.log(one) for one in ratios]
    middle = statistics.mean(logs)
    if len(logs) < 2:
        return math.exp(middle), 0.0, math.inf
    spread = statistics.stdev(logs) / math.sqrt(len(logs))
    half = float(student.ppf(0.975, len(logs) - 1)) * spread
    return math.exp(middle), math.exp(middle - half), math.exp(middle + half)


def table(found: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    lines = [
        "| in flight | requests/s, bare | OpenAI client | memagent | memagent / bare (95%) |"
        " OpenAI client / bare (95%) | tokens/s, memagent | CPU ms a request, each |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for limit, runs in found["cases"].items():
        rate = {
            name: statistics.median(one["requests"] / one["seconds"] for one in rows)
            for name, rows in runs.items()
        }
        parts = []
        for name in ("memagent", "openai"):
            pairs = zip(runs["bare"], runs[name], strict=True)
            middle, low, high = interval([bare["seconds"] / own["seconds"] for bare, own in pairs])
            parts.append(f"{middle:.1%} ({low:.1%}-{high:.1%})")
        cpu = {
            name: statistics.median(1000 * one["cpu"] / one["requests"] for one in rows)
            for name, rows in runs.items()
        }
        own = ", ".join(f"{cpu[name]:.1f}" for name in ("bare", "openai", "memagent"))
        if found["model"] == "local":
            own = "-"
        speed = statistics.median(one["tokens"] / one["seconds"] for one in runs["memagent"])
        lines.append(
            f"| {limit} | {rate['bare']:.2f} | {rate['openai']:.2f} | {rate['memagent']:.2f} |"
            f" {parts[0]} | {parts[1]} | {speed:.0f} | {own} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, and write the runs and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="local", help="'local' or the URL of a server")
    parser.add_argument("--in-flight", default="1,8,64")
    parser.add_argument("--requests", default="16,48,128", help="a turn, one number for each")
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=16, help="of an answer, at most")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    server = Server(asked.model, asked.tokens)
    asked.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {
        "model": asked.model if asked.model == "local" else server.chat.model_name,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
        "cases": {},
    }
    limits = [int(one) for one in asked.in_flight.split(",")]
    counts = [int(one) for one in asked.requests.split(",")]
    for limit, count in zip(limits, counts, strict=True):
        found["cases"][limit] = measured(server, limit, count, asked.repeats)
        (asked.out / "serving.json").write_text(json.dumps(found, indent=1))
        (asked.out / "serving.md").write_text(table(found) + "\n")
    print(table(found))


if __name__ == "__main__":
    main()
