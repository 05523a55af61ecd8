"""Requests that no client should send: refused in words, with nothing stored."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from served import Served, services
from starlette.testclient import TestClient

from memagent.server.app import create_app
from memagent.server.services import ServeOptions
from memagent.stores.access.keys import Keys

JSON = {"content-type": "application/json"}


@pytest.fixture
def client() -> Iterator[TestClient]:
    of = services(options=ServeOptions(max_body=10_000))
    with TestClient(create_app(of)) as opened:
        yield opened


BODIES: list[tuple[bytes, int]] = [
    (b"", 422),
    (b"{", 400),
    (b"\xff\xfe", 400),
    (b"[]", 422),
    (b"null", 422),
    (b'{"records": []}', 422),
    (b'{"records": "x"}', 422),
    (b'{"records": [{"text": ""}]}', 422),
    (b'{"records": [{"text": 3}]}', 422),
    (b'{"records": [{"txt": "x"}]}', 422),
    (b'{"records": [{"text": "x"}], "user": "bob"}', 422),
    (b'{"records": [{"text": "half \\ud800"}]}', 422),
    (b'{"records": [{"text": "x", "valid_from": "2026-05-01T00:00:00"}]}', 422),
    (b'{"records": [{"text": "x", "valid_from": 1e400}]}', 422),
    (b'{"records": [{"text": "x", "kind": "other"}]}', 422),
    (b'{"records": [{"text": "x", "metadata": {"a": NaN}}]}', 422),
    (b'{"records": [{"text": "x", "supersedes": "nothing"}]}', 422),
    (b'{"records": [{"text": "x\\u0000y\\u0000"}]}', 422),
]


@pytest.mark.parametrize(("body", "status"), BODIES)
def test_a_body_that_is_wrong_is_refused(client: TestClient, body: bytes, status: int) -> None:
    reply = client.post("/v1/records", content=body, headers=JSON)
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["detail"]
    assert client.get("/v1/count").json() == {"count": 0}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_what_a_form_can_send_is_refused(client: TestClient, kind: str) -> None:
    body = b'{"records": [{"text": "x"}]}'
    reply = client.post("/v1/records", content=body, headers={"content-type": kind})
    assert 400 <= reply.status_code < 500
    assert (
        client.post("/v1/import", content=b"{}", headers={"content-type": kind}).status_code == 415
    )
    assert client.get("/v1/count").json() == {"count": 0}


def test_a_body_that_is_too_long_is_refused_whoever_tells_its_length(client: TestClient) -> None:
    body = json.dumps({"query": "x" * 20_000}).encode()
    for content in (body, iter([body[:8_000], body[8_000:]])):
        reply = client.post("/v1/search", content=content, headers=JSON)
        assert reply.status_code == 413
        assert "10,000 bytes" in reply.json()["detail"]


@pytest.mark.parametrize(
    "where", ["{", "[]", "3", '{"a": {"no": 1}}', '{"and": ' * 500 + "1" + "}" * 500, "\x00"]
)
def test_a_filter_that_is_wrong_is_refused(client: TestClient, where: str) -> None:
    assert client.get("/v1/records", params={"where": where}).status_code == 422


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/v1/records?limit=0", {}),
        ("/v1/records?limit=1001", {}),
        ("/v1/records?cursor=nothing", {}),
        ("/v1/records?user=", {}),
        ("/v1/records?user=%20", {}),
        ("/v1/changes?limit=x", {}),
    ],
)
def test_a_parameter_that_is_wrong_is_refused(client: TestClient, path: str, options: Any) -> None:
    assert client.get(path, **options).status_code == 422


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH", "PUT", "OPTIONS", "TRACE"])
def test_without_a_key_every_path_is_the_same(method: str) -> None:
    of = services()
    of.memory.add("secret", id="there", scope="ada")
    Keys(of.memory.engine.store).make("app", ["ada"])
    with TestClient(create_app(of)) as client:
        paths = ("/v1/records/there", "/v1/records/not-there", "/nothing", "/openapi.json")
        for headers in ({}, {"Authorization": "Bearer ma_00_x"}, {"x-api-key": "é".encode()}):
            replies = [client.request(method, path, headers=headers) for path in paths]
            assert {reply.status_code for reply in replies} == {401}
            assert len({reply.content for reply in replies}) == 1
            assert replies[0].headers["www-authenticate"] == "Bearer"


def test_pages_of_other_origins_and_names_are_refused(client: TestClient) -> None:
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example"},
        {"x-forwarded-for": "203.0.113.7"},
        {"forwarded": "for=203.0.113.7"},
    ):
        assert client.get("/v1/records", headers=headers).status_code == 403
    own = {"origin": "http://testserver"}
    reply = client.get("/v1/records", headers=own)
    assert reply.status_code == 200
    assert not [name for name in reply.headers if name.startswith("access-control")]


@pytest.mark.wire
def test_a_client_that_leaves_in_the_middle_of_an_upload_leaves_nothing() -> None:
    import socket

    with Served(services()) as served:
        host, port = served.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(
                b"POST /v1/records HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
                b'Content-Type: application/json\r\n\r\n{"records": [{"text": "half"'
            )
        with served.client() as whole:
            assert whole.get("/v1/count").json() == {"count": 0}
