"""`kill -9` under load: what a server acknowledged is there, and what it forgot stays away."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from memagent import Memory
from memagent.testing import HashEmbedder

ROUNDS = int(os.environ.get("KILL_ROUNDS", "3"))
CLIENTS = 8
SERVER = Path(__file__).parents[2] / "helpers" / "served_process.py"


@dataclass
class Told:
    """What a server acknowledged to one client: texts by id, and ids that it erased."""

    texts: dict[str, str] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    calls: int = 0
    unsure: set[str] = field(default_factory=set)
    """Ids of a call whose reply did not come."""


def write(url: str, client: int, rng: random.Random, told: Told) -> None:
    """Add, update and forget until the server is gone."""
    number = 0
    with httpx.Client(
        base_url=f"{url}/v1", params={"user": f"user{client}"}, timeout=20, verify=False
    ) as http:
        try:
            while True:
                number += 1
                told.calls += number > 1
                text = f"Client {client} wrote {rng.randrange(10**9)} as number {number}."
                known = sorted(told.texts)
                action = rng.choice(("add", "add", "update", "forget")) if known else "add"
                if action == "add":
                    told.unsure = set()
                    reply = http.post("/records", json={"records": [{"text": text}]})
                    assert reply.status_code == 201, reply.text
                    told.texts[reply.json()["records"][0]["id"]] = text
                    continue
                id = rng.choice(known)
                told.unsure = {id}
                if action == "update":
                    reply = http.patch(f"/records/{id}", json={"text": text})
                    assert reply.status_code == 200, reply.text
                    del told.texts[id]
                    told.texts[reply.json()["id"]] = text
                else:
                    reply = http.delete(f"/records/{id}")
                    assert reply.status_code == 200, reply.text
                    del told.texts[id]
                    told.forgotten.add(id)
        except httpx.TransportError:
            return


def killed_after(seconds: float, home: Path, rng: random.Random, told: list[Told]) -> None:
    """Serve, write with all clients, and kill the server."""
    process = subprocess.Popen(
        [sys.executable, str(SERVER), str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        url = process.stdout.readline().strip()
    first = {"records": [{"text": "What is slow at the first time is behind us."}]}
    assert httpx.post(f"{url}/v1/records", json=first, timeout=60).status_code == 201
    seeds = [random.Random(rng.random()) for _ in told]
    threads = [
        threading.Thread(target=write, args=(url, number, seeds[number], of))
        for number, of in enumerate(told)
    ]
    for thread in threads:
        thread.start()
    acknowledged = sum(of.calls for of in told)
    while sum(of.calls for of in told) < acknowledged + CLIENTS and process.poll() is None:
        time.sleep(0.01)
    time.sleep(seconds)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    for thread in threads:
        thread.join()


@pytest.mark.wire
def test_a_killed_server_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    rng = random.Random(5)
    told = [Told() for _ in range(CLIENTS)]
    home = tmp_path / "memory"
    for _ in range(ROUNDS):
        killed_after(rng.uniform(0.0, 1.0), home, rng, told)
        with Memory.open(home, embedder=HashEmbedder()) as memory:
            assert memory.maintenance.verify() == ()
            for number, of in enumerate(told):
                scope = f"user{number}"
                current = {
                    record.id: record.text for record in memory.list(scope=scope, limit=10**6)
                }
                lost = {id for id, text in of.texts.items() if current.get(id) != text}
                assert lost <= of.unsure, "what was acknowledged is lost"
                assert not memory.get(sorted(of.forgotten), scope=scope), "forgotten, and back"
                of.texts, of.unsure = current, set()
    kept = sum(len(of.texts) for of in told)
    erased = sum(len(of.forgotten) for of in told)
    calls = sum(of.calls for of in told)
    print(f"{ROUNDS} kills, {calls} calls: {kept} records held, {erased} forgotten")
    assert kept
    assert erased
