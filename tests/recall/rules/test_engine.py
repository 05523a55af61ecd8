"""Rule engine: lists, reasons, kinds, relations and chains, in everyday sentences."""

from datetime import UTC, datetime, timedelta

import pytest

from memagent import Memory, Scope
from memagent.types import NewRecord

START = datetime(2024, 1, 1, 9, tzinfo=UTC)


def recalled(memory: Memory, scope: Scope, question: str, *texts: str, **options: int) -> list[str]:
    for number, text in enumerate(texts):
        note = NewRecord(text=text, valid_from=START + timedelta(minutes=number))
        memory.add_many([note], scope=scope)
    return list(memory.recall(question, scope=scope, **options).texts)


WORN = ("Zoe put on the red scarf.", "Zoe flew to Rome.", "Zoe took off the scarf.", "Ana sang.")


def test_what_somebody_has_follows_from_all_that_happened_to_their_things(
    memory: Memory, ada: Scope
) -> None:
    shown = recalled(memory, ada, "What is Zoe wearing?", *WORN)
    assert shown == ["Zoe put on the red scarf.", "Zoe took off the scarf."]


def test_at_most_twice_k_are_gathered_the_newest(memory: Memory, ada: Scope) -> None:
    bought = [f"Zoe found a ring{number}." for number in range(6)]
    shown = recalled(memory, ada, "What is Zoe wearing?", *bought, k=2)
    assert shown == bought[2:]


def test_what_somebody_does_is_no_list_of_their_things(memory: Memory, ada: Scope) -> None:
    texts = ("I love green tea.", "I bought a lamp.", "I sold the chair.")
    assert recalled(memory, ada, "What tea do I love?", *texts) == [texts[0]]
    assert "I bought a lamp." not in recalled(memory, ada, "What do I drink?")


def test_what_is_to_come_is_not_guessed_from_a_condition(memory: Memory, ada: Scope) -> None:
    texts = ("I booked the Artemide in Rome.", "I am tired.")
    assert recalled(memory, ada, "Where will I sleep in Rome?", *texts) == [texts[0]]


def test_a_count_needs_every_record_of_what_is_counted(memory: Memory, ada: Scope) -> None:
    texts = ("I bought a book in Rome.", "I bought a lamp.", "I bought two books in Bonn.")
    shown = recalled(memory, ada, "How many books did I buy?", *texts)
    assert shown == ["I bought a book in Rome.", "I bought two books in Bonn."]


def test_what_others_have_of_a_kind_is_not_counted(memory: Memory, ada: Scope) -> None:
    texts = ("Zoe has a book.", "I bought a lamp.")
    assert "I bought a lamp." not in recalled(memory, ada, "How many books did I buy?", *texts)


def test_what_i_own_is_what_i_got_whatever_the_words(memory: Memory, ada: Scope) -> None:
    texts = ("I bought a lamp.", "Zoe sang.", "I sold the lamp.", "I was given a ring.")
    shown = recalled(memory, ada, "What do I own?", *texts)
    assert shown == [texts[0], texts[2], texts[3]]


def test_what_was_counted_already_is_not_counted_anew(memory: Memory, ada: Scope) -> None:
    texts = ("I have two cats.", "The cat is asleep.", "I have three cats.")
    assert recalled(memory, ada, "How many cats do I have?", *texts) == ["I have three cats."]


def test_a_reason_is_the_state_before_the_deed(memory: Memory, ada: Scope) -> None:
    texts = ("Zoe was lonely.", "Zoe called Eva.", "Zoe was happy.")
    assert recalled(memory, ada, "Why did Zoe call Eva?", *texts) == list(texts[:2])


def test_a_stated_reason_is_used(memory: Memory, ada: Scope) -> None:
    texts = ("Zoe was lonely.", "Zoe called Eva because of the rent.")
    shown = recalled(memory, ada, "Why did Zoe call Eva?", *texts)
    assert "Zoe called Eva because of the rent." in shown


