"""Texts to normalised vectors, and the check that a store is read with what wrote it."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import ArrayLike, NDArray

from memagent.errors import EmbedderMismatch, InvalidInput, StoreError

PROBE = "The quick brown fox jumps over the lazy dog."
MIN_PROBE_COSINE = 0.99
"""Two runs of one model on different machines agree far better than this; two models far worse."""


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
        """Return what tells this embedder from another: name, dimension, and a probe's vector.

        The precision is written down where the embedder has one; what counts is the vector.
        """
        probe = _normalised(self._embeddings.embed_documents([PROBE]))[0]
        found = {"name": self.name, "dimensions": len(probe), "probe": probe.tolist()}
        precision = getattr(self._embeddings, "precision", None)
        return found | {"precision": precision} if isinstance(precision, str) else found

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
        name, _ = stored["name"], stored["dimensions"]
        before, now = (np.array(one["probe"], dtype=np.float32) for one in (stored, own))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError("the store's word for its embedder is damaged: restore a copy") from error
    if not _alike(before, now):
        raise EmbedderMismatch(
            f"this memory was written with the embedder {name!r} ({_kind(stored)})"
            f" and cannot be read with {own['name']!r} ({_kind(own)}):"
            " set the embedder back, or run `memagent reembed`"
        )


def _kind(fingerprint: dict[str, Any]) -> str:
    precision = fingerprint.get("precision")
    return f"{fingerprint['dimensions']} dimensions" + (f", {precision}" if precision else "")


def _alike(before: NDArray[np.float32], now: NDArray[np.float32]) -> bool:
    """Tell whether two vectors of one text, each of length one, are of one embedder."""
    return before.shape == now.shape and float(before @ now) >= MIN_PROBE_COSINE


def _normalised(vectors: ArrayLike) -> NDArray[np.float32]:
    array = np.asarray(vectors, dtype=np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", array, array))[:, None]
    return np.asarray(array / np.where(lengths == 0, 1, lengths), dtype=np.float32)
