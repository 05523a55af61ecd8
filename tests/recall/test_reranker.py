"""Reranking of the first hits, within a time limit."""

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from forking import in_child

from memagent import Hit, Record, Scope
from memagent.config import load_settings, parse_setting
from memagent.errors import InvalidInput, ModelUnavailable
from memagent.recall.reranker import (
    MAX_CHARACTERS,
    TOP,
    TimeLimitedReranker,
    open_reranker,
    rerank,
)

SECONDS = 30.0
LATE_SECONDS = 0.25
"""A limit in which a thread starts, but a blocked call does not end."""
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Lengths:
    """Reranker that prefers long texts; what it gives instead can be set."""

    name: str = "lengths"
    instead: Any = None
    asked: list[tuple[str, list[str]]] = field(default_factory=list)

    def scores(self, question: str, texts: Sequence[str], timeout: float) -> Sequence[float]:
        self.asked.append((question, list(texts)))
        if isinstance(self.instead, Exception):
            raise self.instead
        return [len(text) for text in texts] if self.instead is None else self.instead


@dataclass
class Blocked(Lengths):
    """Reranker that starts to score when it is let go."""

    started: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go: threading.Event = field(default_factory=threading.Event)

    def scores(self, question: str, texts: Sequence[str], timeout: float) -> Sequence[float]:
        self.started.release()
        assert self.go.wait(SECONDS)
        return super().scores(question, texts, timeout)


@pytest.fixture
def blocked() -> Iterator[Blocked]:
    reranker = Blocked()
    yield reranker
    reranker.go.set()


def limited(reranker: Lengths, seconds: float = SECONDS) -> TimeLimitedReranker:
    return open_reranker(reranker, seconds=seconds)


def hit_of(text: str, **metadata: str) -> Hit:
    record = Record(
        id=text[:10],
        kind="episode",
        text=text,
        keys=(text,),
        scope=Scope(user="ada"),
        created=NOW,
        valid_from=NOW,
        metadata=metadata,
    )
    return Hit(record=record, score=0.5, key=text, why={"cosine": 0.1})


def hits_of(*texts: str) -> list[Hit]:
    return [hit_of(text) for text in texts]


def texts_of(hits: Sequence[Hit]) -> list[str]:
    return [hit.record.text for hit in hits]


def test_hits_come_in_the_reranker_s_order_and_say_why() -> None:
    hits = hits_of("a", "aaa", "aa")
    reranked = rerank(hits, "Which?", limited(Lengths()))
    assert texts_of(reranked) == ["aaa", "aa", "a"]
    assert [dict(hit.why) for hit in reranked] == [
        {"cosine": 0.1, "rerank": 3.0, "rank_before": 2.0},
        {"cosine": 0.1, "rerank": 2.0, "rank_before": 3.0},
        {"cosine": 0.1, "rerank": 1.0, "rank_before": 1.0},
    ]
    assert [hit.score for hit in reranked] == [0.5] * 3
    assert texts_of(hits) == ["a", "aaa", "aa"]
    assert "rerank" not in hits[0].why


def test_hits_of_equal_scores_keep_their_order() -> None:
    hits = hits_of("bb", "aa", "ccc", "dd")
    reranked = rerank(hits, "Which?", limited(Lengths()))
    assert texts_of(reranked) == ["ccc", "bb", "aa", "dd"]


def test_only_the_first_hits_are_reranked_and_the_others_stand_after_them() -> None:
    lengths = Lengths()
    hits = hits_of(*("a" * length for length in range(1, TOP + 11)))
    reranked = rerank(hits, "Which?", limited(lengths))
    assert [len(text) for text in texts_of(reranked)] == [*range(TOP, 0, -1), *range(31, 41)]
    assert [len(texts) for _, texts in lengths.asked] == [TOP]
    assert all("rerank" not in hit.why for hit in reranked[TOP:])
    two = rerank(hits, "Which?", limited(lengths), top=2)
    assert [len(text) for text in texts_of(two)[:4]] == [2, 1, 3, 4]


@pytest.mark.parametrize("texts", [(), ("a",)])
def test_where_there_is_nothing_to_reorder_nothing_is_asked(texts: tuple[str, ...]) -> None:
    lengths = Lengths()
    hits = hits_of(*texts)
    assert rerank(hits, "Which?", limited(lengths)) == hits
    assert lengths.asked == []


