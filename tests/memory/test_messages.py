"""Messages: speakers, ids, and what of a message is evidence."""

import pytest

from memagent import Memory
from memagent.errors import InvalidInput


@pytest.fixture
def memory() -> Memory:
    from memagent.testing import HashEmbedder

    return Memory.in_memory(embedder=HashEmbedder(), scope="ada")


def test_a_message_is_found_and_shown_by_its_speaker(memory: Memory) -> None:
    memory.add_messages(
        [
            {"role": "user", "name": "Mel", "content": "I signed up for a pottery class."},
            {"role": "user", "name": "Caro", "content": "I signed up for a painting class."},
        ]
    )
    best = memory.search("What did Mel sign up for?")[0]
    assert best.record.text == "I signed up for a pottery class."
    assert best.text == "Mel: I signed up for a pottery class."
    assert memory.recall("What did Mel sign up for?").texts[0].startswith("Mel: ")


def test_a_long_message_of_a_named_speaker_is_found_by_its_end(memory: Memory) -> None:
    text = " ".join(f"Sentence number {number} says little." for number in range(80))
    text += " The spare key hangs behind the green boiler."
    (record,) = memory.add_messages([{"role": "user", "name": "Mel", "content": text}])
    assert len(record.keys) > 1
    assert "boiler" in memory.search("green boiler")[0].key


def test_a_name_in_the_metadata_of_a_note_is_no_speaker(memory: Memory) -> None:
    memory.add("The lease ends in May.", metadata={"name": "lease.pdf"})
    assert memory.search("lease")[0].text == "The lease ends in May."


def test_a_message_sent_twice_under_one_id_is_one_record(memory: Memory) -> None:
    message = {"id": "m1", "role": "user", "content": "Lena lives in Graz."}
    (first,) = memory.add_messages([message])
    (again,) = memory.add_messages([message])
    assert first.id == again.id == "m1"
    assert memory.count() == 1
    with pytest.raises(InvalidInput, match="message 1: id: a text is wanted"):
        memory.add_messages([{"id": 7, "role": "user", "content": "x"}])


@pytest.mark.parametrize(
    "text",
    [
        "I adopted a cat last week. What about you?",
        "Ich habe letzte Woche eine Katze adoptiert. Und du?",
        "我上周领养了一只猫。你呢？",
        "We painted the fence\nWhat colour is yours?",
    ],
)
def test_a_message_that_states_and_asks_is_evidence(memory: Memory, text: str) -> None:
    memory.add_messages([{"role": "user", "content": text}])
    assert len(memory.search(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Hey! Where does Lena live?",
        "Oh. What about you?",
        "你好！你住在哪里？",
        "Wo wohnt Lena? Und seit wann?",
        "هل أنت هنا؟",
    ],
)
def test_a_message_that_only_asks_is_none(memory: Memory, text: str) -> None:
    memory.add_messages([{"role": "user", "content": text}])
    assert len(memory.search(text)) == 0
    assert len(memory.search(text, roles="user")) == 1


def test_recall_shows_replies_only_if_their_role_is_named(memory: Memory) -> None:
    said, replied = memory.add_messages(
        [
            {"role": "user", "content": "I want to bake a lemon cake for Ada."},
            {"role": "assistant", "content": "Bake the lemon cake for forty minutes."},
        ]
    )
    question = "How long does the lemon cake bake?"
    shown = {
        roles: {hit.record.id for hit in memory.recall(question, roles=roles).hits}
        for roles in (None, "all", "assistant")
    }
    assert shown == {
        None: {said.id},
        "all": {said.id, replied.id},
        "assistant": {replied.id},
    }
    with pytest.raises(InvalidInput, match="roles"):
        memory.recall(question, roles="nobody")
