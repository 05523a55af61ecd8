import numpy as np
import pytest
from one_hot import OneHotEmbedder

from memagent.embedding.encoder import Encoder
from memagent.embedding.scale import CURRENT, FORMER, SAMPLES, Axis, Scale


@pytest.fixture
def encoder() -> Encoder:
    kept: dict[str, str] = {}
    return Encoder(OneHotEmbedder(), kept.get, kept.__setitem__)


def test_an_axis_puts_its_groups_at_one_and_minus_one() -> None:
    plus = np.array([[1, 0, 0.5], [1, 0.2, 0]], dtype=np.float32)
    minus = np.array([[0, 1, 0.1], [0.2, 1, 0]], dtype=np.float32)
    axis = Axis(plus, minus)
    assert np.mean([axis.place(vector) for vector in plus]) == pytest.approx(1)
    assert np.mean([axis.place(vector) for vector in minus]) == pytest.approx(-1)


def test_relatedness_is_near_one_for_what_is_meant_and_nought_for_the_rest(
    encoder: Encoder,
) -> None:
    scale = Scale(encoder, encoder.documents)
    notes = encoder.documents([note for _, note in SAMPLES])
    related, others = [], []
    for place, (request, _) in enumerate(SAMPLES):
        vector = encoder.query(request)
        found = [scale.relatedness(vector, float(note @ vector)) for note in notes]
        related.append(found.pop(place))
        others += found
    assert np.mean(related) > 0.6
    assert np.mean(others) < 0.25
    assert scale.relatedness(vector, -1.0) == 0
    assert scale.relatedness(vector, 1.0) == 1


def test_requests_for_what_was_before_lie_apart_from_those_for_what_is(encoder: Encoder) -> None:
    former = Scale(encoder, encoder.documents).former
    assert former.place(encoder.query("the previous car")) > 0
    assert former.place(encoder.query("the present car")) < 0
    assert min(former.place(encoder.query(text)) for text in FORMER) > 0
    assert max(former.place(encoder.query(text)) for text in CURRENT) < 0
