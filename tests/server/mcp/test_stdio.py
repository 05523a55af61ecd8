import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from mcp.client.session import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from memagent import Memory, Scope
from memagent.config import Settings
from memagent.server.app import create_app
from memagent.server.services import Services
from memagent.testing import HashEmbedder

CHILD = Path(__file__).parents[2] / "helpers" / "stdio_child.py"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def call(id: int, tool: str, **arguments: Any) -> dict[str, Any]:
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}


def environment(home: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "MEMAGENT_HOME": str(home),
        "MEMAGENT_CONFIG": str(home / "config.toml"),
        **more,
    }


class Child:
    """`memagent mcp` as a child process, spoken to line by line."""

    def __init__(self, home: Path, *options: str, **more: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(CHILD), "mcp", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(home, **more),
        )

    def send(self, *messages: dict[str, Any] | str) -> None:
        for message in messages:
            line = message if isinstance(message, str) else json.dumps(message)
            self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        return json.loads(self.process.stdout.readline())

    def answers(self, *ids: int) -> dict[int | None, dict[str, Any]]:
        """Return the answers by their ids, once all of these are there."""
        found: dict[int | None, dict[str, Any]] = {}
        while not found.keys() >= set(ids):
            answer = self.answer()
            found[answer.get("id")] = answer
        return found

    def ended(self) -> tuple[int, list[dict[str, Any]], str]:
        """Close stdin; return the exit code, the other answers, and what was logged."""
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, [json.loads(line) for line in out.splitlines()], err


@asynccontextmanager
async def connected(home: Path, *options: str) -> AsyncIterator[ClientSession]:
    parameters = StdioServerParameters(
        command=sys.executable, args=[str(CHILD), "mcp", *options], env=environment(home)
    )
    async with stdio_client(parameters) as streams, ClientSession(*streams) as session:
        await session.initialize()
        yield session


def test_it_answers_before_the_memory_is_open(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    child = Child(tmp_path, GATE=str(gate))
    child.send(INITIALIZE)
    assert child.answer()["result"]["serverInfo"]["name"] == "memagent"
    child.send(INITIALIZED, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert len(child.answer()["result"]["tools"]) == 6
    child.send(call(2, "add_memory", text="Ada drinks tea."))
    gate.touch()
    assert "Remembered" in child.answer()["result"]["content"][0]["text"]
    assert child.ended() == (0, [], "")


def test_stdout_holds_the_protocol_alone_and_nonsense_does_not_end_it(tmp_path: Path) -> None:
    child = Child(tmp_path)
    child.send(INITIALIZE, INITIALIZED, "nonsense", "{}", '{"jsonrpc": "2.0", "id": 7}', "[]", "")
    child.send({"jsonrpc": "2.0", "id": 1, "method": "no/such"}, call(2, "recent"))
    answers = child.answers(0, 1, 2)
    assert answers[1]["error"]["code"] == -32601
    assert answers[2]["result"]["structuredContent"] == {"memories": []}
    code, more, _ = child.ended()
    assert code == 0
    assert all(answer["jsonrpc"] == "2.0" for answer in [*answers.values(), *more])


def test_a_signal_ends_it_cleanly(tmp_path: Path) -> None:
    child = Child(tmp_path)
    child.send(INITIALIZE, INITIALIZED, call(1, "add_memory", text="Ada drinks tea."))
    assert [child.answer()["id"], child.answer()["id"]] == [0, 1]
    child.process.send_signal(signal.SIGTERM)
    child.process.wait(timeout=30)
    assert child.ended() == (0, [], "")
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        assert [record.text for record in memory.list(scope="me")] == ["Ada drinks tea."]


def test_a_client_that_goes_away_leaves_no_traceback(tmp_path: Path) -> None:
    child = Child(tmp_path)
    child.process.stdout.close()
    child.send(INITIALIZE, INITIALIZED, call(1, "recent"))
    child.process.stdin.close()
    with child.process.stderr:
        err = child.process.stderr.read()
    child.process.wait(timeout=30)
    assert "Traceback" not in err


def test_a_client_may_go_before_the_memory_is_open(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    child = Child(tmp_path, GATE=str(gate))
    child.send(INITIALIZE, INITIALIZED, call(1, "recent"))
    child.answers(0)
    child.process.stdin.close()
    child.process.stdin = None
    threading.Timer(0.2, gate.touch).start()
    code, _, err = child.ended()
    assert (code, err) == (0, "")


def test_a_memory_that_cannot_be_opened_is_told_to_each_call(tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.write_text("no folder")
    child = Child(home, MEMAGENT_CONFIG=str(tmp_path / "config.toml"))
    child.send(INITIALIZE, INITIALIZED, call(1, "recent"), call(2, "add_memory", text="Tea."))
    answers = child.answers(0, 1, 2)
    results = [answers[id]["result"] for id in (1, 2)]
    code, _, err = child.ended()
    assert code == 0
    assert [result["isError"] for result in results] == [True, True]
    assert all(str(home) in result["content"][0]["text"] for result in results)
    assert "Traceback" not in err


async def test_options_say_whose_memory_it_is(tmp_path: Path) -> None:
    scope = Scope("ada", agent="coder", session="trip")
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        memory.add("Ada's tea.", scope=scope)
        memory.add("Ada's coffee.", scope=Scope("ada", agent="coder", session="work"))
        memory.add("Bob's tea.", scope="bob")
    options = ("--user", "ada", "--agent", "coder", "--session", "trip", "--read-only")
    async with connected(tmp_path, *options) as session:
        assert len((await session.list_tools()).tools) == 3
        found = (await session.call_tool("recent", {})).structured_content["memories"]
    assert [memory["text"] for memory in found] == ["Ada's tea."]


async def test_several_servers_and_the_application_share_a_store(tmp_path: Path) -> None:
    async def write(session: ClientSession, name: str) -> None:
        for number in range(5):
            result = await session.call_tool("add_memory", {"text": f"{name} {number}"})
            assert not result.is_error

    async def child(name: str) -> None:
        async with connected(tmp_path) as session:
            await write(session, name)

    async def application(memory: Memory) -> None:
        app = create_app(Services(memory=memory, settings=Settings(user="me")))
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app)) as http,
            streamable_http_client("http://127.0.0.1/mcp", http_client=http) as streams,
            ClientSession(*streams[:2]) as session,
        ):
            await session.initialize()
            await write(session, "served")

    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        await asyncio.gather(child("one"), child("two"), application(memory))
        found = {record.text for record in memory.list(scope="me")}
        hits = memory.search("served 3", scope="me", k=1)
    names = ("one", "two", "served")
    assert found == {f"{name} {number}" for name in names for number in range(5)}
    assert hits[0].record.text == "served 3"
