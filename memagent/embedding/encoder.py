"""Encoder: texts to normalised vectors, checked against the embedder that wrote the store."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import ArrayLike, NDArray

from memagent.embedding.vectors import BadVector, embedded, unit_rows
from memagent.errors import EmbedderMismatch, InvalidInput, StoreError
from memagent.records import require_whole

logger = logging.getLogger(__name__)

FINGERPRINT_TEXT = "The quick brown fox jumps over the lazy dog."
"""Its vector identifies an embedder."""
MIN_FINGERPRINT_COSINE = 0.99
"""Runs of one model on two machines agree far better than this; two models far worse."""


class Encoder:
    """An embedder that returns normalised float32 arrays and is checked against one store.

    The store holds the embedder's fingerprint: its name, its dimensions and the vector of one fixed
    sentence. `read` and `write` get and set the store's metadata by key.

    Raises:
        EmbedderMismatch: if the store was written with, or has moved to, another embedder.
        StoreError: if the stored fingerprint is damaged.
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
        """The embedder itself; its vectors need not have length one."""
        return self._embeddings

    @property
    def name(self) -> str:
        """The embedder's name."""
        return str(getattr(self._embeddings, "name", type(self._embeddings).__name__))

    def fingerprint(self) -> dict[str, Any]:
        """Return the embedder's identity: name, dimensions and the vector of a fixed sentence.

        The precision is recorded where the embedder has one; only the vector is compared.
        """
        vector = self.documents_unchecked([FINGERPRINT_TEXT])[0]
        # "probe" is the key in stores and exports of every version.
        fingerprint = {"name": self.name, "dimensions": len(vector), "probe": vector.tolist()}
        precision = getattr(self._embeddings, "precision", None)
        return fingerprint | {"precision": precision} if isinstance(precision, str) else fingerprint

    def documents_unchecked(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return texts x dimensions without the check, to move the store to this embedder.

        Raises:
            EmbeddingError: a vector cannot be used; the message names the text.
        """
        return embedded(self._embeddings.embed_documents(list(texts)), texts, self.name)

    def documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return texts x dimensions, each row of length one.

        Raises:
            EmbeddingError: a vector cannot be used; the message names the text.
        """
        self.check()
        vectors = self._embeddings.embed_documents(list(texts))
        return embedded(vectors, texts, self.name, self._dimensions)

    def query(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a query (dimensions), of length one.

        Raises:
            InvalidInput: it holds half of a character.
        """
        require_whole("the query", text)
        self.check()
        vector = self._embeddings.embed_query(text)
        return np.asarray(embedded([vector], [text], self.name, self._dimensions)[0])

    def normalise(self, vectors: ArrayLike) -> NDArray[np.float32]:
        """Return a caller's vectors (rows x dimensions), each row scaled to length one.

        Call `check` first: it reads the store's dimensions.

        Raises:
            InvalidInput: they are not rows of finite numbers with the store's dimensions, or one
                is all zeros.
        """
        try:
            return unit_rows(vectors, dimensions=self._dimensions)
        except BadVector as error:
            wanted = f"rows of {self._dimensions} finite numbers, not all zero"
            raise InvalidInput(f"vectors: expected {wanted}, found {error.problem}") from error

    def normalise_one(self, vector: ArrayLike) -> NDArray[np.float32]:
        """Return one of a caller's vectors (dimensions), scaled to length one, as `normalise`."""
        if isinstance(vector, np.ndarray) and vector.shape == (self._dimensions,):
            array = np.asarray(vector, dtype=np.float32)
            length = float(np.einsum("i,i->", array, array)) ** 0.5
            if 0 < length < np.inf:
                return array / np.float32(length)
        return np.asarray(self.normalise(cast("ArrayLike", [vector]))[0])

    @contextmanager
    def expect_unchanged(self) -> Iterator[None]:
        """Check after the block that the store did not move to another embedder meanwhile.

        Raises:
            EmbedderMismatch: it did, so what the block read cannot be used.
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

    def kept(self, key: str, compute: Callable[[], str]) -> str:
        """Return what the store keeps about its embedder by this key, computed if it keeps nothing.

        A store that cannot be written, as on a full disk, keeps nothing.
        """
        fingerprint = hashlib.sha256(self.check().encode()).hexdigest()
        key = f"{key} {fingerprint[:16]}"
        value = self._read(key)
        if value is None:
            value = compute()
            try:
                self._write(key, value)
            except StoreError as error:
                logger.warning("the store does not keep its %s: %s", key, error)
        return value

    def agrees(self, vector: ArrayLike, text: str = FINGERPRINT_TEXT) -> bool:
        """Tell whether a vector of a text, by default the fingerprint's, is this embedder's."""
        return _alike(self.documents_unchecked([text])[0], np.asarray(vector, dtype=np.float32))

    def check(self) -> str:
        """Compare the fingerprint with the store's and return the stored one.

        The comparison is repeated only when the stored fingerprint has changed.
        """
        stored = self._read("embedder")
        if stored is not None and stored == self._agreed:
            return stored
        fingerprint = self.fingerprint()
        if stored is None:
            logger.info("the store gets the fingerprint of embedder %s", self.name)
            self._write("embedder", json.dumps(fingerprint))
            # Another process may have been first.
            stored = self._read("embedder") or json.dumps(fingerprint)
        _compare(stored, fingerprint)
        self._agreed, self._dimensions = stored, fingerprint["dimensions"]
        return stored


def _compare(stored: str, fingerprint: dict[str, Any]) -> None:
    try:
        before = json.loads(stored)
        name, _ = before["name"], before["dimensions"]
        old, new = (np.array(each["probe"], dtype=np.float32) for each in (before, fingerprint))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(
            "the embedder's fingerprint in the store is damaged: restore a copy"
        ) from error
    if not _alike(old, new):
        raise EmbedderMismatch(
            f"this memory was written with the embedder {name!r} ({_kind(before)})"
            f" and cannot be read with {fingerprint['name']!r} ({_kind(fingerprint)}):"
            " set the embedder back, or run `memagent reembed`"
        )


def _kind(fingerprint: dict[str, Any]) -> str:
    precision = fingerprint.get("precision")
    return f"{fingerprint['dimensions']} dimensions" + (f", {precision}" if precision else "")


def _alike(old: NDArray[np.float32], new: NDArray[np.float32]) -> bool:
    """Tell whether two vectors of one text, each of length one, are from one embedder."""
    return old.shape == new.shape and float(old @ new) >= MIN_FINGERPRINT_COSINE
