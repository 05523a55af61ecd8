"""Scale of an embedder: its cosines of requests and the notes they mean, on fixed samples.

Cosines of two embedders are not comparable: what one gives to a paraphrase another gives to two
texts that have nothing in common. Samples that mean one another, and samples that do not, put both
on one scale. Two samples that differ in one thing alone give its axis in the space of vectors, as
the difference of word vectors does (Mikolov et al. 2013, "Linguistic Regularities"); with a
multilingual embedder the axis holds in other languages, too.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from memagent.embedding.encoder import Encoder

Vectors = NDArray[np.float32]
SAMPLES = (
    ("my shoe size", "I take shoes in size 43."),
    ("the name of my cat", "My cat is called Minka."),
    ("my blood group", "I have blood group A positive."),
    ("what I had for lunch", "At noon I ate a plate of noodles."),
    ("where I keep the spare key", "The spare key lies under the flower pot."),
    ("my favourite band", "I listen to the Beatles more than to anybody else."),
    ("the password of the router", "The router's password is swordfish."),
    ("my holiday in Norway", "Last summer we went hiking in Norway."),
    ("my brother's wedding", "My brother got married in June."),
    ("how tall I am", "I am one metre eighty."),
    ("the quarrel with my boss", "My manager shouted at me on Friday."),
    ("my exam", "I passed the test in chemistry."),
)
"""Requests, each with a note that it means."""
FORMER = ("my old one", "my former one", "the one I had before", "the previous one")
CURRENT = ("my new one", "my current one", "the one I have now", "the present one")


class Axis:
    """Direction between two groups of vectors (rows x dimensions); they lie at about 1 and -1."""

    def __init__(self, plus: Vectors, minus: Vectors) -> None:
        direction = plus.mean(axis=0) - minus.mean(axis=0)
        high, low = float((plus @ direction).mean()), float((minus @ direction).mean())
        width = max(high - low, 1e-6) / 2
        self._direction, self._middle = direction / width, (high + low) / 2 / width

    def place(self, vector: Vectors) -> float:
        """Return where a vector (dimensions) lies."""
        return float(vector @ self._direction) - self._middle


class Scale:
    """Scale of one embedder, on which 0 is unrelated and 1 is as a note that a request means."""

    def __init__(self, encoder: Encoder, documents: Callable[[Sequence[str]], Vectors]) -> None:
        queries = np.stack([encoder.query(request) for request, _ in SAMPLES])
        self._notes = documents([note for _, note in SAMPLES])
        cosines = queries @ self._notes.T
        related = np.eye(len(SAMPLES), dtype=bool)
        self._width = max(float(cosines[related].mean() - cosines[~related].mean()), 1e-6)
        self.former = Axis(
            *(np.stack(list(map(encoder.query, some))) for some in (FORMER, CURRENT))
        )

    def relatedness(self, query: Vectors, cosine: float) -> float:
        """Return the relatedness, in [0, 1], of a request's vector to what has a cosine to it.

        What the request has in common with every note, such as that it is one, is taken off.
        """
        common = float((self._notes @ query).mean())
        return min(max((cosine - common) / self._width, 0.0), 1.0)
