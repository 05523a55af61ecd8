from typing import Any

from foreign_chats import claude_conversation, claude_message
from hypothesis import given
from hypothesis import strategies as st

from memagent.transcripts.claude import MEMORY, memories_in, messages_in, project_in
from memagent.transcripts.message import LeftOut, Message


def read(*messages: dict[str, Any], **fields: Any) -> tuple[list[Message], list[str]]:
    """Return the messages of a conversation, and the reasons for which others are left out."""
    items = list(messages_in(claude_conversation("c", *messages, **fields)))
    said = [item for item in items if isinstance(item, Message)]
    return said, [item.reason for item in items if isinstance(item, LeftOut)]


def test_what_was_said_is_kept_with_its_time_and_title() -> None:
    said, left_out = read(
        claude_message("1", "human", "I live in Bonn."), claude_message("2", "assistant", "Nice.")
    )
    assert [(one.id, one.role, one.text, one.session) for one in said] == [
        ("claude:1", "user", "I live in Bonn.", "c"),
        ("claude:2", "assistant", "Nice.", "c"),
    ]
    assert said[0].time is not None
    assert said[0].time.timestamp() == 1735732801
    assert dict(said[0].metadata) == {"title": "Talk"}
    assert left_out == []


def test_exports_of_2023_have_texts_without_blocks_and_parents() -> None:
    old = claude_message("1", "human", "I live in Bonn.")
    del old["content"]
    talk = claude_conversation("c", old, claude_message("2", "assistant", "Nice."))
    for message in talk["chat_messages"]:
        del message["parent_message_uuid"]
    items = list(messages_in(talk))
    assert [item.text for item in items if isinstance(item, Message)] == [
        "I live in Bonn.",
        "Nice.",
    ]


def test_an_edited_question_leaves_a_branch() -> None:
    said, _ = read(
        claude_message("1", "human", "I live in Bonn."),
        claude_message("2", "assistant", "First."),
        claude_message("3", "human", "I live in Berlin.", parent_message_uuid="root"),
        claude_message("4", "assistant", "Second.", created_at="2025-01-01T12:05:00Z"),
    )
    assert [(one.text, one.metadata.get("branch")) for one in said] == [
        ("I live in Berlin.", None),
        ("Second.", None),
        ("I live in Bonn.", "1"),
        ("First.", "1"),
    ]


def test_thoughts_and_tools_are_left_out_and_artifacts_kept() -> None:
    artifact = {"command": "create", "title": "Poem", "content": "Roses are red."}
    blocks = [
        {"type": "thinking", "thinking": "Hm."},
        {"type": "tool_use", "name": "artifacts", "input": artifact},
        {"type": "tool_use", "name": "web_search", "input": {"query": "roses"}},
        {"type": "tool_result", "content": [{"type": "text", "text": "found"}]},
        {"type": "text", "text": "Done."},
    ]
    (message,), left_out = read(claude_message("1", "assistant", "x", content=blocks))
    assert message.text == "[artifact: Poem]\nRoses are red.\n\nDone."
    assert left_out == ["thought", "tool call", "tool output"]


def test_files_are_named_and_what_was_pasted_is_text() -> None:
    files = [
        {"file_name": "garden.pdf", "file_type": "pdf", "extracted_content": "A long document."},
        {"file_name": "", "file_type": "txt", "extracted_content": "What I pasted."},
    ]
    (message,), left_out = read(
        claude_message(
            "1", "human", "", content=[], attachments=files, files=[{"file_name": "rose.png"}]
        )
    )
    assert message.text == "What I pasted.\n\n[file: garden.pdf]\n\n[file: rose.png]"
    assert message.metadata["attachments"] == ["garden.pdf", "rose.png"]
    assert left_out == ["content of a file"]


def test_memories_and_projects() -> None:
    entry = {
        "conversations_memory": "Grows tulips.",
        "project_memories": {"p": "Writes a book."},
        "account_uuid": "a",
    }
    notes = list(memories_in(entry))
    assert [(one.id, one.role, one.session) for one in notes if isinstance(one, Message)] == [
        ("claude:memory:a", "assistant", MEMORY),
        ("claude:memory:a:p", "assistant", MEMORY),
    ]
    project = {"uuid": "p", "name": "Book", "prompt_template": "Be brief.", "docs": [{}, {}]}
    said, *documents = project_in(project)
    assert isinstance(said, Message)
    assert (said.text, said.role, said.session) == ("Be brief.", "user", "p")
    assert documents == [LeftOut("document of a project")] * 2


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.data())
def test_any_field_may_hold_anything(data: st.DataObject) -> None:
    talk = claude_conversation(
        "c", claude_message("1", "human", "One."), claude_message("2", "assistant", "Two.")
    )
    message = talk["chat_messages"][0]
    place: dict[str, Any] = data.draw(st.sampled_from([talk, message, message["content"][0]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(json_values)
    for reader in (messages_in, memories_in, project_in):
        for item in reader(talk):
            assert isinstance(item, LeftOut) or item.text.strip() == item.text != ""