def test_the_reranker_reads_what_a_model_is_shown_of_a_hit_up_to_a_bound() -> None:
    lengths = Lengths()
    hits = [hit_of("a"), hit_of("b" * 5000, role="user", name="Ada")]
    rerank(hits, "q" * 5000, limited(lengths))
    ((question, texts),) = lengths.asked
    assert question == "q" * MAX_CHARACTERS
    assert texts == ["a", ("Ada: " + "b" * 5000)[:MAX_CHARACTERS]]


def test_a_late_reranker_leaves_the_order_and_is_not_asked_again_meanwhile(
    blocked: Blocked, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "memagent.recall.reranker")
    reranker, hits = limited(blocked, LATE_SECONDS), hits_of("a", "aa")
    assert rerank(hits, "first", reranker) == hits
    assert blocked.started.acquire(blocking=False)
    reranker.seconds = SECONDS
    threads = threading.active_count()
    for _ in range(20):  # without waiting: a wait would be ten minutes
        assert rerank(hits, "second", reranker) == hits
    assert threading.active_count() == threads
    assert not blocked.started.acquire(blocking=False)
    (warning,) = [entry for entry in caplog.records if entry.levelno >= logging.WARNING]
    assert f"lengths takes longer than {LATE_SECONDS} s" in warning.message
    assert "first" not in caplog.text


def test_after_its_late_call_has_ended_a_reranker_is_asked_again(blocked: Blocked) -> None:
    reranker, hits = limited(blocked, LATE_SECONDS), hits_of("a", "aa")
    assert rerank(hits, "first", reranker) == hits
    assert blocked.started.acquire(blocking=False)
    reranker.seconds = SECONDS
    blocked.go.set()
    assert any(  # the late call ends in its own thread
        rerank(hits, "second", reranker) != hits or threading.Event().wait(0.01)
        for _ in range(1000)
    )
    assert "second" in [question for question, _ in blocked.asked]


