"""Requests that are sent again under the same idempotency key."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from served import services
from starlette.testclient import TestClient

from memagent import Memory
from memagent.server.app import create_app
from memagent.server.rest import idempotency
from memagent.server.services import Services
from memagent.testing import HashEmbedder, ScriptedChat

KEY = {"idempotency-key": "k1"}
NOTE = {"records": [{"text": "Anna lives in Turin."}, {"text": "Bob swims."}]}
MESSAGES = {"messages": [{"role": "user", "content": "I like tea."}]}


@pytest.fixture
def of() -> Iterator[Services]:
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        of = services(memory)
        of.agent.use(ScriptedChat(["In Turin."] * 20))
        yield of


@pytest.fixture
def client(of: Services) -> Iterator[TestClient]:
    with TestClient(create_app(of)) as opened:
        yield opened


WRITES: list[tuple[str, Any, Any]] = [
    ("/v1/records", NOTE, {"records": [{"text": "Eve runs."}]}),
    ("/v1/messages", MESSAGES, {"messages": [{"role": "user", "content": "I like milk."}]}),
    ("/v1/profile", {"text": "I am a vegetarian."}, {"text": "I am a runner."}),
    ("/v1/ask", {"question": "Where does Anna live?"}, {"question": "Where does Bob live?"}),
    (
        "/v1/feedback",
        {"question": "Where?", "correction": "Anna lives in Linz."},
        {"question": "Where?", "correction": "Anna lives in Rome."},
    ),
]


@pytest.mark.parametrize(("path", "body", "other"), WRITES)
def test_a_request_sent_again_gets_the_first_reply_and_writes_once(
    of: Services, client: TestClient, path: str, body: Any, other: Any
) -> None:
    first = client.post(path, json=body, headers=KEY)
    assert first.is_success, first.text
    number = of.memory.count(scope="me", everything=True)
    assert number > 0
    again = client.post(path, json=body, headers=KEY)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    refused = client.post(path, json=other, headers=KEY)
    assert refused.status_code == 422
    assert "another request" in refused.json()["detail"]
    assert of.memory.count(scope="me", everything=True) == number
    assert client.post(path, json=other, headers={"idempotency-key": "k2"}).is_success
    assert of.memory.count(scope="me", everything=True) > number


def test_a_receipt_is_given_again(of: Services, client: TestClient) -> None:
    of.memory.add("a note", id="n", scope="me")
    body = {"ids": ["n"]}
    first, again = (client.post("/v1/forget", json=body, headers=KEY) for _ in range(2))
    assert first.json()["asked"] == ["n"]
    assert again.json() == first.json()


@pytest.mark.parametrize(("path", "body"), [("/v1/records", NOTE), ("/v1/messages", MESSAGES)])
def test_records_are_added_once_though_the_server_was_restarted(
    of: Services, path: str, body: Any
) -> None:
    replies = []
    for _ in range(2):
        with TestClient(create_app(of)) as client:
            replies.append(client.post(path, json=body, headers=KEY))
    assert [reply.status_code for reply in replies] == [201, 201], replies[1].text
    assert replies[0].json() == replies[1].json()
    assert of.memory.count(scope="me", everything=True) == len(replies[0].json()["records"])


def test_a_key_with_another_body_is_refused_though_the_server_was_restarted(of: Services) -> None:
    with TestClient(create_app(of)) as client:
        assert client.post("/v1/records", json=NOTE, headers=KEY).status_code == 201
        body = {"records": [{"text": "Something else."}]}
        assert client.post("/v1/records", json=body, headers=KEY).status_code == 422
    with TestClient(create_app(of)) as client:
        assert client.post("/v1/records", json=body, headers=KEY).status_code == 422
    assert of.memory.count(scope="me", everything=True) == 2


def test_a_key_is_of_one_user_alone(of: Services, client: TestClient) -> None:
    for user in ("ada", "bob"):
        reply = client.post("/v1/records", params={"user": user}, json=NOTE, headers=KEY)
        assert {record["scope"]["user"] for record in reply.json()["records"]} == {user}
    assert of.memory.count(scope="bob") == 2


def test_a_reply_does_not_outlive_what_it_tells_of(of: Services, client: TestClient) -> None:
    (first, _) = client.post("/v1/records", json=NOTE, headers=KEY).json()["records"]
    judged = {"ids": [first["id"]], "outcome": "helped"}
    client.post("/v1/judge", json=judged, headers=KEY)
    of.memory.forget(first["id"], scope="me")  # as another process or interface does
    reply = client.post("/v1/judge", json=judged, headers=KEY)
    assert reply.status_code == 422 or reply.json()["changed"] == 0
    (anew, _) = client.post("/v1/records", json=NOTE, headers=KEY).json()["records"]
    assert anew["seq"] > first["seq"]  # the text was sent once more


def test_replies_are_kept_for_a_day_and_within_bounds(
    of: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    app = create_app(of)
    app.state.replies = idempotency.Replies(lambda: now[0])
    (record,) = of.memory.add_many(["a note"], scope="me")
    body = {"ids": [record.id], "outcome": "helped"}

    def helped(key: str = "k1") -> int:
        assert client.post("/v1/judge", json=body, headers={"idempotency-key": key}).is_success
        return int(of.memory.get(record.id, scope="me")[0].helped)

    with TestClient(app) as client:
        assert [helped(), helped()] == [1, 1]
        now[0] = 86_399.0
        assert helped() == 1
        now[0] = 86_400.0
        assert helped() == 2
        monkeypatch.setattr(idempotency, "KEPT", 1)
        assert [helped("a"), helped("b"), helped("b"), helped("a")] == [3, 4, 4, 5]
        monkeypatch.setattr(idempotency, "KEPT_BYTES", 10)
        assert [helped("c"), helped("c")] == [6, 7]


def test_the_same_request_twice_at_once_is_carried_out_once(of: Services) -> None:
    with TestClient(create_app(of)) as client, ThreadPoolExecutor(8) as pool:
        (record,) = of.memory.add_many(["a note"], scope="me")
        body = {"ids": [record.id], "outcome": "helped"}
        sent = [pool.submit(client.post, "/v1/judge", json=body, headers=KEY) for _ in range(16)]
        assert {future.result().status_code for future in sent} == {200}
    assert of.memory.get(record.id, scope="me")[0].helped == 1


@pytest.mark.parametrize("key", ["x" * 201, "\x7f" * 300])
def test_a_key_that_is_too_long_is_refused(client: TestClient, key: str) -> None:
    reply = client.post("/v1/records", json=NOTE, headers={"idempotency-key": key})
    assert reply.status_code == 422