def test_a_property_of_a_kind_holds_for_its_members(memory: Memory, ada: Scope) -> None:
    texts = ("Foxes like mice.", "Mice like cheese.", "Rex is a mouse.", "Ana likes wine.")
    shown = recalled(memory, ada, "What does Rex like?", *texts)
    assert shown == ["Mice like cheese.", "Rex is a mouse."]


def test_the_colour_of_one_of_a_kind_says_nothing_of_another(memory: Memory, ada: Scope) -> None:
    texts = ("Kit is a crow.", "Kit is black.", "Rex is a crow.")
    assert "Kit is black." not in recalled(memory, ada, "What color is Rex?", *texts)


def test_where_one_of_a_kind_is_says_nothing_of_another(memory: Memory, ada: Scope) -> None:
    texts = ("Kit is a crow.", "Kit is in Rome.", "Rex is a crow.")
    assert "Kit is in Rome." not in recalled(memory, ada, "Where is Rex?", *texts)


def test_a_relation_is_found_from_its_other_end(memory: Memory, ada: Scope) -> None:
    texts = ("The inn is north of the mill.", "The mill is north of the barn.")
    assert recalled(memory, ada, "What is the mill south of?", *texts) == [texts[0]]
    assert recalled(memory, ada, "What is the mill north of?") == [texts[1]]


CHAIN = ("Zoe is older than Ana.", "Eva is older than Zoe.", "Eva is older than Ida.", "Ana sang.")


def test_two_things_are_followed_until_they_meet(memory: Memory, ada: Scope) -> None:
    recollection_of = "Is Eva older than Ana?"
    assert recalled(memory, ada, recollection_of, *CHAIN) == list(CHAIN[:2])
    assert len(memory.recall(recollection_of, scope=ada).queries) <= 4


def test_the_speaker_is_an_end_of_a_chain(memory: Memory, ada: Scope) -> None:
    texts = ("Zoe is older than Ana.", "Ana is older than me.")
    assert recalled(memory, ada, "Is Zoe older than me?", *texts) == list(texts)


def test_a_way_leads_from_place_to_place(memory: Memory, ada: Scope) -> None:
    texts = ("The inn is by the mill.", "The pub is by the inn.", "The barn is by the lake.")
    shown = recalled(memory, ada, "How do I get from the mill to the pub?", *texts)
    assert shown == list(texts[:2])


def test_people_who_met_somebody_are_no_way_to_a_place(memory: Memory, ada: Scope) -> None:
    texts = ("Zoe met Eva.", "Eva likes the cabin.", "Zoe is at the pier.")
    assert recalled(memory, ada, "Is Zoe in the cabin?", *texts) == ["Zoe is at the pier."]


@pytest.mark.parametrize("question", ["Is Zoe at the pier?", "Is Zoe still in Rome?"])
def test_whether_somebody_is_there_follows_from_where_they_are(
    memory: Memory, ada: Scope, question: str
) -> None:
    texts = ("Zoe went to the pier.", "Ana went to Rome.", "Zoe went to the cabin.")
    assert recalled(memory, ada, question, *texts) == ["Zoe went to the cabin."]


def test_the_order_of_names_decides_who_did_it(memory: Memory, ada: Scope) -> None:
    texts = ("Zoe wrote to Eva.", "Eva wrote to Zoe.", "Ana wrote to Ida.")
    assert recalled(memory, ada, "Who wrote to Eva?", *texts) == ["Zoe wrote to Eva."]
    assert recalled(memory, ada, "Who did Eva write to?") == ["Eva wrote to Zoe."]


DAYS = (
    "This evening Zoe ran to Rome.",
    "Zoe flew to Bonn yesterday.",
    "Zoe ate in Oslo this morning.",
)


def test_times_named_in_texts_order_them_whenever_they_were_written(
    memory: Memory, ada: Scope
) -> None:
    shown = recalled(memory, ada, "Where was Zoe before Rome?", *DAYS)
    assert shown == ["Zoe ate in Oslo this morning."]
    recollection = memory.recall("Where was Zoe after Bonn?", scope=ada)
    shown = [hit.text for hit in recollection.hits if "passed" not in hit.why]
    assert shown == ["Zoe ate in Oslo this morning."]
