"""Re-embedding of a store, and the compatibility of its old and new vectors, without labels.

CL2R (Biondi et al.) takes C[i, j], the retrieval score with queries by model i against a gallery by
model j. Average compatibility AC is the share of the pairs i > j with C[i, j] >= C[j, j]; backward
compatibility BC is the mean over i < T of C[T, i] - C[i, i]; forward compatibility FC the mean over
i > 1 of C[i, i-1] - C[i, i]. (The formulas are confirmed from the authors' repository.) A store
knows two models, the old and the new, so that

    AC = 1 if C[new, old] >= C[old, old] else 0
    BC = C[new, old] - C[old, old]
    FC = C[new, old] - C[new, new]

CL2R's galleries have labels. Without any, what is sure is that a text is about itself, so our
classes are the texts of the keys, and C is the share of the queries whose nearest key has the right
text; a tie counts as right. For AC and BC the queries are the keys' texts themselves: the old
embedder is not at hand, and these are the only texts that have an old vector. So C[old, old] is 1,
and AC is 1 if the new vector of every probe finds its old one. For FC the queries are the two
halves of each text, which the new embedder can make: what a search would lose by staying with the
old vectors. (The keys of one record are no class: they are often made to be unlike each other, so
that the old embedder finds next to nothing and every new one passes.)
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.rows import packed, unpacked
from memagent.stores.index import embedding_cache, snapshot

logger = logging.getLogger(__name__)

PROBES = 200
"""Number of keys, spread over the store, that are compared."""
NEIGHBOURS = 10
TIE = 1e-4
"""Cosines as near as this are a tie: vectors are stored in half precision."""

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
Vectors = NDArray[np.float32]
Classes = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Compatibility:
    """Comparison of an old and a new embedder on the same keys.

    `neighbours` is how much of each probe's nearest neighbours among the probes is the same with
    both, in [0, 1]: whether they order texts alike, not whether they can be mixed. `ac` is 1 if the
    new embedder can be used with the old vectors, 0 if not; `bc` and `fc`, in [-1, 1], are what
    that costs. `fc` is None where no key has two words.
    """

    probes: int
    neighbours: float
    ac: int
    bc: float
    fc: float | None


def compatibility(store: SqliteStore, embed: Embed) -> Compatibility | None:
    """Measure a new embedder on keys spread over a store; None if there are fewer than two.

    Of a key that was moved away from others, the vector counts that its embedder gave it.
    """
    rows = store.query(
        "SELECT k.text, coalesce(o.vector, k.vector) AS vector FROM keys k"
        " LEFT JOIN original_vectors o ON o.key = k.id"
        " ORDER BY (k.id * 2654435761) % 4294967296 LIMIT ?",
        (PROBES,),
    )
    if len(rows) < 2:
        return None
    texts = [row["text"] for row in rows]
    _, numbers = np.unique(texts, return_inverse=True)
    halves = [
        (half, number)
        for text, number in zip(texts, numbers, strict=True)
        for half in _halves(text)
    ]
    new = unpacked(packed(embed([*texts, *(half for half, _ in halves)])))
    return measured(
        numbers,
        unpacked([row["vector"] for row in rows]),
        new[: len(texts)],
        np.array([number for _, number in halves], dtype=np.int64),
        new[len(texts) :],
    )


def measured(
    classes: Classes, old: Vectors, new: Vectors, query_classes: Classes, queries: Vectors
) -> Compatibility:
    """Measure two embedders' normalised vectors (keys x dimensions) of the same keys.

    `classes` numbers the keys' texts, and `query_classes` those that the new embedder's `queries`
    (queries x dimensions) are parts of. Vectors of different sizes find nothing in one another.
    """
    comparable = old.shape == new.shape
    across = _found(classes, new, classes, old) if comparable else 0.0
    before = _found(classes, old, classes, old)
    k = min(NEIGHBOURS, len(classes) - 1)
    pairs = zip(_neighbours(old, k), _neighbours(new, k), strict=True)
    forward = None
    if len(query_classes):
        with_old = _found(query_classes, queries, classes, old) if comparable else 0.0
        forward = with_old - _found(query_classes, queries, classes, new)
    return Compatibility(
        probes=len(classes),
        neighbours=float(np.mean([len(set(a) & set(b)) / k for a, b in pairs])),
        ac=int(comparable and across >= before),
        bc=across - before,
        fc=forward,
    )


def _found(query_classes: Classes, queries: Vectors, classes: Classes, gallery: Vectors) -> float:
    """Return the share of the queries whose nearest vector of the gallery is of their class."""
    same = query_classes[:, np.newaxis] == classes
    cosines = queries @ gallery.T
    right = np.where(same, cosines, -np.inf).max(axis=1)
    wrong = np.where(same, -np.inf, cosines).max(axis=1)
    return float(np.mean(right >= wrong - TIE))


def _halves(text: str) -> list[str]:
    words = text.split()
    middle = len(words) // 2
    return [" ".join(words[:middle]), " ".join(words[middle:])] if middle else []


def _neighbours(vectors: Vectors, k: int) -> list[list[int]]:
    products = vectors @ vectors.T
    np.fill_diagonal(products, -np.inf)
    return [list(map(int, row)) for row in np.argsort(-products, axis=1, kind="stable")[:, :k]]


BATCH = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Reembedded:
    """Result of a re-embedding, or with `dry_run` its plan.

    `compatibility` compares the two embedders (see the module); None for a store with
    fewer than two keys.
    """

    keys: int
    already: int
    compatibility: Compatibility | None
    dry_run: bool


def reembed(
    store: SqliteStore,
    fingerprint: dict[str, Any],
    embed: Embed,
    *,
    dry_run: bool,
    progress: Callable[[int, int], None],
) -> Reembedded:
    """Give every key a vector of another embedder; `progress` is called with (done, total).

    Searches with the old embedder go on until the new vectors take over.
    """
    pending = json.dumps(fingerprint, sort_keys=True)
    total = store.counts()["keys"]
    fresh = store.meta("reembedding") != pending
    already = 0 if fresh else _collected(store)
    outcome = Reembedded(
        keys=total, already=already, compatibility=compatibility(store, embed), dry_run=dry_run
    )
    if dry_run:
        return outcome
    logger.info("re-embedding %d keys, %d of them done before", total, already)
    if fresh:
        with store.transaction() as db:
            db.execute("DELETE FROM new_vectors")
            db.execute("INSERT OR REPLACE INTO meta VALUES ('reembedding', ?)", (pending,))
    while True:
        while rows := store.query(
            "SELECT id, text FROM keys WHERE id NOT IN (SELECT key FROM new_vectors)"
            " ORDER BY id LIMIT ?",
            (BATCH,),
        ):
            vectors = embed([row["text"] for row in rows])
            with store.transaction() as db:
                db.executemany(
                    "INSERT OR REPLACE INTO new_vectors SELECT ?, ? WHERE EXISTS"
                    " (SELECT 1 FROM keys WHERE id = ?)",
                    [
                        (row["id"], blob, row["id"])
                        for row, blob in zip(rows, packed(vectors), strict=True)
                    ],
                )
            progress(_collected(store), total)
        if _take_over(store, json.dumps(fingerprint)):
            return outcome


def _take_over(store: SqliteStore, fingerprint: str) -> bool:
    """Put the new vectors in place, unless a key was added meanwhile; return whether it did."""
    with store.transaction() as db:
        missing = db.execute(
            "SELECT 1 FROM keys WHERE id NOT IN (SELECT key FROM new_vectors) LIMIT 1"
        ).fetchone()
        if missing:
            return False
        db.execute("UPDATE keys SET vector = (SELECT vector FROM new_vectors WHERE key = keys.id)")
        db.execute("DELETE FROM new_vectors")
        db.execute("DELETE FROM original_vectors")
        db.execute("DELETE FROM meta WHERE key = 'reembedding'")
        db.execute("INSERT OR REPLACE INTO meta VALUES ('embedder', ?)", (fingerprint,))
        db.execute("UPDATE users SET removals = removals + 1, rewrites = rewrites + 1")
        snapshot.drop(store)
        embedding_cache.empty(store)
    return True


def _collected(store: SqliteStore) -> int:
    return int(store.query("SELECT count(*) AS n FROM new_vectors")[0]["n"])
