import json
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings

from memagent import open_embedder
from memagent.embedding import calibration as module
from memagent.embedding.calibration import (
    KNOWN,
    PAIRS,
    RELATED,
    Calibration,
    calibration,
    measured,
)
from memagent.embedding.encoder import Encoder
from memagent.errors import StoreError
from memagent.testing import HashEmbedder

LANGUAGE = {text: name for name, pairs in PAIRS.items() for pair in pairs for text in pair}
PLACE = {
    text: place for pairs in PAIRS.values() for place, pair in enumerate(pairs) for text in pair
}


class Angles(Embeddings):
    """Embedder that knows some languages: a question and its note have 0.9, and others 0.6.

    Texts that are no questions are nearer by 0.1. All texts of the other languages have one vector.
    """

    name = "angles"

    def __init__(self, known: str) -> None:
        self.known = known.split()
        self.calls = 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.calls += 1
        return [self._vector(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        self.calls += 1
        return self._vector(text, asked=True)

    def _vector(self, text: str, asked: bool = False) -> list[float]:
        vector = np.zeros(9)
        if LANGUAGE.get(text) in self.known:
            vector[0] = 0.6**0.5
            vector[1 + PLACE[text]] = 0.3**0.5
            vector[7 if asked else 8] = 0.1**0.5
        else:
            vector[0] = 1
        return [float(x) for x in vector]


@pytest.fixture
def kept() -> dict[str, str]:
    return {}


@pytest.fixture
def encoder_of(kept: dict[str, str]) -> Callable[[Embeddings], Encoder]:
    return lambda embeddings: Encoder(embeddings, kept.get, kept.__setitem__)


def test_the_ends_of_the_scale_are_unrelated_and_answered() -> None:
    scale = Calibration(low=0.7, high=0.9, text_low=0.8, text_high=1.0)
    found = scale.scaled(np.array([[0.7, 0.9], [0.8, 1.0]], dtype=np.float32))
    assert found == pytest.approx(np.array([[0, 1], [0.5, 1.5]]), abs=1e-6)
    assert scale.scaled_texts([0.8, 0.9, 1.0]) == pytest.approx([0, 0.5, 1])


def test_an_embedder_without_meaning_divides_by_no_nought() -> None:
    found = Calibration(low=0.5, high=0.5, text_low=0, text_high=1).scaled([0.5, 0.6])
    assert found.tolist() == pytest.approx([0, 10])


@pytest.mark.parametrize("known", ["en es ru ar zh", "en", "zh ar"])
def test_languages_that_an_embedder_cannot_read_do_not_count(
    known: str, encoder_of: Callable[[Embeddings], Encoder]
) -> None:
    found = measured(encoder_of(Angles(known)))
    assert (found.low, found.high) == pytest.approx((0.6, 0.6 + 0.3 * RELATED))
    assert found.text_low == pytest.approx(0.7)  # what stands for a question is in no note
    assert found.text_high == pytest.approx(0.7 + 0.3 * RELATED)


def test_a_calibration_is_measured_once_a_store(
    encoder_of: Callable[[Embeddings], Encoder], kept: dict[str, str]
) -> None:
    embedder = Angles("en")
    first = calibration(encoder_of(embedder))
    encoder = encoder_of(embedder)
    encoder.check()
    before = embedder.calls
    assert calibration(encoder) == first
    assert embedder.calls == before
    (text,) = (value for key, value in kept.items() if key.startswith("calibration"))
    assert Calibration(**json.loads(text)) == first


def test_another_embedder_of_the_store_has_its_own(
    encoder_of: Callable[[Embeddings], Encoder], kept: dict[str, str]
) -> None:
    first = calibration(encoder_of(Angles("en")))
    del kept["embedder"]  # as when the store moves
    assert calibration(encoder_of(HashEmbedder())) != first


def test_damage_in_the_store_is_passed_over(
    encoder_of: Callable[[Embeddings], Encoder], kept: dict[str, str]
) -> None:
    first = calibration(encoder_of(Angles("en")))
    for damage in ("{", "[]", '{"low": 1}', "{}"):
        kept.update({key: damage for key in kept if key.startswith("calibration")})
        assert calibration(encoder_of(Angles("en"))) == first


def test_a_store_that_cannot_be_written_still_has_one(kept: dict[str, str]) -> None:
    def write(key: str, value: str) -> None:
        if key != "embedder":
            raise StoreError("the disk is full")
        kept[key] = value

    assert calibration(Encoder(Angles("en"), kept.get, write)).low == pytest.approx(0.6)


def test_a_known_embedder_embeds_nothing(
    encoder_of: Callable[[Embeddings], Encoder], kept: dict[str, str]
) -> None:
    embedder = Angles("en")
    embedder.name = "all-MiniLM-L6-v2"
    assert calibration(encoder_of(embedder)) == KNOWN["all-MiniLM-L6-v2"]
    assert not embedder.calls
    assert not kept


@pytest.mark.real
def test_what_is_known_of_minilm_is_as_measured(
    encoder_of: Callable[[Embeddings], Encoder],
) -> None:
    found = measured(encoder_of(open_embedder("all-MiniLM-L6-v2")))
    known = KNOWN["all-MiniLM-L6-v2"]
    assert asdict(found) == pytest.approx(asdict(known), abs=0.02)


def test_the_notes_of_a_language_answer_one_question_each() -> None:
    for pairs in module.PAIRS.values():
        assert len({note for _, note in pairs}) == len({asked for asked, _ in pairs}) == 6
