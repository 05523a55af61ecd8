"""Files: atomic writes that keep links, modes and devices, and the reader of text files."""

import io
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memagent.cli.input import texts_of, write_lines
from memagent.errors import InvalidInput
from memagent.files import read_stream, read_text, split_lines, write_atomic

OTHER_ENDS = "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e\r"


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\n\r", codec="utf-8"))))
def test_only_line_feeds_end_lines(lines: list[str]) -> None:
    for end in ("\n", "\r\n"):
        assert split_lines(end.join([*lines, ""])) == [*lines, ""]


@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0")), bom=st.booleans())
def test_a_text_is_read_as_it_was_written(text: str, bom: bool) -> None:
    raw = text.encode("utf-8-sig" if bom or text.startswith("\ufeff") else "utf-8")
    assert read_stream(io.BytesIO(raw), "it") == text


@given(before=st.text(st.characters(codec="utf-8", exclude_characters="\0")), after=st.binary())
def test_what_is_no_text_is_refused_with_its_place(before: str, after: bytes) -> None:
    raw = before.encode() + b"\xff" + after
    with pytest.raises(
        InvalidInput, match=rf"it is not UTF-8 text \(byte {len(raw[: -len(after) or None]) - 1}\)"
    ):
        read_stream(io.BytesIO(raw), "it")


def test_characters_cut_by_a_chunk_are_whole(tmp_path: Path) -> None:
    text = "x" * ((1 << 20) - 1) + "\U0001f468" * 3
    (tmp_path / "long").write_text(text, encoding="utf-8")
    assert read_text(tmp_path / "long") == text
    (tmp_path / "cut").write_bytes(text.encode() + "\U0001f468".encode()[:2])
    with pytest.raises(InvalidInput, match=rf"byte {len(text.encode())}\)"):
        read_text(tmp_path / "cut")
    with pytest.raises(InvalidInput, match="more than 10 bytes"):
        read_text(tmp_path / "long", max_bytes=10)


def test_a_line_of_a_file_is_one_record(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_bytes(f"\ufeffa{OTHER_ENDS}b\r\nc\n\n".encode())
    assert texts_of(tmp_path / "r.txt") == [f"a{OTHER_ENDS}b", "c"]


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    target, link, second = tmp_path / "far" / "target", tmp_path / "link", tmp_path / "second"
    target.write_text("old")
    link.symlink_to(Path("far") / "target")
    second.symlink_to(link)
    write_atomic(second, "new")
    assert (second.is_symlink(), link.is_symlink(), target.read_text()) == (True, True, "new")
    target.unlink()
    write_atomic(link, "newer")  # a link to nothing yet
    assert (link.is_symlink(), target.read_text()) == (True, "newer")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o755, 0o666])
def test_a_file_keeps_its_mode_and_a_new_export_is_the_users_alone(
    tmp_path: Path, mode: int
) -> None:
    (tmp_path / "kept").touch()
    (tmp_path / "kept").chmod(mode)
    before = os.umask(0)
    try:
        write_lines(tmp_path / "kept", ["x"])
        write_lines(tmp_path / "new", ["x"])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == mode
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600


def test_a_pipe_gets_what_is_written_and_stays(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_lines(pipe, ["one", "two"])
    reader.join()
    assert got == [b"one\ntwo\n"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_devices_are_written_to_and_stay(tmp_path: Path) -> None:
    write_lines(Path("/dev/null"), ["x"])
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    (tmp_path / "link").symlink_to("/dev/full")
    with pytest.raises(InvalidInput, match="no space left on device"):
        write_lines(tmp_path / "link", ["x"])
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_an_open_file_by_its_number_is_not_replaced(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        file.write(b"before\n")
        file.flush()
        write_lines(Path(f"/dev/fd/{file.fileno()}"), ["x"])
        assert os.fstat(file.fileno()).st_ino == (tmp_path / "out").stat().st_ino
    assert (tmp_path / "out").read_bytes() == b"before\nx\n"


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_half_way_leaves_the_old_file(
    tmp_path: Path, failure: BaseException
) -> None:
    def pieces() -> Iterator[str]:
        yield "half"
        raise failure

    (tmp_path / "file").write_text("old")
    with pytest.raises(type(failure)):
        write_atomic(tmp_path / "file", pieces())
    assert (tmp_path / "file").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("no/folder", "no such file or directory"),
        ("folder", "is a directory"),
        ("n" * 300, "file name too long"),
        ("file/inside", "not a directory"),
        ("loop", "too many levels"),
    ],
)
def test_what_cannot_be_written_is_one_line(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for verb in (lambda path: write_lines(path, ["x"]), read_text):
        with pytest.raises(InvalidInput, match=told) as caught:
            verb(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_name_as_long_as_the_system_allows_is_written(tmp_path: Path) -> None:
    write_atomic(tmp_path / ("n" * 255), "x")
    assert (tmp_path / ("n" * 255)).read_text() == "x"


def test_a_read_only_file_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("old")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(InvalidInput, match="permission denied"):
        write_lines(tmp_path / "file", ["x"])
    assert (tmp_path / "file").read_text() == "old"
