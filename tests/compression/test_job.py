import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from articles import BREAD, NORMANS
from erasing import held, secret_words

from memagent import Memory, Scope
from memagent.compression.extractive import cloze_answered
from memagent.errors import InvalidInput, ModelUnavailable
from memagent.testing import HashEmbedder, ScriptedChat
from memagent.types import NewRecord


def test_a_note_is_short_found_like_its_source_and_linked_to_it(memory: Memory, ada: Scope) -> None:
    when = datetime(2020, 1, 1, tzinfo=UTC)
    source = memory.add(NORMANS, scope=ada, valid_from=when)
    done = memory.notes.compress(scope=ada, ratio=0.25)
    assert (done.notes, done.failed, done.archived) == (1, 0, 0)
    assert 3.5 < done.ratio < 6
    (note,) = memory.list(scope=ada, kind="note")
    assert len(note.text) <= len(NORMANS) / 4
    assert "King Charles III of West Francia" in note.text
    assert note.keys == source.keys
    assert (note.sources, note.valid_from, note.evidence) == ((source.id,), when, True)
    spans = [NORMANS[start:end] for start, end in note.metadata["compressed"]["spans"]]
    assert "King Charles III of West Francia" in spans
    assert all(one.rstrip(",.") in note.text for one in spans)
    assert memory.notes.sources(note.id, scope=ada) == [source]
    assert memory.maintenance.verify() == ()


def test_notes_are_scored_by_the_held_back_questions_they_still_answer(
    memory: Memory, ada: Scope
) -> None:
    """Aware selection keeps more of the names and numbers that would change an answer."""
    text = "The Normans came in 911. Their king was Charles, and Charles it was."
    assert cloze_answered(text, text) == (3, 3)
    assert cloze_answered(text, "king Charles") == (1, 3)
    memory.add_many([NORMANS, BREAD], scope=ada)
    shares = []
    for aware in (True, False):
        done = memory.notes.compress("sentences", scope=ada, ratio=0.3, aware=aware)
        assert done.asked == sum(cloze_answered(one, one)[1] for one in (NORMANS, BREAD))
        shares.append(done.answered / done.asked)
    assert shares[0] > shares[1]


def test_the_job_goes_on_where_it_stopped(memory: Memory, ada: Scope) -> None:
    memory.add_many([NORMANS, BREAD, "too short to compress"], scope=ada)
    counts: list[int] = []
    assert memory.notes.compress(scope=ada, limit=1, progress=counts.append).notes == 1
    assert memory.notes.compress(scope=ada, progress=counts.append).notes == 1
    assert memory.notes.compress(scope=ada, progress=counts.append).notes == 0
    assert counts == [1, 1]


def test_other_settings_put_a_new_note_in_the_old_ones_place(memory: Memory, ada: Scope) -> None:
    memory.add(NORMANS, scope=ada)
    memory.notes.compress(scope=ada, ratio=0.25)
    assert memory.notes.compress("sentences", scope=ada, ratio=0.5).notes == 1
    (note,) = memory.list(scope=ada, kind="note")
    assert all(one in NORMANS for one in note.text.split(". ")[:1])
    assert note.supersedes is not None
    assert memory.get([note.supersedes], scope=ada)[0].superseded


def test_a_note_on_what_was_superseded_is_stale_at_once_and_made_anew(
    memory: Memory, ada: Scope
) -> None:
    source = memory.add(NORMANS, scope=ada)
    memory.notes.compress(scope=ada)
    (old,) = memory.list(scope=ada, kind="note")
    memory.update(source.id, NORMANS.replace("911", "912"), scope=ada)
    assert memory.list(scope=ada, kind="note") == []
    assert [hit.record.kind for hit in memory.search("Rollo", scope=ada)] == ["episode"]
    assert memory.history(old.id, scope=ada)[-1].why == "what it was made from was superseded"
    assert memory.notes.compress(scope=ada).notes == 1
    (new,) = memory.list(scope=ada, kind="note")
    assert "912" in new.text
    assert new.supersedes == old.id
    assert memory.notes.compress(scope=ada).notes == 0


