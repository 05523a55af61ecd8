import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memagent.transcripts import json_array
from memagent.transcripts.json_array import Damaged, elements


def read(raw: bytes) -> list[Any]:
    return [item.why if isinstance(item, Damaged) else item for item in elements(io.BytesIO(raw))]


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_elements_come_one_at_a_time(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(json_array, "CHUNK", chunk)
    whole = [{"a": 'x"\\]}', "b": [1.5, None]}, "é[", 123456, [], {"c": {}}]
    assert read(json.dumps(whole, ensure_ascii=False, indent=1).encode()) == whole


def test_an_object_is_one_element() -> None:
    assert read(b'\xef\xbb\xbf {"a": 1} ') == [{"a": 1}]


@pytest.mark.parametrize("damage", [b'{"a": tru}', b'{"a" 1}', b"nonsense", b"1" * 5000, b"{,}"])
def test_a_damaged_element_is_passed_over(damage: bytes) -> None:
    first, second, third = read(b'[{"a": 1}, ' + damage + b', {"b": "},]"}]')
    assert (first, third) == ({"a": 1}, {"b": "},]"})
    assert second.startswith("not JSON")


def test_nesting_takes_no_more_memory_than_it_has_bytes() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    (first, second) = read(b"[" + deep + b", 2]")
    assert "nesting" in first
    assert second == 2


def test_a_file_that_ends_too_early_gives_what_came_before() -> None:
    assert read(b'[{"a": 1}, {"b": "x')[0] == {"a": 1}
    assert read(b'[{"a": 1}')[1:] == ["the file ends too early"]
    assert read(b" ") == ["the file is empty"]


def test_an_element_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_array, "CHUNK", 100)
    monkeypatch.setattr(json_array, "MAX_ELEMENT", 1000)
    large, small = json.dumps("x" * 5000).encode(), b"7"
    assert read(b"[" + large + b"," + small + b"]") == ["it has more than 1,000 characters", 7]


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    assert read(b'["a\xffb"]') == ["a\ufffdb"]


@given(st.lists(st.integers() | st.text(max_size=4), max_size=4), st.binary(max_size=6), st.data())
def test_damaged_files_end(whole: list[Any], noise: bytes, data: st.DataObject) -> None:
    raw = json.dumps(whole).encode()
    place = data.draw(st.integers(0, len(raw)))
    found = list(elements(io.BytesIO(raw[:place] + noise + raw[place:])))
    if not noise or place == len(raw):
        assert found == whole
    assert sum(isinstance(item, Damaged) for item in found) <= len(noise) + 1
