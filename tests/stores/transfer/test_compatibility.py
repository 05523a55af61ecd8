import math

import numpy as np
import pytest
from numpy.typing import NDArray

from memagent import Memory, Scope
from memagent.stores.transfer.reembed import Compatibility, measured
from memagent.testing import HashEmbedder
from memagent.types import NewRecord


class Permuted(HashEmbedder):
    """The hashing embedder with its dimensions in another order."""

    def embed_query(self, text: str) -> list[float]:
        vector = super().embed_query(text)
        return [vector[n] for n in np.random.default_rng(0).permutation(self.dimensions)]


class Noisy(HashEmbedder):
    """The hashing embedder, as imprecise as one in eight bits."""

    def embed_query(self, text: str) -> list[float]:
        vector = super().embed_query(text)
        return [round(x * 127) / 127 for x in vector]


def at(*degrees: float) -> NDArray[np.float32]:
    """Vectors in the plane, by their angles."""
    angles = [math.radians(one) for one in degrees]
    return np.array([[math.cos(one), math.sin(one)] for one in angles], dtype=np.float32)


ALONE = np.arange(3)
NONE = np.empty(0, dtype=np.int64), np.empty((0, 2), dtype=np.float32)


def test_a_turned_space_has_the_same_neighbours_and_finds_the_wrong_texts() -> None:
    same = measured(ALONE, at(0, 30, 60), at(0, 30, 60), *NONE)
    assert (same.ac, same.bc, same.fc, same.neighbours) == (1, 0.0, None, 1.0)
    turned = measured(ALONE, at(0, 30, 60), at(30, 60, 90), *NONE)
    assert (turned.ac, turned.bc, turned.neighbours) == (
        0,
        1 / 3 - 1,
        1.0,
    )  # the third finds itself


def test_one_text_of_three_that_is_lost_is_a_third() -> None:
    found = measured(ALONE, at(0, 30, 60), at(1, 31, 29), *NONE)
    assert (found.ac, found.bc) == (0, 2 / 3 - 1)


def test_the_same_text_twice_is_one_class_and_a_tie_is_right() -> None:
    found = measured(np.array([0, 0, 1]), at(0, 50, 90), at(50, 0, 90), *NONE)
    assert (found.ac, found.bc) == (1, 0.0)
    found = measured(ALONE, at(0, 60, 90), at(30, 60, 90), *NONE)
    assert (found.ac, found.bc) == (1, 0.0)


def test_halves_tell_what_a_search_would_lose_or_win_with_the_old_vectors() -> None:
    asked, queries = np.array([0, 1, 2, 2]), at(5, 35, 65, 40)
    # With the old vectors all but the last are right, with the new ones only the last.
    found = measured(ALONE, at(0, 30, 60), at(60, 0, 55), asked, queries)
    assert found.fc == 3 / 4 - 1 / 4


def test_vectors_of_other_sizes_find_nothing() -> None:
    three = np.eye(3, dtype=np.float32)
    found = measured(ALONE, at(0, 30, 60), three, ALONE, three)
    assert (found.ac, found.bc, found.fc) == (0, -1.0, -1.0)


def compared(new: HashEmbedder, notes: list[NewRecord], scope: Scope) -> Compatibility:
    """Write with the hashing embedder, and compare another with it."""
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        memory.add_many(notes, scope=scope)
        memory.engine.encoder._embeddings = new
        found = memory.maintenance.reembed(dry_run=True).compatibility
        assert found is not None
        return found


NOTES = [NewRecord(text=f"note {n} of {n * 7919 % 101}") for n in range(40)]
KEYED = [
    NewRecord(text=f"value {n}", keys=(f"where is thing{n}", f"thing{n} place", f"of thing{n}"))
    for n in range(20)
]


@pytest.mark.parametrize("notes", [NOTES, KEYED], ids=["a key a record", "three keys a record"])
def test_the_same_embedder_is_compatible(notes: list[NewRecord], ada: Scope) -> None:
    found = compared(HashEmbedder(), notes, ada)
    assert (found.ac, found.bc, found.fc, found.neighbours) == (1, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("notes", [NOTES, KEYED], ids=["a key a record", "three keys a record"])
def test_dimensions_in_another_order_order_texts_alike_and_are_not_compatible(
    notes: list[NewRecord], ada: Scope
) -> None:
    found = compared(Permuted(), notes, ada)
    assert (found.neighbours, found.ac) == (1.0, 0)
    assert found.bc < -0.8
    assert found.fc is not None
    assert found.fc < -0.3


def test_a_little_noise_is_still_the_same_embedder(ada: Scope) -> None:
    found = compared(Noisy(), NOTES, ada)
    assert (found.ac, found.bc) == (1, 0.0)
    assert found.neighbours > 0.8


def test_a_key_that_was_moved_counts_as_its_embedder_made_it(memory: Memory, ada: Scope) -> None:
    first, second = memory.add_many(["the cat sat", "the cat ran"], scope=ada)
    memory.changes.separate("a cat that ran far", wanted=first.id, found=second.id, scope=ada)
    assert memory.engine.store.query("SELECT 1 FROM original_vectors")
    moved = memory.engine.store.query(
        "SELECT vector FROM keys UNION SELECT vector FROM original_vectors"
    )
    assert len(moved) == 4
    found = memory.maintenance.reembed(dry_run=True).compatibility
    assert found is not None
    assert (found.ac, found.bc, found.fc) == (1, 0.0, 0.0)
