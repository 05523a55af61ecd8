"""Stub model server on a loopback port, which answers or fails by a script.

    with StubServer([Fail(429, retry_after=0), Say("Hello.")]) as server:
        chat = open_chat(server.url)
        assert chat.invoke("Hi").text == "Hello."
        assert len(server.requests) == 2

It speaks the part of the OpenAI-style wire that a chat needs, and waits only where the script says
so.
"""

import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from memagent.testing.stub_wire import (
    Action,
    Cut,
    Drop,
    Events,
    Fail,
    Garble,
    Handler,
    Hang,
    Request,
    Say,
    Server,
    shut,
    words_of,
)

__all__ = ["Cut", "Drop", "Events", "Fail", "Garble", "Hang", "Say", "StubServer"]
Script = Sequence[Action] | Callable[[Request], Action]
HELLO = Say("Hello.")


class StubServer:
    """Server in a thread, from `start` (or `with`) to `stop`; it can be started again.

    `script` holds the actions for the chat requests in turn (the last one repeats), or is a
    function of the request's body. A model not in `models` gets 404, and a prompt of more than
    `context` words the error of a server whose context is too small. With `reports_context` the
    server reports its context length and counts the words of a prompt, as vLLM does. `requests`
    holds the bodies of the chat requests, `context_requests` the paths of the other requests, and
    `disconnects` counts the clients that left a `Hang`. `pages` holds what other paths answer:
    JSON, or an action such as `Fail`, `Garble` or `Hang`; bodies sent there are in `other_requests`
    as (path, body). With a `scorer` of a question and a text
    it is a reranker as well, at the `rerank_paths`; `rerank_requests` holds (path, body).
    """

    def __init__(
        self,
        script: Script = (HELLO,),
        *,
        models: Sequence[str] = ("stub-model",),
        context: int | None = None,
        reports_context: bool = False,
        api_key: str | None = None,
        pages: Mapping[str, Any] | None = None,
        scorer: Callable[[str, str], float] | None = None,
        rerank_paths: Sequence[str] = ("/rerank", "/v1/rerank", "/score", "/v1/score"),
    ) -> None:
        self.script = script
        self.models: Sequence[str] = tuple(models)
        self.context = context
        self.reports_context = reports_context
        self.context_requests: list[str] = []
        self.api_key = api_key
        self.pages: Mapping[str, Any] = pages or {}
        self.scorer = scorer
        self.rerank_paths: Sequence[str] = tuple(rerank_paths)
        self.rerank_requests: list[tuple[str, Request]] = []
        self.other_requests: list[tuple[str, Request]] = []
        self.requests: list[Request] = []
        self.disconnects = 0
        self.changed = threading.Condition()
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.open_connections: set[socket.socket] = set()

    @property
    def url(self) -> str:
        """The base URL, as `open_chat` takes it."""
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> Self:
        """Start on a free port, or again on the same port."""
        self._server = Server(("127.0.0.1", self._port), Handler)
        self._server.stub = self
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop at once, and break open connections."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        with self.changed:
            for connection in self.open_connections:
                shut(connection)

    def wait_for(self, condition: Callable[["StubServer"], bool], seconds: float = 10.0) -> bool:
        """Wait until a condition holds for this server; return False after so many seconds."""
        with self.changed:
            return self.changed.wait_for(lambda: condition(self), seconds)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    def action_for(self, request: Request) -> Action:
        """Return the action for a chat request, and record the request."""
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()
            number = len(self.requests) - 1
        if refusal := self._refusal(request):
            return refusal
        if callable(self.script):
            return self.script(request)
        return self.script[min(number, len(self.script) - 1)]

    def _refusal(self, request: Request) -> Fail | None:
        """Return a real server's refusal of a request, if it would refuse it."""
        if request.get("model") not in self.models:
            return Fail(404, f"The model `{request.get('model')}` does not exist.")
        words = sum(len(words_of(message)) for message in request["messages"])
        if self.context is not None and words > self.context:
            limit = f"This model's maximum context length is {self.context} tokens."
            return Fail(400, f"{limit} However, your messages have {words} tokens.")
        return None
