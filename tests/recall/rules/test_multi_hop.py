"""Multi-hop recall: to the time reference of a question, and from name to name."""

from datetime import UTC, datetime, timedelta

import pytest

from memagent import Agent, Memory, Scope
from memagent.agent.turn import PromptParts
from memagent.recall.rules.trail import MAX_HOPS
from memagent.testing import ScriptedChat
from memagent.types import NewRecord, Recollection

START = datetime(2024, 1, 1, tzinfo=UTC)
MOVED = (
    "Zoe went to the cabin.",
    "Zoe went to the harbour.",
    "Ana went to the harbour.",
    "Ana went to the museum.",
    "Zoe lost the ring.",
    "Ana went to the harbour.",
)
BEFORE = "Where was the ring before the harbour?"


def shown(recollection: Recollection) -> tuple[str, ...]:
    """Return the texts that a model is shown, without their dates."""
    return tuple(hit.text for hit in recollection.hits if "passed" not in hit.why)


def add_in_order(memory: Memory, scope: Scope, *texts: str) -> None:
    for number, text in enumerate(texts):
        note = NewRecord(text=text, valid_from=START + timedelta(hours=number))
        memory.add_many([note], scope=scope)


def values(recollection: Recollection) -> list[str]:
    return [hit.record.text for hit in recollection.hits]


def test_a_question_by_a_point_in_time_is_followed_to_it_and_to_its_side(
    memory: Memory, ada: Scope
) -> None:
    add_in_order(memory, ada, *MOVED)
    recollection = memory.recall(BEFORE, scope=ada)
    assert values(recollection) == [
        "Zoe went to the cabin.",
        "Zoe went to the harbour.",
        "Zoe lost the ring.",
    ]
    assert recollection.queries == (BEFORE, "Where was the ring", "Zoe harbour", "Zoe")
    assert [hit.why.get("hop") for hit in recollection.hits] == [4.0, 3.0, None]


def test_the_model_is_asked_the_whole_question_without_what_was_passed_by(
    memory: Memory, ada: Scope
) -> None:
    add_in_order(memory, ada, *MOVED)
    chat = ScriptedChat(["The cabin."])
    answer = Agent(memory=memory, model=chat).ask(BEFORE, scope=ada)
    assert str(chat.requests[-1][-1].content) == (
        f"Notes:\n- Zoe went to the cabin.\n- Zoe lost the ring.\n\nQuestion: {BEFORE}"
    )
    assert len(answer.memories) == 3
    assert memory.get(answer.turn[:1], scope=ada)[0].text == BEFORE


def test_what_a_passed_pronoun_stands_for_is_passed_by_too(memory: Memory, ada: Scope) -> None:
    texts = ("Zoe went to the cabin.", "Zoe slept.", "Then she went to the harbour.")
    add_in_order(memory, ada, *texts, "Zoe lost the ring.")
    recollection = memory.recall(BEFORE, scope=ada)
    assert values(recollection) == [*texts, "Zoe lost the ring."]
    assert shown(recollection) == ("Zoe went to the cabin.", "Zoe lost the ring.")


def test_a_place_of_the_topic_itself_is_passed_by_too(memory: Memory, ada: Scope) -> None:
    add_in_order(memory, ada, "I lived in Porto.", "I moved to Lisbon.", "I live in Faro.")
    recollection = memory.recall("Where did I live before Lisbon?", scope=ada)
    assert shown(recollection) == ("I lived in Porto.",)


def test_where_one_lived_is_not_where_one_ate(memory: Memory, ada: Scope) -> None:
    texts = ("I lived in Porto.", "I ate at the pier.", "I moved to Lisbon.", "I live in Faro.")
    add_in_order(memory, ada, *texts)
    recollection = memory.recall("Where did I live before Lisbon?", scope=ada)
    assert shown(recollection) == ("I lived in Porto.",)
    assert recollection.queries[1:] == ("Where did I live", "I lisbon", "I")


def test_who_came_before_is_found_by_the_thing_they_had(memory: Memory, ada: Scope) -> None:
    add_in_order(
        memory, ada, "Eva took the ring.", "Ana took the ring.", "Ana slept.", "Zoe has the ring."
    )
    recollection = memory.recall("Who had the ring before Ana?", scope=ada)
    assert shown(recollection) == ("Eva took the ring.",)


