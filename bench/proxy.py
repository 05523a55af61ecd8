"""What the OpenAI-compatible endpoint costs, beside the same server asked without it.

    python bench/proxy.py [--records 10000] [--streams 64] [--tokens 200] [--pace 0.025]

Three processes: a stand-in for a model's server, which sends so many tokens at a pace; `memagent
serve` in front of it, with the real embedder and a memory of turns
of generated conversations; and this one,
which asks both by turns. `delay` is the time to the first byte of a stream, one request at a time,
where the stand-in answers at once; what is added is the difference of two requests that follow one
another. `throughput` is the tokens that come in a second while so many streams are open, each of
which sends its next request when its reply has ended; the streams begin one after another, as users
do. Every request says something new, so that each is searched for, and each turn is remembered. A
ratio is of two turns that follow one another, the first of which changes.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
from serving import interval

from memagent import Memory, NewRecord, Scope
from memagent.evals.tasks.conversations.generator.generate import generate

USER = "bench"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
CASES = (("read", 0.0), ("on", 0.0), ("on", 0.1))
"""What `X-Memory` says, and the seconds between two requests. Right after another, the turn before
is being remembered, unless memory is only read; after a pause the processor's caches are cold."""
READY_SECONDS = 120.0
BOOTSTRAP = 2_000


def write(memory: Memory, size: int) -> list[str]:
    """Write turns of generated conversations, and return questions about them."""
    questions: list[str] = []
    written = 0
    for seed in itertools.count():
        data = generate(name="bench", style="people", size="large", seed=seed)
        questions += [question.question for question in data.questions]
        for conversation in data.conversations:
            for session, turns in itertools.groupby(conversation.turns, lambda turn: turn.session):
                rows = list(turns)[: size - written]
                new = [
                    NewRecord(
                        text=turn.text,
                        valid_from=turn.when,
                        metadata={"role": turn.role, "name": turn.name},
                    )
                    for turn in rows
                ]
                scope = Scope(user=USER, session=f"{seed}/{conversation.id}/{session}")
                written += len(memory.add_many(new, scope=scope))
                if written >= size:
                    random.Random(0).shuffle(questions)
                    return questions
    raise AssertionError


class Questions:
    """Questions that nobody asked before: a second round of them has a number behind each."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts, self._number = list(dict.fromkeys(texts)), -1

    def next(self) -> str:
        """Return the next one."""
        self._number += 1
        round, place = divmod(self._number, len(self._texts))
        return f"{self._texts[place]} ({round + 1})" if round else self._texts[place]


def event(delta: dict[str, str], finish: str | None) -> bytes:
    """Return a piece of a streamed reply as the wire has it."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "stand-in"}
    data = f"data: {json.dumps(body | {'choices': [choice]})}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


async def stand_in(port: int) -> None:
    """Serve replies of as many tokens as a request asks for, at the pace that its `user` names."""
    token, last = event({"content": "word "}, None), event({}, "stop")
    end = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
    listed = json.dumps({"object": "list", "data": [{"id": "stand-in"}]}).encode()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode("latin-1").lower().split("\r\n")
                length = next((one[15:] for one in lines if one.startswith("content-length:")), "0")
                body = await reader.readexactly(int(length))
                if not head.startswith(b"POST"):
                    known = b"200 OK" if b"/v1/models " in head else b"404 Not Found"
                    writer.write(
                        b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d"
                        b"\r\n\r\n%s" % (known, len(listed), listed)
                    )
                    continue
                asked = json.loads(body)
                writer.write(HEAD)
                pace, due = float(asked["stop"][0]), time.perf_counter()
                for _ in range(asked["max_tokens"]):
                    due += pace
                    if pace and (wait := due - time.perf_counter()) > 0:
                        await asyncio.sleep(wait)
                    writer.write(token)
                    await writer.drain()
                writer.write(last + end)
                await writer.drain()
                if "connection: close" in lines:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", port) as server:
        await server.serve_forever()


async def ask(
    port: int, text: str, tokens: int, pace: float, mode: str = "on"
) -> tuple[float, float, int]:
    """Ask for a stream; return the seconds to its first byte and to its end, and its tokens."""
    body = json.dumps(
        {
            "model": "stand-in",
            "stream": True,
            "max_tokens": tokens,
            "stop": [str(pace)],
            "messages": [{"role": "user", "content": text}],
        }
    ).encode()
    started, first, came = time.perf_counter(), 0.0, 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n"
        b"content-type: application/json\r\nx-memory: %s\r\ncontent-length: %d\r\n\r\n%s"
        % (mode.encode(), len(body), body)
    )
    left = b""
    while piece := await reader.read(1 << 16):
        left += piece
        first = first or (time.perf_counter() - started if b"data: " in left else 0.0)
        came += left.count(b'"word ')
        left = left[-6:] if not left.endswith(b'"word ') else b""
    writer.close()
    if came != tokens:
        raise SystemExit(f"{came} of {tokens} tokens came: {left!r}")
    return first, time.perf_counter() - started, came


