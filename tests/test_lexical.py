import numpy as np
import pytest

from memagent.stores import lexical
from memagent.stores.episodic import EpisodicBank
from memagent.stores.filter import Filter
from memagent.stores.lexical import LexicalIndex, coverage
from memagent.stores.sqlite import SqliteStore
from memagent.types import Note, Scope


@pytest.fixture
def store() -> SqliteStore:
    return SqliteStore(None)


def write(store: SqliteStore, user: str, *texts: str) -> None:
    def blank(keys: object) -> object:
        return np.zeros((len(keys), 2), dtype=np.float32)

    EpisodicBank(store).write([Note(text=text) for text in texts], Scope(user=user), blank)


def test_search_never_leaves_the_user(store: SqliteStore) -> None:
    write(store, "ada", "the cat sleeps")
    write(store, "bob", "the cat eats", "a cat runs")
    index, where = LexicalIndex(store), Filter(scope=Scope(user="ada"))
    weights = index.weights(where.scope, "cats?")
    assert index.search(where, weights, 9) == ([1], [1])


def test_bm25_prefers_the_rare_word_and_newest_the_last_written(store: SqliteStore) -> None:
    write(store, "ada", "cat and zebra", "cat one", "cat two", "cat three")
    index, where = LexicalIndex(store), Filter(scope=Scope(user="ada"))
    best, newest = index.search(where, index.weights(where.scope, "zebra cat"), 2)
    assert best[0] == 1
    assert newest == [4, 3]


def test_common_words_are_not_searched_beyond_the_bound(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexical, "MAX_MATCHES", 3)
    write(store, "ada", "cat zebra", *[f"cat {word}" for word in ("one", "two", "three", "four")])
    index, where = LexicalIndex(store), Filter(scope=Scope(user="ada"))
    assert index.search(where, index.weights(where.scope, "zebra cat"), 9) == ([1], [1])


def test_quotes_and_operators_are_only_words(store: SqliteStore) -> None:
    write(store, "ada", 'she said "NOT now"')
    index, where = LexicalIndex(store), Filter(scope=Scope(user="ada"))
    weights = index.weights(where.scope, 'said" OR owner:"u1 NEAR(x) * ^')
    assert index.search(where, weights, 9) == ([1], [1])


def test_coverage_is_the_share_of_weight_found_whatever_the_ending() -> None:
    weights = {"journeys": 3.0, "kitchen": 1.0}
    assert coverage(weights, "Mary journeyed home") == 0.75
    assert coverage({}, "anything") == 0.0
