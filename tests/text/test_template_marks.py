import html
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memagent.text.template_marks import break_marks

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
