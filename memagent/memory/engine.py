"""The opened components of a memory: store, encoder, indexes and banks, shared by its verbs."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import ArrayLike, NDArray

from memagent.compression.expand import SourceExpander
from memagent.config import load_settings
from memagent.embedding.calibration import calibration
from memagent.embedding.encoder import Encoder
from memagent.embedding.open_embedder import open_embedder
from memagent.errors import InvalidInput, StoreError, shown
from memagent.recall.expansion import Expander
from memagent.recall.learned_ranking import LearnedRankings
from memagent.recall.lessons import Lessons
from memagent.recall.pipeline import Pipeline
from memagent.recall.recaller import Recaller
from memagent.recall.reranker import Reranker, open_reranker
from memagent.recall.strategy import Strategy
from memagent.redaction.detector import open_redactor
from memagent.redaction.redactor import Detector, Redactor
from memagent.stores.banks.compression import CompressionBank
from memagent.stores.banks.episodic import EpisodicBank, PrecomputedVectors, keys_of
from memagent.stores.banks.hop_directions import HopDirectionBank
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.word_index import bring_up_to_date
from memagent.stores.database.writer import Trace
from memagent.stores.index import embedding_cache, partitions
from memagent.stores.index.embedding_cache import VectorCache
from memagent.stores.lifecycle.erasure import Eraser
from memagent.types import NewRecord, Record, Records, Scope, ScopeLike, StrategyName

EMBEDDER = "all-MiniLM-L6-v2"
MIB = 2**20
RANKED: StrategyName = "ranked"
"""The strategy of recall where none is named."""
HOME, RAM = object(), object()
"""Places to open: the folder of the settings, and no folder at all."""


class Engine:
    """Components of one open memory; `default_scope` is used where a verb is given no scope."""

    def __init__(
        self,
        store: SqliteStore,
        embedder: Embeddings,
        *,
        index_bytes: int,
        cache_bytes: int,
        default_scope: Scope | None = None,
        recall: StrategyName = RANKED,
        reranker: str | Reranker | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        bring_up_to_date(store)
        self.store = store
        self.redactor = redactor
        self.default_scope = default_scope
        self._opened: tuple[object, ...] | None = None
        self.encoder = Encoder(embedder, store.meta, store.set_meta)
        self.cache = VectorCache(store, cache_bytes)
        self.bank = EpisodicBank(store, index_bytes, _needs_context(recall), redactor)
        self.eraser = Eraser(store, self.encoder.documents, keys_of)
        self.directions = HopDirectionBank(store, self.bank, self.encoder.documents)
        self.lessons = Lessons(store, self.bank, self.encoder)
        self.rankings = LearnedRankings(store)
        self.pipeline = Pipeline(
            self.bank,
            store.read.ranked_rows,
            partial(calibration, self.encoder),
            self.rankings.of,
            None if reranker is None else open_reranker(reranker),
        )
        self.strategy = self._strategy(recall)
        self.notes = CompressionBank(store, self.bank, self.encoder.documents)
        self.expander = SourceExpander(self.notes, self.bank, self.encoder)

    @classmethod
    def open(
        cls,
        folder: object,
        embedder: str | Embeddings | None = None,
        index_bytes: int | None = None,
        cache_bytes: int | None = None,
        scope: ScopeLike | None = None,
        recall: StrategyName | None = None,
        reranker: str | Reranker | None = None,
        redaction: str | Detector | None = None,
    ) -> Self:
        """Open what lies in a folder, in RAM, or (`HOME`) where the settings say.

        None stands for the settings' values with `HOME`, and for the library's defaults otherwise.

        Raises:
            InvalidInput: the folder is no path.
            ConfigError: secrets are to be redacted, and the extra `redaction` is not installed.
            StoreError: it cannot be used, or holds a database of another program.
        """
        if folder is HOME:
            settings = load_settings()
            folder, embedder = settings.home, embedder or settings.embedder
            index_bytes = settings.index_mb * MIB if index_bytes is None else index_bytes
            cache_bytes = settings.cache_mb * MIB if cache_bytes is None else cache_bytes
            scope = settings.user if scope is None else scope
            recall = settings.recall if recall is None else recall
            reranker = settings.reranker if reranker is None else reranker
            redaction = settings.redaction if redaction is None else redaction
        elif folder is not RAM and not isinstance(folder, str | Path):
            raise InvalidInput(
                f"folder: a path is wanted, not {shown(folder)}; Memory.in_memory() keeps it in RAM"
                " only"
            )
        recall, redactor = (
            recall or RANKED,
            open_redactor("off" if redaction is None else redaction),
        )
        place = Path(folder).expanduser() if isinstance(folder, str | Path) else None
        engine = cls(
            SqliteStore(place),
            open_embedder(embedder or EMBEDDER),
            index_bytes=partitions.MAX_BYTES if index_bytes is None else index_bytes,
            cache_bytes=embedding_cache.MAX_BYTES if cache_bytes is None else cache_bytes,
            default_scope=None if scope is None else Scope.of(scope),
            recall=recall,
            reranker=reranker,
            redactor=redactor,
        )
        if place is not None:
            opened = embedder, index_bytes, cache_bytes, scope, recall, reranker, redaction
            engine._opened = place.absolute(), *opened
        return engine

    def _strategy(self, name: StrategyName) -> Strategy:
        """Return a strategy of recall by its name."""
        if name == RANKED:
            neighbours = Expander(self.store.read, self.bank.vectors)
            return Recaller(self.pipeline, self.lessons, self.encoder, neighbours)
        from memagent.recall.rules.recaller import RulesRecaller  # not loaded by default

        return RulesRecaller(self.store, self.bank, self.directions, self.lessons, self.encoder)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle how it was opened: another process opens the folder itself.

        Raises:
            StoreError: the memory is in RAM.
        """
        if self._opened is None:
            raise StoreError(
                "a memory in RAM cannot be handed to another process: keep it in a folder"
            )
        return type(self).open, self._opened

    def scope(self, scope: ScopeLike | None) -> Scope:
        """Return the scope a verb was given, or else the default one.

        Raises:
            InvalidInput: there is neither, or it is no scope.
        """
        if scope is not None:
            return Scope.of(scope)
        if self.default_scope is None:
            raise InvalidInput("whose memory? give a scope: a Scope, or a user's name")
        return self.default_scope

    def trace(self, who: str | None = None, why: str | None = None) -> Trace:
        """Return who changes something and why, without secrets, for the history of records."""
        if self.redactor is not None:
            who, why = self.redactor.text(who), self.redactor.text(why)
        return Trace(who=who, why=why)

    def records(self, scope: Scope, ids: Sequence[str]) -> Records:
        """Return a scope's records by id, in the order asked for, and the ids that are missing."""
        found = self.store.read.get(scope, ids)
        known = {record.id for record in found}
        return Records(found, missing=[id for id in dict.fromkeys(ids) if id not in known])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of texts (texts x dimensions), those of known texts from the cache.

        They are of what is stored: of the texts without their secrets.
        """
        texts = texts if self.redactor is None else self.redactor.texts(texts)
        return self.cache.documents(texts, self.encoder.check(), self.encoder.documents)

    def write(
        self,
        new: Sequence[NewRecord],
        scope: Scope,
        within: Scope,
        vectors: ArrayLike | None,
        recalled: Sequence[str],
        trace: Trace,
    ) -> list[Record]:
        """Write records into a scope; what they name and what was recalled lies `within` another.

        Raises:
            InvalidInput: one cannot be written, or the vectors do not fit.
        """
        precomputed = None
        if vectors is not None:
            fingerprint = self.encoder.check()
            precomputed = PrecomputedVectors(self.encoder.normalise(vectors), fingerprint)
        used = [record.seq for record in self.store.read.get(within, recalled)] if recalled else ()
        return self.bank.write(
            new, scope, self.embed, precomputed=precomputed, used=used, trace=trace, within=within
        )

    def query_vector(self, query: str | None, vector: ArrayLike | None) -> NDArray[np.float32]:
        """Return the vector to search with: the caller's own, or the query's.

        Raises:
            InvalidInput: there is neither, or the vector does not fit the store's embedder.
        """
        if vector is not None:
            return self.encoder.normalise_one(vector)
        if query is not None and not isinstance(query, str):
            raise InvalidInput(f"query: a text is wanted, not {shown(query)}")
        if query is None or not query.strip():
            raise InvalidInput("the query is empty: nothing to search for")
        return self.encoder.query(query)

    def close(self) -> None:
        """Close the file, leaving snapshots of large indexes beside it."""
        self.bank.close()
        self.cache.close()
        self.store.close()


def _needs_context(recall: StrategyName) -> Callable[[str], bool] | None:
    """Return the test for texts that a strategy keys together with the record before."""
    if recall == RANKED:
        return None
    from memagent.recall.rules.pronouns import needs_context  # not loaded by default

    return needs_context
