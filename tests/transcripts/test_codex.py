import json
from collections.abc import Sequence
from typing import Any

from foreign_chats import codex_line, codex_message, codex_session
from hypothesis import given
from hypothesis import strategies as st

from memagent.transcripts.codex import entries_in
from memagent.transcripts.message import LeftOut, Message


def read(lines: Sequence[str]) -> tuple[list[Message], list[str]]:
    """Return the messages of a log, and the reasons for which other lines are left out."""
    entries = enumerate(map(json.loads, lines), start=1)
    items = list(entries_in(entries, "rollout-1"))
    said = [item for item in items if isinstance(item, Message)]
    return said, [item.reason for item in items if isinstance(item, LeftOut)]


def test_what_was_said_is_kept_once_and_tools_are_left_out() -> None:
    call = {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": "1"}
    said, left_out = read(
        [
            codex_session("s"),
            codex_message("developer", "<permissions instructions>"),
            codex_message("user", "# AGENTS.md instructions for /home", "<environment_context>x"),
            codex_line("turn_context", {"model": "gpt-5-codex"}),
            codex_message("user", "Fix the test."),
            codex_line("event_msg", {"type": "user_message", "message": "Fix the test."}),
            codex_line("response_item", {"type": "reasoning", "summary": []}),
            codex_line("response_item", call),
            codex_message("assistant", "Done."),
            codex_line("event_msg", {"type": "agent_message", "message": "Done."}),
        ]
    )
    assert [(one.id, one.role, one.text, one.session) for one in said] == [
        ("codex:s:5", "user", "Fix the test.", "s"),
        ("codex:s:9", "assistant", "Done.", "s"),
    ]
    assert dict(said[0].metadata) == {"folder": "/home/ada/garden", "model": "gpt-5-codex"}
    assert said[0].time is not None
    assert left_out == ["system", "written by the program", "thought", "tool call"]


def test_logs_of_before_september_2025_have_bare_items() -> None:
    said, _ = read(
        [
            json.dumps({"id": "s", "timestamp": "2025-06-01T10:00:00Z", "instructions": None}),
            json.dumps({"record_type": "state"}),
            json.dumps(
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "Hello."}],
                }
            ),
        ]
    )
    assert [(one.id, one.text) for one in said] == [("codex:s:3", "Hello.")]
    assert said[0].time is not None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
names = st.sampled_from(["type", "payload", "role", "content", "id", "timestamp"])


@given(st.lists(json_values | st.dictionaries(names, json_values), max_size=4))
def test_lines_may_hold_anything(entries: list[Any]) -> None:
    for item in entries_in(enumerate(entries, start=1), "s"):
        assert isinstance(item, LeftOut) or item.text.strip()
