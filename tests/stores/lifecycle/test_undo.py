from dataclasses import replace
from pathlib import Path

import pytest
from teaching import ASKED, BOB, Interrupted, agent_of, corrected, hits_of, raw, shown

from memagent import Agent, Memory, Scope
from memagent.errors import InvalidInput
from memagent.testing import HashEmbedder
from memagent.types import Answer, NewRecord


def in_rome(memory: Memory, scope: Scope) -> tuple[Agent, Answer]:
    """Return an agent that was told twice that Ada works in Rome, and what it says of it."""
    memory.add("Ada works in Rome.", scope=scope)
    memory.add("Ada works in a tower in Rome.", scope=scope)
    agent = agent_of(memory)
    return agent, agent.ask(ASKED, scope=scope)


def test_undo_leaves_everything_else_byte_for_byte_but_for_the_history(
    memory: Memory, ada: Scope
) -> None:
    agent, answer = in_rome(memory, ada)
    before = raw(memory.maintenance.export(scope=ada, vectors=True))
    told = shown(memory, ada)
    done = agent.feedback(answer, scope=ada, correction="Ada works in Lisbon.")
    assert done.change is not None
    changed = raw(memory.maintenance.export(scope=ada, vectors=True))
    assert {id: changed[id] for id in before} != before
    change = memory.changes.undo(done.change.id, scope=ada, who="ada", why="a mistake")
    after = raw(memory.maintenance.export(scope=ada, vectors=True))
    assert {id: after[id] for id in before} == before
    assert set(after) - set(before) == {change.id}
    assert (change.because, shown(memory, ada)) == ("a mistake", told)
    assert [one.undone is not None for one in memory.changes.list(scope=ada)] == [True]
    assert memory.maintenance.verify() == ()
    with pytest.raises(InvalidInput, match="undone already"):
        memory.changes.undo(change.id, scope=ada)
    again = agent.feedback(answer, scope=ada, correction="Ada works in Lisbon.")
    assert again.change is not None
    assert again.change.id != change.id
    assert shown(memory, ada) == ("Ada works in Lisbon.",)


def test_forgetting_what_was_undone_leaves_what_it_had_replaced(memory: Memory, ada: Scope) -> None:
    memory.add("Ada works in Rome.", scope=ada)
    done = corrected(agent_of(memory), ada, "Ada works in Lisbon.")
    assert done.change is not None
    memory.changes.undo(done.change.id, scope=ada)
    assert memory.forget([done.change.id], scope=ada).records == 1
    assert shown(memory, ada) == ("Ada works in Rome.",)


def test_a_lesson_goes_with_the_turn_that_it_was_learnt_from(memory: Memory, ada: Scope) -> None:
    agent = agent_of(memory)
    for place, records in ((0, 3), (1, 2)):  # the reply goes with the question, too
        answer = agent.ask(ASKED, scope=ada)
        agent.feedback(answer, scope=ada, correction="Lisbon")
        assert memory.forget([answer.turn[place]], scope=ada).records == records
        assert memory.changes.list(scope=ada) == []


def test_a_change_whose_place_was_taken_is_undone_after_that_one(
    memory: Memory, ada: Scope
) -> None:
    agent = agent_of(memory)
    first = corrected(agent, ada, "Ada works in Lisbon.").change
    second = corrected(agent, ada, "Ada works in Faro.").change
    assert first is not None
    assert second is not None
    assert second.superseded == first.id
    with pytest.raises(InvalidInput, match=f"undo '{second.id}' first"):
        memory.changes.undo(first.id, scope=ada)
    memory.changes.undo(second.id, scope=ada)
    assert shown(memory, ada) == ("Ada works in Lisbon.",)


def test_an_edited_lesson_is_undone_back_to_what_it_said(memory: Memory, ada: Scope) -> None:
    memory.add("Ada works in Rome.", scope=ada)
    tower = memory.add("Ada works in a tower in Rome.", scope=ada)
    first = corrected(agent_of(memory), ada, "Ada works in Lisbon.").change
    assert first is not None
    assert first.retired or first.superseded == tower.id
    before = raw(memory.maintenance.export(scope=ada, vectors=True))
    new = memory.update(first.id, "Ada works in Faro.", scope=ada, who="ada", why="she moved on")
    assert new.keys == ("Ada works in Faro.", ASKED)
    assert shown(memory, ada) == ("Ada works in Faro.",)
    change = memory.changes.get(new.id, scope=ada)
    assert (change.superseded, change.retired, change.said) == (first.id, (), "Ada works in Faro.")
    with pytest.raises(InvalidInput, match=f"undo '{new.id}' first"):
        memory.changes.undo(first.id, scope=ada)
    memory.changes.undo(new.id, scope=ada)
    after = raw(memory.maintenance.export(scope=ada, vectors=True))
    assert {id: after[id] for id in before} == before
    assert shown(memory, ada) == ("Ada works in Lisbon.",)
    memory.changes.undo(first.id, scope=ada)
    assert shown(memory, ada)[-1].endswith("Rome.")


