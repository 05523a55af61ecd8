"""`memagent serve`, `keys` and `audit` as somebody at a terminal uses them."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from memagent import Memory
from memagent.stores.access.audit import AuditLog, Entry
from memagent.stores.access.keys import Keys
from memagent.testing import HashEmbedder

Command = Any
SECRET = "a-canary-that-no-log-holds"


class Process:
    """`memagent serve` as a child process, from the first line it prints."""

    def __init__(self, home: Path, *options: str) -> None:
        environment = os.environ | {"MEMAGENT_HOME": str(home), "PYTHONUNBUFFERED": "1"}
        self.child = subprocess.Popen(
            [sys.executable, "-m", "memagent", "serve", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self.child.stderr is not None
        self.errors: IO[str] = self.child.stderr
        self.lines: list[str] = []
        while not (self.lines and "coding agents" in self.lines[-1]):
            line = self.errors.readline()
            assert line, "".join(self.lines)
            self.lines.append(line)
        found = re.search(r"listens at (http://\S+?),", "".join(self.lines))
        self.url = found[1] if found else ""

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal; return exit code, stdout, and all of stderr."""
        self.child.send_signal(number)
        out, err = self.child.communicate(timeout=60)
        return self.child.returncode, out, "".join(self.lines) + err


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Process]:
    process = Process(home, "--port", "0", "--json-logs")
    try:
        yield process
    finally:
        process.child.kill()
        process.child.communicate()


@pytest.mark.wire
def test_it_says_in_three_lines_where_it_listens(server: Process) -> None:
    told = [line for line in server.lines if not line.startswith("{")]
    assert len(told) == 3
    assert f"{server.url}/v1" in told[1]
    assert "memagent mcp" in told[2]


@pytest.mark.wire
def test_health_and_metrics(server: Process) -> None:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/readyz").json()["store"] == "ready"
        body = {"records": [{"text": SECRET}]}
        assert client.post("/v1/records", json=body).status_code == 201
        client.get(f"/v1/records?user={SECRET}")
        client.get(f"/{SECRET}")
        text = client.get("/metrics").text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    routes = {sample.labels["route"] for sample in families["memagent_requests"].samples}
    assert {"/healthz", "/v1/records", "(none)"} <= routes
    assert families["memagent_records"].samples[0].value == 1
    assert SECRET not in text


@pytest.mark.wire
def test_the_log_holds_no_text_and_no_path(server: Process, home: Path) -> None:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        headers = {"Authorization": f"Bearer {SECRET}", "X-Memory": SECRET}
        client.post("/v1/search", json={"query": SECRET}, headers=headers)
        client.post("/v1/search", json={SECRET: SECRET})
        client.post("/v1/records", json={"records": [{"text": SECRET, "kind": SECRET}]})
        client.get(f"/v1/records/{SECRET}/why")
        client.post(f"/v1/chat/completions?{SECRET}", json={"messages": SECRET})
    code, out, err = server.stop()
    assert (code, out) == (0, "")
    assert SECRET not in err
    events = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    seen = {event.get("route") for event in events}
    assert "/v1/records/{id}/why" in seen


