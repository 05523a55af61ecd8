"""Discovery of model servers on loopback: what answers, and what only seems to."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import pytest_socket

from memagent.cli.discover import FoundServer, discover
from memagent.testing import Fail, Garble, Hang, StubServer
from memagent.testing.stub_wire import Handler, Server

Serve = Callable[..., StubServer]
pytestmark = pytest.mark.wire


def port_of(server: StubServer) -> int:
    return int(server.url.removesuffix("/v1").rpartition(":")[2])


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_servers_are_found_with_their_models_in_the_order_of_the_ports(serve: Serve) -> None:
    one, two = serve(models=["a", "b"]), serve(models=[])
    found = discover({port_of(two): "Second", 9: "Nobody", port_of(one): "First"})
    assert found == (
        FoundServer(program="Second", url=two.url),
        FoundServer(program="First", url=one.url, models=("a", "b")),
    )
    assert (one.context_requests, one.requests) == (["/v1/models"], [])


@pytest.mark.parametrize(
    ("owner", "program"), [("llamacpp", "llama.cpp"), ("someone", "Guess"), (None, "Guess")]
)
def test_a_server_says_which_program_it_is(serve: Serve, owner: str | None, program: str) -> None:
    page = {"object": "list", "data": [{"id": "m", "owned_by": owner}]}
    server = serve(models=[], pages={"/v1/models": page})
    assert [found.program for found in discover({port_of(server): "Guess"})] == [program]


def test_a_server_with_a_key_is_found_and_gets_none(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMAGENT_API_KEY", "mine")
    server = serve(api_key="mine")
    (found,) = discover({port_of(server): "Jan"})
    assert (found.needs_key, found.models) == (True, ())


@pytest.mark.parametrize(
    "page",
    [
        Fail(404),
        Fail(500),
        Garble(b"<html>"),
        [],
        {"data": [{"name": "x"}]},
        {"data": [{"id": 3}]},
        {"data": "models"},
        {"models": []},
    ],
)
def test_what_is_no_model_server_is_passed_over(serve: Serve, page: Any) -> None:
    server = serve(models=[], pages={"/v1/models": page})
    assert discover({port_of(server): "Other"}) == ()


def test_what_hangs_costs_no_more_than_the_time_that_is_given(
    serve: Serve, listener: socket.socket
) -> None:
    slow = serve(pages={"/v1/models": Hang()})
    quick, silent = serve(models=["a"]), listener.getsockname()[1]
    started = time.monotonic()
    found = discover(
        {port_of(slow): "Slow", silent: "Silent", port_of(quick): "Quick"}, seconds=0.3
    )
    assert [server.program for server in found] == ["Quick"]
    assert time.monotonic() - started < 2.0


def test_one_that_answers_word_by_word_costs_no_more_either(listener: socket.socket) -> None:
    done = threading.Event()

    def dribble() -> None:
        connections = [listener.accept()[0] for _ in range(2)]  # the look, and the request
        connections[1].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not done.wait(0.05):
            connections[1].sendall(b" ")
        for connection in connections:
            connection.close()

    thread = threading.Thread(target=dribble)
    thread.start()
    started = time.monotonic()
    assert discover({listener.getsockname()[1]: "Dribble"}, seconds=0.3) == ()
    assert time.monotonic() - started < 2.0
    done.set()
    thread.join()


def test_nothing_there_is_known_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    started = time.monotonic()
    assert discover({port: "Gone"}, seconds=30) == ()
    assert time.monotonic() - started < 5


class SixServer(Server):
    """Stub's server on the loopback of IPv6."""

    address_family = socket.AF_INET6


def test_a_server_that_listens_on_ipv6_alone_is_found() -> None:
    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1"])
    try:
        server = SixServer(("::1", 0), Handler)
    except OSError:
        pytest.skip("no IPv6")
    with server:
        server.stub = StubServer(models=["six"])
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        found = discover({server.server_port: "Six"}, seconds=5)
        server.shutdown()
        thread.join()
    url = f"http://[::1]:{server.server_port}/v1"
    assert found == (FoundServer(program="Six", url=url, models=("six",)),)
