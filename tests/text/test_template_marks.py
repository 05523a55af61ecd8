import html
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memagent.text import template_marks
from memagent.text.template_marks import add_marks, break_marks

MARKS = """
<|im_start|> <|im_end|> <|endoftext|> <s> </s> <unk> <pad> <bos> <eos> <mask> [INST] [/INST]
<<SYS>> <</SYS>> <|begin_of_text|> <|start_header_id|> <|end_header_id|> <|eot_id|> <|eom_id|>
<|python_tag|> [TOOL_CALLS] [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [TOOL_RESULTS] [/TOOL_RESULTS]
[SYSTEM_PROMPT] [/SYSTEM_PROMPT] [ARGS] [CALL_ID] [THINK] [/THINK] <｜begin▁of▁sentence｜>
<｜end▁of▁sentence｜> <｜User｜> <｜Assistant｜> <｜tool▁calls▁begin｜> <｜▁pad▁｜> <start_of_turn>
<end_of_turn> <start_of_image> <image_soft_token> <unused12> <tool_call> </tool_call>
<tool_response> </tool_response> <tools> </tools> <|vision_start|> <|image_pad|> <|user|>
<|assistant|> <|system|> <|end|> <|start|> <|channel|> <|message|> <|return|> <|call|>
<|constrain|> <|START_OF_TURN_TOKEN|> <|END_OF_TURN_TOKEN|> <|CHATBOT_TOKEN|> <BOS_TOKEN>
<EOS_TOKEN> <think> </think> <function=search> <parameter=x> <function_call> <fim_prefix>
<|fim_middle|> <sop> [gMASK] <seed:bos> <minimax:tool_call> <eoh> <eoa> <extra_id_0>
""".split()
ORDINARY = (
    "List<T>, Map<String, List<int>> and std::vector<std::string>",
    "a<b and b>c, so a <b> c; x <- 1; y |> f() |> g(); f <| x",
    "<p>some <b>bold</b> text, <a href='x'>a link</a> & <br/></p>",
    "a[0], [x], [1], list[int], - [ ] todo, see [INSTALL] or [the text](https://a.b/?c=d&lt=e)",
    "if (a || b) { return a | b; } 1 << 2 >> 3",
    "Grüße, 東京, 🙂 and a\nnew line\twith a tab",
)
SPELLINGS = {
    "as it is": lambda mark: mark,
    "lower": str.lower,
    "upper": str.upper,
    "full width": lambda mark: "".join(
        chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in mark
    ),
    "no width": lambda mark: "\u200b".join(mark),
    "word joiner": lambda mark: f"{mark[0]}\u2060{mark[1:]}",
    "escaped": html.escape,
    "as numbers": lambda mark: mark.replace("<", "&#60;").replace(">", "&#x3e;"),
}


@pytest.fixture(autouse=True)
def _nothing_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_marks, "_added", template_marks._Added())


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_is_broken_up_and_still_read(mark: str) -> None:
    broken = break_marks(f"before {mark} after")
    assert mark not in broken
    assert broken.replace(" ", "") == f"before {mark} after".replace(" ", "")
    assert len(broken) <= len(f"before {mark} after") + 2


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert break_marks(text) == text


@pytest.mark.parametrize("spelling", list(SPELLINGS))
def test_every_spelling_is_found(spelling: str) -> None:
    for mark in MARKS:
        spelled = SPELLINGS[spelling](mark)
        broken = break_marks(f"a{spelled}b")
        assert spelled not in broken
        assert broken.replace(" ", "") == f"a{spelled}b"


pieces = st.sampled_from([*MARKS, *"<|>[]/&;", "<|", "|>", "lt", "INST", "\u200b", "＜", "｜", " "])
texts = st.lists(pieces | st.text(max_size=5), max_size=12).map("".join)


@given(text=texts)
def test_breaking_is_done_once_and_only_adds_spaces(text: str) -> None:
    broken = break_marks(text)
    assert break_marks(broken) == broken
    assert broken.replace(" ", "") == text.replace(" ", "")
    assert not any(mark in broken for mark in MARKS)


@pytest.mark.parametrize("piece", ["<", "<|", "<|a ", "[", "<a_", "<|\u200b", "&lt;|", "<a:", "]~"])
def test_its_cost_grows_with_the_length(piece: str) -> None:
    started = time.perf_counter()
    break_marks(piece * (200_000 // len(piece)))  # where it grew with the square, minutes
    assert time.perf_counter() - started < 10


ADDED = ("<~usr~>", "⟦SYS⟧", "@@End@@", "<~usr~><~", "</end of turn/>", ";x;", "(a)", "＜ｅ！＞")


@pytest.mark.parametrize("mark", ADDED)
@pytest.mark.parametrize("spelling", [name for name in SPELLINGS if name != "escaped"])
def test_an_added_mark_is_broken_in_every_spelling(mark: str, spelling: str) -> None:
    spelled = f"a {SPELLINGS[spelling](mark)} b"
    assert break_marks(spelled) == spelled
    assert add_marks([mark]) == 1
    assert add_marks([mark]) == 0
    broken = break_marks(spelled)
    assert broken != spelled
    assert broken.replace(" ", "") == spelled.replace(" ", "")
    assert break_marks(broken) == broken


def test_what_stands_in_ordinary_texts_is_no_mark() -> None:
    words = [
        "user",
        "<",
        "<>",
        "##user",
        "user:",
        "---",
        "```",
        "...",
        "   ",
        "\n\n\n",
        " <x> ",
        "",
    ]
    assert add_marks([*words, "<" + "x" * 200 + ">"]) == 0
    assert add_marks(MARKS) == 0  # they are broken as they are
    for text in (*ORDINARY, "# user: --- ``` ... ⒜"):
        assert break_marks(text) == text


def test_a_character_that_spells_a_whole_mark_is_left() -> None:
    add_marks(["(a)", "(a)b)"])
    assert break_marks("⒜ ⒜b) (a)") == "⒜ ⒜ b) ( a)"


symbols = st.sampled_from([*"<>[]|~@&;/!()⟦⟧", "<~", "~>", "﹤"])
inner = st.lists(st.sampled_from([*"ab1_ -", "&", ";", "lt", "＆"]), max_size=4).map("".join)
added = st.lists(st.builds("{}{}{}".format, symbols, inner, symbols), min_size=1, max_size=4)


@given(marks=added, data=st.data())
def test_no_added_mark_is_left_in_a_text(marks: list[str], data: st.DataObject) -> None:
    template_marks._added = template_marks._Added()
    add_marks(marks)
    parts = st.sampled_from([*marks, "&lt", "&", "amp;", "<", "~", " ", "x", "\u200b"])
    text = data.draw(st.lists(parts, max_size=8).map("".join))
    broken = break_marks(text)
    assert break_marks(broken) == broken
    assert broken.replace(" ", "") == text.replace(" ", "")
    legible = [mark for mark in marks if len(mark) > 2 and len(set(mark)) > 1]
    assert not any(mark in broken for mark in legible)


def test_thousands_of_marks_cost_little() -> None:
    add_marks([f"<~token{number}~>" for number in range(template_marks.MAX_MARKS + 5)])
    assert add_marks(["<~one more~>"]) == 0
    started = time.perf_counter()
    break_marks("<~token" * 20_000)
    assert time.perf_counter() - started < 10
