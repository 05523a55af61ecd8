"""Queue of the writers to one store, of all threads and processes, in the order they come.

SQLite's own waiting is a series of ever longer naps: whoever wakes just after a commit goes first,
and under load some wait for many seconds. Here a writer first takes a lock on a file beside the
database. The kernel hands it on in the order of arrival, and takes it from a process that dies.
"""

import logging
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from pathlib import Path

from memagent.errors import StoreBusy
from memagent.files import PRIVATE_MODE
from memagent.process import at_fork

if sys.platform != "win32":
    import fcntl

logger = logging.getLogger(__name__)

FILE_NAME = "memory.lock"
WAIT_SECONDS = 120.0
"""Seconds to wait for the writers before; long ones import, migrate, or forget much at once."""


class WriterQueue:
    """Queue before one store, by its lock file; without a file, or where files cannot be locked,
    everybody passes, and the database's own lock decides.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file if sys.platform != "win32" else None
        self._mine = threading.local()
        self._fds: set[int] = set()
        self._opening = threading.Lock()
        at_fork(
            before=self._before_fork,
            after_in_parent=self._after_fork,
            after_in_child=self._leave_in_child,
        )

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for this thread's turn to write, and keep it in the block; blocks may be nested.

        Raises:
            StoreBusy: the writers before did not end within WAIT_SECONDS.
        """
        if self._file is None or getattr(self._mine, "held", False):
            yield
            return
        fd = self._enter(self._file)
        self._mine.held = True
        try:
            yield
        finally:
            self._mine.held = False
            if fd is not None:
                self._leave(fd)

    def _enter(self, file: Path) -> int | None:
        """Lock the file and return its descriptor; None where that is not possible."""
        try:
            with self._opening:
                fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_MODE)
                self._fds.add(fd)
        except OSError as error:  # such as a folder that may only be read
            logger.debug("the writers have no queue: %s", error)
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._wait(fd, file)
        except OSError as error:
            logger.info("files cannot be locked here, the writers have no queue: %s", error)
            self._file = None
            self._leave(fd)
            return None
        return fd

    def _wait(self, fd: int, file: Path) -> None:
        """Wait for the lock in a thread: `flock` itself knows no bound.

        If it comes too late, the thread gives it back at once.
        """
        locked: Future[None] = Future()

        def wait() -> None:
            with suppress(OSError):  # then the database's own lock decides
                fcntl.flock(fd, fcntl.LOCK_EX)
            try:
                locked.set_result(None)
            except InvalidStateError:
                self._leave(fd)

        try:
            threading.Thread(target=wait, name="memagent-writer", daemon=True).start()
        except RuntimeError:  # the interpreter is about to end
            wait()
        try:
            locked.result(WAIT_SECONDS)
        except BaseException as error:
            if not locked.cancel():
                self._leave(fd)
            if not isinstance(error, TimeoutError):
                raise
            raise StoreBusy(
                f"others have been writing to the memory in {file.parent} for"
                f" {WAIT_SECONDS:.0f} seconds: try again when they are done"
            ) from error

    def _leave(self, fd: int) -> None:
        """Unlock and close; unlocking as such, as a forked child may still have the file open."""
        if fd in self._fds:
            with suppress(OSError):
                fcntl.flock(fd, fcntl.LOCK_UN)
            with self._opening:
                self._fds.discard(fd)
                os.close(fd)

    def _before_fork(self) -> None:
        self._opening.acquire()

    def _after_fork(self) -> None:
        self._opening.release()

    def _leave_in_child(self) -> None:
        """Close what the parent has locked, or it stays locked when the parent dies."""
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()
        self._mine = threading.local()
        self._opening.release()