@pytest.mark.wire
def test_a_second_server_is_told_that_the_port_is_taken(home: Path, memagent: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, out, err = memagent("serve", "--port", port)
    assert (code, out) == (1, "")
    assert f"port {port}" in err
    assert "--port 0" in err


@pytest.mark.wire
def test_it_listens_beyond_this_machine_only_with_a_key(memagent: Command) -> None:
    code, _, err = memagent("serve", "--host", "0.0.0.0", "--port", "0")
    assert code == 1
    assert "memagent keys make" in err
    code, _, err = memagent("serve", "--host", "no such host", "--port", "0")
    assert code == 1
    assert "no address" in err


def test_what_is_no_rate_is_refused(memagent: Command) -> None:
    code, _, err = memagent("serve", "--rate", "often")
    assert code == 1
    assert "600/minute" in err


@pytest.mark.wire
def test_a_unix_socket_is_its_owners_alone_and_goes_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    process = Process(tmp_path / "home", "--uds", str(path))
    try:
        assert path.stat().st_mode & 0o777 == 0o600
        done = subprocess.run(
            [sys.executable, "-c", ASK, str(path)], capture_output=True, text=True, timeout=60
        )
        assert done.stdout.endswith('{"count":0}'), done
        code, _, _ = process.stop(signal.SIGINT)
    finally:
        process.child.kill()
    assert code == 0
    assert not path.exists()


ASK = """
import socket, sys
with socket.socket(socket.AF_UNIX) as client:
    client.connect(sys.argv[1])
    lines = [b"GET /v1/count HTTP/1.1", b"Host: localhost", b"Connection: close", b"", b""]
    client.sendall(b"\\r\\n".join(lines))
    reply = b""
    while piece := client.recv(4096):
        reply += piece
print(reply.decode(), end="")
"""


def test_keys_are_made_listed_revoked_and_removed(memagent: Command) -> None:
    code, token, err = memagent("keys", "make", "app", "--user", "ada", "--expires", "90d")
    assert code == 0
    assert token.startswith("ma_")
    assert "ada" in err
    assert token.strip() not in err
    code, out, _ = memagent("keys", "list", "--json")
    (key,) = [json.loads(line) for line in out.splitlines()]
    assert (key["name"], key["users"], key["state"]) == ("app", ["ada"], "good")
    assert memagent("keys", "revoke", "app")[0] == 0
    assert "revoked" in memagent("keys", "list")[1]
    assert memagent("keys", "remove", key["id"])[0] == 0
    assert memagent("keys", "list")[2] == "there are no keys\n"


@pytest.mark.parametrize(
    "options",
    [
        ("make", "x"),
        ("make", "x", "--user", "a", "--any-user"),
        ("make", "x", "--user", "a", "--expires", "soon"),
        ("make", "x", "--user", "a", "--rate", "often"),
        ("make", "x", "--user", "a", "--rate", "0/minute"),
        ("make", "", "--user", "a"),
        ("revoke", "nothing"),
    ],
)
def test_a_key_that_cannot_be_made_is_one_line(memagent: Command, options: Any) -> None:
    code, out, err = memagent("keys", *options)
    assert (code, out, err.count("\n")) == (1, "", 1)


def test_an_empty_audit_log_and_pruning(memagent: Command) -> None:
    assert memagent("audit") == (0, "", "")
    assert memagent("audit", "--prune", "30")[1] == "removed 0 entries\n"


def test_what_keys_did_is_listed_by_key_user_and_verb(memagent: Command, tmp_path: Path) -> None:
    memagent("keys", "make", "app", "--user", "ada", "--rate", "600/minute")
    memagent("keys", "make", "idle", "--any-user", "--read-only")
    day = datetime(2026, 5, 1, 12, tzinfo=UTC)
    with Memory.open(tmp_path / "home", embedder=HashEmbedder()) as memory:
        store = memory.engine.store
        (key,) = [key for key in Keys(store).list() if key.name == "app"]
        memory.add("a note", id="n", scope="ada")
        log = AuditLog(store)
        log.write([Entry(at=day, key=key.id, verb="add", user="ada", ids=("n",))])
        log.write([Entry(at=day, key=None, verb="import", user="nobody", count=7)])
    app, idle = memagent("keys", "list")[1].splitlines()
    assert app.split("  ")[1:] == [
        "app",
        "ada",
        "reads and writes",
        "600/minute",
        "used 2026-05-01",
        "good",
    ]
    assert idle.split("  ")[1:] == ["idle", "anybody", "reads", "good"]
    listed = [json.loads(line) for line in memagent("keys", "list", "--json")[1].splitlines()]
    assert [key["used"] for key in listed] == ["2026-05-01", None]

    def lines(*options: str) -> list[str]:
        return [line.split("  ", 1)[1] for line in memagent("audit", *options)[1].splitlines()]

    added, imported = "app  add  ada  1  n", "no key  import  -  7  "
    assert lines() == [imported, added]
    assert lines("--key", "app") == lines("--key", key.id) == lines("--user", "ada") == [added]
    assert lines("--verb", "import") == lines("--limit", "1") == [imported]
    (entry,) = memagent("audit", "--json", "--verb", "add")[1].splitlines()
    assert json.loads(entry) == {
        "at": day.isoformat(),
        "ids": ["n"],
        "records": 1,
        "key": key.id,
        "verb": "add",
        "user": "ada",
    }
    assert memagent("audit", "--prune", "1")[1] == "removed 2 entries\n"
