"""Files of an export: one file, a folder, or a zip archive, which is read as it is."""

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from memagent.errors import InvalidInput
from memagent.files import reason

MAX_RATIO = 200
"""Times its packed size that a file in an archive may have; JSON is packed to a tenth or so."""
MAX_SMALL = 10 << 20
"""Bytes up to which a file in an archive may have any ratio."""
MAX_SIZE = 16 << 30
"""Bytes that a file in an archive may have."""
MAX_MEMBERS = 200_000
"""Files that an archive may hold."""
SUFFIXES = (".json", ".jsonl")


@dataclass(frozen=True, slots=True)
class Part:
    """File of an export: its name below the export, its size in bytes, and where it lies."""

    name: str
    size: int
    file: Path
    member: str | None = None

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open it for reading.

        Raises:
            InvalidInput: it cannot be read, or the archive is damaged or encrypted.
        """
        try:
            if self.member is None:
                with self.file.open("rb") as stream:
                    yield stream
            else:
                with zipfile.ZipFile(self.file) as archive, archive.open(self.member) as stream:
                    yield stream
        except OSError as error:
            raise InvalidInput(f"{self.name} cannot be read: {reason(error)}") from error
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
            raise InvalidInput(f"{self.name} cannot be unpacked: {error}") from error
        except RuntimeError as error:
            if "password" not in str(error):
                raise
            raise InvalidInput(f"{self.name} is encrypted: unpack the archive first") from error


def parts_of(path: Path) -> tuple[list[Part], int]:
    """Return the JSON files of an export in order of their names, and the count of other files.

    Archives that lie in a folder are looked into, archives within archives are not. Links to
    folders, pipes and devices are passed over.

    Raises:
        InvalidInput: it cannot be read, or is an archive that no export is.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {reason(error)}") from error
    if stat.S_ISDIR(mode):
        return _in_folder(path)
    if not stat.S_ISREG(mode):
        raise InvalidInput(f"{path} is no file and no folder")
    if _is_zip(path):
        return _in_archive(path, path.name)
    return [Part(path.name, path.stat().st_size, path)], 0


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {reason(error)}") from error


def _in_folder(folder: Path) -> tuple[list[Part], int]:
    parts, others = list[Part](), 0
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            file = Path(root, name)
            if not file.is_file():
                others += 1
            elif file.suffix.lower() in SUFFIXES:
                parts.append(Part(file.relative_to(folder).as_posix(), file.stat().st_size, file))
            elif file.suffix.lower() == ".zip" and _is_zip(file):
                inner, rest = _in_archive(file, file.relative_to(folder).as_posix())
                parts += inner
                others += rest
            else:
                others += 1
    return parts, others


def _in_archive(file: Path, name: str) -> tuple[list[Part], int]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise InvalidInput(f"{name} is a damaged zip archive: {error}") from error
    except OSError as error:
        raise InvalidInput(f"{name} cannot be read: {reason(error)}") from error
    if len(members) > MAX_MEMBERS:
        raise InvalidInput(f"{name} holds {len(members):,} files, more than {MAX_MEMBERS:,}")
    parts = list[Part]()
    for member in sorted(members, key=lambda member: member.filename):
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise InvalidInput(f"{name} names a file outside itself: {str(path)[:100]!r}")
        if path.suffix.lower() not in SUFFIXES or "__MACOSX" in path.parts:
            continue
        packed = max(member.compress_size, 1)
        if member.file_size > MAX_SIZE or (
            member.file_size > MAX_SMALL and member.file_size > MAX_RATIO * packed
        ):
            raise InvalidInput(
                f"{name} is refused: {path} would be {member.file_size:,} bytes, from {packed:,}"
            )
        parts.append(Part(f"{name}/{path}", member.file_size, file, member.filename))
    return parts, len(members) - len(parts)
