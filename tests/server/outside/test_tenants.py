"""Random requests over twenty keys: none crosses users."""

import os

from isolating import TinyEmbedder
from served import services
from starlette.testclient import TestClient
from tenants import Requests

from memagent import Memory
from memagent.server.app import create_app

REQUESTS = int(os.environ.get("TENANT_REQUESTS", "1500"))
SEED = int(os.environ.get("TENANT_SEED", "7"))


def test_no_request_crosses_users() -> None:
    with Memory.in_memory(embedder=TinyEmbedder()) as memory:
        of = services(memory)
        with TestClient(create_app(of), raise_server_exceptions=False) as client:
            requests = Requests(client, memory, SEED)
            for number in range(REQUESTS):
                requests.one()
                if number % 50 == 0:
                    requests.tidy()
            requests.check()
    served = {verb.rsplit(" ", 1)[1] for verb in requests.seen}
    assert {"200", "201", "401", "403"} <= served
    print(len(requests.seen), requests.seen.most_common(8))
