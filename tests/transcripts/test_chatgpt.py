import json
from typing import Any

import pytest
from foreign_chats import chatgpt_conversation, chatgpt_message
from hypothesis import given
from hypothesis import strategies as st

from memagent.transcripts.chatgpt import INSTRUCTIONS, messages_in
from memagent.transcripts.message import LeftOut, Message


def read(*messages: dict[str, Any], **fields: Any) -> tuple[list[Message], list[str]]:
    """Return the messages of a conversation, and the reasons for which others are left out."""
    items = list(messages_in(chatgpt_conversation("c", *messages, **fields)))
    said = [item for item in items if isinstance(item, Message)]
    return said, [item.reason for item in items if isinstance(item, LeftOut)]


def test_what_was_said_is_kept_with_its_time_model_and_title() -> None:
    said, left_out = read(
        chatgpt_message("1", "user", "I live in Bonn."), chatgpt_message("2", "assistant", "Nice.")
    )
    assert [(one.id, one.role, one.text, one.session) for one in said] == [
        ("chatgpt:1", "user", "I live in Bonn.", "c"),
        ("chatgpt:2", "assistant", "Nice.", "c"),
    ]
    assert said[0].time is not None
    assert said[0].time.isoformat() == "2023-11-14T22:13:20+00:00"
    assert dict(said[1].metadata) == {"title": "Talk", "model": "gpt-4o"}
    assert left_out == []


def test_other_branches_come_after_the_one_shown_last_and_are_named() -> None:
    said, _ = read(
        chatgpt_message("1", "user", "I live in Bonn."),
        chatgpt_message("2", "assistant", "First."),
        chatgpt_message("3", "assistant", "Second.", parent="1"),
        chatgpt_message("4", "user", "I live in Berlin.", parent="root"),
        chatgpt_message("5", "assistant", "Third."),
    )
    assert [(one.text, one.metadata.get("branch")) for one in said] == [
        ("I live in Berlin.", None),
        ("Third.", None),
        ("I live in Bonn.", "1"),
        ("First.", "1"),
        ("Second.", "1"),
    ]


def test_a_circle_of_messages_ends() -> None:
    talk = chatgpt_conversation(
        "c", chatgpt_message("1", "user", "One."), chatgpt_message("2", "user", "Two.")
    )
    talk["mapping"]["1"]["parent"] = "2"
    items = messages_in(talk)
    assert sorted(item.text for item in items if isinstance(item, Message)) == ["One.", "Two."]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (chatgpt_message("1", "system", "Be brief."), "system"),
        (chatgpt_message("1", "tool", "Output"), "tool output"),
        (chatgpt_message("1", "assistant", "print(1)", recipient="python"), "tool call"),
        (chatgpt_message("1", "user", ""), "empty"),
        (
            chatgpt_message(
                "1", "user", "Hidden", metadata={"is_visually_hidden_from_conversation": True}
            ),
            "hidden",
        ),
        (
            chatgpt_message("1", "assistant", content={"content_type": "thoughts", "thoughts": []}),
            "thought",
        ),
    ],
)
def test_what_nobody_said_is_left_out_and_counted(message: dict[str, Any], reason: str) -> None:
    assert read(message) == ([], [reason])


def test_images_files_and_speech_are_named_or_written_out() -> None:
    image = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-1"}
    sound = {"content_type": "audio_asset_pointer", "asset_pointer": "sediment://file-2"}
    spoken = {"content_type": "audio_transcription", "text": "What is this?", "direction": "in"}
    files = [{"id": "file-1", "name": "rose.png"}, {"id": "file-3", "name": "garden.pdf"}]
    (message,), _ = read(
        chatgpt_message("1", "user", image, sound, spoken, metadata={"attachments": files})
    )
    assert message.text == "[image: rose.png]\n\nWhat is this?\n\n[file: garden.pdf]"
    assert message.metadata["attachments"] == ["rose.png", "garden.pdf"]


def test_a_canvas_code_and_marks_of_sources() -> None:
    canvas = json.dumps({"name": "Poem", "type": "document", "content": "Roses are red."})
    code = {"content_type": "code", "language": "python", "text": "print(1)"}
    said, _ = read(
        chatgpt_message("1", "assistant", canvas, recipient="canmore.create_textdoc"),
        chatgpt_message("2", "assistant", content=code),
        chatgpt_message("3", "assistant", "It rains.\ue200cite\ue202turn0search1\ue201"),
    )
    assert [one.text for one in said] == [
        "[canvas: Poem]\nRoses are red.",
        "```\nprint(1)\n```",
        "It rains.",
    ]


def test_custom_instructions_are_one_statement_of_the_user_whatever_the_conversation() -> None:
    content = {
        "content_type": "user_editable_context",
        "user_profile": "The user provided the following:\n```I grow tulips.```",
        "user_instructions": "",
    }
    hidden = {"is_visually_hidden_from_conversation": True}
    written = chatgpt_message("1", "user", content=content, metadata=hidden)
    plain = {
        "is_user_system_message": True,
        "user_context_message_data": {"about_user_message": "I grow tulips."},
    }
    (first,), _ = read(written)
    (second,), _ = read(chatgpt_message("2", "system", "", metadata=plain), title="Other")
    assert (first.text, first.role, first.session) == ("I grow tulips.", "user", INSTRUCTIONS)
    assert first.id == second.id


def test_a_message_without_a_time_has_that_of_the_one_before() -> None:
    said, _ = read(
        chatgpt_message("1", "user", "One."),
        chatgpt_message("2", "assistant", "Two.", create_time=None),
        create_time=None,
    )
    assert said[0].time == said[1].time is not None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.data())
def test_any_field_may_hold_anything(data: st.DataObject) -> None:
    talk = chatgpt_conversation(
        "c", chatgpt_message("1", "user", "One."), chatgpt_message("2", "assistant", "Two.")
    )
    places: list[dict[str, Any]] = [talk, talk["mapping"]]
    places += [talk["mapping"][id] for id in ("root", "1", "2")]
    message = talk["mapping"]["1"]["message"]
    places += [message, message["author"], message["content"], message["metadata"]]
    place = data.draw(st.sampled_from(places))
    place[data.draw(st.sampled_from(sorted(place) or ["x"]))] = data.draw(json_values)
    for item in messages_in(talk):
        assert isinstance(item, LeftOut) or item.text.strip() == item.text != ""
