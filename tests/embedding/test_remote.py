"""The embedder behind a server, over the real wire."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memagent import Memory, Scope, open_embedder
<<<<<<< HEAD:tests/embedding/test_real_embedding.py
from memagent.embedding.precision import BENCHMARK_PASSAGES, BENCHMARK_QUESTIONS, fidelity
from memagent.embedding.remote import BATCH_SIZE, RemoteEmbedder
=======
from memagent.embedding.remote import BATCH, RemoteEmbedder
>>>>>>> c8ce5b2 (Check the layers with import-linter, run tests in parallel, and no test twice in CI):tests/embedding/test_remote.py
from memagent.errors import ModelUnavailable
from memagent.testing import HashEmbedder

<<<<<<< HEAD:tests/embedding/test_real_embedding.py
pytestmark = pytest.mark.real
TEXTS = [
    *BENCHMARK_PASSAGES,
    *BENCHMARK_QUESTIONS,
    "one",
    " ".join(BENCHMARK_PASSAGES[:40]),
    "Zoë's naïve café: 三つ 🙂",
]


@pytest.fixture(scope="module")
def folder() -> Path:
    return locate(MINILM, Path("nowhere"))


@pytest.fixture(scope="module")
def stock(folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


def test_float32_gives_the_vectors_of_sentence_transformers(folder: Path, stock: Any) -> None:
    from memagent.embedding import bert

    shape = bert.shape_of(folder)
    assert shape is not None
    assert (shape.layers, shape.heads, shape.max_tokens, shape.pooling) == (6, 12, 256, "mean")
    model = bert.Bert(folder, shape, "float32")
    right = stock.encode(TEXTS, normalize_embeddings=True)
    assert np.abs(model.encode(TEXTS) - right).max() < 1e-5
    for text in TEXTS[-3:]:
        alone = stock.encode([text], normalize_embeddings=True)
        assert np.abs(model.encode([text]) - alone).max() < 1e-5


def test_without_the_packed_layout_the_vectors_are_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from memagent.embedding import bert

    shape = bert.shape_of(folder)
    assert shape is not None
    packed = bert.Bert(folder, shape, "float32").encode(TEXTS)

    def missing(*_: object) -> None:
        raise AttributeError("no such operator")

    monkeypatch.setattr(bert, "_packed", missing)
    assert np.abs(bert.Bert(folder, shape, "float32").encode(TEXTS) - packed).max() < 1e-5


@pytest.mark.parametrize(
    ("precision", "cosine", "recall"), [("bfloat16", 0.999, 0.99), ("int8", 0.99, 0.9)]
)
def test_the_reduced_precisions_are_as_good_as_said(
    folder: Path, precision: str, cosine: float, recall: float
) -> None:
    from memagent.embedding import bert

    shape = bert.shape_of(folder)
    assert shape is not None
    found = fidelity(bert.Bert(folder, shape, "float32"), bert.Bert(folder, shape, precision))
    assert found[0] >= cosine
    assert found[1] >= recall


def test_cls_pooling_and_old_and_new_configurations(
    folder: Path, tmp_path: Path, stock: Any
) -> None:
    from sentence_transformers import SentenceTransformer

    from memagent.embedding import bert

    stock.save(str(tmp_path / "new"), create_model_card=False)
    assert bert.shape_of(tmp_path / "new") == bert.shape_of(folder)
    pooling = tmp_path / "new" / "1_Pooling" / "config.json"
    pooling.write_text(json.dumps(json.loads(pooling.read_text()) | {"pooling_mode": "cls"}))
    shape = bert.shape_of(tmp_path / "new")
    assert shape is not None
    assert shape.pooling == "cls"
    right = SentenceTransformer(str(tmp_path / "new"), device="cpu").encode(TEXTS)
    assert np.abs(bert.Bert(tmp_path / "new", shape, "float32").encode(TEXTS) - right).max() < 1e-5


@pytest.mark.parametrize("way", ["prompts", "max pooling", "dense"])
def test_any_other_model_is_run_by_sentence_transformers_itself(
    tmp_path: Path, stock: Any, way: str
) -> None:
    from sentence_transformers import SentenceTransformer

    from memagent.embedding import bert

    folder = tmp_path / "model"
    stock.save(str(folder), create_model_card=False)
    if way == "prompts":
        file, change = "config_sentence_transformers.json", {"prompts": {"query": "ask: "}}
        change |= {"default_prompt_name": "query"}
    else:
        file, change = "1_Pooling/config.json", {"pooling_mode": "max"}
    if way == "dense":
        modules = SentenceTransformer(str(folder), device="cpu")
        from sentence_transformers.sentence_transformer.modules import Dense

        modules.append(Dense(384, 16))
        modules.save(str(folder), create_model_card=False)
    else:
        path = folder / file
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert bert.shape_of(folder) is None
    embedder = open_embedder(str(folder), precision="float32")
    right = SentenceTransformer(str(folder), device="cpu").encode(TEXTS, normalize_embeddings=True)
    assert np.abs(np.array(embedder.embed_documents(TEXTS)) - right).max() < 1e-5


def test_a_store_written_in_float32_opens_in_what_the_machine_does_best(
    tmp_path: Path, ada: Scope
) -> None:
    written = open_embedder("all-MiniLM-L6-v2", precision="float32")
    with Memory.open(tmp_path, embedder=written) as memory:
        memory.add_many(BENCHMARK_PASSAGES, scope=ada)
    with Memory.open(tmp_path, embedder="all-MiniLM-L6-v2") as memory:
        assert "Lisbon" in memory.search("When does our flight leave?", scope=ada)[0].record.text
=======
pytestmark = pytest.mark.wire
>>>>>>> c8ce5b2 (Check the layers with import-linter, run tests in parallel, and no test twice in CI):tests/embedding/test_remote.py


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
        if trouble == "cut":
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
        state.together = None
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
        assert '"name": "mine"' in (memory._store.meta("embedder") or "")


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
