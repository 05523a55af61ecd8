"""Actions of a stub server, and the HTTP handler that performs them on the OpenAI-style wire."""

import json
import re
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition
from typing import Any, Protocol

Request = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Say:
    """Answer with a text or with tool calls as (name, arguments); a stream goes word by word.

    `delay` is in seconds, before each piece. `finish` "length" means that the tokens ran out.
    """

    text: str = ""
    calls: Sequence[tuple[str, str]] = ()
    delay: float = 0.0
    finish: str = "stop"


@dataclass(frozen=True, slots=True)
class Fail:
    """Answer with an error status; `retry_after` (seconds) becomes the Retry-After header."""

    status: int = 500
    message: str = "scripted failure"
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """Break the connection in the middle of the body, or of a stream after some words."""

    text: str = "one two three"
    after: int = 1


@dataclass(frozen=True, slots=True)
class Garble:
    """Answer 200 with a body that is no JSON, or with JSON that is no chat completion."""

    body: str = '{"choices": ['


@dataclass(frozen=True, slots=True)
class Events:
    """Answer a stream with lines as they are, each followed by `end`; any other request as whole.

    `whole` is the JSON of that answer.
    """

    lines: Sequence[str] = ()
    end: str = "\n\n"
    whole: str = "{}"


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the connection without an answer, as a dying server does."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Answer nothing until the client disconnects, which `StubServer.disconnects` counts."""

    words: int = 0
    """Words of a stream that are sent first."""
    text: str = ""
    """Text of a stream that is sent before them, word by word."""


Action = Say | Fail | Cut | Garble | Events | Drop | Hang


class Stub(Protocol):
    """The parts of a stub server that the handler uses."""

    changed: Condition
    open_connections: set[socket.socket]
    models: Sequence[str]
    context: int | None
    reports_context: bool
    context_requests: list[str]
    api_key: str | None
    pages: Mapping[str, Any]
    scorer: Callable[[str, str], float] | None
    rerank_paths: Sequence[str]
    rerank_requests: list[tuple[str, Request]]
    other_requests: list[tuple[str, Request]]
    disconnects: int

    def action_for(self, request: Request) -> Action:
        """Return the action for a chat request."""


