"""Reasoning is kept apart from the answer, however a reply is cut into pieces."""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from memagent.models.reasoning import TAGS, ReasoningSplitter, Split, split_reasoning, storable

PLAIN = st.text(st.sampled_from("ab <>/|[]`\n"), max_size=12)
PIECES = st.one_of(
    PLAIN, st.sampled_from([tag for pair in TAGS for tag in pair]), st.sampled_from(["\0", "😀"])
)


@pytest.mark.parametrize(("opening", "closing"), TAGS)
def test_a_leading_block_is_no_answer(opening: str, closing: str) -> None:
    reply = f"\n{opening.upper()}\nBob is in Rome.\n{closing}\n\nIn Porto.\n"
    assert split_reasoning(reply) == Split("Bob is in Rome.", "In Porto.")


@pytest.mark.parametrize(
    ("reply", "reasoning", "answer"),
    [
        ("In Porto.", "", "In Porto."),
        ("<think>Rome? no", "Rome? no", ""),
        ("<think></think>In Porto.", "", "In Porto."),
        ("<think>a</think> <think>b</think>In Porto.", "a\nb", "In Porto."),
        ("Rome? no\n</think>\n\nIn Porto.", "Rome? no", "In Porto."),
        ("</think>In Porto.", "", "In Porto."),
        ("Write <think> first.", "", "Write <think> first."),
        ("`<think>` opens, `</think>` closes.", "", "`<think>` opens, `</think>` closes."),
        ('It ends with "</think>".', "", 'It ends with "</think>".'),
        ("```\nx\n</think>\n```", "", "```\nx\n</think>\n```"),
        ("<thin ice", "", "<thin ice"),
        (
            "<|channel|>analysis<|message|>Rome?<|end|><|start|>assistant"
            "<|channel|>final<|message|>In Porto.<|return|>",
            "Rome?",
            "In Porto.",
        ),
    ],
)
def test_what_is_reasoning(reply: str, reasoning: str, answer: str) -> None:
    assert split_reasoning(reply) == Split(reasoning, answer)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join), st.data())
@example("Rome?</think>In Porto.", None)
def test_any_cut_of_a_reply_gives_the_same_answer(reply: str, data: st.DataObject | None) -> None:
    encoded = reply.encode("utf-16-le", "surrogatepass")
    units = [
        encoded[at : at + 2].decode("utf-16-le", "surrogatepass")
        for at in range(0, len(encoded), 2)
    ]
    cuts = data.draw(st.sets(st.integers(0, len(units)))) if data else set(range(len(units)))
    splitter, places = ReasoningSplitter(), [0, *sorted(cuts), len(units)]
    shown = [splitter.feed("".join(units[start:end])) for start, end in pairwise(places)]
    split = splitter.end()
    assert split == split_reasoning(reply)
    if not any(closing in reply.lower() for _, closing in TAGS):
        assert split.answer.startswith("".join(shown).strip())


@settings(deadline=None)
@given(st.text())
def test_what_is_storable_stays_as_it_is(text: str) -> None:
    assert storable(text) == text.replace("\0", "")


def test_half_characters_are_joined_or_replaced() -> None:
    assert storable("a\ud83d\ude00b") == "a😀b"
    assert storable("a\ud83d b\ude00") == "a� b�"
