"""AsyncMemory for type checkers; made by `.ci/async_stub.py` from Memory's signatures."""

import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from numpy.typing import ArrayLike

from memagent.compression.base import Compressor
from memagent.compression.gather import Gathered
from memagent.compression.job import CompressionReport
from memagent.memory.deletion_probes import Findings, Target
from memagent.memory.forget_request import Forgettable
from memagent.memory.memory import Memory
from memagent.memory.query_generation import Generated
from memagent.memory.ranking import LearnedRanking
from memagent.profile.job import ProfileReport
from memagent.recall.reranker import Reranker
from memagent.redaction.redactor import Detector
from memagent.stores.lifecycle import integrity
from memagent.stores.lifecycle.key_repulsion import Separated
from memagent.stores.lifecycle.retention import Retained
from memagent.stores.transfer.lines import Format
from memagent.stores.transfer.reembed import Reembedded
from memagent.types import (
    Change,
    Event,
    Hits,
    Ids,
    KeyedBy,
    Kind,
    Marked,
    Method,
    NewRecord,
    Outcome,
    Policy,
    ProfileLine,
    Receipt,
    Recollection,
    Record,
    Records,
    ScopeLike,
    StrategyName,
)

class _AsyncMemory:
    @classmethod
    async def open(
        cls,
        folder: str | Path | Any = ...,
        *,
        embedder: str | Embeddings | None = ...,
        index_bytes: int | None = ...,
        cache_bytes: int | None = ...,
        scope: ScopeLike | None = ...,
        recall: StrategyName | None = ...,
        reranker: str | Reranker | None = ...,
        redaction: str | Detector | None = ...,
    ) -> Self: ...
    @classmethod
    async def in_memory(
        cls,
        *,
        embedder: str | Embeddings | None = ...,
        index_bytes: int | None = ...,
        scope: ScopeLike | None = ...,
        recall: StrategyName | None = ...,
        reranker: str | Reranker | None = ...,
        redaction: str | Detector | None = ...,
    ) -> Self: ...
    async def add(
        self,
        text: str,
        *,
        scope: ScopeLike | None = ...,
        id: str | None = ...,
        keys: Sequence[str] = ...,
        kind: Kind = ...,
        valid_from: datetime | None = ...,
        valid_to: datetime | None = ...,
        sources: Sequence[str] = ...,
        metadata: Mapping[str, Any] | None = ...,
        who: str | None = ...,
        why: str | None = ...,
    ) -> Record: ...
    async def add_many(
        self,
        records: Iterable[str | NewRecord],
        *,
        scope: ScopeLike | None = ...,
        within: ScopeLike | None = ...,
        vectors: ArrayLike | None = ...,
        recalled: Sequence[str] = ...,
        who: str | None = ...,
        why: str | None = ...,
    ) -> builtins.list[Record]: ...
    async def add_messages(
        self,
        messages: Iterable[Mapping[str, Any] | BaseMessage],
        *,
        scope: ScopeLike | None = ...,
        valid_from: datetime | None = ...,
        metadata: Mapping[str, Any] | None = ...,
    ) -> builtins.list[Record]: ...
    async def update(
        self,
        id: str,
        text: str | None = ...,
        *,
        scope: ScopeLike | None = ...,
        metadata: Mapping[str, Any] | None = ...,
        valid_from: datetime | None = ...,
        who: str | None = ...,
        why: str | None = ...,
    ) -> Record: ...
    async def search(
        self,
        query: str | None = ...,
        *,
        scope: ScopeLike | None = ...,
        k: int = ...,
        vector: ArrayLike | None = ...,
        roles: str | Sequence[str] | None = ...,
        kind: Kind | None = ...,
        where: Mapping[str, Any] | None = ...,
        as_of: datetime | None = ...,
        since: datetime | None = ...,
        until: datetime | None = ...,
        min_score: float = ...,
        tokens: int | None = ...,
        half_life: timedelta | None = ...,
        diversity: float = ...,
        explain: bool = ...,
    ) -> Hits: ...
    async def recall(
        self,
        question: str,
        *,
        scope: ScopeLike | None = ...,
        k: int = ...,
        tokens: int | None = ...,
        roles: str | Sequence[str] | None = ...,
        learned_scope: ScopeLike | None = ...,
        as_of: datetime | None = ...,
        since: datetime | None = ...,
        until: datetime | None = ...,
        where: Mapping[str, Any] | None = ...,
        expand: bool = ...,
    ) -> Recollection: ...
    async def get(self, ids: Ids, *, scope: ScopeLike | None = ...) -> Records: ...
    async def list(
        self,
        *,
        scope: ScopeLike | None = ...,
        limit: int = ...,
        after: str | None = ...,
        kind: Kind | None = ...,
        where: Mapping[str, Any] | None = ...,
        everything: bool = ...,
    ) -> Records: ...
    async def count(
        self,
        *,
        scope: ScopeLike | None = ...,
        kind: Kind | None = ...,
        where: Mapping[str, Any] | None = ...,
        everything: bool = ...,
    ) -> int: ...
    async def users(self) -> tuple[str, ...]: ...
    async def sessions(
        self, *, scope: ScopeLike | None = ..., start: str = ...
    ) -> tuple[str, ...]: ...
    async def history(self, id: str, *, scope: ScopeLike | None = ...) -> tuple[Event, ...]: ...
    async def forget(
        self,
        ids: Ids = ...,
        *,
        scope: ScopeLike | None = ...,
        source: str | None = ...,
        where: Mapping[str, Any] | None = ...,
        everything: bool = ...,
        dry_run: bool = ...,
    ) -> Receipt: ...
    async def close(self) -> None: ...

