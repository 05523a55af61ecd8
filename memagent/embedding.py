"""Texts to normalised vectors, and the check that a store is read with what wrote it."""

import json
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import ArrayLike, NDArray

from memagent.errors import EmbedderMismatch, InvalidInput, StoreError, WeightsMissing

PROBE = "The quick brown fox jumps over the lazy dog."
MIN_PROBE_COSINE = 0.99
"""Two runs of one model on different machines agree far better than this; two models far worse."""
CACHE_SIZE = 1024
HUB = "huggingface.co"
HUB_SECONDS = 3.0
"""How long the hub has to answer before it counts as out of reach."""


class SentenceEmbedder(Embeddings):
    """A sentence-transformers model as a langchain-core `Embeddings`; loaded when first used.

    Vectors are normalised. The last 1,024 texts are kept, so that a question which is
    searched and then remembered is embedded once.
    """

    def __init__(self, path: str | Path, name: str) -> None:
        self.name = name
        self._path = str(path)
        self._model: Any = None
        self._cache: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one vector a text."""
        with self._lock:
            missing = [text for text in dict.fromkeys(texts) if text not in self._cache]
            fresh = dict(zip(missing, self._encode(missing), strict=True)) if missing else {}
            vectors = [fresh.get(text) or self._cache[text] for text in texts]
            self._cache.update(fresh)
            while len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of one text."""
        return self.embed_documents([text])[0]

    def _encode(self, texts: list[str]) -> list[list[float]]:
        if self._model is None:
            from sentence_transformers import SentenceTransformer
            from transformers.utils.logging import disable_progress_bar

            disable_progress_bar()  # type: ignore[no-untyped-call]
            self._model = _loaded(SentenceTransformer, self._path)
        vectors = self._model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        return [[float(x) for x in vector] for vector in vectors]


def _loaded(model: Callable[..., Any], path: str) -> Any:
    """Load from this disk, and turn to the hub only if the hub can be reached at all."""
    try:
        return model(path, device="cpu", local_files_only=True)
    except (OSError, ValueError) as error:
        try:
            socket.create_connection((HUB, 443), timeout=HUB_SECONDS).close()
        except OSError:
            raise WeightsMissing(
                f"the embedder {path!r} is not on this disk, and the hub cannot be reached"
            ) from error
        return model(path, device="cpu")


class Encoder:
    """An embedder as a store needs it: normalised float32 arrays, checked against the store.

    The store remembers the embedder's name, dimension and the vector of a probe sentence.

    Raises:
        EmbedderMismatch: if the store was written with, or has moved to, another embedder.
    """

    def __init__(
        self,
        embeddings: Embeddings,
        read: Callable[[str], str | None],
        write: Callable[[str, str], None],
    ) -> None:
        self._embeddings = embeddings
        self._read, self._write = read, write
        self._agreed: str | None = None
        self._dimensions = 0

    @property
    def embeddings(self) -> Embeddings:
        """The embedder itself; what it returns need not have length one."""
        return self._embeddings

    @property
    def name(self) -> str:
        """What the embedder is called."""
        return str(getattr(self._embeddings, "name", type(self._embeddings).__name__))

    def fingerprint(self) -> dict[str, Any]:
        """Return what tells this embedder from another: name, dimension, and a probe's vector."""
        probe = _normalised(self._embeddings.embed_documents([PROBE]))[0]
        return {"name": self.name, "dimensions": len(probe), "probe": probe.tolist()}

    def unchecked(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors without comparing with the store: for moving it to this embedder."""
        return _normalised(self._embeddings.embed_documents(list(texts)))

    def documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return texts x dimensions, each row of length one."""
        self.check()
        return self.unchecked(texts)

    def query(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a question, of length one."""
        self.check()
        return np.asarray(_normalised([self._embeddings.embed_query(text)])[0])

    def given(self, vectors: ArrayLike) -> NDArray[np.float32]:
        """Return vectors that a caller made, as rows of length one.

        What they are made for must have been checked just before.

        Raises:
            InvalidInput: they are not rows of finite numbers, of as many dimensions as the store's.
        """
        array = np.asarray(vectors, dtype=np.float32)
        wanted = self._dimensions
        if array.ndim != 2 or array.shape[1] != wanted or not np.isfinite(array).all():
            raise InvalidInput(
                f"vectors: expected rows of {wanted} finite numbers, found {array.shape}"
            )
        return _normalised(array)

    def given_one(self, vector: ArrayLike) -> NDArray[np.float32]:
        """Return one vector that a caller made, of length one; otherwise as `given`."""
        array = np.asarray(vector, dtype=np.float32)
        if array.shape == (self._dimensions,):
            length = float(np.einsum("i,i->", array, array)) ** 0.5
            if 0 < length < np.inf:
                return array / np.float32(length)
        return np.asarray(self.given(array[np.newaxis])[0])

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Refuse what was read in the block if the store has moved to another embedder by then.

        Raises:
            EmbedderMismatch: it has.
        """
        before = self._agreed or self.check()
        try:
            yield
        except Exception:
            if self._read("embedder") != before:
                self.check()
            raise
        if self._read("embedder") != before:
            self.check()

    def agrees(self, vector: ArrayLike, text: str = PROBE) -> bool:
        """Tell whether a vector of a text, the probe's if none is given, is this embedder's."""
        return _alike(self.unchecked([text])[0], np.asarray(vector, dtype=np.float32))

    def check(self) -> str:
        """Compare with the store, again whenever its fingerprint has changed, and return that."""
        stored = self._read("embedder")
        if stored is not None and stored == self._agreed:
            return stored
        own = self.fingerprint()
        if stored is None:
            self._write("embedder", json.dumps(own))
            # Another process may have been first.
            stored = self._read("embedder") or json.dumps(own)
        _compare(stored, own)
        self._agreed, self._dimensions = stored, own["dimensions"]
        return stored


def _compare(fingerprint: str, own: dict[str, Any]) -> None:
    try:
        stored = json.loads(fingerprint)
        name, dimensions = stored["name"], stored["dimensions"]
        before, now = (np.array(one["probe"], dtype=np.float32) for one in (stored, own))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError("the store's word for its embedder is damaged: restore a copy") from error
    if not _alike(before, now):
        raise EmbedderMismatch(
            f"this memory was written with the embedder {name!r}"
            f" ({dimensions} dimensions) and cannot be read with {own['name']!r}"
            f" ({own['dimensions']} dimensions): set the embedder back, or run `memagent reembed`"
        )


def _alike(before: NDArray[np.float32], now: NDArray[np.float32]) -> bool:
    """Tell whether two vectors of one text, each of length one, are of one embedder."""
    return before.shape == now.shape and float(before @ now) >= MIN_PROBE_COSINE


def _normalised(vectors: ArrayLike) -> NDArray[np.float32]:
    array = np.asarray(vectors, dtype=np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", array, array))[:, None]
    return np.asarray(array / np.where(lengths == 0, 1, lengths), dtype=np.float32)
