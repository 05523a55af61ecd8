import asyncio
import random
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from served import services
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Send
from starlette.types import Scope as ASGIScope

from memagent import Memory
from memagent.server.access.layer import KEY_SECONDS, AccessLayer, is_local
from memagent.server.app import create_app
from memagent.server.services import ServeOptions, Services
from memagent.stores.access.audit import AuditLog
from memagent.stores.access.keys import Keys
from memagent.testing import HashEmbedder


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def client(memory: Memory) -> Iterator[TestClient]:
    with TestClient(create_app(services(memory))) as opened:
        yield opened


def test_without_keys_loopback_is_the_configured_user(memory: Memory, client: TestClient) -> None:
    memory.add("mine", scope="me")
    assert len(client.get("/v1/records").json()["records"]) == 1
    assert client.get("/v1/records", headers=bearer("anything")).status_code == 200
    assert client.get("/v1/records?user=bob").json()["records"] == []


def test_beyond_loopback_a_key_is_needed_even_if_there_is_none(memory: Memory) -> None:
    of = services(memory, options=ServeOptions(host="0.0.0.0"))
    with TestClient(create_app(of)) as client:
        assert client.get("/v1/records").status_code == 401
        assert client.get("/healthz").status_code == 200


def test_a_key_speaks_for_its_users_alone(memory: Memory, client: TestClient) -> None:
    keys = Keys(memory.engine.store)
    one, _ = keys.make("one", ["ada"])
    two, _ = keys.make("two", ["ada", "bob"])
    service, _ = keys.make("service", None)
    for user in ("ada", "bob", "eve"):
        memory.add(f"of {user}", scope=user)

    def seen(token: str, user: str | None) -> int | str:
        params = {} if user is None else {"user": user}
        reply = client.get("/v1/records", headers=bearer(token), params=params)
        if reply.status_code != 200:
            return int(reply.status_code)
        (record,) = reply.json()["records"]
        return str(record["text"])

    asked = (None, "ada", "bob", "eve")
    assert [seen(one, user) for user in asked] == ["of ada", "of ada", 403, 403]
    assert [seen(two, user) for user in asked] == [422, "of ada", "of bob", 403]
    assert [seen(service, user) for user in asked] == [422, "of ada", "of bob", "of eve"]
    assert client.get("/v1/users", headers=bearer(two), params={"user": "ada"}).json() == {
        "names": ["ada", "bob"]
    }


def test_a_key_that_reads_writes_nothing(memory: Memory, client: TestClient) -> None:
    token, _ = Keys(memory.engine.store).make("reader", ["ada"], read_only=True)
    memory.add("a note", id="n", scope="ada")
    writes = [
        ("POST", "/v1/records", {"records": [{"text": "x"}]}),
        ("POST", "/v1/messages", {"messages": [{"role": "user", "content": "x"}]}),
        ("PATCH", "/v1/records/n", {"text": "x"}),
        ("DELETE", "/v1/records/n", None),
        ("POST", "/v1/forget", {"everything": True}),
        ("POST", "/v1/pin", {"ids": ["n"]}),
        ("POST", "/v1/judge", {"ids": ["n"], "outcome": "hurt"}),
        ("POST", "/v1/feedback", {"question": "x", "correction": "y"}),
        ("POST", "/v1/profile", {"text": "x"}),
        ("POST", "/v1/ask", {"question": "x"}),
        ("POST", "/v1/chat?session=s", {"text": "x"}),
    ]
    before = memory.list(scope="ada", everything=True)
    for method, path, body in writes:
        reply = client.request(method, path, json=body, headers=bearer(token))
        assert reply.status_code == 403, (method, path)
    ndjson = bearer(token) | {"content-type": "application/x-ndjson"}
    assert client.post("/v1/import", content=b"{}", headers=ndjson).status_code == 403
    assert memory.list(scope="ada", everything=True) == before
    assert client.post("/v1/search", json={"query": "x"}, headers=bearer(token)).status_code == 200