def test_erasing_a_source_erases_what_was_made_from_it_byte_by_byte(
    tmp_path: Path, ada: Scope
) -> None:
    words = secret_words(3)
    text = NORMANS.replace("Charles", words[0].title()).replace("911", words[1].title())
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        source = memory.add(text, scope=ada)
        memory.add(BREAD, scope=ada)
        memory.notes.compress(scope=ada, archive=True)
        note = next(one for one in memory.list(scope=ada, kind="note") if "Olga" not in one.text)
        assert words[0].title() in note.text
        receipt = memory.forget([source.id], scope=ada)
        assert receipt.derived == (note.id,)
        left = held(tmp_path).lower()
        assert b"olga" in left
        assert not [word for word in words[:2] if word.encode() in left]
        assert note.id.encode() not in left
        assert len(memory.list(scope=ada, kind="note")) == 1
        assert memory.maintenance.verify() == ()


def test_a_source_forgotten_while_the_model_thinks_gets_no_note(memory: Memory, ada: Scope) -> None:
    source = memory.add(NORMANS, scope=ada)

    def think(_: object) -> str:
        memory.forget([source.id], scope=ada)
        claim = {"claim": "Rollo swore fealty", "quote": "Rollo swore fealty"}
        return json.dumps({"claims": [claim], "entities": [], "dates": []})

    assert memory.notes.compress("notes", scope=ada, model=ScriptedChat(think)).notes == 0
    assert memory.maintenance.stats()["records"] == 0


def test_claims_without_support_are_counted_also_where_none_has_any(
    memory: Memory, ada: Scope
) -> None:
    memory.add(NORMANS, scope=ada)
    claim = {"claim": "Rollo sailed to Iceland", "quote": "Rollo sailed to Iceland"}
    chat = ScriptedChat([json.dumps({"claims": [claim, claim], "entities": ["Oslo"]})])
    done = memory.notes.compress("notes", scope=ada, model=chat)
    assert (done.notes, done.failed, done.dropped) == (0, 1, 3)
    assert memory.list(scope=ada, kind="note") == []


def test_what_is_archived_is_reached_through_its_note_and_comes_back(
    memory: Memory, ada: Scope
) -> None:
    kept = memory.add(BREAD, scope=ada)
    memory.changes.pin([kept.id], scope=ada)
    source = memory.add(NORMANS, scope=ada)
    assert memory.notes.compress(scope=ada).archived == 0
    assert memory.notes.compress(scope=ada, archive=True).archived == 1
    found = memory.search("Rollo Charles", scope=ada, k=1)[0].record
    assert found.kind == "note"
    assert [one.text for one in memory.notes.sources(found.id, scope=ada)] == [NORMANS]
    assert memory.changes.restore([source.id], scope=ada).changed == 1
    assert memory.notes.compress(scope=ada).notes == 0


def test_others_records_questions_and_notes_get_no_note(memory: Memory, ada: Scope) -> None:
    memory.add_many(
        [NewRecord(text=NORMANS, evidence=False), NewRecord(text=BREAD, kind="note")], scope=ada
    )
    memory.add(BREAD, scope=Scope(user="bob"))
    assert memory.notes.compress(scope=ada).notes == 0


def test_a_note_may_be_found_by_its_own_text(memory: Memory, ada: Scope) -> None:
    memory.add(NORMANS, scope=ada)
    memory.notes.compress(scope=ada, keys="own")
    (note,) = memory.list(scope=ada, kind="note")
    assert note.keys == (note.text,)


@pytest.mark.parametrize(
    "wrong", [{"method": "magic"}, {"ratio": 0.0}, {"ratio": 1.5}, {"tokens": 0}]
)
def test_what_cannot_be_done_is_refused(
    memory: Memory, ada: Scope, wrong: dict[str, object]
) -> None:
    with pytest.raises(InvalidInput):
        memory.notes.compress(scope=ada, **wrong)  # type: ignore[arg-type]


def test_a_model_that_is_not_there_is_one_clear_error(memory: Memory, ada: Scope) -> None:
    memory.add(NORMANS, scope=ada)
    with pytest.raises(ModelUnavailable, match="no weights"):
        memory.notes.compress("notes", scope=ada, model="local:/nowhere.gguf")


def test_an_imported_note_goes_stale_with_its_source(memory: Memory, ada: Scope) -> None:
    source = memory.add(NORMANS, scope=ada)
    memory.notes.compress(scope=ada)
    with Memory.in_memory(embedder=HashEmbedder()) as other:
        other.maintenance.import_(memory.maintenance.export(scope=ada))
        assert len(other.list(scope=ada, kind="note")) == 1
        assert other.notes.compress(scope=ada).notes == 0
        other.update(source.id, BREAD, scope=ada)
        assert other.list(scope=ada, kind="note") == []
