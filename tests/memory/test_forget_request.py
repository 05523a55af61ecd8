from collections.abc import Iterator

import pytest
from one_hot import OneHotEmbedder

from memagent import Memory, NewRecord, Scope
from memagent.errors import InvalidInput
from memagent.memory.forget_request import Forgettable
from memagent.testing import ScriptedChat

NOTES = ["The cellar has three bottles of wine.", "Call the plumber.", "Rain is good for the lawn."]
ADDRESS = "My address is 12 Elm Street."


@pytest.fixture
def memory() -> Iterator[Memory]:
    """A memory whose embedder takes unlike words for unlike."""
    with Memory.in_memory(embedder=OneHotEmbedder()) as opened:
        yield opened


def meant(found: Forgettable) -> list[str]:
    return [candidate.record.text for candidate in found.candidates if candidate.meant]


def test_a_request_lists_what_it_means_and_erases_nothing(memory: Memory, ada: Scope) -> None:
    memory.add_many([*NOTES, ADDRESS], scope=ada)
    memory.add("My address is 9 Oak Road.", scope=Scope(user="bob"))
    found = memory.probes.forgettable("my address", scope=ada)
    assert meant(found) == [ADDRESS]
    assert found.receipt.dry_run
    assert (found.receipt.asked, found.receipt.records) == (tuple(found.ids), 1)
    assert memory.count(scope=ada) == 4
    assert memory.forget(found.ids, scope=ada).records == 1
    assert memory.count(scope=ada) == 3
    assert memory.probes.forgettable("my address", scope=ada).ids == []


def test_what_was_never_noted_means_nothing(memory: Memory, ada: Scope) -> None:
    memory.add_many(NOTES, scope=ada)
    found = memory.probes.forgettable("xylophones", scope=ada)
    assert (found.ids, found.receipt.records) == ([], 0)
    assert memory.probes.forgettable("anything", scope=Scope(user="nobody")).candidates == ()


def test_an_identifier_is_found_in_any_spelling_and_in_every_kind_of_record(
    memory: Memory, ada: Scope
) -> None:
    memory.add_many(NOTES, scope=ada)
    old = memory.add("Tom: (555) 010-4477", scope=ada, id="old")
    memory.update("old", "Tom: (555) 010-9999", scope=ada)
    stored = memory.add("archived: 555.010.4477", scope=ada)
    memory.changes.archive(stored.id, scope=ada)
    (reply,) = memory.add_messages(
        [{"role": "assistant", "content": "I noted +1 5550104477."}], scope=ada
    )
    found = memory.probes.forgettable("the number 555 010 4477", scope=ada)
    assert set(found.ids) == {old.id, stored.id, reply.id}
    (version,) = [one for one in found.candidates if one.record.id == old.id]
    assert len(version.along) == 1  # the newer version goes with the older
    assert len(found.receipt.derived) == 1


def test_a_request_with_an_unknown_identifier_means_nothing(memory: Memory, ada: Scope) -> None:
    memory.add("The number of Tom is 555 010 4477.", scope=ada)
    found = memory.probes.forgettable("The number of Tom is 555 010 4478.", scope=ada)
    assert found.ids == []
    assert [one.meant for one in found.candidates] == [False]  # shown as a near miss


def test_a_reply_that_repeats_a_record_is_meant_with_it(memory: Memory, ada: Scope) -> None:
    memory.add_many([*NOTES, ADDRESS], scope=ada)
    memory.add_messages(
        [{"role": "assistant", "content": "Good: I noted 12 Elm Street as yours."}], scope=ada
    )
    found = memory.probes.forgettable("my address is", scope=ada)
    assert len(meant(found)) == 2
    assert {"repeats"} in [set(one.why) for one in found.candidates]


def test_what_was_made_of_a_record_goes_along(memory: Memory, ada: Scope) -> None:
    (record,) = memory.add_many([NewRecord(text=ADDRESS, id="address")], scope=ada)
    note = memory.add("Lives in the elms.", kind="note", sources=[record.id], scope=ada)
    (candidate,) = memory.probes.forgettable("my address is", scope=ada).candidates
    assert candidate.along == (note.id,)


def test_a_model_takes_records_off_the_list_and_its_failures_keep_them(
    memory: Memory, ada: Scope
) -> None:
    memory.add_many([ADDRESS, "My address is secret.", "My address is old."], scope=ada)
    plain = memory.probes.forgettable("my address", scope=ada)
    assert len(plain.ids) == 3
    chat = ScriptedChat(['{"meant": true}', '{"meant": false}', "I cannot say."])
    found = memory.probes.forgettable("my address", scope=ada, model=chat)
    assert found.ids == [plain.ids[0], plain.ids[2]]
    assert len(chat.requests) == 3
    assert "<question>\nmy address\n</question>" in str(chat.requests[0][1].content)


def test_a_request_must_say_something(memory: Memory, ada: Scope) -> None:
    memory.add(ADDRESS, scope=ada)
    with pytest.raises(InvalidInput, match="query is empty"):
        memory.probes.forgettable("  ", scope=ada)
    with pytest.raises(InvalidInput, match="request: a text"):
        memory.probes.forgettable(3, scope=ada)  # type: ignore[arg-type]
