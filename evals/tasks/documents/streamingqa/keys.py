"""Key set of StreamingQA: sorting keys of articles, packed into sixteen bytes each."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from memagent.errors import InvalidInput
from memagent.evals.tasks.documents.streamingqa.files import lines

BYTES = 16
"""Of a key's BLAKE2b: two of eleven million keys are the same once in 10^24 such lists."""
_KEY = re.compile(rb"(\d{20})\x00\x01([0-9a-f]{64})(?:\x00\x01)?\s*")
_ESCAPED = re.compile(rb"\\(?:u00|x)0([01])")


class KeySet:
    """A set of sorting keys that was built once: two sorted columns of eight bytes.

    The released list of 11,393,471 keys takes 182 MB, and about three times that while it is read.
    """

    def __init__(self, digests: NDArray[np.uint64]) -> None:
        order = np.argsort(digests[:, 0], kind="stable")
        self._high = digests[order, 0]
        self._low = digests[order, 1]

    @classmethod
    def of(cls, keys: Iterable[str]) -> Self:
        """Return the set of some keys."""
        return cls._packed(_digest(key.encode()) for key in keys)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a list of keys, one a line, packed or not; none is held as text.

        The bytes 00 01 between the parts of a key may stand as they are, or escaped as in JSON.

        Raises:
            InvalidInput: a line is no key.
            RunError: the file cannot be read.
        """
        return cls._packed(_read(number, line, path) for number, line in lines(path))

    @classmethod
    def _packed(cls, digests: Iterable[bytes]) -> Self:
        packed = bytearray()
        for digest in digests:
            packed += digest
        return cls(np.frombuffer(packed, dtype=np.uint64).reshape(-1, 2))

    def __contains__(self, key: str) -> bool:
        digest = _digest(key.encode())
        if not digest:
            return False
        high, low = np.frombuffer(digest, dtype=np.uint64)
        first = int(np.searchsorted(self._high, high, side="left"))
        last = int(np.searchsorted(self._high, high, side="right"))
        return bool((self._low[first:last] == low).any())

    def __len__(self) -> int:
        return len(self._high)

    @property
    def nbytes(self) -> int:
        """Size of the set in bytes."""
        return int(self._high.nbytes + self._low.nbytes)


def _read(number: int, line: bytes, path: Path) -> bytes:
    digest = _digest(_ESCAPED.sub(_unescaped, line))
    if not digest:
        raise InvalidInput(f"{path}:{number}: expected a sorting key, found {line[:60]!r}")
    return digest


def _unescaped(found: re.Match[bytes]) -> bytes:
    return b"\0" if found[1] == b"0" else b"\1"


def _digest(key: bytes) -> bytes:
    """Return what stands for a key, empty if it is none: of its date and its hash alone."""
    found = _KEY.fullmatch(key)
    if found is None:
        return b""
    return hashlib.blake2b(found[1] + found[2], digest_size=BYTES).digest()
