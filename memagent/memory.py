"""Memory: the one public door to what is stored."""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from langchain_core.embeddings import Embeddings

from memagent.embedding import PROBE, Encoder
from memagent.errors import InvalidInput
from memagent.models import open_embedder
from memagent.recall import Recaller
from memagent.stores.episodic import EpisodicBank
from memagent.stores.filter import Filter
from memagent.stores.rationale import RationaleBank
from memagent.stores.sqlite import SqliteStore
from memagent.types import Hit, Kind, Note, Recollection, Record, Scope


class Memory:
    """Records of what was said and read, kept in one folder; open it with `Memory.open`.

    Every verb takes a `Scope`, and sees and touches nothing outside it. Safe to share between
    threads; several processes may use one folder.
    """

    def __init__(self, store: SqliteStore, embedder: Embeddings) -> None:
        self._store = store
        self._encoder = Encoder(embedder, store.meta, store.set_meta)
        self._bank = EpisodicBank(store)
        rationales = RationaleBank(self._bank, self._encoder.documents)
        self._recaller = Recaller(store, self._bank, rationales, self._encoder)

    @classmethod
    def open(
        cls, folder: str | Path | None, *, embedder: str | Embeddings = "all-MiniLM-L6-v2"
    ) -> Self:
        """Open the memory in a folder, making it if need be; None keeps it in RAM only.

        Raises:
            StoreError: the folder cannot be used, or holds a database of another program.
            EmbedderMismatch: on first use, if it was written with another embedder.
        """
        place = None if folder is None else Path(folder).expanduser()
        return cls(SqliteStore(place), open_embedder(embedder))

    def add(
        self,
        text: str,
        *,
        scope: Scope,
        id: str | None = None,
        keys: Sequence[str] = (),
        kind: Kind = "episode",
        valid_from: datetime | None = None,
        sources: Sequence[str] = (),
        metadata: dict[str, Any] | None = None,
    ) -> Record:
        """Remember one text as it is, and return its record; no language model is asked.

        The same id, or the same undated text in the same scope, is the same record: nothing is
        stored twice, and the record counts as told again now. `keys` are what it is found by (the
        text itself if none are given); `valid_from` is since when it holds.

        Raises:
            InvalidInput: the text is empty, binary, or over a million characters.
        """
        note = Note(
            text=text,
            id=id,
            keys=tuple(keys),
            kind=kind,
            valid_from=valid_from,
            sources=tuple(sources),
            metadata=metadata or {},
        )
        return self.add_many([note], scope=scope)[0]

    def add_many(self, notes: Iterable[str | Note], *, scope: Scope) -> list[Record]:
        """Remember several texts in one transaction: all of them, or none."""
        whole = [one if isinstance(one, Note) else Note(text=one) for one in notes]
        return self._bank.write(whole, scope, self._encoder.documents) if whole else []

    def search(self, query: str, *, scope: Scope, k: int = 10) -> list[Hit]:
        """Return the `k` best records for a query, best first, with the parts of their scores."""
        if not query.strip():
            raise InvalidInput("the query is empty: nothing to search for")
        return self._bank.search(query, self._encoder.query(query), Filter(scope=scope), k)

    def recall(
        self, question: str, *, scope: Scope, k: int = 5, lessons: Scope | None = None
    ) -> Recollection:
        """Return what to show a model for a question: at most `k` first hits, oldest first.

        `lessons` names another scope whose rationales advise the search; the own scope if None.
        """
        return self._recaller.recall(question, scope, k, lessons or scope)

    def learn(
        self, question: str, answer: str, *, scope: Scope, lessons: Scope | None = None
    ) -> bool:
        """Learn from a right answer which way of looking leads to it; tell if there was one."""
        return self._recaller.learn(question, answer, scope, lessons or scope)

    def get(self, ids: Sequence[str], *, scope: Scope) -> list[Record]:
        """Return records by id, in the order asked for; unknown ones are left out."""
        return self._store.get(scope, ids)

    def list(self, *, scope: Scope, limit: int = 100) -> list[Record]:
        """Return the records written last, newest first."""
        return self._store.newest(Filter(scope=scope), limit)

    def forget(self, ids: Sequence[str], *, scope: Scope) -> int:
        """Erase records with their keys, vectors and history; return how many there were."""
        return self._store.forget(scope, ids)

    def warm(self, *, scope: Scope) -> float:
        """Load the embedder and a user's vectors now rather than at the first search.

        Returns the seconds it took.
        """
        started = time.perf_counter()
        self._bank.search(PROBE, self._encoder.query(PROBE), Filter(scope=scope), 1)
        return time.perf_counter() - started

    def stats(self) -> dict[str, int]:
        """Return how many users, records and keys are stored, over all scopes."""
        return self._store.counts()

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
