"""ETags of records: what changes them, and what is refused when they have changed."""

from collections.abc import Iterator

import pytest
from served import services
from starlette.testclient import TestClient

from memagent import Memory
from memagent.server.app import create_app


@pytest.fixture
def client(memory: Memory) -> Iterator[TestClient]:
    memory.add("Anna lives in Turin.", id="n", scope="me")
    with TestClient(create_app(services(memory))) as opened:
        yield opened


def tag(client: TestClient) -> str:
    return str(client.get("/v1/records/n").headers["etag"])


def test_a_record_that_did_not_change_is_not_sent_again(client: TestClient) -> None:
    known = tag(client)
    assert known == tag(client)
    assert known.startswith('"')
    for header in (known, f'"other", {known}', f"W/{known}", "*"):
        reply = client.get("/v1/records/n", headers={"if-none-match": header})
        assert (reply.status_code, reply.content) == (304, b""), header
        assert reply.headers["etag"] == known
    assert client.get("/v1/records/n", headers={"if-none-match": '"other"'}).status_code == 200


@pytest.mark.parametrize("mark", ["pin", "archive"])
def test_a_mark_changes_the_tag_and_being_shown_does_not(client: TestClient, mark: str) -> None:
    known = tag(client)
    client.post("/v1/search", json={"query": "Where does Anna live?"})
    client.post("/v1/judge", json={"ids": ["n"], "outcome": "helped"})
    assert tag(client) == known
    client.post(f"/v1/{mark}", json={"ids": ["n"]})
    assert tag(client) != known


def test_an_update_that_means_another_version_is_refused(client: TestClient) -> None:
    known = tag(client)
    client.post("/v1/pin", json={"ids": ["n"]})
    body = {"text": "Anna lives in Linz."}
    stale = client.patch("/v1/records/n", json=body, headers={"if-match": known})
    assert stale.status_code == 412
    assert "get it again" in stale.json()["detail"]
    weak = client.patch("/v1/records/n", json=body, headers={"if-match": f"W/{tag(client)}"})
    assert weak.status_code == 412  # RFC 9110, 13.1.1: If-Match compares strongly
    fresh = client.patch("/v1/records/n", json=body, headers={"if-match": tag(client)})
    assert fresh.json()["text"] == "Anna lives in Linz."
    there = client.get(f"/v1/records/{fresh.json()['id']}")
    assert there.headers["etag"] == fresh.headers["etag"]
    late = client.patch("/v1/records/n", json={"text": "Anna lives in Rome."})
    assert late.status_code == 422
    assert "superseded" in late.json()["detail"]


def test_a_record_of_somebody_else_is_not_there(client: TestClient) -> None:
    for method, path in (
        ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/history"), ("GET", "/versions"),
        ("GET", "/sources"), ("GET", "/why"),
    ):  # fmt: skip
        body = {"text": "x"} if method == "PATCH" else None
        replies = [
            client.request(method, f"/v1/records/{id}{path}?user=bob", json=body)
            for id in ("n", "nothing")
        ]
        assert [reply.status_code for reply in replies] == [404, 404], path
        assert replies[0].content == replies[1].content
