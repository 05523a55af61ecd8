from pathlib import Path

import pytest

from memagent.stores.lifecycle import bytescan


def test_needles_are_found_by_file_and_number(tmp_path: Path) -> None:
    one, two, empty = tmp_path / "one", tmp_path / "zwei ü", tmp_path / "empty"
    one.write_bytes(b"\0abc\xff")
    two.write_bytes(b"c\xff")
    empty.touch()
    found = bytescan.scan([one, two, empty, tmp_path / "gone"], [b"abc", b"c\xff", b"no"])
    assert sorted(found) == [(one, 0), (one, 1), (two, 1)]


def test_a_needle_across_the_border_of_two_chunks_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bytescan, "CHUNK", 4)
    (tmp_path / "file").write_bytes(b"0123456789abcdef")
    needles = [b"345678", b"cdef", b"0", b"9876"]
    assert bytescan.found(str(tmp_path / "file"), needles) == {0, 1, 2}


def test_a_file_that_cannot_be_read_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Is a directory") as caught:
        bytescan.scan([tmp_path], [b"x"])
    assert "\n" not in str(caught.value)
