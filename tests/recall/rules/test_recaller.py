from datetime import UTC, datetime, timedelta

from memagent import Memory, Scope
from memagent.types import NewRecord, Recollection

START = datetime(2024, 1, 1, tzinfo=UTC)


def add_in_order(memory: Memory, scope: Scope, *texts: str) -> None:
    for number, text in enumerate(texts):
        note = NewRecord(text=text, valid_from=START + timedelta(hours=number))
        memory.add_many([note], scope=scope)


def shown(recollection: Recollection) -> list[str]:
    return [hit.record.text for hit in recollection.hits]


def test_of_a_thing_that_changes_only_the_newest_is_shown(memory: Memory, ada: Scope) -> None:
    add_in_order(memory, ada, "Zoe moved to Porto.", "Zoe moved to Lisbon.", "Ana moved to Faro.")
    assert shown(memory.recall("Where is Zoe?", scope=ada)) == ["Zoe moved to Lisbon."]


def test_newest_means_when_it_held_not_when_it_was_written(memory: Memory, ada: Scope) -> None:
    memory.add("Zoe moved to Lisbon.", scope=ada, valid_from=START + timedelta(days=9))
    memory.add("Zoe moved to Porto.", scope=ada, valid_from=START)
    assert shown(memory.recall("Where is Zoe?", scope=ada)) == ["Zoe moved to Lisbon."]


def test_an_open_question_gets_several_in_time_order(memory: Memory, ada: Scope) -> None:
    add_in_order(memory, ada, "I like jazz.", "The bus was late.", "I like rain.")
    assert shown(memory.recall("What do I like?", scope=ada)) == ["I like jazz.", "I like rain."]
    assert len(memory.recall("What do I like?", scope=ada, k=1).hits) == 1


def test_nothing_known_is_an_answer(memory: Memory, ada: Scope) -> None:
    add_in_order(memory, ada, "Zoe moved to Lisbon.")
    recollection = memory.recall("Who won the cup?", scope=ada)
    assert recollection.hits == ()
    assert recollection.candidates == 1


def test_a_pronoun_is_found_by_the_name_before_it_and_shown_with_it(
    memory: Memory, ada: Scope
) -> None:
    add_in_order(memory, ada, "Zoe went to Porto.", "After that she went to Lisbon.", "Ana slept.")
    assert shown(memory.recall("Where is Zoe?", scope=ada)) == [
        "Zoe went to Porto.",
        "After that she went to Lisbon.",
    ]


def test_a_second_hop_follows_the_names_found(memory: Memory, ada: Scope) -> None:
    add_in_order(memory, ada, "Ana went to Faro.", "Zoe took the umbrella.", "Zoe went to Porto.")
    recollection = memory.recall("Where is the umbrella?", scope=ada)
    assert shown(recollection) == ["Zoe took the umbrella.", "Zoe went to Porto."]
    assert recollection.queries == ("Where is the umbrella?", "Zoe")


def test_a_second_hop_follows_the_speaker(memory: Memory, ada: Scope) -> None:
    add_in_order(memory, ada, "I took the umbrella.", "I went to the cabin.")
    assert shown(memory.recall("Where is the umbrella?", scope=ada)) == [
        "I took the umbrella.",
        "I went to the cabin.",
    ]


def test_one_hop_is_enough_if_it_answers(memory: Memory, ada: Scope) -> None:
    add_in_order(memory, ada, "Zoe put the umbrella in the car.", "Zoe went to Porto.")
    recollection = memory.recall("Where is the umbrella?", scope=ada)
    assert shown(recollection) == ["Zoe put the umbrella in the car."]
    assert len(recollection.queries) == 1


def test_without_experience_both_directions_are_shown(memory: Memory, ada: Scope) -> None:
    story = ("Zoe went to Faro.", "Zoe lost the ring.", "Zoe went to Porto.")
    add_in_order(memory, ada, *story)
    assert shown(memory.recall("Where is the ring?", scope=ada)) == list(story)


def test_experience_with_other_names_chooses_the_direction(memory: Memory) -> None:
    lessons = Scope(user="lessons")
    for user, who, thing in (("a", "Ben", "coat"), ("b", "Eva", "book")):
        scope = Scope(user=user)
        add_in_order(
            memory, scope, f"{who} went to Rome.", f"{who} lost the {thing}.", f"{who} ran to Bonn."
        )
        question = f"Where is the {thing}?"
        assert memory.changes.learn_direction(question, "Rome", scope=scope, learned_scope=lessons)
    ada = Scope(user="ada")
    add_in_order(memory, ada, "Zoe went to Faro.", "Zoe lost the ring.", "Zoe went to Porto.")
    recollection = memory.recall("Where is the ring?", scope=ada, learned_scope=lessons)
    assert shown(recollection) == ["Zoe went to Faro.", "Zoe lost the ring."]


def test_nothing_is_learnt_if_one_hop_answers_or_no_direction_does(
    memory: Memory, ada: Scope
) -> None:
    add_in_order(memory, ada, "Zoe went to Faro.", "Zoe lost the ring.", "Zoe went to Porto.")
    assert not memory.changes.learn_direction("Where is Zoe?", "Porto", scope=ada)
    assert not memory.changes.learn_direction("Where is the ring?", "Rome", scope=ada)
    assert not memory.changes.learn_direction("What did Zoe lose?", "ring", scope=ada)
    assert memory.changes.learn_direction("Where is the ring?", "Faro", scope=ada)
    ben = Scope(user="ben")
    add_in_order(memory, ben, "Zoe went to Faro.", "Zoe took the ring.")
    assert not memory.changes.learn_direction("Where is the ring?", "Faro", scope=ben)


def test_what_was_learnt_is_never_shown_as_evidence(memory: Memory, ada: Scope) -> None:
    add_in_order(memory, ada, "Zoe went to Faro.", "Zoe lost the ring.", "Zoe went to Porto.")
    assert memory.changes.learn_direction("Where is the ring?", "Faro", scope=ada)
    rationale = memory.list(scope=ada, limit=1)[0]
    assert (rationale.kind, rationale.metadata) == ("rationale", {"direction": "before"})
    question = "What is asked about the ring that someone lost?"
    assert rationale.text not in shown(memory.recall(question, scope=ada))
