"""Fork hooks: what a handle does before its process forks, and anew in the child.

A child inherits memory, but neither threads nor file locks. A lock that another thread held stays
taken for ever, a thread pool has no threads, and a connection would be shared with the parent.
"""

import atexit
import ctypes
import inspect
import logging
import os
import threading
from collections.abc import Callable
from functools import partial
from weakref import WeakMethod, WeakSet

logger = logging.getLogger(__name__)

Hook = Callable[[], None]
_hooks: dict[str, set[Callable[[], Hook | None]]] = {
    name: set() for name in ("before", "after_in_parent", "after_in_child")
}
_locks: "WeakSet[threading.Lock]" = WeakSet()


def at_fork(
    *,
    before: Hook | None = None,
    after_in_parent: Hook | None = None,
    after_in_child: Hook | None = None,
) -> None:
    """Call hooks at every fork, as `os.register_at_fork` does; methods while their object lives.

    They are called in no particular order, so that each looks after its own object alone.
    """
    given = (before, after_in_parent, after_in_child)
    for hooks, hook in zip(_hooks.values(), given, strict=True):
        if inspect.ismethod(hook):
            hooks.add(WeakMethod(hook, hooks.discard))
        elif hook is not None:
            hooks.add(partial(_same, hook))


def lock() -> threading.Lock:
    """Return a lock that is free in a forked child, whoever held it in the parent."""
    made = threading.Lock()
    _locks.add(made)
    return made


def abandon(inherited: object) -> None:
    """Keep a forked child from ever destroying an object, as that would reach into the parent."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))


_forking = threading.Lock()
"""Held during a fork: two threads that fork at once would wait for one another's handles."""


def _before() -> None:
    _forking.acquire()
    _call("before")


def skip_native_exit() -> None:
    """Let a forked child end without its libraries' destructors, which join the parent's threads.

    Python's own end, exit code included, comes before them. Only glibc can do so.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "on_exit"):
        libc.on_exit(libc._exit, None)  # the function registered last is the first to be called


def _after_in_parent() -> None:
    _call("after_in_parent")
    _forking.release()


def _after_in_child() -> None:
    for held in [_forking, *_locks]:
        if held.locked():
            held.release()
    _call("after_in_child")


def _same(hook: Hook) -> Hook:
    return hook


def _call(name: str) -> None:
    for reference in list(_hooks[name]):
        hook = reference()
        if hook is not None:
            try:
                hook()
            except Exception:  # the others still have to be called
                logger.exception("a handle is not ready for a fork")


@atexit.register
def _forget_hooks() -> None:
    """Drop the hooks before modules are taken down, when a dying object's is half gone already."""
    for hooks in _hooks.values():
        hooks.clear()


if hasattr(os, "register_at_fork"):  # where there are forks
    os.register_at_fork(
        before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
    )
