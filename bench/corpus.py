"""Corpus for every store under test: vectors, texts, users of unequal size, queries and the truth.

The synthetic vectors behave like sentence embeddings: topics shared by all users, small groups of
near-paraphrases that belong to one user, a spectrum that falls off slowly, noise in all dimensions
and a common mean. The constants were set by comparing 2,400 of them with the MiniLM vectors of
2,400 English questions: mean cosine of two 0.06 and 0.07 (deviation 0.11 and 0.10), of a vector and
its nearest 0.58 and 0.60, of its tenth nearest 0.36 and 0.43.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]

DIMENSIONS = 384
LATENT = 160
TOPICS = 200
GROUP = 8
"""Records that a group of near-paraphrases has on average."""
WORDS = 20_000
TEXT_WORDS = 12
MAX_SCOPES = 50
"""Among how many users the queries are spread, from the largest to the smallest."""
CHUNK = 10_000
PERTURBATION = 0.3
"""Length of the noise added to a stored vector to make a query: their cosine is about 0.96."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Records of one user that are added by one call; `first` is the number of the first one."""

    first: int
    user: str
    texts: list[str]
    vectors: Vectors


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """One question in one user's scope, and the texts of the exact `k` nearest records."""

    user: str
    text: str
    vector: Vectors
    truth: frozenset[str]


class Corpus:
    """A corpus in a folder, read in the order of writing so that it takes no memory worth naming.

    `plan` is what `write` left there: size, users, batches and queries.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.plan: dict[str, Any] = json.loads((folder / "plan.json").read_text())

    def batches(self) -> Iterator[Batch]:
        """Yield the batches, the single records last."""
        first, dimensions = 0, self.plan["dimensions"]
        with (
            (self._folder / "vectors.f32").open("rb") as vectors,
            (self._folder / "texts.txt").open() as texts,
        ):
            for user, count in self.plan["batches"]:
                rows = np.fromfile(vectors, dtype=np.float32, count=count * dimensions)
                yield Batch(
                    first=first,
                    user=user_name(user),
                    texts=[next(texts).rstrip("\n") for _ in range(count)],
                    vectors=rows.reshape(count, dimensions),
                )
                first += count

    def queries(self) -> list[Query]:
        """Return the queries, users in turn."""
        vectors = np.load(self._folder / "queries.npy")
        return [
            Query(
                user=user_name(one["user"]),
                text=one["text"],
                vector=vector,
                truth=frozenset(one["truth"]),
            )
            for one, vector in zip(self.plan["queries"], vectors, strict=True)
        ]


def user_name(number: int) -> str:
    return f"user{number:04d}"


def write(
    folder: Path,
    *,
    size: int,
    users: int,
    singles: int,
    batch: int,
    queries: int,
    k: int,
    seed: int,
    given: Vectors | None = None,
) -> None:
    """Make a corpus of `size` records and `singles` more, which are added one by one.

    `given` are vectors of one's own (rows x dimensions) in place of synthetic ones: at least
    `needed(...)` rows, of which the first are stored, and those after them asked as queries.
    """
    rng = np.random.default_rng([seed, size, users])
    counts = user_counts(size, users)
    batches = _batches(rng, counts, batch, singles)
    owners = np.repeat([user for user, _ in batches], [count for _, count in batches])
    held = np.bincount(owners, minlength=users)
    draw = _mixture(rng, held) if given is None else _dealt(given)
    texts = _texts(rng, len(owners))
    (folder / "texts.txt").write_text("".join(f"{text}\n" for text in texts))
    with (folder / "vectors.f32").open("wb") as file:
        for start in range(0, len(owners), CHUNK):
            draw(owners[start : start + CHUNK]).tofile(file)
    dimensions = DIMENSIONS if given is None else given.shape[1]
    stored = np.memmap(folder / "vectors.f32", dtype=np.float32, mode="r").reshape(-1, dimensions)
    asked, vectors = _queries(rng, owners, stored, texts, draw, queries)
    _find(asked, vectors, owners, stored, texts, k)
    np.save(folder / "queries.npy", vectors)
    plan = {
        "size": size,
        "users": users,
        "singles": singles,
        "dimensions": dimensions,
        "counts": counts.tolist(),
        "batches": batches,
        "queries": asked,
    }
    (folder / "plan.json").write_text(json.dumps(plan))


def vectors(count: int, seed: int = 0) -> Vectors:
    """Return synthetic vectors of one user (rows x dimensions)."""
    draw = _mixture(np.random.default_rng(seed), np.array([count]))
    return draw(np.zeros(count, dtype=np.int64))


def needed(size: int, singles: int, queries: int) -> int:
    """Return how many vectors of one's own a corpus takes."""
    return size + singles + queries - queries // 2


def user_counts(size: int, users: int) -> Rows:
    """Split records among users, the r-th with a share of 1/r; everyone has at least one."""
    shares = 1 / np.arange(1, users + 1)
    counts = np.maximum((size * shares / shares.sum()).astype(np.int64), 1)
    counts[0] += size - counts.sum()
    return counts