def test_rates_are_kept_for_each_key(memory: Memory, client: TestClient) -> None:
    keys = Keys(memory.engine.store)
    slow, _ = keys.make("slow", ["ada"], rate="3/hour")
    free, _ = keys.make("free", ["ada"])
    statuses = [client.get("/v1/count", headers=bearer(slow)).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    refused = client.get("/v1/count", headers=bearer(slow))
    assert int(refused.headers["retry-after"]) > 3000
    assert client.get("/v1/count", headers=bearer(free)).status_code == 200


async def tiny(scope: ASGIScope, receive: Receive, send: Send) -> None:
    """Answer with the user of the request's principal."""
    await PlainTextResponse(str(scope["state"]["principal"].default))(scope, receive, send)


def layered(of: Services, now: list[float]) -> httpx.AsyncClient:
    layer = AccessLayer(tiny, of, clock=lambda: now[0])
    return httpx.AsyncClient(transport=httpx.ASGITransport(layer), base_url="http://127.0.0.1:8484")


async def test_a_revoked_key_ends_within_a_second(memory: Memory) -> None:
    now = [0.0]
    keys = Keys(memory.engine.store)
    token, _ = keys.make("app", ["ada"])
    async with layered(services(memory), now) as client:

        async def status() -> int:
            return (await client.get("/x", headers=bearer(token))).status_code

        assert await status() == 200
        keys.revoke("app")
        now[0] = KEY_SECONDS - 0.1
        assert await status() == 200
        now[0] = KEY_SECONDS + 0.1
        assert await status() == 401
        keys.remove("app")
        now[0] += KEY_SECONDS + 0.1
        assert await status() == 200  # no key is left, so that nobody needs one


async def test_many_requests_meet_a_revocation_at_one_time(memory: Memory) -> None:
    now = [0.0]
    keys = Keys(memory.engine.store)
    tokens = {user: keys.make(user, [user])[0] for user in ("ada", "bob", "eve")}
    async with layered(services(memory), now) as client:

        async def ask(user: str) -> tuple[int, str]:
            reply = await client.get("/x", headers=bearer(tokens[user]))
            return reply.status_code, reply.text

        for number in range(20):
            now[0] += 2 * KEY_SECONDS
            if number == 10:
                keys.revoke("bob")
            replies = await asyncio.gather(*(ask(user) for user in tokens))
            bob = 200 if number < 10 else 401
            assert [status for status, _ in replies] == [200, bob, 200]
            assert [replies[0][1], replies[2][1]] == ["ada", "eve"]


async def test_a_websocket_is_closed(memory: Memory) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing is to be read")

    layer = AccessLayer(tiny, services(memory))
    await layer({"type": "websocket", "path": "/x", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{}", 200),
        ("application/JSON; charset=utf-8", b"{}", 200),
        ("application/x-ndjson", b"{}", 200),
        ("application/merge-patch+json", b"{}", 200),
        ("text/plain", b"{}", 415),
        ("application/x-www-form-urlencoded", b"{}", 415),
        ("multipart/form-data; boundary=x", b"{}", 415),
        ("image/x+json", b"{}", 415),
        (None, b"{}", 415),
        (None, b"", 200),
        ("text/plain", b"", 200),
    ],
)
async def test_only_json_is_read(
    memory: Memory, kind: str | None, body: bytes, status: int
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield body

    token, _ = Keys(memory.engine.store).make("app", ["ada"])
    headers = bearer(token) | ({} if kind is None else {"content-type": kind})
    async with layered(services(memory), [0.0]) as client:
        for content in (body, parts()) if body else (body,):
            reply = await client.post("/x", content=content, headers=headers)
            assert reply.status_code == status
        plain = await client.post("/x", content=body, headers={"content-type": "text/plain"})
        assert plain.status_code == 401, "whoever has no key learns nothing of bodies"


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.1", False),
        ("localhost.example.com", False),
        ("testserver", False),
        ("", False),
    ],
)
def test_loopback_is_told_from_the_rest(host: str, local: bool) -> None:
    assert is_local(host) == local


def test_everything_that_is_done_is_in_the_audit_log(memory: Memory, client: TestClient) -> None:
    token, key = Keys(memory.engine.store).make("app", ["ada"])
    headers = bearer(token)
    body = {"records": [{"text": "a note", "id": "n"}]}
    client.post("/v1/records", json=body, headers=headers)
    log = AuditLog(memory.engine.store)
    (added,) = log.list(verb="add")  # it is there before it is acknowledged
    assert (added.key, added.user, added.ids) == (key.id, "ada", ("n",))
    client.post("/v1/search", json={"query": "note"}, headers=headers)
    client.delete("/v1/records/n", headers=headers)
    client.post("/v1/search", json={"query": "note"}, headers=bearer("ma_wrong_key"))
    client.__exit__(None, None, None)  # a clean stop writes what waits
    verbs = [entry.verb for entry in AuditLog(memory.engine.store).list()]
    assert verbs == ["forget", "search", "add"]


def test_what_cannot_be_named_is_counted(memory: Memory, client: TestClient) -> None:
    for number in range(3):
        memory.add(f"note {number}", scope="ada")
    headers = bearer(Keys(memory.engine.store).make("app", ["ada"])[0])
    lines = client.get("/v1/export", headers=headers).content
    client.post("/v1/forget", json={"everything": True}, headers=headers)
    ndjson = headers | {"content-type": "application/x-ndjson"}
    assert client.post("/v1/import", content=lines, headers=ndjson).json() == {"imported": 3}
    log = AuditLog(memory.engine.store)
    assert [(one.records, one.ids) for one in log.list(verb="forget")] == [(3, ())]
    assert [one.records for one in log.list(verb="import")] == [3]


def test_random_keys_never_cross(memory: Memory, client: TestClient) -> None:
    random_numbers = random.Random(3)
    keys, users = Keys(memory.engine.store), [f"user{number}" for number in range(6)]
    for user in users:
        memory.add(f"canary {user}.", scope=user)
    held = {}
    for number in range(12):
        mine = random_numbers.sample(users, random_numbers.randint(1, 3))
        held[keys.make(f"key{number}", mine)[0]] = set(mine)
    for _ in range(150):
        token = random_numbers.choice(list(held))
        user = random_numbers.choice(users)
        path = random_numbers.choice(["/v1/records", "/v1/export", "/v1/sessions"])
        reply = client.get(path, params={"user": user}, headers=bearer(token))
        shown = {one for one in users if f"canary {one}." in reply.text}
        assert reply.status_code == (200 if user in held[token] else 403)
        assert shown <= held[token] & {user}


def test_a_memory_of_a_server_can_be_opened_again() -> None:
    memory = Memory.in_memory(embedder=HashEmbedder())
    for _ in range(2):
        with TestClient(create_app(services(memory))) as client:
            assert client.get("/healthz").json() == {"status": "ok"}
