"""Marks in what a server says of its tokenizer."""

import time
from typing import Any

import pytest

from memagent.text.chat_template import named_marks, template_marks


@pytest.mark.parametrize(
    ("template", "marks"),
    [
        ("{% for m in messages %}<~usr~>{{ m.content }}<~end~>{% endfor %}", "<~usr~> <~end~>"),
        ("{{ bos }}{{ '\\u27e6SYS\\u27e7' + m['content'] + \"]~b]\" }}", "\u27e6SYS\u27e7 ]~b]"),
        ("don't{{ 'it\\'s <~a}}~>' + '@@end@@' }} {|usr|}", "@@end@@ {|usr|}"),
        ("{# <~comment~> #}{{- '\\n<eot!>' -}}", "<eot!>"),
        ("{% if a == '<~a~>' %}{% set x = m['a'][b] < c > d %}", "<~a~>"),
        ("Use List[str] (or map<int>), [0], |name|, **bold**, 'word' and {\"a\": 1}.", ""),
        ("### Instruction: --- ... === ``` - item\n", ""),
    ],
)
def test_the_literals_of_a_template_are_searched(template: str, marks: str) -> None:
    assert template_marks(template) == set(marks.split())


@pytest.mark.parametrize(
    "template",
    [
        "{{ '<~' + message['role'] + '~>' }}",
        "{{ '<~' ~ role ~ '~>' }}",
        "<~{{ role }}~>",
        "<~{% if role == 'x' %}user{% else %}assistant{% endif %}~>",
    ],
)
def test_a_mark_around_a_role_is_each_roles(template: str) -> None:
    assert {"<~user~>", "<~system~>", "<~assistant~>"} < template_marks(template)


def test_a_list_or_a_row_around_an_expression_is_no_mark() -> None:
    assert template_marks("{{ '[' + x + ']' }}{{ '|' + x + '|' }}[{{ x }}]") == set()


def test_special_tokens_are_read_in_the_shapes_of_both_servers() -> None:
    llama_cpp = {"bos_token": "<~b~>", "eos_token": "<~e~>", "chat_template": "<~usr~>"}
    assert named_marks(llama_cpp) == {"<~b~>", "<~e~>", "<~usr~>"}
    vllm = {
        "tokenizer_class": "X",
        "bos_token": {"content": "<~b~>", "special": True},
        "additional_special_tokens": ["<~a~>", {"content": "<~c~>"}],
        "extra_special_tokens": {"image_token": "<~i~>"},
        "added_tokens_decoder": {
            "1": {"content": "<~d~>", "special": True},
            "2": {"content": "<h1>", "special": False},
        },
        "chat_template": [{"name": "default", "template": "<~usr~>"}],
    }
    marks = {"<~b~>", "<~a~>", "<~c~>", "<~i~>", "<~d~>", "<~usr~>"}
    assert named_marks(vllm) == marks


@pytest.mark.parametrize(
    "description",
    [
        None,
        "<~usr~>",
        ["<~usr~>"],
        {"bos_token": 5, "eos_token": None, "chat_template": 1, "added_tokens_decoder": ["<~a~>"]},
        {"chat_template": [None, 7, {"template": 3}], "added_tokens_decoder": {"1": "<~a~>"}},
        {"added_tokens_decoder": {"1": {"special": True}}, "additional_special_tokens": [[[1]]]},
    ],
)
def test_a_description_of_another_shape_names_none(description: Any) -> None:
    assert named_marks(description) == set()


@pytest.mark.parametrize("piece", ["<", "<~", "{{", "{{'\\", "|a", "]|", "<\0", "a", "{#"])
def test_its_cost_grows_with_the_length(piece: str) -> None:
    started = time.perf_counter()
    template_marks(piece * (200_000 // len(piece)))
    assert time.perf_counter() - started < 10
