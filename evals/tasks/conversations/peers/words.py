"""Word index under test: bm25s, a library for BM25 and nothing else."""

from collections.abc import Sequence
from typing import Any

from memagent.evals.tasks.conversations.conversation import Turn
from memagent.evals.tasks.conversations.peers.store import Place, Vectors


class Bm25:
    """An index a conversation, in RAM, made as the library's first example makes it.

    That is its default form of BM25 (Lucene's, k1 = 1.5, b = 0.75), with English stop words and
    English stems.
    """

    def __init__(self, place: Place) -> None:
        import bm25s
        import Stemmer

        self._library: Any = bm25s
        self._stemmer = Stemmer.Stemmer("english")
        self._indexes: dict[str, Any] = {}
        self._turns: dict[str, list[str]] = {}

    def write(self, conversation: str, turns: Sequence[Turn], vectors: Vectors) -> None:
        """Make the index of a conversation."""
        self._turns[conversation] = [turn.id for turn in turns]
        self._indexes[conversation] = self._library.BM25()
        tokens = self._tokens([turn.shown for turn in turns])
        self._indexes[conversation].index(tokens, show_progress=False)

    def find(self, conversation: str, text: str, vector: Vectors, k: int) -> list[str]:
        """Return the turns of a conversation that share words with a text, best first, by id."""
        turns = self._turns[conversation]
        places, scores = self._indexes[conversation].retrieve(
            self._tokens([text]), k=min(k, len(turns)), show_progress=False
        )
        hits = zip(places[0], scores[0], strict=True)
        return [turns[place] for place, score in hits if score > 0]

    def close(self) -> None:
        """Drop the indexes."""
        self._indexes.clear()

    def _tokens(self, texts: list[str]) -> Any:
        return self._library.tokenize(
            texts, stopwords="en", stemmer=self._stemmer, show_progress=False
        )
