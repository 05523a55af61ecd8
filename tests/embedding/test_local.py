"""The embedder with real weights."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forking import in_child

from memagent import Memory, Scope, open_embedder
from memagent.embedding.local import SentenceEmbedder
from memagent.embedding.precision import BENCHMARK_PASSAGES, BENCHMARK_QUESTIONS, fidelity
from memagent.errors import WeightsMissing
from memagent.models.weights import MINILM, locate

pytestmark = pytest.mark.real
TEXTS = [
    *BENCHMARK_PASSAGES,
    *BENCHMARK_QUESTIONS,
    "one",
    " ".join(BENCHMARK_PASSAGES[:40]),
    "Zoë's naïve café: 三つ 🙂",
]
FEW = [*TEXTS[::8], *TEXTS[-3:]]
"""Texts of every length, for what encodes them several times."""


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
    right = SentenceTransformer(str(tmp_path / "new"), device="cpu").encode(FEW)
    assert np.abs(bert.Bert(tmp_path / "new", shape, "float32").encode(FEW) - right).max() < 1e-5


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
    right = SentenceTransformer(str(folder), device="cpu").encode(FEW, normalize_embeddings=True)
    assert np.abs(np.array(embedder.embed_documents(FEW)) - right).max() < 1e-5


def test_a_store_written_in_float32_opens_in_what_the_machine_does_best(
    tmp_path: Path, ada: Scope
) -> None:
    written = open_embedder("all-MiniLM-L6-v2", precision="float32")
    with Memory.open(tmp_path, embedder=written) as memory:
        memory.add_many(BENCHMARK_PASSAGES, scope=ada)
    with Memory.open(tmp_path, embedder="all-MiniLM-L6-v2") as memory:
        assert "Lisbon" in memory.search("When does our flight leave?", scope=ada)[0].record.text


def test_a_folder_without_a_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="holds no embedder") as caught:
        SentenceEmbedder(tmp_path, "empty", "float32").embed_query("hello")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("library", [False, True], ids=["bert", "sentence-transformers"])
def test_a_forked_child_embeds_with_the_model_that_its_parent_loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch, library: bool
) -> None:
    """OpenMP's threads are the parent's: whoever waits for them waits for ever."""
    from memagent.embedding import bert

    if library:
        monkeypatch.setattr(bert, "shape_of", lambda _: None)
    embedder = SentenceEmbedder(folder, "minilm", "float32")
    texts = [f"text {number} about fruit" for number in range(150)]
    vectors = embedder.embed_documents(texts[:100])
    new = in_child(lambda: embedder.embed_documents(texts[50:]))
    assert np.allclose(new[:50], vectors[50:], atol=1e-5)
    assert np.allclose(new[50:], embedder.embed_documents(texts[100:]), atol=1e-5)
