"""The REST interface under requests made from its own description: no input breaks it."""

import os
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from served import services
from starlette.testclient import TestClient

from memagent.server.app import create_app
from memagent.testing import ScriptedChat

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "15"))
"""Requests a route; more by the environment."""
SENT = ("method", "url", "params", "headers", "json", "content", "data")
ELSEWHERE = ("/v1/chat/completions", "/v1/responses", "/v1/models", "/v1/models/{id}")
"""Paths whose replies are those of the model's server."""


@schemathesis.serializer("application/x-ndjson")
def _lines(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    of = services()
    of.warm.set()
    of.agent.use(ScriptedChat(["In Turin."] * 100_000))
    of.memory.add("Anna lives in Turin.", id="known", scope="me")
    with TestClient(create_app(of), raise_server_exceptions=False) as opened:
        yield opened


def operations() -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Read from a dict: `from_asgi` keeps a thread that a forked child waits for at its end.
        schema = schemathesis.openapi.from_dict(create_app(services()).openapi())
        found = [result.ok() for result in schema.get_all_operations()]
    return [operation for operation in found if operation.path not in ELSEWHERE]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.label)
def test_no_request_breaks_a_route(client: TestClient, operation: Any) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        sent = case.as_transport_kwargs(base_url="http://testserver")
        reply = client.request(**{name: sent[name] for name in SENT if name in sent})
        assert reply.status_code < 500, reply.text
        if reply.status_code >= 400:
            assert reply.headers["content-type"] == "application/problem+json"
            problem = reply.json()
            assert problem["status"] == reply.status_code
            assert problem["detail"]

    check()
