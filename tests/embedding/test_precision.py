import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from memagent.embedding import precision
from memagent.embedding.precision import (
    BENCHMARK_PASSAGES,
    BENCHMARK_QUESTIONS,
    BenchmarkResult,
    benchmark,
    choose_precision,
    fidelity,
)
from memagent.testing import HashEmbedder

Rows = NDArray[np.float32]


class Fake:
    """A model whose vectors are off by some noise."""

    def __init__(self, noise: float = 0.0) -> None:
        self.noise, self.calls = noise, 0
        self._hash = HashEmbedder(64)
        self._rng = np.random.default_rng(0)

    def encode(self, texts: Sequence[str]) -> Rows:
        self.calls += 1
        rows = np.array(self._hash.embed_documents(list(texts)), dtype=np.float32)
        rows += self.noise * self._rng.standard_normal(rows.shape).astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def speed(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """How many times as fast the other model is said to be."""
    said = {"times": 2.0}
    monkeypatch.setattr(precision, "_speed", lambda *_, **__: said["times"])
    return said


def test_the_benchmark_s_texts_are_distinct_and_enough_for_ten_neighbours() -> None:
    assert len(set(BENCHMARK_PASSAGES)) == len(BENCHMARK_PASSAGES) >= 90
    assert len(set(BENCHMARK_QUESTIONS)) == len(BENCHMARK_QUESTIONS) >= 30


def test_what_is_as_good_and_faster_is_chosen(speed: dict[str, float]) -> None:
    result = benchmark(Fake(), Fake(), "bfloat16")
    assert result == BenchmarkResult(
        chosen="bfloat16", tried="bfloat16", speed=2.0, cosine=result.cosine, recall=1.0
    )
    assert result.cosine == pytest.approx(1.0)


def test_what_is_faster_and_worse_is_not(speed: dict[str, float]) -> None:
    cosine, recall = fidelity(Fake(), Fake(noise=0.05))
    assert cosine < 0.999
    assert recall < 0.99
    assert benchmark(Fake(), Fake(noise=0.05), "bfloat16").chosen == "float32"


def test_what_is_as_good_and_no_faster_is_not(speed: dict[str, float]) -> None:
    speed["times"] = 0.9
    assert benchmark(Fake(), Fake(), "bfloat16").chosen == "float32"


def test_the_result_is_remembered_for_this_machine_and_model(
    speed: dict[str, float], tmp_path: Path
) -> None:
    file = tmp_path / "models" / "precision.json"
    opened: list[str] = []

    def open_model(name: str) -> Fake:
        opened.append(name)
        return Fake()

    assert choose_precision(open_model, "bfloat16", "a model", file)[0] == "bfloat16"
    assert opened == ["float32", "bfloat16"]
    assert choose_precision(open_model, "bfloat16", "a model", file)[0] == "bfloat16"
    assert opened == ["float32", "bfloat16", "bfloat16"]
    speed["times"] = 1.0
    assert choose_precision(open_model, "bfloat16", "another", file)[0] == "float32"
    assert choose_precision(open_model, "bfloat16", "another", file)[0] == "float32"
    assert opened[3:] == ["float32", "bfloat16", "float32"]
    assert len(json.loads(file.read_text())) == 2


@pytest.mark.parametrize("damage", ["", "[]", '{"a": 1}', "\0", '{"a": {"chosen": "half"}}'])
def test_a_damaged_file_of_results_is_made_anew(
    speed: dict[str, float], tmp_path: Path, damage: str
) -> None:
    file = tmp_path / "precision.json"
    file.write_text(damage)
    assert choose_precision(lambda _: Fake(), "bfloat16", "a model", file)[0] == "bfloat16"
    assert "bfloat16" in file.read_text()


def test_where_nothing_can_be_remembered_the_benchmark_still_decides(
    speed: dict[str, float], tmp_path: Path
) -> None:
    (tmp_path / "models").write_text("a file in the folder's place")
    file = tmp_path / "models" / "precision.json"
    assert choose_precision(lambda _: Fake(), "bfloat16", "a model", file)[0] == "bfloat16"


def test_a_machine_without_bfloat16_instructions_is_not_benchmarked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precision, "processor", lambda: "model name : old\nflags : avx2 fma")
    assert precision.faster_precision("cpu") == "float32"
    assert choose_precision(lambda _: Fake(), "float32", "a model", None)[0] == "float32"
    monkeypatch.setattr(precision, "processor", lambda: "flags : avx2 avx512_bf16")
    assert precision.faster_precision("cpu") == "bfloat16"
    assert precision.faster_precision("cuda") == "float16"