class AsyncNotes:
    async def compress(
        self,
        method: Method | Compressor = ...,
        *,
        scope: ScopeLike | None = ...,
        ratio: float | None = ...,
        tokens: int | None = ...,
        aware: bool = ...,
        keys: KeyedBy = ...,
        model: str | BaseChatModel = ...,
        archive: bool = ...,
        limit: int | None = ...,
        progress: Callable[[int], None] = ...,
    ) -> CompressionReport: ...
    async def compress_sessions(
        self,
        method: Method | Compressor = ...,
        *,
        scope: ScopeLike | None = ...,
        before: datetime | None = ...,
        but: int = ...,
        ratio: float | None = ...,
        tokens: int | None = ...,
        aware: bool = ...,
        model: str | BaseChatModel = ...,
        archive: bool = ...,
        progress: Callable[[int], None] = ...,
    ) -> CompressionReport: ...
    async def gather(
        self,
        question: str,
        *,
        scope: ScopeLike | None = ...,
        k: int = ...,
        tokens: int = ...,
        group: int | None = ...,
        self_match: bool = ...,
        as_of: datetime | None = ...,
    ) -> Gathered: ...
    async def sources(
        self, id: str, *, scope: ScopeLike | None = ..., deep: bool = ...
    ) -> builtins.list[Record]: ...
    async def generate_queries(
        self,
        model: str | BaseChatModel = ...,
        *,
        scope: ScopeLike | None = ...,
        limit: int | None = ...,
        progress: Callable[[int], None] = ...,
    ) -> Generated: ...
    async def expand(
        self, question: str, found: Recollection, *, scope: ScopeLike | None = ...
    ) -> Recollection: ...

class AsyncChanges:
    async def list(
        self, *, scope: ScopeLike | None = ..., limit: int = ...
    ) -> builtins.list[Change]: ...
    async def get(self, id: str, *, scope: ScopeLike | None = ...) -> Change: ...
    async def undo(
        self,
        id: str,
        *,
        scope: ScopeLike | None = ...,
        who: str | None = ...,
        why: str | None = ...,
    ) -> Change: ...
    async def teach(
        self,
        lesson: NewRecord,
        *,
        scope: ScopeLike | None = ...,
        within: ScopeLike | None = ...,
        retires: Sequence[Record] = ...,
        quotes: Sequence[str] = ...,
        quoted: ScopeLike | None = ...,
        who: str | None = ...,
        why: str | None = ...,
    ) -> Record: ...
    async def judge(
        self,
        ids: Ids,
        outcome: Outcome,
        *,
        turn: str | None = ...,
        scope: ScopeLike | None = ...,
        who: str | None = ...,
        why: str | None = ...,
    ) -> Marked: ...
    async def pin(
        self, ids: Ids, *, scope: ScopeLike | None = ..., pinned: bool = ..., why: str | None = ...
    ) -> Marked: ...
    async def archive(
        self,
        ids: Ids,
        *,
        scope: ScopeLike | None = ...,
        who: str | None = ...,
        why: str | None = ...,
    ) -> Marked: ...
    async def restore(
        self, ids: Ids, *, scope: ScopeLike | None = ..., why: str | None = ...
    ) -> Marked: ...
    async def separate(
        self,
        query: str | None = ...,
        *,
        wanted: str,
        found: str,
        scope: ScopeLike | None = ...,
        vector: ArrayLike | None = ...,
        steps: int = ...,
        who: str | None = ...,
        why: str | None = ...,
    ) -> Separated: ...
    async def move_back(
        self, ids: Ids, *, scope: ScopeLike | None = ..., why: str | None = ...
    ) -> Marked: ...
    async def learn_direction(
        self,
        question: str,
        answer: str,
        *,
        scope: ScopeLike | None = ...,
        learned_scope: ScopeLike | None = ...,
    ) -> bool: ...
    async def learn_ranking(
        self,
        *,
        scope: ScopeLike | None = ...,
        check: bool = ...,
        who: str | None = ...,
        why: str | None = ...,
    ) -> LearnedRanking: ...
    async def turn(self, id: str, *, scope: ScopeLike | None = ...) -> tuple[Record, Record]: ...
    async def newest(self, ids: Ids, *, scope: ScopeLike | None = ...) -> dict[str, Record]: ...