class Server(ThreadingHTTPServer):
    """The HTTP server behind a stub."""

    daemon_threads = True
    allow_reuse_address = True
    stub: Stub

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnected."""


class Handler(BaseHTTPRequestHandler):
    """HTTP handler of one client."""

    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        """Register the connection, so that it can be broken."""
        super().setup()
        with self.server.stub.changed:
            self.server.stub.open_connections.add(self.connection)

    def finish(self) -> None:
        """Forget the connection."""
        with self.server.stub.changed:
            self.server.stub.open_connections.discard(self.connection)
        super().finish()

    def do_GET(self) -> None:
        """List the models, or answer with a page."""
        if self._allowed():
            stub = self.server.stub
            stub.context_requests.append(self.path)
            if self._page({}):
                return
            length = {"max_model_len": stub.context} if stub.reports_context else {}
            listed = [{"id": name, "object": "model"} | length for name in stub.models]
            known = self.path == "/v1/models"
            self._send(200, {"object": "list", "data": listed}) if known else self._send(404, {})

    def do_POST(self) -> None:
        """Answer or fail, by the stub's script."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._allowed():
            return
        request = json.loads(body)
        if self.path == "/tokenize":
            self._count(request)
            return
        if self.path.endswith(("/rerank", "/score")):
            self._rank(request)
            return
        if not self.path.endswith("/chat/completions"):
            self.server.stub.other_requests.append((self.path, request))
            if not self._page(request):
                self._send(404, {"detail": "Not Found"})
            return
        self._perform(request, self.server.stub.action_for(request))

    def _perform(self, request: Request, action: Action) -> None:
        streamed = bool(request.get("stream"))
        if isinstance(action, Fail):
            self._fail(action)
        elif isinstance(action, Garble):
            self._send(200, action.body)
        elif isinstance(action, Events):
            self._events(action) if streamed else self._send(200, action.whole)
        elif isinstance(action, Drop):
            self._break()
        elif isinstance(action, Say):
            self._stream(request, action) if streamed else self._say(request, action)
        elif isinstance(action, Cut):
            self._cut(request, action, streamed)
        else:
            self._hang(request, action, streamed)

    def _page(self, request: Request) -> bool:
        """Answer with the page of this path, if there is one."""
        page = self.server.stub.pages.get(self.path)
        if page is not None:
            self._perform(request, page) if isinstance(page, Action) else self._send(200, page)
        return page is not None

    def _rank(self, request: Request) -> None:
        """Score the pairs of a request, in the form of vLLM's `/rerank` or `/score`."""
        stub, scored = self.server.stub, self.path.endswith("/score")
        stub.rerank_requests.append((self.path, request))
        if self._page(request):
            return
        if stub.scorer is None or self.path not in stub.rerank_paths:
            self._send(404, {"detail": "Not Found"})
            return
        if (model := request.get("model", stub.models[0])) not in stub.models:
            self._fail(Fail(404, f"The model `{model}` does not exist."))
            return
        question = request["text_1"] if scored else request["query"]
        texts = request["text_2"] if scored else request["documents"]
        if stub.context is not None and any(
            len(f"{question} {text}".split()) > stub.context for text in texts
        ):
            self._fail(Fail(400, f"This model's maximum context length is {stub.context} tokens."))
            return
        scores = [stub.scorer(question, text) for text in texts]
        if scored:
            rows = [{"index": place, "score": score} for place, score in enumerate(scores)]
            self._send(200, {"object": "list", "model": model, "data": rows})
            return
        best = sorted(range(len(texts)), key=lambda place: -scores[place])
        results = [
            {"index": place, "document": {"text": texts[place]}, "relevance_score": scores[place]}
            for place in best
        ]
        self._send(200, {"id": "stub", "model": model, "results": results})

    def _count(self, request: Request) -> None:
        stub = self.server.stub
        stub.context_requests.append(self.path)
        count = sum(len(words_of(message)) for message in request["messages"])
        self._send(200, {"count": count}) if stub.reports_context else self._send(404, {})

    def _allowed(self) -> bool:
        key = self.server.stub.api_key
        if key is None or self.headers.get("Authorization") == f"Bearer {key}":
            return True
        self._fail(Fail(401, "wrong key"))
        return False

    def _say(self, request: Request, action: Say) -> None:
        _pause(action.delay)
        message = {"role": "assistant", "content": action.text or None} | _calls(action.calls)
        choice = {"index": 0, "finish_reason": _finish(action), "message": message}
        head = _head(request, "chat.completion")
        self._send(200, head | {"choices": [choice], "usage": _usage(request, action)})

    def _stream(self, request: Request, action: Say) -> None:
        self._open_stream()
        for word in re.findall(r"\S+\s*", action.text):
            _pause(action.delay)
            self._event(request, {"content": word})
        if action.calls:
            self._event(request, _calls(action.calls, streamed=True))
        self._event(request, {}, finish=_finish(action))
        if (request.get("stream_options") or {}).get("include_usage"):
            usage = {"choices": [], "usage": _usage(request, action)}
            self._chunk(_head(request, "chat.completion.chunk") | usage)
        self._write(b"data: [DONE]\n\n")
        self._write(b"")

    def _events(self, action: Events) -> None:
        self._open_stream()
        for line in action.lines:
            self._write(f"{line}{action.end}".encode())
        self._write(b"")

    def _cut(self, request: Request, action: Cut, streamed: bool) -> None:
        if streamed:
            self._open_stream()
            for word in re.findall(r"\S+\s*", action.text)[: action.after]:
                self._event(request, {"content": word})
        else:
            self._headers(200, 1000)
            self.wfile.write(b'{"choices"')
        self._break()

    def _hang(self, request: Request, action: Hang, streamed: bool) -> None:
        with suppress(ConnectionError):  # a client may disconnect during a word
            if streamed:
                self._open_stream()
                words = [f"word{number} " for number in range(action.words)]
                for word in re.findall(r"\S+\s*", action.text) + words:
                    self._event(request, {"content": word})
            self.connection.recv(1)  # returns when the client closes the connection
        self.close_connection = True
        with self.server.stub.changed:
            self.server.stub.disconnects += 1
            self.server.stub.changed.notify_all()

    def _fail(self, action: Fail) -> None:
        error = {"message": action.message, "type": "error", "code": action.status}
        headers = {} if action.retry_after is None else {"Retry-After": str(action.retry_after)}
        self._send(action.status, {"error": error}, headers)

    def _send(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self._headers(status, len(data), headers or {})
        self.wfile.write(data)

    def _headers(self, status: int, length: int, more: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def _open_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _event(self, request: Request, delta: Mapping[str, Any], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": dict(delta), "finish_reason": finish}
        self._chunk(_head(request, "chat.completion.chunk") | {"choices": [choice]})

    def _chunk(self, body: Mapping[str, Any]) -> None:
        self._write(f"data: {json.dumps(body)}\n\n".encode())

    def _write(self, data: bytes) -> None:
        """Write one chunk of a chunked body; the empty one ends it."""
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _break(self) -> None:
        self.close_connection = True
        shut(self.connection)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def shut(connection: socket.socket) -> None:
    """Break a connection, for both sides."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # closed already


def _pause(seconds: float) -> None:
    if seconds:
        time.sleep(seconds)


def _head(request: Request, kind: str) -> dict[str, Any]:
    return {"id": "stub", "object": kind, "created": 0, "model": request["model"]}


def _finish(action: Say) -> str:
    return "tool_calls" if action.calls else action.finish


def _calls(calls: Sequence[tuple[str, str]], streamed: bool = False) -> dict[str, Any]:
    """Return tool calls in the wire format; empty for none."""
    listed = [
        {"id": f"call-{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        | ({"index": n} if streamed else {})
        for n, (name, arguments) in enumerate(calls)
    ]
    return {"tool_calls": listed} if listed else {}


def words_of(message: Mapping[str, Any]) -> list[str]:
    """Return the words of a message, which stand for its tokens."""
    return str(message.get("content") or "").split()


def _usage(request: Request, action: Say) -> dict[str, Any]:
    """Return the usage, with words for tokens."""
    prompt = sum(len(words_of(message)) for message in request["messages"])
    reply = len(action.text.split())
    return {"prompt_tokens": prompt, "completion_tokens": reply, "total_tokens": prompt + reply}
