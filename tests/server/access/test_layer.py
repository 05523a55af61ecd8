import random
from collections.abc import Iterator

import pytest
from served import services
from starlette.testclient import TestClient

from memagent import Memory
from memagent.server.access.layer import AccessLayer, is_local
from memagent.server.app import create_app
from memagent.server.services import ServeOptions
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


async def test_a_revoked_key_ends_within_a_second(memory: Memory) -> None:
    now = [0.0]
    of = services(memory)
    layer = AccessLayer(create_app(of), of, clock=lambda: now[0])
    keys = Keys(memory.engine.store)
    token, key = keys.make("app", ["ada"])
    assert await layer._find(token) == key
    keys.revoke("app")
    now[0] = 0.9
    assert await layer._find(token) == key
    now[0] = 1.1
    assert await layer._find(token) is None


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