class AsyncProfile:
    async def lines(
        self,
        *,
        scope: ScopeLike | None = ...,
        tokens: int | None = ...,
        as_of: datetime | None = ...,
    ) -> builtins.list[ProfileLine]: ...
    async def text(
        self,
        *,
        scope: ScopeLike | None = ...,
        tokens: int | None = ...,
        as_of: datetime | None = ...,
    ) -> str: ...
    async def update(
        self,
        *,
        scope: ScopeLike | None = ...,
        model: str | BaseChatModel | None = ...,
        limit: int | None = ...,
        seconds: float | None = ...,
        progress: Callable[[int], None] = ...,
    ) -> ProfileReport: ...
    async def add(
        self,
        text: str,
        *,
        scope: ScopeLike | None = ...,
        who: str | None = ...,
        why: str | None = ...,
    ) -> ProfileLine: ...
    async def edit(
        self,
        id: str,
        text: str,
        *,
        scope: ScopeLike | None = ...,
        who: str | None = ...,
        why: str | None = ...,
    ) -> ProfileLine: ...
    async def remove(
        self,
        id: str,
        *,
        scope: ScopeLike | None = ...,
        who: str | None = ...,
        why: str | None = ...,
    ) -> Change: ...

class AsyncMaintenance:
    async def now(self, *, scope: ScopeLike | None = ...) -> datetime: ...
    async def warm(self, *, scope: ScopeLike | None = ...) -> float: ...
    async def retain(
        self,
        capacity: int,
        *,
        scope: ScopeLike | None = ...,
        policy: Policy = ...,
        decay: float = ...,
        dry_run: bool = ...,
    ) -> Retained: ...
    async def export(
        self, *, scope: ScopeLike | None = ..., vectors: bool = ...
    ) -> builtins.list[str]: ...
    async def import_(
        self, lines: Iterable[str], *, format: Format = ..., user: str | None = ...
    ) -> int: ...
    async def reembed(
        self, *, dry_run: bool = ..., progress: Callable[[int, int], None] = ...
    ) -> Reembedded: ...
    async def verify(self) -> tuple[str, ...]: ...
    async def compact(self) -> integrity.Compacted: ...
    async def stats(self) -> dict[str, int]: ...

class AsyncDeletionProbes:
    async def forgettable(
        self,
        request: str,
        *,
        scope: ScopeLike | None = ...,
        model: str | BaseChatModel | None = ...,
    ) -> Forgettable: ...
    async def target(
        self,
        ids: Ids = ...,
        *,
        scope: ScopeLike | None = ...,
        texts: Sequence[str] = ...,
        paraphrases: Sequence[str] = ...,
    ) -> Target: ...
    async def check(self, target: Target) -> Findings: ...

class AsyncMemory(_AsyncMemory):
    sync: Memory
    notes: AsyncNotes
    changes: AsyncChanges
    profile: AsyncProfile
    maintenance: AsyncMaintenance
    probes: AsyncDeletionProbes

    def __init__(self, memory: Memory) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *error: object) -> None: ...

def sync_of(memory: Memory | AsyncMemory) -> Memory: ...