def test_what_comes_after_is_the_nearest_after(memory: Memory, ada: Scope) -> None:
    add_in_order(
        memory, ada, *(f"Zoe went to {place}." for place in ("Rome", "Bonn", "Faro", "Oslo"))
    )
    recollection = memory.recall("Where was Zoe after Bonn?", scope=ada)
    assert shown(recollection) == ("Zoe went to Faro.",)


def test_a_complete_record_needs_no_second_hop(memory: Memory, ada: Scope) -> None:
    add_in_order(memory, ada, "I lived in Porto before Lisbon.", "I live in Lisbon.")
    question = "Where did I live before Lisbon?"
    recollection = memory.recall(question, scope=ada)
    assert values(recollection) == ["I lived in Porto before Lisbon."]
    assert recollection.queries == (question,)


def test_without_experience_both_sides_are_shown_with_the_whole_question(memory: Memory) -> None:
    story = (
        "Zoe went to Rome.",
        "Zoe went to the harbour.",
        "Zoe lost the ring.",
        "Zoe went to Bonn.",
        "Zoe went to the harbour.",
    )
    ada = Scope(user="ada")
    add_in_order(memory, ada, *story)
    recollection = memory.recall(BEFORE, scope=ada)
    assert shown(recollection) == story
    lessons = Scope(user="lessons")
    assert memory.changes.learn_direction(BEFORE, "Rome", scope=ada, learned_scope=lessons)
    advised = memory.recall(BEFORE, scope=ada, learned_scope=lessons)
    assert advised.texts == ("Zoe went to Rome.", "Zoe lost the ring.")


def test_an_unknown_point_in_time_leads_nowhere(memory: Memory, ada: Scope) -> None:
    add_in_order(memory, ada, "Zoe went to the cabin.", "Zoe lost the ring.")
    recollection = memory.recall("Where was the ring before the opera?", scope=ada)
    assert "Zoe lost the ring." in values(recollection)


def test_passed_records_are_trimmed_first(memory: Memory, ada: Scope) -> None:
    add_in_order(memory, ada, *MOVED)
    room = PromptParts(recollection=memory.recall(BEFORE, scope=ada)).trimmed()
    assert room is not None
    assert values(room.recollection) == ["Zoe went to the cabin."]
    room = room.trimmed()
    assert room is not None
    assert room.recollection.hits == ()


def test_names_lead_from_record_to_record_until_nothing_new_comes(
    memory: Memory, ada: Scope
) -> None:
    add_in_order(
        memory, ada, "Eva is in Faro.", "Ana met Eva.", "Zoe met Ana.", "Zoe took the ring."
    )
    recollection = memory.recall("Where is the ring?", scope=ada)
    assert recollection.queries == ("Where is the ring?", "Zoe", "Ana", "Eva")
    assert values(recollection)[0] == "Eva is in Faro."
    bob = Scope(user="bob")
    add_in_order(memory, bob, "Ana met Eva.", "Zoe met Ana.", "Zoe took the ring.")
    assert values(memory.recall("Where is the ring?", scope=bob)) == ["Zoe took the ring."]


def test_hops_are_limited(memory: Memory, ada: Scope) -> None:
    met = ("Eva met Ida.", "Ana met Eva.", "Zoe met Ana.", "Zoe took the ring.")
    add_in_order(memory, ada, "Ida is in Faro.", *met)
    recollection = memory.recall("Where is the ring?", scope=ada)
    assert values(recollection) == ["Zoe took the ring."]
    assert len(recollection.queries) <= MAX_HOPS


@pytest.mark.parametrize(
    ("question", "found", "other"),
    [
        ("Who repaired the bike?", "I had the bike repaired.", "I met Zoe."),
        ("What colour is Rex?", "Rex is with Zoe.", "Zoe has a red car."),
        ("When did Rex arrive?", "Rex came with Zoe.", "Zoe sang on Monday."),
    ],
)
def test_only_a_place_is_reached_by_way_of_a_name(
    memory: Memory, ada: Scope, question: str, found: str, other: str
) -> None:
    add_in_order(memory, ada, found, other, "It rained.")
    assert found in values(recollection := memory.recall(question, scope=ada))
    assert recollection.queries == (question,)


def test_the_nearest_record_after_a_time_is_found_among_many_later_ones(
    memory: Memory, ada: Scope
) -> None:
    later = [f"Zoe went to the inn of road {number}." for number in range(60)]
    add_in_order(memory, ada, "Zoe went to the party.", "Zoe went to the beach.", *later)
    recollection = memory.recall("Where was Zoe after the party?", scope=ada)
    assert shown(recollection) == ("Zoe went to the beach.",)
