import numpy as np
import pytest

from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import Filter
from memagent.stores.index import lexical
from memagent.stores.index.lexical import Found, LexicalIndex, coverage
from memagent.text.english import stems
from memagent.types import NewRecord, Scope


@pytest.fixture
def store() -> SqliteStore:
    return SqliteStore(None)


def write(store: SqliteStore, user: str, *texts: str) -> None:
    def blank(keys: object) -> object:
        return np.zeros((len(keys), 2), dtype=np.float32)

    EpisodicBank(store).write([NewRecord(text=text) for text in texts], Scope(user=user), blank)


def keys(found: Found) -> tuple[list[int], list[int]]:
    return list(found.best), list(found.newest)


def test_search_never_leaves_the_user(store: SqliteStore) -> None:
    write(store, "ada", "the cat sleeps")
    write(store, "bob", "the cat eats", "a cat runs")
    index, where = LexicalIndex(store), Filter(scope=Scope(user="ada"))
    terms = index.terms(where.scope, "cats?")
    assert keys(index.search(where, terms, 9)) == ([1], [1])


def test_bm25_prefers_the_rare_word_and_newest_the_last_written(store: SqliteStore) -> None:
    write(store, "ada", "cat and zebra", "cat one", "cat two", "cat three")
    index, where = LexicalIndex(store), Filter(scope=Scope(user="ada"))
    best, newest = keys(index.search(where, index.terms(where.scope, "zebra cat"), 2))
    assert best[0] == 1
    assert newest == [4, 3]


def test_common_words_are_not_searched_beyond_the_bound(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexical, "MAX_MATCHES", 3)
    write(store, "ada", "cat zebra", *[f"cat {word}" for word in ("one", "two", "three", "four")])
    index, where = LexicalIndex(store), Filter(scope=Scope(user="ada"))
    assert keys(index.search(where, index.terms(where.scope, "zebra cat"), 9)) == ([1], [1])


def test_a_word_found_everywhere_gives_the_newest_that_pass(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexical, "MAX_MATCHES", 3)
    write(store, "ada", *[f"cat {word}" for word in ("one", "two", "three", "four")])
    index, where = LexicalIndex(store), Filter(scope=Scope(user="ada"))
    assert keys(index.search(where, index.terms(where.scope, "cat"), 2)) == ([4, 3], [4, 3])
    nothing = Filter(scope=Scope(user="ada"), kind="skill")
    assert keys(index.search(nothing, index.terms(where.scope, "cat"), 2)) == ([], [])


def test_a_filter_never_crowds_out_what_passes(store: SqliteStore) -> None:
    write(store, "ada", "cat first")
    EpisodicBank(store).write(
        [NewRecord(text=f"cat {n}", kind="note") for n in range(600)],
        Scope(user="ada"),
        lambda keys: np.zeros((len(keys), 2), dtype=np.float32),
    )
    index, where = LexicalIndex(store), Filter(scope=Scope(user="ada"), kind="episode")
    assert keys(index.search(where, index.terms(where.scope, "cat"), 5)) == ([1], [1])


def test_bm25_counts_how_often_and_in_how_long_a_text(store: SqliteStore) -> None:
    write(store, "ada", "cat dog emu fox", "cat", "cat cat dog emu", "dog emu fox")
    index, where = LexicalIndex(store), Filter(scope=Scope(user="ada"))
    found = index.search(where, index.terms(where.scope, "cat"), 9)
    assert list(found.best) == [2, 3, 1]
    assert list(found.best.values()) == sorted(found.best.values(), reverse=True)


def test_other_users_do_not_change_a_ranking(store: SqliteStore) -> None:
    write(store, "ada", "cat and zebra", "cat one", "cat two")
    index, where = LexicalIndex(store), Filter(scope=Scope(user="ada"))
    before = index.terms(where.scope, "zebra cat")
    write(store, "bob", *[f"zebra {n}" for n in range(50)])
    after = index.terms(where.scope, "zebra cat")
    assert after == before
    assert after.weights["zebra"] > after.weights["cat"]


def test_quotes_and_operators_are_only_words(store: SqliteStore) -> None:
    write(store, "ada", 'she said "NOT now"')
    index, where = LexicalIndex(store), Filter(scope=Scope(user="ada"))
    terms = index.terms(where.scope, 'said" OR owner:"u1 NEAR(x) * ^')
    assert keys(index.search(where, terms, 9)) == ([1], [1])


def test_coverage_is_the_share_of_weight_found_whatever_the_ending() -> None:
    weights = {"journeys": 3.0, "kitchen": 1.0}
    assert coverage(weights, stems("Mary journeyed home").content) == 0.75
    assert coverage({}, stems("anything").content) == 0.0
