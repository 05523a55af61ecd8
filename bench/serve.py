"""Search through `memagent serve` at a fixed rate: latency, and memory of the process.

    python bench/serve.py --records 10000 --rate 200 --seconds 600
    python bench/serve.py --home /tmp/served --rate 100,200,300 --seconds 30

A memory of generated notes is made and served by a process of its own; this process sends distinct
questions at the moments of a Poisson process, whether or not earlier ones were answered (an open
loop), over `--connections` that stay open. A latency counts from the moment a request was due, so
that waiting is in it. Resident memory of the server is read every tenth of the time; its growth is
the slope of a line through the second half, in MiB for 720,000 requests (an hour of 200 a second).
Both processes share the machine's cores.
"""

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from memagent import Memory
from memagent.types import NewRecord

PEOPLE = (
    "Anna Bruno Chiara Dario Elena Fabio Giulia Hanna Ivan Jana Karl Lena Milo Nora Otto".split()
)
PLACES = (
    "Turin Linz Porto Ghent Cork Lyon Graz Bergen Split Brno Delft Siena Riga Pécs Vigo".split()
)
DOINGS = "plays chess in,works in,grew up in,bought a bicycle in,studies law in,sings in".split(",")
TIMES = "on Mondays,since spring,with her aunt,before the war,every summer,by the river".split(",")
HOUR = 720_000
BATCH = 500


def note(rng: random.Random, number: int) -> str:
    """Return a note that no other is alike to in all words."""
    return (
        f"{rng.choice(PEOPLE)} {rng.choice(DOINGS)} {rng.choice(PLACES)} {rng.choice(TIMES)}"
        f" (house {number})."
    )


def fill(home: Path, records: int) -> None:
    rng = random.Random(1)
    with Memory.open(home) as memory:
        there = memory.count(scope="me")
        for start in range(there, records, BATCH):
            texts = [note(rng, start + number) for number in range(min(BATCH, records - start))]
            memory.add_many([NewRecord(text=text) for text in texts], scope="me")


def question(rng: random.Random, number: int) -> bytes:
    text = f"Where does {rng.choice(PEOPLE)} of house {number} live, {rng.choice(TIMES)}?"
    body = json.dumps({"query": text}).encode()
    return (
        b"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )


class Server:
    """`memagent serve` as a child process."""

    def __init__(self, home: Path) -> None:
        environment = os.environ | {"MEMAGENT_HOME": str(home)}
        self.child = subprocess.Popen(
            [sys.executable, "-m", "memagent", "serve", "--port", "0", "--json-logs"],
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self.child.stderr is not None
        self.port = 0
        for line in self.child.stderr:
            if found := re.search(r"listens at http://127.0.0.1:(\d+)", line):
                self.port = int(found[1])
            if "coding agents" in line:
                break
        os.set_blocking(self.child.stderr.fileno(), False)

    def drain(self) -> None:
        """Read away what the server logs."""
        assert self.child.stderr is not None
        while self.child.stderr.read(1 << 20):
            pass

    @property
    def resident(self) -> float:
        """Resident memory in MiB."""
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def stop(self) -> None:
        self.child.terminate()
        self.drain()
        self.child.wait(60)


async def connection(
    port: int, queue: "asyncio.Queue[tuple[float, bytes] | None]", out: list[float]
) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    wrong = 0
    while (item := await queue.get()) is not None:
        due, request = item
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        out.append(time.perf_counter() - due)
        wrong += not head.startswith(b"HTTP/1.1 200")
    writer.close()
    return wrong


async def load(server: Server, rate: float, seconds: float, connections: int) -> dict[str, float]:
    rng, latencies = random.Random(int(rate)), list[float]()
    queue: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()
    tasks = [
        asyncio.create_task(connection(server.port, queue, latencies)) for _ in range(connections)
    ]
    started, number, resident = time.perf_counter(), 0, list[tuple[int, float]]()
    due, mark = started, started
    while due < started + seconds:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        queue.put_nowait((due, question(rng, number)))
        number += 1
        due += rng.expovariate(rate)
        if due >= mark:
            server.drain()
            resident.append((number, server.resident))
            mark += seconds / 20
    for _ in tasks:
        queue.put_nowait(None)
    while not all(task.done() for task in tasks):  # a server whose log nobody reads would stop
        server.drain()
        await asyncio.sleep(0.05)
    wrong = sum(task.result() for task in tasks)
    took = time.perf_counter() - started
    half = resident[len(resident) // 2 :]
    slope = (
        np.polyfit([one for one, _ in half], [size for _, size in half], 1)[0]
        if len(half) > 2
        else 0
    )
    p50, p95, p99 = np.percentile(np.array(latencies) * 1000, [50, 95, 99])
    return {
        "requests": number,
        "wrong": wrong,
        "a second": number / took,
        "p50 ms": p50,
        "p95 ms": p95,
        "p99 ms": p99,
        "MiB at the start": resident[0][1],
        "MiB in the middle": half[0][1],
        "MiB at the end": resident[-1][1],
        "MiB an hour's requests": slope * HOUR,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--rate", default="200")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--home", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = arguments.home or Path(scratch)
        fill(home, arguments.records)
        server = Server(home)
        try:
            asyncio.run(load(server, 20, 5, 4))  # loads the embedder and the index
            for rate in map(float, arguments.rate.split(",")):
                found = asyncio.run(load(server, rate, arguments.seconds, arguments.connections))
                print(f"{rate:g} a second: " + ", ".join(f"{k} {v:.1f}" for k, v in found.items()))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
