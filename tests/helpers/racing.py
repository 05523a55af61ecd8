"""Another process that is let in at the worst moment, for the tests of races."""

from collections.abc import Callable
from pathlib import Path

from memagent import Memory
from memagent.testing import HashEmbedder


class LetsIn(HashEmbedder):
    """An embedder that lets another process in, once, when it is given a certain text."""

    def __init__(self, folder: Path, text: str, act: Callable[[Memory], object]) -> None:
        super().__init__()
        self.folder, self.text, self.act = folder, text, act
        self.let_in = 0

    def embed_query(self, text: str) -> list[float]:
        if text == self.text and not self.let_in:
            self.let_in += 1
            with Memory.open(self.folder, embedder=HashEmbedder(), recall="rules") as other:
                self.act(other)
        return super().embed_query(text)


def held(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())
