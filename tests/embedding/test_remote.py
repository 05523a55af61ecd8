"""The embedder behind a server, over the real wire."""

import http.server
import json
import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from forking import Child, in_child

from memagent import Memory, Scope, open_embedder
from memagent.embedding.remote import BATCH_SIZE, RemoteEmbedder
from memagent.errors import ModelUnavailable
from memagent.testing import HashEmbedder

pytestmark = pytest.mark.wire


class Server(http.server.BaseHTTPRequestHandler):
    """An OpenAI-style `/v1/embeddings`; the server's `trouble` are what it answers first."""

    def do_GET(self) -> None:
        self._send(200, {"object": "list", "data": [{"id": "first", "object": "model"}]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server: Any = self.server
        with server.lock:
            server.asked.append((asked["model"], self.headers["Authorization"], asked["input"]))
            server.inside += 1
            server.most = max(server.most, server.inside)
            trouble = server.trouble.pop() if server.trouble else None
        if server.together is not None:
            server.together.wait()
        vectors = HashEmbedder(8).embed_documents(asked["input"])
        rows = [
            {"object": "embedding", "index": number, "embedding": vector}
            for number, vector in enumerate(vectors)
        ]
        rows.reverse()
        with server.lock:
            server.inside -= 1
        refused = server.limit(asked["input"]) if server.limit else None
        if refused is not None:
            self._send(refused[0], refused[1])
        elif callable(trouble):
            self._send(200, {"object": "list", "data": trouble(rows), "model": "first"})
        elif trouble == "cut":
            self.close_connection = True
            self.connection.close()
        elif trouble == "few":
            self._send(200, {"object": "list", "data": rows[1:], "model": "first"})
        elif trouble == "noise":
            self._send(200, {"hello": "there"})
        elif isinstance(trouble, int):
            self._send(trouble, {"error": {"message": "not\nnow"}})
        else:
            self._send(200, {"object": "list", "data": rows, "model": "first"})

    def _send(self, status: int, body: dict[str, object]) -> None:
        said = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.send_header("retry-after-ms", "1")
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Any]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        state: Any = running
        state.lock, state.asked, state.trouble = threading.Lock(), [], []
        state.inside = state.most = 0
        state.together = state.limit = None
        state.url = f"http://127.0.0.1:{running.server_port}/v1"
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield state
        running.shutdown()
        thread.join()


def test_a_server_is_sent_batches_and_its_rows_are_put_in_order(server: Any) -> None:
    embedder = open_embedder(f"server:{server.url}", api_key="k")
    texts = [f"text {n}" for n in range(5 * BATCH_SIZE + 3)]
    vectors = embedder.embed_documents(texts)
    assert vectors == [pytest.approx(HashEmbedder(8).embed_query(one)) for one in texts]
    assert sorted(len(asked) for _, _, asked in server.asked) == [3, *[BATCH_SIZE] * 5]
    assert {asked[:2] for asked in server.asked} == {("first", "Bearer k")}
    assert embedder.embed_query("one") == pytest.approx(HashEmbedder(8).embed_query("one"))
    assert embedder.embed_documents([]) == []


def test_requests_of_all_threads_wait_together_and_are_no_more_than_four(server: Any) -> None:
    server.together = threading.Barrier(4, timeout=30)  # fails unless four are there at a time
    embedder = RemoteEmbedder(server.url, "m", retries=0)
    threads = [threading.Thread(target=embedder.embed_query, args=(f"{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(server.asked), server.most) == (8, 4)


def test_a_server_s_memory_names_the_model_and_is_searched(
    server: Any, tmp_path: Path, ada: Scope
) -> None:
    with Memory.open(tmp_path, embedder=f"server:{server.url}#mine") as memory:
        memory.add("red door", scope=ada)
        assert memory.search("red", scope=ada)[0].record.text == "red door"
        assert '"name": "mine"' in (memory.engine.store.meta("embedder") or "")


@pytest.mark.parametrize("trouble", [429, 500, 503, "cut"])
def test_what_fails_for_now_is_sent_again(server: Any, trouble: object) -> None:
    server.trouble = [trouble, trouble]
    assert len(RemoteEmbedder(server.url, "m").embed_query("one")) == 8
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("trouble", "complaint"),
    [
        ([404], r"answers 404: .*not now"),
        ([503] * 2, r"answers 503"),
        (["cut"] * 2, "no embedder answers at"),
        (["few"], "does not speak the OpenAI-style API: 1 vectors for 2 texts"),
        (["noise"], "does not speak the OpenAI-style API"),
    ],
)
def test_what_does_not_get_better_is_one_clear_line(
    server: Any, trouble: list[object], complaint: str
) -> None:
    server.trouble = trouble
    with pytest.raises(ModelUnavailable, match=complaint) as caught:
        RemoteEmbedder(server.url, "m", retries=1).embed_documents(["one", "two"])
    assert "\n" not in str(caught.value)


def test_a_server_that_is_not_there_is_one_clear_line() -> None:
    with pytest.raises(ModelUnavailable, match=r"no embedder answers at http://127.0.0.1:9/v1"):
        RemoteEmbedder("http://127.0.0.1:9/v1", retries=0).embed_query("one")


def test_a_forked_child_has_threads_and_connections_of_its_own(server: Any) -> None:
    embedder = RemoteEmbedder(server.url, "m", retries=0)
    texts = [f"text {n}" for n in range(3 * BATCH_SIZE)]
    vectors = embedder.embed_documents(texts)
    child = Child(lambda _: [embedder.embed_documents(texts) for _ in range(3)])
    assert [embedder.embed_documents(texts) for _ in range(3)] == [vectors] * 3
    assert child.result() == [vectors] * 3
    assert in_child(lambda: embedder.embed_query("one")) == embedder.embed_query("one")


def test_a_forked_child_waits_for_no_request_of_its_parent(server: Any) -> None:
    server.together = threading.Barrier(5, timeout=30)
    embedder = RemoteEmbedder(server.url, "m", retries=0)
    threads = [threading.Thread(target=embedder.embed_query, args=(f"{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    while len(server.asked) < 4:
        time.sleep(0.001)
    assert len(in_child(lambda: embedder.embed_query("fifth"))) == 8
    for thread in threads:
        thread.join()


def test_a_pickled_embedder_asks_the_same_server(server: Any) -> None:
    embedder = pickle.loads(pickle.dumps(RemoteEmbedder(server.url, "mine", "k")))
    assert len(embedder.embed_query("one")) == 8
    assert server.asked[0][:2] == ("mine", "Bearer k")


LIMITS: list[tuple[int, dict[str, object]]] = [
    (422, {"error": "batch size 64 > maximum allowed batch size 32", "error_type": "Validation"}),
    (413, {"error": {"message": "batch too large"}}),
    (400, {"detail": "batch size too large"}),
    (500, {"error": {"message": "input is too large to process: batch", "type": "server_error"}}),
]


@pytest.mark.parametrize(("status", "reason"), LIMITS)
def test_a_server_that_takes_fewer_texts_at_once_gets_fewer(
    server: Any, status: int, reason: dict[str, object]
) -> None:
    server.limit = lambda texts: (status, reason) if len(texts) > 20 else None
    embedder = RemoteEmbedder(server.url, "m", retries=0)
    texts = [f"text {n}" for n in range(BATCH_SIZE + 3)]
    expected = [pytest.approx(HashEmbedder(8).embed_query(text)) for text in texts]
    assert embedder.embed_documents(texts) == expected
    server.asked.clear()
    assert embedder.embed_documents(texts) == expected
    assert max(len(asked) for _, _, asked in server.asked) <= 20  # the size is remembered


@pytest.mark.parametrize(("status", "reason"), LIMITS)
def test_a_text_that_is_refused_alone_is_named_with_the_server_s_reason(
    server: Any, status: int, reason: dict[str, object]
) -> None:
    server.limit = lambda texts: (status, reason) if "long text" in texts else None
    embedder = RemoteEmbedder(server.url, "m", retries=0)
    with pytest.raises(ModelUnavailable, match=r"refuses 'long text': .*batch"):
        embedder.embed_documents(["one", "two", "long text", "three"])
    server.asked.clear()
    embedder.embed_documents(["one"] * BATCH_SIZE)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (lambda rows: rows[1:], "1 vectors for 2 texts"),
        (lambda rows: [row | {"index": 0} for row in rows], "numbered"),
        (lambda rows: [row | {"index": "0"} for row in rows], "API"),
        (lambda rows: [row | {"embedding": "AAAA"} for row in rows], "a string instead of numbers"),
        (lambda rows: [row | {"embedding": None} for row in rows], "nothing for text 1"),
        (lambda rows: [rows[1], rows[0] | {"embedding": [0.0] * 8}], "zeros alone for text 2"),
    ],
)
def test_what_is_no_vector_a_text_is_refused(server: Any, rows: Any, words: str) -> None:
    server.trouble = [rows]
    with pytest.raises(ModelUnavailable, match=words):
        RemoteEmbedder(server.url, "m", retries=0).embed_documents(["one", "two"])


def test_rows_without_numbers_are_in_order(server: Any) -> None:
    server.trouble = [lambda rows: [row | {"index": None} for row in reversed(rows)]]
    vectors = RemoteEmbedder(server.url, "m", retries=0).embed_documents(["one", "two"])
    assert vectors[0] == pytest.approx(HashEmbedder(8).embed_query("one"))
