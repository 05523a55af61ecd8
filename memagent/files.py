"""Files: atomic writes and one reader of text files."""

import logging
import os
import stat
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from memagent.errors import InvalidInput
from memagent.process import lock

logger = logging.getLogger(__name__)

PRIVATE_MODE = 0o600
"""Mode of the files that hold what users said; the umask may take more away, but adds nothing."""
OTHERS = 0o077
"""What a mode allows to the group and to everybody."""
_creating = lock()
"""Held while a file is made: closing a file takes SQLite's locks on it from the whole process."""


def write_atomic(path: Path, data: bytes | str | Iterable[bytes | str]) -> None:
    """Replace a file as a whole: readers see the old content or the new, never a part.

    The data go to a temporary file in the same folder, reach the disk, and then take the name. Text
    is written as UTF-8; an iterable is written piece by piece.

    Raises:
        OSError: the file cannot be written; the old one is kept and no temporary file is left.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        write_durable(temporary, data)
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_durable(path: Path, data: bytes | str | Iterable[bytes | str]) -> None:
    """Write a file and wait until it is on the disk. Text is written as UTF-8.

    A new file is its owner's alone to read.

    Raises:
        OSError: the file cannot be written; a part of it may be there.
    """
    pieces = [data] if isinstance(data, bytes | str) else data
    with open(path, "wb", opener=private) as file:
        for piece in pieces:
            file.write(piece.encode() if isinstance(piece, str) else piece)
        file.flush()
        os.fsync(file.fileno())


def private(path: str, flags: int) -> int:
    """Open a file, as `open` wants it of an `opener`; a new one is its owner's alone."""
    return os.open(path, flags, PRIVATE_MODE)


def make_private_folder(folder: Path) -> None:
    """Make a folder that its owner alone can enter; one that is there is left as it is.

    Raises:
        OSError: it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def create_private(path: Path) -> None:
    """Make an empty file that is its owner's alone, unless there is a file.

    Raises:
        OSError: it cannot be made.
    """
    with _creating, suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_MODE))


def make_private(path: Path) -> None:
    """Take a file or folder of ours from other users; what another user owns stays as it is."""
    if os.name != "posix":
        return
    with suppress(OSError):  # it is gone by now, or its disk may only be read
        found = path.stat()
        if found.st_mode & OTHERS and found.st_uid == os.geteuid():
            path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
            logger.info("other users of this machine could use %s: no more", path)


def read_text(path: Path) -> str:
    """Return the content of a UTF-8 text file, without a byte order mark.

    Raises:
        InvalidInput: the file cannot be read, or is not UTF-8 text.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {reason(error)}") from error
    return decode_text(raw, str(path))


def decode_text(raw: bytes, source: str) -> str:
    """Return UTF-8 bytes as text, without a byte order mark; `source` names them in errors.

    Raises:
        InvalidInput: they are not UTF-8, or hold a NUL byte.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{source} is not UTF-8 text (byte {error.start})") from error
    if "\0" in text:
        raise InvalidInput(f"{source} holds binary data (a NUL byte)")
    return text


def reason(error: OSError) -> str:
    """Return why a file operation failed, in the operating system's words."""
    return (error.strerror or str(error)).lower()