def test_calls_of_several_threads_are_none_of_them_late(blocked: Blocked) -> None:
    reranker, hits = limited(blocked), hits_of("a", "aa")
    reranked: list[list[Hit]] = []
    threads = [
        threading.Thread(target=lambda: reranked.append(rerank(hits, "q", reranker)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for _ in range(4):
        assert blocked.started.acquire(timeout=SECONDS)
    assert not blocked.started.acquire(blocking=False)  # the others wait for a thread
    blocked.go.set()
    for thread in threads:
        thread.join(SECONDS)
    assert [texts_of(hits) for hits in reranked] == [["aa", "a"]] * 6


def test_a_call_that_waits_for_a_thread_is_given_up_and_counts_as_no_late_one(
    blocked: Blocked,
) -> None:
    reranker, hits = limited(blocked), hits_of("a", "aa")
    reranked: list[list[Hit]] = []
    threads = [
        threading.Thread(target=lambda: reranked.append(rerank(hits, "patient", reranker)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for _ in range(4):
        assert blocked.started.acquire(timeout=SECONDS)
    reranker.seconds = 0.01
    assert rerank(hits, "hurried", reranker) == hits
    reranker.seconds = SECONDS
    blocked.go.set()
    for thread in threads:
        thread.join(SECONDS)
    assert texts_of(rerank(hits, "next", reranker)) == ["aa", "a"]
    assert "hurried" not in [question for question, _ in blocked.asked]


@pytest.mark.parametrize(
    ("instead", "problem"),
    [
        (ModelUnavailable("the server is away"), "lengths fails: the server is away; the order"),
        (RuntimeError("about Ada's secret"), "lengths fails: RuntimeError; the order stands"),
        (TimeoutError("busy"), "lengths fails: TimeoutError"),
        ([1.0], "lengths fails: it gives 1 scores for 2 texts"),
        ([1.0, 2.0, 3.0], "lengths fails: it gives 3 scores for 2 texts"),
        ([1.0, float("nan")], "lengths fails: it gives scores that are no finite numbers"),
        ([float("inf"), 1.0], "lengths fails: it gives scores that are no finite numbers"),
        (["high", "low"], "lengths fails: ValueError"),
        (7, "lengths fails: TypeError"),
    ],
)
def test_a_reranker_that_fails_leaves_the_order_and_is_warned_of_once(
    instead: Any, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "memagent.recall.reranker")
    lengths = Lengths(instead=instead)
    reranker, hits = limited(lengths), hits_of("a", "aa")
    for _ in range(3):
        assert rerank(hits, "Which?", reranker) == hits
    (warning,) = caplog.records
    assert (warning.levelname, problem in warning.message) == ("WARNING", True), warning.message
    assert "secret" not in caplog.text
    lengths.instead = None
    assert texts_of(rerank(hits, "Which?", reranker)) == ["aa", "a"]


def test_arrays_and_whole_numbers_are_scores_too() -> None:
    import numpy as np

    reranker = limited(Lengths(instead=np.array([0.5, 2], dtype=np.float32)))
    reranked = rerank(hits_of("a", "b"), "Which?", reranker)
    assert [(hit.record.text, hit.why["rerank"]) for hit in reranked] == [("b", 2.0), ("a", 0.5)]
    assert all(type(hit.why["rerank"]) is float for hit in reranked)


def test_the_time_that_is_left_is_passed_on() -> None:
    given: list[float] = []

    class Noting(Lengths):
        def scores(self, question: str, texts: Sequence[str], timeout: float) -> Sequence[float]:
            given.append(timeout)
            return super().scores(question, texts, timeout)

    rerank(hits_of("a", "b"), "Which?", limited(Noting()))
    assert 0 < given[0] <= SECONDS


class Loading(Lengths):
    """Reranker that is loaded first, or cannot be."""

    def __init__(self, problem: Exception | None = None) -> None:
        super().__init__()
        self.problem, self.loads = problem, 0
        self.loaded = threading.Event()

    def load(self) -> None:
        self.loads += 1
        if self.problem is not None:
            raise self.problem
        self.loaded.set()


def test_a_model_in_this_process_is_loaded_once_before_the_time_counts() -> None:
    loading = Loading()
    reranker, hits = limited(loading), hits_of("a", "aa")
    assert loading.loads == 0
    for _ in range(2):
        assert texts_of(rerank(hits, "Which?", reranker)) == ["aa", "a"]
    assert loading.loads == 1


def test_a_model_that_cannot_be_loaded_is_an_error_for_the_user() -> None:
    reranker = limited(Loading(InvalidInput("'x' is no reranker")))
    for _ in range(2):
        with pytest.raises(InvalidInput, match="'x' is no reranker"):
            rerank(hits_of("a", "b"), "Which?", reranker)


def test_a_forked_child_reranks_though_a_call_of_its_parent_is_late(blocked: Blocked) -> None:
    reranker, hits = limited(blocked, LATE_SECONDS), hits_of("a", "aa")
    assert rerank(hits, "first", reranker) == hits
    assert blocked.started.acquire(blocking=False)
    reranker.seconds = SECONDS

    def child() -> list[str]:
        blocked.go = threading.Event()
        blocked.go.set()
        return texts_of(rerank(hits, "second", reranker))

    assert in_child(child) == ["aa", "a"]


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("server:host", "reranker 'server:host': expected 'server:<url>'"),
        ("server:http://u:secret@h?x=1", "has a query"),
        ("", "expected a name, a folder or"),
        (7, "a name or a Reranker is wanted, not 7"),
        (None, "a name or a Reranker is wanted, not None"),
    ],
)
def test_what_is_no_reranker_is_refused_in_one_line(spec: Any, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem) as caught:
        open_reranker(spec)
    assert "secret" not in str(caught.value)


def test_specs_name_folders_servers_and_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_reranker("cross-encoder/of-some-name").name == "cross-encoder/of-some-name"
    assert open_reranker(f" {tmp_path} ").name == str(tmp_path)
    assert open_reranker("server:http://h:1/v1/#a/b").name == "http://h:1/v1#a/b"
    assert open_reranker("server:http://h:1/v1/rerank").name == "http://h:1/v1"
    assert open_reranker(Lengths()).name == "lengths"


def test_the_settings_name_a_reranker_and_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().reranker is None
    assert load_settings().reranker_seconds == 1.0
    monkeypatch.setenv("MEMAGENT_RERANKER", "server:http://h:1/v1")
    monkeypatch.setenv("MEMAGENT_RERANKER_SECONDS", "0.25")
    settings = load_settings()
    assert (settings.reranker, settings.reranker_seconds) == ("server:http://h:1/v1", 0.25)
    assert parse_setting("reranker_key", " k ") == "k"
