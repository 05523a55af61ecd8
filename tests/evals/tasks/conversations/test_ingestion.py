"""Ingestion of conversations as an application writes them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from memagent import Memory, Scope
from memagent.evals.tasks.conversations.conversation import Conversation, Turn, question
from memagent.evals.tasks.conversations.ingestion import ingest, messages_of, scope_of
from memagent.testing import HashEmbedder

DAY = datetime(2024, 1, 1, 9, tzinfo=UTC)


def turn(id: str, text: str, session: str = "1", when: datetime | None = DAY) -> Turn:
    return Turn(id=id, session=session, role="user", name="Ann", text=text, when=when)


def test_each_turn_becomes_a_record_with_speaker_session_and_time() -> None:
    memory = Memory.in_memory(embedder=HashEmbedder())
    talk = Conversation(
        id="c",
        turns=(turn("a", "Hi"), turn("b", "I moved to Graz."), turn("c", "Hi again", "2")),
    )
    scope = scope_of("set", talk.id)
    assert ingest(memory, talk, scope) == {"a": ("a",), "b": ("b",), "c": ("c",)}
    assert ingest(memory, talk, scope) == {"a": ("a",), "b": ("b",), "c": ("c",)}
    records = {record.id: record for record in memory.get(["a", "b", "c"], scope=scope)}
    assert len(records) == memory.count(scope=scope) == 3
    assert records["b"].valid_from == DAY + timedelta(seconds=1)
    assert records["c"].scope == Scope(user="set/c", session="2")
    (hit,) = memory.search("Who moved to Graz?", scope=scope, k=1)
    assert hit.text == talk.turns[1].shown == "Ann: I moved to Graz."


def test_a_conversation_that_another_process_wrote_is_not_written_again(tmp_path: Path) -> None:
    talk = Conversation(id="c", turns=(turn("a", "Hi"), turn("b", "I moved to Graz.")))
    scope = scope_of("set", talk.id)
    found = []
    for _ in range(2):
        with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
            found.append(ingest(memory, talk, scope))
            assert memory.count(scope=scope, everything=True) == 2
    assert found[0] == found[1]


def test_the_order_of_turns_of_one_time_is_kept() -> None:
    same = [turn(str(number), f"turn {number}") for number in range(3)]
    later = turn("3", "later", when=DAY + timedelta(minutes=5))
    times = [message["timestamp"] - DAY for message in messages_of([*same, later])]
    assert [time.total_seconds() for time in times] == [0, 1, 2, 300]


def test_equal_words_of_an_undated_chat_stand_for_all_their_turns() -> None:
    memory = Memory.in_memory(embedder=HashEmbedder())
    said = [turn("a", "Thanks!", when=None), turn("b", "Noted.", when=None)]
    talk = Conversation(id="c", turns=(*said, turn("c", "Thanks!", when=None)))
    found = ingest(memory, talk, scope_of("set", "c"))
    assert found == {"a": ("a", "c"), "b": ("b",)}


def test_a_question_knows_the_sessions_of_its_evidence() -> None:
    talk = Conversation(id="c", turns=(turn("a", "x"), turn("b", "y", "2"), turn("c", "z", "2")))
    asked = question(
        id="q", conversation=talk, text="?", gold=["y"], category="one", evidence=["b", "c"]
    )
    assert asked.sessions == ("2",)
    assert asked.supports == (2, 3)
    assert asked.story == "c"
