"""What a stub server does with a request: answers and failures, on the OpenAI-style wire."""

import json
import re
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition
from typing import Any, Protocol

Asked = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Say:
    """Answer with a text, or calls of tools as (name, arguments); streamed word by word if wanted.

    `delay` seconds go by before each piece; `finish` "length" says that the tokens ran out.
    """

    text: str = ""
    calls: Sequence[tuple[str, str]] = ()
    delay: float = 0.0
    finish: str = "stop"


@dataclass(frozen=True, slots=True)
class Fail:
    """Answer with an error status; `retry_after` seconds go into the header of that name."""

    status: int = 500
    message: str = "told to fail"
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """Break the connection in the middle: of the body, or of a stream after some of its words."""

    text: str = "one two three"
    after: int = 1


@dataclass(frozen=True, slots=True)
class Garble:
    """Answer 200 with a body that is no JSON, or JSON that is no chat completion."""

    body: str = '{"choices": ['


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the connection without a word, as a server does that dies."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Answer nothing until the client goes away, which `StubServer.gone` counts."""

    words: int = 0
    """How many words of a stream are sent before."""


Act = Say | Fail | Cut | Garble | Drop | Hang


class Stub(Protocol):
    """What a handler needs of the stub server."""

    changed: Condition
    open_connections: set[socket.socket]
    models: Sequence[str]
    context: int | None
    tells: bool
    told: list[str]
    api_key: str | None
    gone: int

    def act(self, asked: Asked) -> Act:
        """Return what to do with a request for a chat."""


class Server(ThreadingHTTPServer):
    """The HTTP server behind a stub."""

    daemon_threads = True
    allow_reuse_address = True
    stub: Stub

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""


class Handler(BaseHTTPRequestHandler):
    """Answers one client."""

    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        """Note the connection, so that it can be broken."""
        super().setup()
        with self.server.stub.changed:
            self.server.stub.open_connections.add(self.connection)

    def finish(self) -> None:
        """Let the connection go."""
        with self.server.stub.changed:
            self.server.stub.open_connections.discard(self.connection)
        super().finish()

    def do_GET(self) -> None:
        """Tell which models there are."""
        if self._allowed():
            stub = self.server.stub
            stub.told.append(self.path)
            length = {"max_model_len": stub.context} if stub.tells else {}
            listed = [{"id": name, "object": "model"} | length for name in stub.models]
            known = self.path == "/v1/models"
            self._send(200, {"object": "list", "data": listed}) if known else self._send(404, {})

    def do_POST(self) -> None:
        """Answer or fail, as the stub is told."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._allowed():
            return
        asked = json.loads(body)
        if self.path == "/tokenize":
            self._count(asked)
            return
        act = self.server.stub.act(asked)
        streamed = bool(asked.get("stream"))
        if isinstance(act, Fail):
            self._fail(act)
        elif isinstance(act, Garble):
            self._send(200, act.body)
        elif isinstance(act, Drop):
            self._break()
        elif isinstance(act, Say):
            self._stream(asked, act) if streamed else self._say(asked, act)
        elif isinstance(act, Cut):
            self._cut(asked, act, streamed)
        else:
            self._hang(asked, act, streamed)

    def _count(self, asked: Asked) -> None:
        stub = self.server.stub
        stub.told.append(self.path)
        count = sum(len(words_of(message)) for message in asked["messages"])
        self._send(200, {"count": count}) if stub.tells else self._send(404, {})

    def _allowed(self) -> bool:
        key = self.server.stub.api_key
        if key is None or self.headers.get("Authorization") == f"Bearer {key}":
            return True
        self._fail(Fail(401, "wrong key"))
        return False

    def _say(self, asked: Asked, act: Say) -> None:
        _pause(act.delay)
        message = {"role": "assistant", "content": act.text or None} | _calls(act.calls)
        choice = {"index": 0, "finish_reason": _finish(act), "message": message}
        head = _head(asked, "chat.completion")
        self._send(200, head | {"choices": [choice], "usage": _usage(asked, act)})

    def _stream(self, asked: Asked, act: Say) -> None:
        self._open_stream()
        for word in re.findall(r"\S+\s*", act.text):
            _pause(act.delay)
            self._event(asked, {"content": word})
        if act.calls:
            self._event(asked, _calls(act.calls, streamed=True))
        self._event(asked, {}, finish=_finish(act))
        if (asked.get("stream_options") or {}).get("include_usage"):
            usage = {"choices": [], "usage": _usage(asked, act)}
            self._chunk(_head(asked, "chat.completion.chunk") | usage)
        self._write(b"data: [DONE]\n\n")
        self._write(b"")

    def _cut(self, asked: Asked, act: Cut, streamed: bool) -> None:
        if streamed:
            self._open_stream()
            for word in re.findall(r"\S+\s*", act.text)[: act.after]:
                self._event(asked, {"content": word})
        else:
            self._headers(200, 1000)
            self.wfile.write(b'{"choices"')
        self._break()

    def _hang(self, asked: Asked, act: Hang, streamed: bool) -> None:
        with suppress(ConnectionError):  # a client may leave while it is told a word
            if streamed:
                self._open_stream()
                for number in range(act.words):
                    self._event(asked, {"content": f"word{number} "})
            self.connection.recv(1)  # returns when the client closes the connection
        self.close_connection = True
        with self.server.stub.changed:
            self.server.stub.gone += 1
            self.server.stub.changed.notify_all()

    def _fail(self, act: Fail) -> None:
        error = {"message": act.message, "type": "error", "code": act.status}
        headers = {} if act.retry_after is None else {"Retry-After": str(act.retry_after)}
        self._send(act.status, {"error": error}, headers)

    def _send(
        self, status: int, body: Mapping[str, Any] | str, headers: Mapping[str, str] | None = None
    ) -> None:
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

    def _event(self, asked: Asked, delta: Mapping[str, Any], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": dict(delta), "finish_reason": finish}
        self._chunk(_head(asked, "chat.completion.chunk") | {"choices": [choice]})

    def _chunk(self, body: Mapping[str, Any]) -> None:
        self._write(f"data: {json.dumps(body)}\n\n".encode())

    def _write(self, data: bytes) -> None:
        """Write one chunk of a chunked body; the empty one ends it."""
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _break(self) -> None:
        self.close_connection = True
        shut(self.connection)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def shut(connection: socket.socket) -> None:
    """Break a connection, for both sides."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # closed already


def _pause(seconds: float) -> None:
    if seconds:
        time.sleep(seconds)


def _head(asked: Asked, kind: str) -> dict[str, Any]:
    return {"id": "stub", "object": kind, "created": 0, "model": asked["model"]}


def _finish(act: Say) -> str:
    return "tool_calls" if act.calls else act.finish


def _calls(calls: Sequence[tuple[str, str]], streamed: bool = False) -> dict[str, Any]:
    """Return calls of tools as the wire has them, nothing for none."""
    listed = [
        {"id": f"call-{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        | ({"index": n} if streamed else {})
        for n, (name, arguments) in enumerate(calls)
    ]
    return {"tool_calls": listed} if listed else {}


def words_of(message: Mapping[str, Any]) -> list[str]:
    """Return the words of a message, which stand for its tokens."""
    return str(message.get("content") or "").split()


def _usage(asked: Asked, act: Say) -> dict[str, Any]:
    """Count words for tokens."""
    prompt = sum(len(words_of(message)) for message in asked["messages"])
    said = len(act.text.split())
    return {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}