def _batches(
    rng: np.random.Generator, counts: Rows, batch: int, singles: int
) -> list[tuple[int, int]]:
    """Cut each user's records into batches, in random order; then the single ones."""
    cut = [
        (user, min(batch, int(count) - start))
        for user, count in enumerate(counts)
        for start in range(0, int(count), batch)
    ]
    order = rng.permutation(len(cut))
    alone = rng.choice(len(counts), size=singles, p=counts / counts.sum())
    return [cut[place] for place in order] + [(int(user), 1) for user in alone]


def _mixture(rng: np.random.Generator, counts: Rows) -> Callable[[Rows], Vectors]:
    """Return a function that draws a vector for each owner given to it."""
    scale = np.arange(1, LATENT + 1) ** -0.3
    projection = (
        rng.standard_normal((LATENT, DIMENSIONS)) * (scale / np.linalg.norm(scale))[:, None]
    )
    projection /= np.sqrt(DIMENSIONS)
    groups = np.maximum(counts // GROUP, 1)
    starts = np.cumsum(groups) - groups
    topics = 0.45 * rng.standard_normal((TOPICS, LATENT), dtype=np.float32)
    centres = 0.5 * rng.standard_normal((int(groups.sum()), LATENT), dtype=np.float32)
    centres += topics[rng.integers(TOPICS, size=len(centres))]
    spread = rng.uniform(0, 1.2, size=len(centres))

    def draw(owners: Rows) -> Vectors:
        group = starts[owners] + (rng.random(len(owners)) * groups[owners]).astype(np.int64)
        own = rng.standard_normal((len(owners), LATENT)) * spread[group, None]
        vectors = (centres[group] + own) @ projection
        noise = rng.standard_normal(vectors.shape) * rng.uniform(0, 0.7, size=(len(owners), 1))
        return _normalised(vectors + (noise + 0.25) / np.sqrt(DIMENSIONS))

    return draw


def _dealt(given: Vectors) -> Callable[[Rows], Vectors]:
    """Return a function that hands out given vectors in their order."""
    rows = iter(range(len(given)))
    return lambda owners: _normalised(given[[next(rows) for _ in owners]])


def _normalised(vectors: NDArray[Any]) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _texts(rng: np.random.Generator, count: int) -> list[str]:
    """Return distinct sentences of about twelve made-up words, frequent and rare as in language."""
    words = _vocabulary(rng)
    texts: dict[str, None] = {}
    while len(texts) < count:
        lengths = rng.integers(TEXT_WORDS - 4, TEXT_WORDS + 5, size=CHUNK)
        drawn = iter(_zipf(rng, int(lengths.sum())).tolist())
        for length in lengths.tolist():
            text = " ".join(words[next(drawn)] for _ in range(length))
            texts[f"{text.capitalize()}."] = None
    return list(texts)[:count]


def _vocabulary(rng: np.random.Generator) -> list[str]:
    """Return distinct made-up words, the frequent ones short."""
    syllables = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
    words: dict[str, None] = {}
    while len(words) < WORDS:
        length = 1 + (len(words) > 40) + (len(words) > 1500)
        words["".join(rng.choice(syllables, size=length)) + rng.choice(["", "n", "r", "s"])] = None
    return list(words)


def _zipf(rng: np.random.Generator, count: int) -> Rows:
    """Return word numbers; the r-th is drawn with a frequency of 1/r."""
    total = np.cumsum(1 / np.arange(1, WORDS + 1))
    return np.searchsorted(total, rng.random(count) * total[-1])


def _queries(
    rng: np.random.Generator,
    owners: Rows,
    stored: Vectors,
    texts: list[str],
    draw: Callable[[Rows], Vectors],
    count: int,
) -> tuple[list[dict[str, Any]], Vectors]:
    """Return queries and their vectors: every second one near a stored record, the rest drawn."""
    users = np.unique(owners)
    scopes = users[np.linspace(0, len(users) - 1, min(len(users), MAX_SCOPES)).astype(np.int64)]
    near = {int(user): np.flatnonzero(owners == user) for user in scopes}
    asked: list[dict[str, Any]] = []
    vectors: list[Vectors] = []
    for number in range(count):
        user = int(scopes[number // 2 % len(scopes)])
        row = int(rng.choice(near[user]))
        words = texts[row].rstrip(".").lower().split()
        if number % 2 == 0:
            noise = rng.standard_normal(stored.shape[1])
            vectors.append(stored[row] + PERTURBATION * noise / np.linalg.norm(noise))
        else:
            vectors.append(draw(np.array([user]))[0])
        text = " ".join(rng.choice(words, size=min(5, len(words)), replace=False))
        asked.append({"user": user, "text": text})
    order = rng.permutation(count)
    return [asked[place] for place in order], _normalised(np.array(vectors)[order])


def _find(
    asked: list[dict[str, Any]],
    vectors: Vectors,
    owners: Rows,
    stored: Vectors,
    texts: list[str],
    k: int,
) -> None:
    """Note the texts of the exact nearest records of its user with each query."""
    for user in sorted({one["user"] for one in asked}):
        rows = np.flatnonzero(owners == user)
        places = [place for place, one in enumerate(asked) if one["user"] == user]
        scores = stored[rows] @ vectors[places].T
        for column, place in enumerate(places):
            best = rows[np.argsort(-scores[:, column], kind="stable")[:k]]
            asked[place]["truth"] = [texts[row] for row in best]
