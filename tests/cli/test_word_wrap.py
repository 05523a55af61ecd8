import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import width

from memagent.cli.chat.word_wrap import WordWrap

TEXTS = {
    "words": "The quick brown fox jumps over the lazy dog, and then it sleeps.",
    "CJK": "你好，世界！我们今天去公园（好吗）。明天见。",
    "Korean": "안녕하세요 세계 여러분 반갑습니다 오늘은 날씨가 좋네요",
    "emoji": "one 👨‍👩‍👧‍👦 two 🇦🇹🇩🇪 three 😀four e\u0301te\u0301",
    "long": "see https://example.org/a/very/long/path/that/fits/nowhere for more",
    "lines": "a list:\n\n  - first item of some length\n  - second\n    code = 1\n",
}


def wrapped(text: str, columns: int | None, size: int) -> str:
    wrap = WordWrap(lambda: columns)
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    return "".join(wrap.feed(piece) for piece in pieces) + wrap.end()


def glued(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("columns", [20, 40, 80])
def test_no_line_is_wider_than_the_terminal_and_nothing_is_lost(text: str, columns: int) -> None:
    for size in (1, 3, 1000):
        shown = wrapped(text, columns, size)
        assert all(width(line) <= columns for line in shown.split("\n"))
        assert glued(shown) == glued(text)


@pytest.mark.parametrize("name", ["words", "Korean"])
@pytest.mark.parametrize("columns", [12, 20, 40])
def test_no_word_is_broken_that_fits(name: str, columns: int) -> None:
    assert wrapped(TEXTS[name], columns, 2).split() == TEXTS[name].split()


def test_where_lines_end() -> None:
    assert wrapped("one two three", 7, 1) == "one two\nthree"
    assert wrapped("exactly so", 7, 1) == "exactly\nso"
    assert wrapped("abcdefghij k", 4, 1) == "abcd\nefgh\nij k"
    assert wrapped("我们好，你", 6, 1) == "我们\n好，你"  # no line begins with a comma
    assert wrapped("  - an item", 6, 1) == "  - an\nitem"
    assert wrapped("a\nbc d", 4, 1) == "a\nbc d"


def test_a_word_is_shown_as_soon_as_it_is_whole() -> None:
    wrap = WordWrap(lambda: 40)
    assert [wrap.feed(piece) for piece in ("Hel", "lo the", "re.\n")] == ["", "Hello", " there.\n"]


def test_a_pipe_gets_every_piece_as_it_is() -> None:
    wrap = WordWrap(lambda: None)
    assert [wrap.feed(piece) for piece in ("a" * 500, "  b ")] == ["a" * 500, "  b "]
    assert wrap.end() == ""


def test_a_terminal_that_shrinks_is_followed() -> None:
    columns = [20]
    wrap = WordWrap(lambda: columns[0])
    shown = wrap.feed("one two three ")
    columns[0] = 9
    assert shown + wrap.feed("four five six") + wrap.end() == "one two three\nfour five\nsix"


@given(st.text(max_size=60), st.integers(2, 30), st.integers(1, 9))
def test_any_text_is_kept(text: str, columns: int, size: int) -> None:
    shown = wrapped(text, columns, size)
    assert shown.replace("\n", "").replace(" ", "") == text.replace("\n", "").replace(" ", "")
