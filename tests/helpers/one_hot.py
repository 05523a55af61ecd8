"""Embedder of tests for which two texts are alike just as far as they share words."""

import re
from zlib import crc32

from langchain_core.embeddings import Embeddings

DIMENSIONS = 1024


class OneHotEmbedder(Embeddings):
    """Bag of words: each word has a dimension of its own, and texts without common words none."""

    name = "one-hot"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        vector = [0.0] * DIMENSIONS
        for word in re.findall(r"\w+", text.lower()) or [text]:
            vector[crc32(word.encode()) % DIMENSIONS] = 1.0
        return vector