def test_undo_opens_the_notes_on_what_was_replaced_again(memory: Memory, ada: Scope) -> None:
    told = memory.add(f"Ada works in Rome. {'She likes the old town very much. ' * 20}", scope=ada)
    other = memory.add(
        f"Bob works in Faro. {'He likes the sea very much indeed. ' * 20}", scope=ada
    )
    assert memory.notes.compress(scope=ada).notes == 2
    before = raw(memory.maintenance.export(scope=ada, vectors=True))
    lessons = []
    for place in ("Lisbon", "Porto"):
        change = {"feedback": "correction", "said": place, "asks": [ASKED], "retired": []}
        metadata = {"asked": ASKED, "answered": "Rome", "change": change | {"superseded": told.id}}
        lesson = NewRecord(
            text=place,
            kind="lesson",
            supersedes=told.id,
            metadata=metadata,
            valid_from=told.created,
        )
        lessons.append(memory.changes.teach(lesson, scope=ada).id)
        notes = memory.list(scope=ada, kind="note", everything=True)
        closed = [one for one in notes if one.valid_to]
        assert [one.sources for one in closed] == [(told.id,)]
        memory.changes.undo(lessons[-1], scope=ada)
        after = raw(memory.maintenance.export(scope=ada, vectors=True))
        assert {id: after[id] for id in before} == before
    assert set(after) - set(before) == set(lessons)
    assert other.id in before


def test_undo_does_not_bring_back_what_was_archived_by_somebody_since(
    memory: Memory, ada: Scope
) -> None:
    agent, answer = in_rome(memory, ada)
    both = [one.id for one in memory.list(scope=ada) if one.evidence]
    answer = replace(answer, recollection=hits_of(memory, both, ada))
    done = agent.feedback(answer, scope=ada, correction="Ada works in Lisbon.")
    assert done.change is not None
    (retired,) = done.change.retired
    memory.changes.restore([retired], scope=ada)
    memory.changes.archive([retired], scope=ada, why="not of interest")
    memory.changes.undo(done.change.id, scope=ada)
    (held,) = memory.get([retired], scope=ada)
    assert held.archived is not None


def test_a_lesson_goes_with_what_its_unremembered_answer_was_made_from(
    memory: Memory, ada: Scope
) -> None:
    record = memory.add("Ada hums in Xanadu.", scope=ada)
    agent = agent_of(memory)
    asked = "Where does Ada hum?"
    answer = agent.ask(asked, scope=ada, remember=False)
    done = agent.feedback(answer, scope=ada, correction="Nowhere.")
    assert done.change is not None
    assert "Xanadu" in done.change.answered
    memory.changes.undo(done.change.id, scope=ada)
    assert memory.forget([record.id], scope=ada).records == 2
    assert memory.changes.list(scope=ada) == []


@pytest.mark.parametrize("remembered", [True, False])
def test_a_lesson_in_another_scope_goes_with_the_answer_it_quotes(
    memory: Memory, ada: Scope, remembered: bool
) -> None:
    record = memory.add("Ada works in Rome.", scope=ada)
    agent = agent_of(memory)
    answer = agent.ask(ASKED, scope=ada, remember=remembered)
    done = agent.feedback(answer, scope=BOB, correction="Ada works in Faro.")
    assert done.lesson is not None
    assert "ada" not in str(done.lesson.metadata)
    told = memory.forget([record.id], scope=ada, dry_run=True)
    assert done.lesson.id not in told.derived  # another user's records are only counted
    assert memory.forget([record.id], scope=ada).records == told.records
    assert memory.list(scope=BOB, everything=True) == []


def test_nothing_is_kept_of_an_answer_that_was_forgotten(tmp_path: Path, ada: Scope) -> None:
    def forget() -> None:
        with Memory.open(tmp_path, embedder=HashEmbedder()) as other:
            other.forget(["secret"], scope=ada)

    embedder = Interrupted("Ada does not hum.", forget)
    with Memory.open(tmp_path, embedder=embedder) as memory:
        memory.add("Ada hums in Xanadu.", scope=ada, id="secret")
        asked = "Where does Ada hum?"
        done = corrected(agent_of(memory), ada, "Ada does not hum.", asked=asked)
        assert done.change is not None
        assert (done.change.said, done.change.answered) == ("Ada does not hum.", "")
        assert embedder.acted == 1
        assert b"Xanadu" not in b"".join(one.read_bytes() for one in tmp_path.glob("memory*"))
