"""Hooks around a fork, and what a child begins anew."""

import gc
import os
import subprocess
import sys
import threading
import weakref

import pytest
from forking import in_child

from memagent import process

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]


class Handle:
    def __init__(self) -> None:
        self.calls: list[str] = []
        process.at_fork(before=self.rest, after_in_parent=self.resume, after_in_child=self.begin)

    def rest(self) -> None:
        self.calls.append("before")

    def resume(self) -> None:
        self.calls.append("parent")

    def begin(self) -> None:
        self.calls.append("child")


def test_hooks_are_called_around_a_fork_while_their_object_lives() -> None:
    handle = Handle()
    calls, gone = handle.calls, weakref.ref(handle)
    assert in_child(lambda: calls) == ["before", "child"]
    assert calls == ["before", "parent"]
    del handle
    gc.collect()
    assert gone() is None
    assert in_child(lambda: calls) == calls == ["before", "parent"]


def test_a_hook_that_fails_keeps_no_other_from_being_called(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Handle):
        def rest(self) -> None:
            raise RuntimeError("broken")

    broken, handle = Broken(), Handle()
    assert in_child(lambda: (broken.calls, handle.calls)) == (["child"], ["before", "child"])
    assert "not ready for a fork" in caplog.text


def test_a_lock_is_free_in_the_child_whoever_holds_it() -> None:
    lock, held, done = process.lock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    assert in_child(lambda: lock.acquire(timeout=5)) is True
    assert lock.locked()
    done.set()
    thread.join()


def test_a_fork_of_a_fork_begins_anew_too() -> None:
    handle = Handle()
    calls = in_child(lambda: in_child(lambda: handle.calls))
    assert calls == ["before", "child", "before", "child"]


def test_what_is_abandoned_is_never_destroyed() -> None:
    handle = Handle()
    gone = weakref.ref(handle)

    def abandon() -> bool:
        nonlocal handle
        process.abandon(handle)
        del handle
        gc.collect()
        return gone() is not None

    assert in_child(abandon) is True


def test_an_object_of_a_script_s_own_ends_in_silence() -> None:
    script = """
from memagent.embedding.local import SentenceEmbedder
embedder = SentenceEmbedder("path", "name")
"""
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stderr == ""
