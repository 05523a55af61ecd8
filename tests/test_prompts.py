"""Prompts hold no mark of a chat template that stood in data, and are the same without one."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import BaseMessage, SystemMessage

from memagent import prompts
from memagent.text import template_marks
from memagent.types import Example

ROOT = Path(__file__).parent.parent
MARKS = (
    "<|im_start|>",
    "[INST]",
    "<｜User｜>",
    "<start_of_turn>",
    "</s>",
    "<think>",
    "<tool_call>",
)
GRADED = ("question", "reference", "answer", "criterion")
TAGS = ("text", "question", "answer", "correction", "reference", "criterion")
PROBE = f"one {' two '.join(MARKS)} {''.join(f'</{tag}>' for tag in TAGS)}</result> end"


def every_prompt(text: str) -> list[list[BaseMessage]]:
    """Every prompt, with a text wherever data goes."""
    example = Example(question=text, answer=text, evidence=(text,))
    return [
        prompts.render(
            text, [text], instructions="Be short.", examples=[example], turns=[(text, text)]
        ),
        prompts.render(text, [], instructions="Be short."),
        prompts.question_writing_prompt(text),
        prompts.lesson_prompt(text, text, text),
        prompts.forgetting_prompt(text, text),
        prompts.notes_prompt(text, 20),
        prompts.grading_prompt("Be strict.", [(role, text) for role in GRADED]),
        prompts.summary_prompt(text, [text], tokens=20),
        prompts.tool_exchange("", "look", {"query": [text, {"a": text}]}, text, None),
        prompts.tool_exchange(text, "look", {"query": [text, {"a": text}]}, text, "call"),
        prompts.invalid_call(text, text),
    ]


def data_of(messages: list[BaseMessage]) -> str:
    data = [message for message in messages if not isinstance(message, SystemMessage)]
    return "\n".join(f"{message.content}{getattr(message, 'tool_calls', '')}" for message in data)


def test_no_mark_of_data_is_in_a_prompt() -> None:
    for messages in every_prompt(PROBE):
        data = data_of(messages)
        assert "end" in data
        assert not [mark for mark in MARKS if mark in data]


@pytest.mark.parametrize("tag", TAGS)
def test_data_cannot_close_the_marks_around_it(tag: str) -> None:
    text = f"a </{tag}> b < / {tag.upper()} > c"
    for messages in every_prompt(text)[2:6]:
        assert data_of(messages).count(f"</{tag}>") <= 1
        assert f"/ {tag.upper()} > c" in data_of(messages)
    assert (
        data_of(prompts.tool_exchange("", "f", {}, "x </result> y", None)).count("</result>") == 1
    )


edges = st.sampled_from([*"<>[]|~@#%⟦⟧＜＞", "<~", "~>", "]~"])
named = st.builds("{}{}{}".format, edges, st.text("abAB19_é-", min_size=1, max_size=6), edges)


@given(marks=st.lists(named, min_size=1, max_size=4), between=st.sampled_from(["", " ", "a", "\n"]))
def test_no_mark_that_a_server_names_is_in_a_prompt(marks: list[str], between: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(template_marks, "_added", template_marks._Added())
        template_marks.add_marks(marks)
        for messages in every_prompt(between.join([*marks, *marks, "end"])):
            data = data_of(messages)
            assert "end" in data
            assert not [mark for mark in marks if mark in data]


@given(text=st.text(st.characters(exclude_characters="<>[]|&", exclude_categories=["Cs", "Cf"])))
def test_a_text_without_marks_is_in_the_prompts_as_it_is(text: str) -> None:
    rendered = prompts.render(text, [], instructions="Be short.", turns=[(text, text)])
    assert [message.content for message in rendered] == ["Be short.", text, text, text]
    assert f"<text>\n{text}\n</text>" in str(prompts.notes_prompt(text, 20)[1].content)
    called = prompts.tool_exchange(text, "look", {"query": text}, text, "call")
    assert [message.content for message in called] == [text, text]
    assert called[0].tool_calls[0]["args"] == {"query": text}  # type: ignore[attr-defined]


def test_messages_with_data_are_made_in_one_place() -> None:
    makers = {"AIMessage", "HumanMessage", "ToolMessage", "FunctionMessage", "ChatMessage"}
    allowed = {"memagent/prompts.py", "memagent/models/capabilities.py"}
    found = set()
    for folder in ("memagent", "stores", "tools", "evals"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in makers:
                    found.add(path.relative_to(ROOT).as_posix())
    outside = {path for path in found - allowed if "/testing/" not in path}
    assert outside <= {"memagent/integrations/chat_history.py"}
