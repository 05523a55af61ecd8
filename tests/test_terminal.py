import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from memagent.terminal import plain, plain_but_drawing, plain_line

ATTACKS = (
    "\x1b]0;title\x07",
    "\x1b]52;c;cHduZWQ=\x07",
    "\x1b]8;;http://evil/\x1b\\click\x1b]8;;\x1b\\",
    "\x1b[31mred\x1b[0m",
    "\x1b[2J\x1b[H",
    "\x9b2J\x9d0;x\x9c",
    "safe\rover",
    "ab\b\bcd\x7f",
    "\u202egnihtemos\u202c \u2066x\u2069",
    "a\u2028b\u2029c\x85d\x0be\x0cf",
    "\x1bP+q544e\x1b\\",
)
texts = st.lists(st.sampled_from(ATTACKS) | st.text(max_size=6), max_size=8).map("".join)


def steering(text: str) -> list[str]:
    """The characters of a text that a terminal does not show."""
    hidden = ("\u061c", "\u200e", "\u200f", *map(chr, [*range(0x202A, 0x202F)]))
    isolates = tuple(map(chr, range(0x2066, 0x206A)))
    return [
        c for c in text if unicodedata.category(c) in ("Cc", "Zl", "Zp") or c in hidden + isolates
    ]


@given(text=texts)
def test_nothing_steers_a_terminal(text: str) -> None:
    assert set(steering(plain(text))) <= {"\n"}
    assert steering(plain_line(text)) == []
    assert plain(plain(text)) == plain(text)


@given(text=texts, cut=st.integers(0, 40))
def test_a_sequence_in_two_pieces_is_harmless(text: str, cut: int) -> None:
    shown = plain(text[:cut]) + plain(text[cut:])
    assert set(steering(shown)) <= {"\n"}


@given(text=texts)
def test_drawing_is_colours_and_redrawn_lines_only(text: str) -> None:
    left = plain_but_drawing(text)
    left = re.sub(r"\x1b\[[\d;:]*m|\x1b\[\d*A|\x1b\[2K|\x1b\[\?25[lh]|\r", "", left)
    assert not [char for char in left if char in "\x1b\x07\x08\x7f" or "\x80" <= char <= "\x9f"]


def test_text_stays_as_it_is() -> None:
    text = "Grüße, 東京, 👩‍👩‍👧 (a family), e\u0301\nand a second line"
    assert plain(text) == text
    assert plain_but_drawing("\x1b[1;31mred\x1b[0m\r\x1b[2K") == "\x1b[1;31mred\x1b[0m\r\x1b[2K"
    assert plain("a\tb\r\nc") == "a   b\nc"
