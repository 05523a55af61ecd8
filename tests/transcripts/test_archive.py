import os
import zipfile
from pathlib import Path

import pytest
from foreign_chats import small_talk, write_json, write_zip

from memagent.errors import InvalidInput
from memagent.transcripts import archive
from memagent.transcripts.archive import parts_of


def test_a_folder_an_archive_in_it_and_what_is_no_json(tmp_path: Path) -> None:
    write_json(tmp_path / "b" / "conversations.json", [])
    (tmp_path / "chat.html").write_text("<html>")
    write_zip(tmp_path / "more.zip", {"x/conversations-000.json": [1], "image.png": b"x"})
    parts, others = parts_of(tmp_path)
    assert [part.name for part in parts] == [
        "more.zip/x/conversations-000.json",
        "b/conversations.json",
    ]
    assert others == 2
    with parts[0].open() as file:
        assert file.read() == b"[1]"


@pytest.mark.parametrize("name", ["../conversations.json", "/etc/x.json", "a/../../x.json", "C:x"])
def test_an_archive_that_names_files_outside_itself_is_refused(tmp_path: Path, name: str) -> None:
    file = write_zip(tmp_path / "export.zip", {name: []})
    with pytest.raises(InvalidInput, match="outside itself"):
        parts_of(file)


def test_an_archive_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = write_zip(tmp_path / "export.zip", {"conversations.json": b" " * (11 << 20)})
    with pytest.raises(InvalidInput, match=r"is refused: conversations\.json would be 11,534,336"):
        parts_of(bomb)
    many = write_zip(tmp_path / "many.zip", {f"{n}.json": [] for n in range(4)})
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    with pytest.raises(InvalidInput, match="4 files"):
        parts_of(many)


def test_damaged_and_encrypted_archives_are_refused_in_words(tmp_path: Path) -> None:
    file = write_zip(tmp_path / "export.zip", {"conversations.json": [small_talk("c", 50)]})
    raw = bytearray(file.read_bytes())
    (tmp_path / "cut.zip").write_bytes(raw[:-30])
    with pytest.raises(InvalidInput, match="damaged zip archive"):
        parts_of(tmp_path / "cut.zip")
    with zipfile.ZipFile(file) as whole:
        place = whole.infolist()[0].header_offset
    for start in (place + 6, raw.rindex(b"PK\x01\x02") + 8):
        raw[start] |= 1  # the mark of an encrypted file
    file.write_bytes(raw)
    (part,), _ = parts_of(file)
    with pytest.raises(InvalidInput, match="encrypted"), part.open() as stream:
        stream.read(1)


def test_a_damaged_file_in_an_archive_is_refused_in_words(tmp_path: Path) -> None:
    file = write_zip(tmp_path / "export.zip", {"conversations.json": [small_talk("c", 50)]})
    raw = bytearray(file.read_bytes())
    raw[200:220] = bytes(20)
    file.write_bytes(raw)
    (part,), _ = parts_of(file)
    with pytest.raises(InvalidInput, match="cannot be unpacked"), part.open() as stream:
        stream.read()


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes")
def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "conversations.json")
    assert parts_of(tmp_path) == ([], 1)
    with pytest.raises(InvalidInput, match="no file and no folder"):
        parts_of(tmp_path / "conversations.json")
    with pytest.raises(InvalidInput, match="no such file"):
        parts_of(tmp_path / "missing.json")