def delays(
    ports: Sequence[int], questions: Questions, n: int, mode: str, pause: float
) -> list[list[float]]:
    """Return the seconds to the first byte, of each port, asked by turns."""

    async def measure() -> list[list[float]]:
        found: list[list[float]] = [[], []]
        for turn in range(n + 10):
            text = questions.next()
            for place in (0, 1) if turn % 2 else (1, 0):
                first, _, _ = await ask(ports[place], text, 16, 0.0, mode)
                if turn >= 10:  # the first warm up
                    found[place].append(first)
            await asyncio.sleep(pause)
        return found

    return asyncio.run(measure())


def rate(port: int, questions: Questions, asked: argparse.Namespace) -> float:
    """Return the tokens a second that come through a port."""

    async def stream(place: int) -> int:
        await asyncio.sleep(place / asked.streams * asked.tokens * asked.pace)
        came = 0
        for _ in range(asked.requests):
            text = questions.next()
            came += (await ask(port, text, asked.tokens, asked.pace))[2]
        return came

    async def measure() -> float:
        started = time.perf_counter()
        came = await asyncio.gather(*map(stream, range(asked.streams)))
        return sum(came) / (time.perf_counter() - started)

    return asyncio.run(measure())


@contextmanager
def processes(home: Path) -> Iterator[tuple[int, int]]:
    """Start the stand-in and `memagent serve`, and give their ports."""
    ports = free_port(), free_port()
    environment = {**os.environ, "MEMAGENT_CONFIG": str(home / "none.toml")}
    serve = [
        sys.executable,
        "-m",
        "memagent",
        "serve",
        "--port",
        str(ports[1]),
        "--home",
        str(home),
    ]
    serve += ["--user", USER, "--model", f"http://127.0.0.1:{ports[0]}/v1"]
    commands = [[sys.executable, __file__, "--stand-in", str(ports[0])], serve]
    with (home / "serve.log").open("wb") as log:
        running = [subprocess.Popen(each, env=environment, stderr=log) for each in commands]
        try:
            for port, path in zip(ports, ("/v1/models", "/readyz"), strict=True):
                wait_for(f"http://127.0.0.1:{port}{path}")
            yield ports
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(30)


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(url: str) -> None:
    """Wait until a URL is answered well."""
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        try:
            if httpx.get(url, timeout=5, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"nobody answers at {url}")


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the median with its 95% interval (bootstrap)."""
    rows = np.random.default_rng(0).choice(np.array(values), (BOOTSTRAP, len(values)))
    low, high = np.quantile(np.median(rows, axis=1), (0.025, 0.975))
    return statistics.median(values), float(low), float(high)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--questions", type=int, default=200, help="for the delay")
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--requests", type=int, default=2, help="of a stream, one after another")
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--pace", type=float, default=0.025, help="seconds between two tokens")
    parser.add_argument("--repeats", type=int, default=6, help="of the throughput")
    parser.add_argument("--stand-in", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.stand_in:
        asyncio.run(stand_in(asked.stand_in))
        return
    with tempfile.TemporaryDirectory() as folder:
        with Memory.open(folder) as memory:
            questions = Questions(write(memory, asked.records))
        with processes(Path(folder)) as ports:
            print(f"{asked.records:,} records, {os.cpu_count()} cores, {asked.questions} questions")
            for mode, pause in CASES:
                bare, through = delays(ports, questions, asked.questions, mode, pause)
                added = [1000 * (two - one) for one, two in zip(bare, through, strict=True)]
                middle, low, high = median_interval(added)
                print(
                    f"first byte, memory {mode}, a request {pause:g} s after another: bare"
                    f" {1000 * statistics.median(bare):.1f} ms at the median, added {middle:.1f} ms"
                    f" ({low:.1f}-{high:.1f}), at p95 {float(np.quantile(added, 0.95)):.1f} ms",
                    flush=True,
                )
            ratios = []
            for repeat in range(asked.repeats):
                order = (0, 1) if repeat % 2 else (1, 0)
                rates = {place: rate(ports[place], questions, asked) for place in order}
                ratios.append(rates[1] / rates[0])
                print(f"tokens/s: bare {rates[0]:.0f}, through memagent {rates[1]:.0f}", flush=True)
            middle, low, high = interval(ratios)
            print(
                f"{asked.streams} streams: {middle:.1%} ({low:.1%}-{high:.1%}) of the bare server"
            )


if __name__ == "__main__":
    main()
