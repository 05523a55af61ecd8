"""No vector that cannot be used gets into a store, whoever made it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from memagent import Memory
from memagent.embedding.vectors import BadVector, inner_products, unit_rows
from memagent.errors import EmbeddingError, InvalidInput
from memagent.testing import HashEmbedder

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
BAD: dict[str, Any] = {
    "NaN": lambda v: [float("nan"), *v[1:]],
    "infinite": lambda v: [*v[:-1], float("-inf")],
    "zeros": lambda v: [0.0] * len(v),
    "63 numbers": lambda v: v[:-1],
    "65 numbers": lambda v: [*v, 1.0],
    "empty": lambda v: [],
    "nothing": lambda v: None,
    "a string": lambda v: "AAAAAA==",
    "row of numbers": lambda v: [v],
    "numbers in strings": lambda v: [str(x) for x in v],
}


class Faulty(HashEmbedder):
    """An embedder that gives something else for the texts that a word is in."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.bad = "faulty", BAD[name]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors = super().embed_documents(texts)
        return [self.bad(v) if "bad" in t else v for t, v in zip(texts, vectors, strict=True)]

    def embed_query(self, text: str) -> list[float]:
        vector = super().embed_query(text)
        return self.bad(vector) if "ask" in text else vector


@pytest.mark.parametrize("name", BAD)
def test_a_bad_vector_is_refused_with_its_text_and_nothing_is_stored(name: str) -> None:
    with Memory.in_memory(embedder=Faulty(name), scope="ada") as memory:
        with pytest.raises(EmbeddingError, match=r"text 2 of 3, 'a bad text'"):
            memory.add_many(["good", "a bad text", "better"])
        assert memory.count() == 0
        memory.add("good")
        with pytest.raises(EmbeddingError, match="'ask'"):
            memory.search("ask")
        with pytest.raises(InvalidInput, match="vectors: expected rows of 64 finite numbers"):
            memory.add_many(["x"], vectors=[BAD[name]([0.1] * 64)])
        assert not memory.maintenance.verify()


@pytest.mark.parametrize("vectors", [None, 3, "x", [[1.0]], [[1.0]] * 3, {"a": 1}, [None, None]])
def test_another_number_of_rows_is_refused(vectors: Any) -> None:
    with pytest.raises(BadVector):
        unit_rows(vectors, 2)


@settings(deadline=None)
@given(arrays.arrays(np.float64, (2, 4), elements=NUMBERS))
def test_finite_vectors_of_any_size_get_length_one_or_are_all_zeros(vectors: Any) -> None:
    if not vectors.any(axis=1).all():
        with pytest.raises(BadVector):
            unit_rows(vectors)
        return
    assert np.allclose(np.linalg.norm(unit_rows(vectors), axis=1), 1)


@pytest.mark.parametrize(("rows", "others"), [(0, 3), (3, 0), (150, 150), (2, 3_000)])
def test_inner_products_in_blocks_are_those_of_the_whole(rows: int, others: int) -> None:
    rng = np.random.default_rng(0)
    vectors, against = (rng.standard_normal((n, 384), dtype=np.float32) for n in (rows, others))
    found = inner_products(vectors, against)
    assert found.shape == (rows, others)
    assert np.allclose(found, vectors @ against.T, atol=1e-3)
