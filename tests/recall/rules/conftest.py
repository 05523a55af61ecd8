from collections.abc import Iterator

import pytest

from memagent import Memory
from memagent.testing import HashEmbedder


@pytest.fixture
def memory() -> Iterator[Memory]:
    """A memory in RAM with the hashing embedder, which recalls by the English rules."""
    with Memory.in_memory(embedder=HashEmbedder(), recall="rules") as opened:
        yield opened
