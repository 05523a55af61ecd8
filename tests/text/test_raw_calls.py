"""Calls in a text: read in the form of every family, and answers left alone."""

import json
import string
from typing import Any

import pytest
from call_families import FAMILIES
from hypothesis import given, settings
from hypothesis import strategies as st

from memagent.text.raw_calls import RawCall, Unreadable, read_call

SCHEMAS = {
    "search": {
        "properties": {
            "query": {"type": "string"},
            "limit": {"type": "integer"},
            "exact": {"type": "boolean"},
            "tags": {"type": "array"},
        }
    },
    "today": {"properties": {}},
}
PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\0`<|>"), min_size=1, max_size=40)
ARGUMENTS = st.fixed_dictionaries(
    {"query": PLAIN.filter(lambda text: text.strip() == text)},
    optional={
        "limit": st.integers(-99, 99),
        "exact": st.booleans(),
        "tags": st.lists(st.text(string.ascii_letters, max_size=5), max_size=3),
    },
)
PREAMBLES = ("", "I will look that up.\n", "Let me see: ", "Moment, ich suche.\n\n")


def expected(call: object) -> tuple[str, dict[str, Any]]:
    assert isinstance(call, RawCall)
    return call.name, call.arguments


@settings(max_examples=200, deadline=None)
@given(family=st.sampled_from([*FAMILIES]), arguments=ARGUMENTS)
def test_a_call_of_every_family_is_read(family: str, arguments: dict[str, Any]) -> None:
    text = FAMILIES[family]("search", arguments)
    assert expected(read_call(text, SCHEMAS)) == ("search", arguments)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("preamble", PREAMBLES)
def test_words_before_a_call_do_not_hide_it(family: str, preamble: str) -> None:
    text = preamble + FAMILIES[family]("search", {"query": "bees"})
    if preamble and (
        family in ("llama-4", "fenced") or (family == "command-r" and ":" in preamble)
    ):
        assert read_call(text, SCHEMAS) is None
    else:
        assert expected(read_call(text, SCHEMAS)) == ("search", {"query": "bees"})


@pytest.mark.parametrize("family", FAMILIES)
def test_a_call_without_arguments_is_read(family: str) -> None:
    assert expected(read_call(FAMILIES[family]("today", {}), SCHEMAS)) == ("today", {})


@pytest.mark.parametrize(
    "family",
    sorted(set(FAMILIES) - {"llama-3.1-code", "llama-4", "lfm2", "llama-4-tag", "gemma-3"}),
)
def test_a_call_of_a_tool_that_is_not_there_is_one_all_the_same(family: str) -> None:
    call = read_call(FAMILIES[family]("browse", {"page": "a"}), SCHEMAS)
    assert expected(call) == ("browse", {"page": "a"})


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"llama-4"}))
def test_a_call_that_breaks_off_is_no_answer(family: str) -> None:
    text = FAMILIES[family]("search", {"query": "bees", "tags": ["a", "b"]})
    cut = text[: text.index("bees") + 2]
    assert isinstance(read_call(cut, SCHEMAS), Unreadable)


@pytest.mark.parametrize(
    "length", range(len('{"name": "search"'), len('{"name": "search", "parameters": {"q'))
)
def test_json_that_breaks_off_after_the_name_of_a_tool_is_no_answer(length: int) -> None:
    cut = FAMILIES["llama-3.1"]("search", {"query": "bees"})[:length]
    assert isinstance(read_call(cut, SCHEMAS), Unreadable)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_call_that_is_cited_in_code_is_part_of_the_answer(family: str) -> None:
    call = FAMILIES[family]("search", {"query": "bees"})
    fence = "~~~" if "```" in call else "```"
    if fence == "```":
        assert (
            read_call(f"This model writes:\n```\n{call}\n```\nIts server reads it.", SCHEMAS)
            is None
        )
    if "`" not in call and "\n" not in call:
        assert read_call(f"It writes `{call}` to search.", SCHEMAS) is None


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "city", "age", "id", "type"]) | st.text(max_size=5),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    ),
    st.sampled_from(
        ["{}", "Here it is:\n{}", "```json\n{}\n```", "```json\n{}\n```\nAnything else?"]
    ),
)
def test_an_answer_in_json_is_left_alone(value: Any, frame: str) -> None:
    assert read_call(frame.replace("{}", json.dumps(value)), SCHEMAS) is None


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.text(string.ascii_letters + " .,:;()[]{}<>=\"'*\n", max_size=12)
        | st.sampled_from(["search", "today", "search(", "today.", "[search]", "functions"]),
        max_size=12,
    )
)
def test_words_are_an_answer(parts: list[str]) -> None:
    text = "No call: " + " ".join(parts)
    assert read_call(text, SCHEMAS) is None


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "The mark <tool_call> opens a call in Qwen's template.",
        'Qwen writes "<tool_call>" before a call.',
        "Use functools [see the documentation] for that.",
        "from functools import cache",
        '{"name": "Ada", "age": 36}',
        '{"name": "search"}',
        '{"name": "Ada Lovelace", "parameters": {"born": 1815}}',
        '[{"name": "Ada"}, {"name": "Bob"}]',
        "today() gives the date.",
        'I did search("bees") and found nothing.',
        "Action: take the bus.",
    ],
)
def test_what_only_looks_like_a_call_is_an_answer(answer: str) -> None:
    assert read_call(answer, SCHEMAS) is None


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        (
            '{"type": "function", "function": {"name": "search", "arguments": {"query": "a"}}}',
            {"query": "a"},
        ),
        ('{"function": "search", "arguments": {"query": "a"}}', {"query": "a"}),
        ('{"name": "search", "arguments": "{\\"query\\": \\"a\\"}"}', {"query": "a"}),
        (
            '{"name": "search", "parameters": {"query": "a"}}; {"name": "today", "parameters": {}}',
            {"query": "a"},
        ),
        ('{"name": "search", "parameters": {"query": "a"}}\n\nThis finds it.', {"query": "a"}),
        ('search{"query": "a"}', {"query": "a"}),
        ('search("a", 3)', {"query": "a", "limit": 3}),
        ("```tool_code\nprint(default_api.search(query='a'))\n```", {"query": "a"}),
        ('<tool_call>{"name": "search", "arguments": {"query": "a"}}', {"query": "a"}),
        (
            "<start_function_call>call:search{query:<escape>a<escape>}<end_function_call>",
            {"query": "a"},
        ),
        (
            "<tool_call>\n<function=search>\n<parameter=query>\nline\n  two\n</parameter>\n"
            "</function>",
            {"query": "line\n  two"},
        ),
        (
            "<tool_call><function=search><parameter=exact>True</parameter></function></tool_call>",
            {"exact": True},
        ),
    ],
)
def test_variants_are_read(text: str, arguments: dict[str, Any]) -> None:
    assert expected(read_call(text, SCHEMAS)) == ("search", arguments)
