"""Files: atomic writes and one reader of text files.

A line ends in a line feed, or in a carriage return and a line feed. The other characters that
`str.splitlines` takes for line ends (U+2028, U+0085, the vertical tab, ...) are part of the text.
"""

import codecs
import errno
import logging
import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from memagent.errors import InvalidInput
from memagent.process import lock

logger = logging.getLogger(__name__)

PRIVATE_MODE = 0o600
"""Mode of the files that hold what users said; the umask may take more away, but adds nothing."""
OTHERS = 0o077
"""Bits of a mode that allow something to the group or to everybody."""
_creating = lock()
"""Held while a file is made: closing a file takes SQLite's locks on it from the whole process."""

_CHUNK = 1 << 20
_SPECIAL = ("/dev/", "/proc/")
"""Folders whose names stand for what is open already, as /dev/stdout; but not for shared memory."""
Data = bytes | str | Iterable[bytes | str]


def write_atomic(path: Path, data: Data) -> None:
    """Replace a file as a whole: readers see the old content or the new, never a part.

    The data go to a temporary file in the same folder, reach the disk, and then take the name. Text
    is written as UTF-8; an iterable is written piece by piece. A link stays, and what it points to
    is replaced. A file that is there keeps its mode and, where the system allows it, its owner; a
    new one is the user's alone. What is no file (a pipe, a device) is written to as it is.

    Raises:
        OSError: the file cannot be written; the old one is kept and no temporary file is left.
    """
    if _is_stream(path):
        with path.open("ab", buffering=0) as stream:
            _write(stream, data)
        return
    target = Path(os.path.realpath(path))
    try:
        before = target.stat()
    except FileNotFoundError:
        before = None
    if before is not None and stat.S_ISDIR(before.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if before is not None and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    temporary = target.with_name(f".memagent-{secrets.token_hex(8)}")
    try:
        write_durable(temporary, data)
        if before is not None:
            _take_over(temporary, before)
        temporary.replace(target)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_durable(path: Path, data: Data) -> None:
    """Write a file and wait until it is on the disk; a new one is its owner's alone to read.

    Text is written as UTF-8.

    Raises:
        OSError: the file cannot be written; a part of it may be there.
    """
    with open(path, "wb", opener=private) as file:
        _write(file, data)
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


def _write(file: IO[bytes], data: Data) -> None:
    for piece in [data] if isinstance(data, bytes | str) else data:
        rest = memoryview(piece.encode() if isinstance(piece, str) else piece)
        while rest:
            rest = rest[file.write(rest) :]


def _take_over(path: Path, before: os.stat_result) -> None:
    """Give a file the mode and the owner of the one that it replaces."""
    if hasattr(os, "chown"):
        with suppress(OSError):  # only root may give a file away
            os.chown(path, before.st_uid, before.st_gid)
    path.chmod(stat.S_IMODE(before.st_mode))


def _is_stream(path: Path) -> bool:
    """Tell whether a path leads to no file or folder, or to one that is open under another name."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return True
    seen = path.absolute()
    for _ in range(40):  # links at most, as Linux
        if str(seen).startswith(_SPECIAL) and not str(seen).startswith("/dev/shm/"):
            return not stat.S_ISDIR(mode)
        if not seen.is_symlink():
            return False
        seen = seen.parent / seen.readlink()
    return False


def read_text(path: Path, max_bytes: int | None = None) -> str:
    """Return the content of a UTF-8 text file, without a byte order mark.

    Raises:
        InvalidInput: the file cannot be read, is not UTF-8 text, or has more than `max_bytes`.
    """
    try:
        with path.open("rb") as file:
            return read_stream(file, str(path), max_bytes)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {reason(error)}") from error


def read_stream(file: IO[bytes], source: str, max_bytes: int | None = None) -> str:
    """Return what an open file holds as text; one without an end is refused where it is no text.

    Raises:
        InvalidInput: it is not UTF-8 text, or has more than `max_bytes`; `source` is named.
        OSError: it cannot be read.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    pieces, size = list[str](), 0
    while True:
        chunk = file.read(_CHUNK)
        try:
            pieces.append(decoder.decode(chunk, final=not chunk))
        except UnicodeDecodeError as error:
            place = size + len(chunk) - len(error.object) + error.start
            raise InvalidInput(f"{source} is not UTF-8 text (byte {place})") from error
        if "\0" in pieces[-1]:
            raise InvalidInput(f"{source} holds binary data (a NUL byte)")
        size += len(chunk)
        if max_bytes is not None and size > max_bytes:
            raise InvalidInput(f"{source} has more than {max_bytes:,} bytes")
        if not chunk:
            return "".join(pieces).removeprefix("\ufeff")


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


def split_lines(text: str) -> list[str]:
    """Return the lines of a text without their ends, "\\n" or "\\r\\n" and nothing else."""
    return [line.removesuffix("\r") for line in text.split("\n")]


def reason(error: OSError) -> str:
    """Return why a file operation failed, in the operating system's words."""
    return (error.strerror or str(error)).lower()
