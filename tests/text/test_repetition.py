"""Loops that a model falls into are found while its text streams, and nothing else is."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memagent.text.repetition import CUT, STEP, STREAM, RepetitionFilter, without_repetition

LOOPS = {
    "words": ("No, " + "no, " * 100, "No"),
    "sentence": ("It was good. " + "I like tea. " * 60, "It was good. I like tea."),
    "cycle": (
        "Hi! " + "I am here. You are there, my friend. " * 20,
        "Hi! I am here. You are there",
    ),
    "lines": ("A list:\n" + "- a cup of tea\n" * 40, "A list:\n- a cup of tea"),
    "numbers": ("".join(f"{n}. The dog sleeps.\n" for n in range(1, 60)), "1. The dog sleeps."),
    "numbers in a line": ("So: " + " ".join(f"{n}. a" for n in range(1, 200)), "So: 1. a"),
    "numbers, after others": (
        "1. Apple\n2. Pear\n3. Plum\n" + "".join(f"{n}. Plum\n" for n in range(4, 99)),
        "1. Apple\n2. Pear\n3. Plum",
    ),
    "character": ("Well, " + "a" * 600, "Well, a"),
    "zeros": ("It is 1." + "0" * 900, "It is 1.0"),
    "empty lines": ("Well" + "\n" * 900, "Well"),
    "paragraph": (
        "Hello there. " + ("I know a lot about tea and coffee. " * 1 + "x") * 40,
        "Hello",
    ),
    "chinese": ("你好。" + "我喜欢茶。" * 60, "你好。我喜欢茶。"),
    "chinese word": ("你好。" + "不" * 300, "你好。不"),
    "thai": ("สวัสดี " + "ไม่ครับ " * 60, "สวัสดี ไม่ครับ"),
    "arabic": ("مرحبا. " + "لا أعرف. " * 60, "مرحبا. لا أعرف."),
}
CODE = Path(__file__).read_text(encoding="utf-8")
ROWS = "".join(f"| {name} | {len(name)} | yes |\n" for name in ("one", "two", "three", "four") * 4)
ORDINARY = {
    "this file": CODE,
    "table": "| word | length | short |\n| :--- | :--- | :--- |\n" + ROWS,
    "wide table": "|" + " --- |" * 40 + "\n" + "|   |" * 40,
    "ruler": "Title\n" + "=" * 120 + "\n" + "-" * 120,
    "checklist": "".join(
        f"- [ ] {name}\n" for name in ("milk", "bread", "milk", "tea", "milk") * 4
    ),
    "numbered": "".join(f"{n}. Step {n} of the plan: do part {n * n}.\n" for n in range(1, 40)),
    "rows": "".join(f'{{"id": {n}, "name": "Item {n}"}},\n' for n in range(1, 50)),
    "form": "".join(f"{n}. Name: ____\n" for n in range(1, 20)),
    "counting": " ".join(map(str, range(1, 400))),
    "lines counted": "\n".join(map(str, range(1, 300))),
    "multiplication": "".join(f"{n} times 7 is {n * 7}.\n" for n in range(1, 60)),
    "prices": "".join(f"On day {n} it cost {n * n % 17} euros.\n" for n in range(1, 60)),
    "big number": "A googol is 1" + "0" * 100 + ".",
    "third": "A third is 0." + "3" * 200,
    "matrix": "[" + "    [0, 0, 0, 0, 0, 0, 0, 0, 0],\n" * 9 + "]",
    "laughter": "Ha" + "ha" * 30 + "! " + "LOL " * 8,
    "no": "No, no, no, no, no! " * 3 + "I said no.",
    "song": ("Row, row, row your boat,\nGently down the stream.\n" * 3) + "Life is but a dream.",
    "refrain": "".join(
        f"{verse} went away to sea,\nHey ho, blow the wind.\nAnd never wrote to me,\nHey ho.\n\n"
        for verse in ("Tom", "Anna", "The old man", "My brother", "A girl", "The last", "Nobody")
    ),
    "markup": "<ul>\n" + '  <li><a href="#">Link</a></li>\n' * 5 + "</ul>",
    "json": "[" + '{"name": "", "value": null}, ' * 4 + "]",
    "chinese": "我想去北京。我的朋友在那里。北京的冬天很冷、夏天很热。但是我还是想去。" + "哈" * 20,
    "japanese": "はい、はい、わかりました。明日はもっともっと早く起きます。そうそう、そうです。",
    "thai": "สวัสดีครับ วันนี้อากาศดีมากๆ ผมไปตลาดซื้อของกินของใช้ 555555555",
}


def read(text: str, sizes: Sequence[int] = (3, 1, 5), ran_out: bool = False) -> tuple[str, str]:
    """Return what a filter showed of a text that came in pieces, and what it kept."""
    repetition, shown, at, number = RepetitionFilter(), "", 0, 0
    while at < len(text):
        size = sizes[number % len(sizes)]
        shown += repetition.feed(text[at : at + size])
        at, number = at + size, number + 1
    shown += repetition.end(ran_out=ran_out)
    return shown, repetition.kept


@pytest.mark.parametrize("name", [name for name in LOOPS if name not in ("cycle", "paragraph")])
def test_a_loop_ends_after_it_was_said_once(name: str) -> None:
    text, kept = LOOPS[name]
    assert without_repetition(text) == (kept, CUT)


@pytest.mark.parametrize("name", LOOPS)
def test_of_a_loop_hardly_more_is_shown_than_kept(name: str) -> None:
    text, beginning = LOOPS[name]
    shown, kept = read(text)
    assert kept.startswith(beginning)
    assert shown.startswith(kept)
    assert len(kept) < 120
    assert len(shown) - len(kept) < 48


@pytest.mark.parametrize("name", ORDINARY)
def test_what_only_repeats_itself_in_part_is_no_loop(name: str) -> None:
    text = ORDINARY[name]
    assert read(text) == (text, text)
    assert without_repetition(text) == (text, "")


def test_a_reply_whose_tokens_ran_out_is_a_loop_sooner() -> None:
    said = "I am a helpful assistant, and I help you with all that you want to know. "
    text = "Hello. " + said * 3 + said[:20]
    assert without_repetition(text) == (text, "")
    assert without_repetition(text, ran_out=True) == (f"Hello. {said}".strip(), CUT)


def test_a_text_that_breaks_out_is_shown_whole() -> None:
    text = "No, " * 30 + "I said no. Why do you ask?"
    assert read(text) == (text, text)
    repetition = RepetitionFilter()
    held = repetition.feed("No, " * 30)
    assert len(held) < 120
    assert held + repetition.feed("I said") == "No, " * 30 + "I said"


def plain(text: str) -> bool:
    """Tell whether a text of small letters and dashes loops, by comparing all that there is."""
    length = dict.fromkeys(range(1, len(text) // 5 + 1), 0)
    for at, character in enumerate(text):
        for period in length:
            same = at >= period and text[at - period] == character
            length[period] = length[period] + 1 if same else 0
        size = at + 1
        if size % STEP == 0 or size == len(text):
            for period, run in length.items():
                letters = text[size - period : size].strip("-")
                if run >= max(4 * period, STREAM.length if letters else STREAM.drawn):
                    return True
    return False


UNITS = st.text("ab-", min_size=1, max_size=60)
TEXTS = st.lists(st.tuples(UNITS, st.integers(1, 60)), min_size=1, max_size=5).map(
    lambda parts: "".join((unit * times)[:350] for unit, times in parts)[:700]
)


@settings(max_examples=60, deadline=None)
@given(text=TEXTS, sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_it_finds_what_a_plain_comparison_finds_however_the_text_is_cut(
    text: str, sizes: list[int]
) -> None:
    shown, kept = read(text, sizes)
    assert (without_repetition(text)[0]) == kept
    assert (without_repetition(text)[1] == CUT) == plain(text)
    if not plain(text):
        assert shown == kept == text
    assert text.startswith(kept)


@settings(max_examples=60, deadline=None)
@given(
    text=st.text("aB1 2.\n不ß😀\ud83d", max_size=150),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5),
)
def test_any_text_passes_as_it_is(text: str, sizes: list[int]) -> None:
    assert read(text, sizes) == (text, text)
