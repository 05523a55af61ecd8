"""Discovery of OpenAI-style model servers on this machine, by the ports they use by default.

The ports are those of the programs' documentation: Ollama, LM Studio, llama.cpp (and LocalAI),
vLLM, SGLang, Jan, GPT4All, text-generation-webui and KoboldCpp.
"""

import json
import logging
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import Any, TypeVar

from memagent.models import http
from memagent.urls import ServerAddress

logger = logging.getLogger(__name__)

PORTS: Mapping[int, str] = {
    11434: "Ollama",
    1234: "LM Studio",
    8080: "llama.cpp",
    8000: "vLLM",
    30000: "SGLang",
    1337: "Jan",
    4891: "GPT4All",
    5000: "text-generation-webui",
    5001: "KoboldCpp",
}
"""Programs by the port that they listen on if they are not told another."""
OWNERS = {"llamacpp": "llama.cpp", "vllm": "vLLM", "sglang": "SGLang", "koboldcpp": "KoboldCpp"}
"""Programs by what their lists of models say owns a model; that beats the port."""
HOSTS = ("127.0.0.1", "[::1]")
"""This machine, and nothing else."""
_Place = tuple[str, int]
"""A host and a port."""
T = TypeVar("T")
SECONDS = 0.8
"""Seconds in which a server has to answer."""
MAX_BYTES = 1 << 20
"""The longest list of models that is read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundServer:
    """Server that answers as an OpenAI-style one: its program, as far as known, URL and models.

    One that `needs_key` did not say which models it has.
    """

    program: str
    url: str
    models: tuple[str, ...] = ()
    needs_key: bool = False


def discover(
    ports: Mapping[int, str] = PORTS, *, seconds: float = SECONDS
) -> tuple[FoundServer, ...]:
    """Return the model servers on this machine that answer in time, in the order of `ports`.

    All ports are asked at once, over IPv4 and IPv6; no key is sent, and no redirect followed.
    """
    places = [(host, port) for port in ports for host in HOSTS]
    listening = _at_once(lambda place: _listens(place, seconds), places, seconds)
    if not listening:
        return ()
    import httpx  # noqa: F401  # before the clock runs

    found = _at_once(lambda place: _ask(place, ports[place[1]], seconds), [*listening], seconds)
    first = {port: server for (_, port), server in sorted(found.items(), reverse=True)}
    return tuple(first[port] for port in ports if port in first)


def _at_once(
    work: Callable[[_Place], T | None], places: Sequence[_Place], seconds: float
) -> dict[_Place, T]:
    """Return what the work on each place returned within so many seconds, but None."""
    done: dict[_Place, T] = {}

    def run(place: _Place) -> None:
        try:
            result = work(place)
        except Exception as error:  # whatever it is that answers, it is no model server
            logger.debug("no model server at %s:%d: %s", *place, type(error).__name__)
            return
        if result is not None:
            done[place] = result

    until = time.monotonic() + seconds
    threads = [Thread(target=run, args=(place,), daemon=True) for place in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return dict(done)  # one that is late may still write


def _listens(place: _Place, seconds: float) -> bool:
    host, port = place
    socket.create_connection((host.strip("[]"), port), seconds).close()
    return True


def _ask(place: _Place, program: str, seconds: float) -> FoundServer | None:
    url = f"http://{place[0]}:{place[1]}/v1"
    with http.client(ServerAddress.of(url), timeout=seconds) as client:
        return _server(client, url, program)


def _server(client: Any, url: str, program: str) -> FoundServer | None:
    """Return the server at a URL, None if what answers is none."""
    body = bytearray()
    with client.stream("GET", f"{url}/models") as reply:
        if reply.status_code == 401:
            return FoundServer(program=program, url=url, needs_key=True)
        if reply.status_code != 200:
            return None
        for piece in reply.iter_bytes():
            body += piece
            if len(body) > MAX_BYTES:
                return None
    listed = json.loads(body)["data"] or ()
    models = tuple(model["id"] for model in listed)
    if not all(isinstance(model, str) for model in models):
        return None
    owners = {OWNERS.get(model.get("owned_by")) for model in listed} - {None}
    return FoundServer(
        program=owners.pop() or program if owners else program, url=url, models=models
    )
