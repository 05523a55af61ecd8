import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from memagent.transcripts.claude_code import Message, messages_in


def entry(**fields: Any) -> str:
    message = {"role": "user", "content": "Hello."}
    return json.dumps({"type": "user", "uuid": "u", "message": message, **fields})


def texts(*lines: str) -> list[str]:
    return [message.text for message in messages_in(lines)]


def test_what_was_said_is_a_message() -> None:
    (message,) = messages_in([entry(sessionId="s", timestamp="2026-11-01T10:00:00.000Z")])
    assert (message.id, message.role, message.text, message.session) == ("u", "user", "Hello.", "s")
    assert message.time is not None
    assert message.time.isoformat().startswith("2026-11-01")


def test_tools_thoughts_and_the_program_s_own_words_are_none() -> None:
    blocks = [
        {"type": "thinking", "thinking": "Hm."},
        {"type": "text", "text": "One."},
        {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "ls"}},
        {"type": "text", "text": "Two."},
    ]
    result = [{"type": "tool_result", "tool_use_id": "t", "content": "files"}]
    reminder = [{"type": "text", "text": "<system-reminder>x</system-reminder>"}]
    assert texts(
        entry(type="assistant", message={"role": "assistant", "content": blocks}),
        entry(message={"role": "user", "content": result}),
        entry(message={"role": "user", "content": reminder}),
        entry(message={"role": "user", "content": "<command-name>/clear</command-name>"}),
        entry(isMeta=True),
        entry(isSidechain=True),
        entry(isCompactSummary=True),
        entry(type="summary"),
    ) == ["One.\n\nTwo."]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
fields = st.sampled_from(["type", "uuid", "message", "timestamp", "sessionId"])


@given(st.dictionaries(fields, json_values), st.binary(max_size=20))
def test_damaged_lines_are_passed_over(damage: dict[str, Any], noise: bytes) -> None:
    lines: list[str | bytes] = [entry(**damage), noise, entry()]
    found = list(messages_in(lines))
    assert all(isinstance(message, Message) and message.text.strip() for message in found)
    assert found[-1].text == "Hello."
