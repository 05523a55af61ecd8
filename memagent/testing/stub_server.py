"""A stand-in for a model's server, on a loopback port, that answers or fails as it is told.

    with StubServer([Fail(429, retry_after=0), Say("Hello.")]) as server:
        chat = open_chat(server.url)
        assert chat.invoke("Hi").text == "Hello."
        assert len(server.requests) == 2

It speaks as much of the OpenAI-style wire as a chat needs. Nothing in it waits for the clock.
"""

import socket
import threading
from collections.abc import Callable, Sequence
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Self

from memagent.testing.stub_wire import (
    Act,
    Asked,
    Cut,
    Drop,
    Fail,
    Garble,
    Handler,
    Hang,
    Say,
    Server,
    shut,
    words_of,
)

__all__ = ["Cut", "Drop", "Fail", "Garble", "Hang", "Say", "StubServer"]
Script = Sequence[Act] | Callable[[Asked], Act]
HELLO = Say("Hello.")


class StubServer:
    """A server in a thread, from `start` (or `with`) to `stop`; it can be started again.

    `script` is what to do with each request for a chat in turn (after its end, the last again), or
    a function of the request's body. A model not in `models` is answered with 404, and a prompt of
    more than `context` words with the error of a server whose context is too small; with `tells`,
    it says how long its context is, and counts a prompt's words, as vLLM does. `requests` holds the
    bodies that came, `told` the paths that were asked for these, and `gone` counts the clients that
    left a `Hang`.
    """

    def __init__(
        self,
        script: Script = (HELLO,),
        *,
        models: Sequence[str] = ("stub-model",),
        context: int | None = None,
        tells: bool = False,
        api_key: str | None = None,
    ) -> None:
        self.script = script
        self.models: Sequence[str] = tuple(models)
        self.context = context
        self.tells = tells
        self.told: list[str] = []
        self.api_key = api_key
        self.requests: list[Asked] = []
        self.gone = 0
        self.changed = threading.Condition()
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.open_connections: set[socket.socket] = set()

    @property
    def url(self) -> str:
        """The base URL, as `open_chat` takes it."""
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> Self:
        """Begin to answer, on a free port, or on the same as before."""
        self._server = Server(("127.0.0.1", self._port), Handler)
        self._server.stub = self
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop at once: open connections are broken."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        with self.changed:
            for one in self.open_connections:
                shut(one)

    def wait_for(self, what: Callable[["StubServer"], bool], seconds: float = 10.0) -> bool:
        """Wait until something holds of this server; returns False if it does not in time."""
        with self.changed:
            return self.changed.wait_for(lambda: what(self), seconds)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    def act(self, asked: Asked) -> Act:
        """Return what to do with a request, which is kept."""
        with self.changed:
            self.requests.append(asked)
            self.changed.notify_all()
            number = len(self.requests) - 1
        if refusal := self._refusal(asked):
            return refusal
        if callable(self.script):
            return self.script(asked)
        return self.script[min(number, len(self.script) - 1)]

    def _refusal(self, asked: Asked) -> Fail | None:
        """Return how a real server refuses a request, if it does."""
        if asked.get("model") not in self.models:
            return Fail(404, f"The model `{asked.get('model')}` does not exist.")
        words = sum(len(words_of(message)) for message in asked["messages"])
        if self.context is not None and words > self.context:
            limit = f"This model's maximum context length is {self.context} tokens."
            return Fail(400, f"{limit} However, your messages have {words} tokens.")
        return None
