import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from memagent import Memory, Scope, open_embedder
from memagent.embedding import local
from memagent.embedding.encoder import Encoder
from memagent.embedding.local import SentenceEmbedder
from memagent.embedding.remote import RemoteEmbedder
from memagent.errors import ConfigError, EmbedderMismatch, InvalidInput
from memagent.testing import HashEmbedder

Rows = NDArray[np.float32]


class Model:
    """Keeps what it was asked; a text's row is its hash, or off by some noise in "int8"."""

    def __init__(self, precision: str) -> None:
        self.precision = precision
        self.runs: list[list[str]] = []

    def encode(self, texts: Sequence[str]) -> Rows:
        self.runs.append(list(texts))
        rows = np.array(HashEmbedder().embed_documents(list(texts)), dtype=np.float32)
        if self.precision == "int8":
            rows[:, 0] += 0.5
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> list[Model]:
    """The models that were opened, newest last."""
    opened: list[Model] = []

    def open_model(precision: str) -> Model:
        opened.append(Model(precision))
        return opened[-1]

    monkeypatch.setattr(local, "_opener", lambda *_: (open_model, "fake"))
    monkeypatch.setattr(local, "faster_precision", lambda _: "float32")
    return opened


def test_texts_are_embedded_once_shortest_first_and_come_back_in_order(model: list[Model]) -> None:
    embedder = SentenceEmbedder("somewhere", "name")
    texts = ["three words here", "one", "two words", "one"]
    right = [pytest.approx(HashEmbedder().embed_query(one), abs=1e-6) for one in texts]
    assert embedder.embed_documents(texts) == right
    assert embedder.embed_query("two words") == right[2]
    assert model[0].runs == [["one", "two words", "three words here"]]
    assert (embedder.precision, embedder.name) == ("float32", "name")
    assert embedder.embed_documents([]) == []


def test_many_texts_are_run_in_slices_and_only_the_last_are_kept(
    model: list[Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "SLICE", 4)
    monkeypatch.setattr(local, "CACHE_SIZE", 3)
    embedder = SentenceEmbedder("somewhere", "name")
    texts = [f"text {n:02}" for n in range(10)]
    assert len(embedder.embed_documents(texts)) == 10
    assert [len(run) for run in model[0].runs] == [4, 4, 2]
    embedder.embed_documents(["text 09", "text 08", "text 00"])
    assert model[0].runs[3:] == [["text 00"]]


def test_no_text_is_kept_in_ram(model: list[Model]) -> None:
    embedder = SentenceEmbedder("somewhere", "name")
    embedder.embed_query("a secret")
    assert not [key for key in embedder._cache if b"secret" in key]


def test_threads_share_one_model(model: list[Model]) -> None:
    embedder = SentenceEmbedder("somewhere", "name")
    answers: dict[int, list[list[float]]] = {}

    def ask(number: int) -> None:
        answers[number] = embedder.embed_documents([f"text {number}", "the same"])

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(8):
        right = HashEmbedder().embed_documents([f"text {number}", "the same"])
        assert answers[number] == [pytest.approx(one, abs=1e-6) for one in right]
    assert len(model) == 1


def test_the_store_remembers_the_precision_and_goes_by_the_vectors(
    model: list[Model], tmp_path: Path, ada: Scope
) -> None:
    with Memory.open(tmp_path, embedder=SentenceEmbedder("p", "n", "float32")) as memory:
        memory.add("hello", scope=ada)
        assert '"precision": "float32"' in (memory.engine.store.meta("embedder") or "")
    with Memory.open(tmp_path, embedder=SentenceEmbedder("p", "n", "bfloat16")) as memory:
        assert memory.search("hello", scope=ada)
    with (
        Memory.open(tmp_path, embedder=SentenceEmbedder("p", "n", "int8")) as memory,
        pytest.raises(EmbedderMismatch, match=r"'n' \(64 dimensions, float32\).*\(.*, int8\)"),
    ):
        memory.search("hello", scope=ada)


def test_a_store_that_knows_no_precision_can_still_be_read(model: list[Model]) -> None:
    held: dict[str, str] = {}
    Encoder(HashEmbedder(), held.get, held.__setitem__).check()
    assert "precision" not in held["embedder"]
    Encoder(SentenceEmbedder("p", "n"), held.get, held.__setitem__).check()


def test_specs_name_folders_servers_and_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = HashEmbedder()
    assert open_embedder(given) is given
    folder = open_embedder(str(tmp_path))
    assert isinstance(folder, SentenceEmbedder)
    assert folder.name == str(tmp_path)
    monkeypatch.setenv("MEMAGENT_EMBEDDER_KEY", "k")
    monkeypatch.setenv("MEMAGENT_API_KEY", "the chat model's")
    remote = open_embedder("server:http://127.0.0.1:1/v1/#BAAI/bge-small")
    assert isinstance(remote, RemoteEmbedder)
    assert (remote.url, remote._model, remote._key) == (
        "http://127.0.0.1:1/v1",
        "BAAI/bge-small",
        "k",
    )
    for wrong in ("server:", "server:localhost:80", "server:ftp://x"):
        with pytest.raises(InvalidInput, match="expected 'server:<url>'"):
            open_embedder(wrong)


def test_the_precision_is_the_setting_s_unless_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: list[Model]
) -> None:
    monkeypatch.setenv("MEMAGENT_EMBEDDER_PRECISION", "bfloat16")
    for given, found in ((None, "bfloat16"), ("float32", "float32")):
        embedder = open_embedder(str(tmp_path), precision=given)
        assert isinstance(embedder, SentenceEmbedder)
        assert embedder.precision == found
    monkeypatch.setenv("MEMAGENT_EMBEDDER_PRECISION", "half")
    with pytest.raises(ConfigError, match="embedder_precision"):
        open_embedder(str(tmp_path))
