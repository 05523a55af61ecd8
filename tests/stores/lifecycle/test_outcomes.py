import pytest

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.stores.lifecycle.outcomes import judged
from memagent.stores.ranking import reliability
from memagent.testing import HashEmbedder


def test_what_hurt_falls_behind_an_equal_and_help_makes_up_for_it(
    memory: Memory, ada: Scope
) -> None:
    alike = [HashEmbedder().embed_query("tea")] * 2
    good, bad = memory.add_many(["tea at noon", "tea at four"], scope=ada, vectors=alike)
    assert memory.search("tea", scope=ada)[0].record.id == bad.id
    assert memory.changes.judge([bad.id], "hurt", scope=ada, who="ada", why="wrong").changed == 1
    first, second = memory.search("tea", scope=ada, explain=True)
    assert first.record.id == good.id
    assert second.why["reliability"] == reliability(0, 1) == pytest.approx(2 / 3)
    assert second.record.hurt == 1
    event = memory.history(bad.id, scope=ada)[-1]
    assert (event.action, event.who, event.why) == ("hurt", "ada", "wrong")


def test_a_source_that_hurt_is_trusted_less_in_all_it_told(memory: Memory, ada: Scope) -> None:
    first = memory.add("tea at noon", scope=ada, sources=["gossip"])
    memory.add("tea at four", scope=ada, sources=["gossip"])
    memory.add("tea at six", scope=ada, sources=["the timetable"])
    memory.changes.judge([first.id], "hurt", scope=ada)
    found = {
        hit.record.text: hit.why["reliability"]
        for hit in memory.search("tea", scope=ada, explain=True)
    }
    assert found["tea at four"] == found["tea at noon"] == pytest.approx(2 / 3)
    assert found["tea at six"] == 1
    assert memory.search("tea", scope=ada)[0].record.text == "tea at six"


def test_sources_are_learnt_and_unlearnt(memory: Memory, ada: Scope) -> None:
    """Two sources contradict one another; the one that is right nine times in ten wins."""
    for n in range(10):
        right = memory.add(f"fact {n} is so", scope=ada, sources=["reliable"])
        wrong = memory.add(f"fact {n} is otherwise", scope=ada, sources=["unreliable"])
        memory.changes.judge([right.id], "helped" if n else "hurt", scope=ada)
        memory.changes.judge([wrong.id], "hurt" if n else "helped", scope=ada)
    memory.add("the door is red", scope=ada, sources=["reliable"])
    memory.add("the door is blue", scope=ada, sources=["unreliable"])
    assert memory.search("the door is", scope=ada)[0].record.text == "the door is red"
    memory.forget(scope=ada, source="unreliable")
    rows = memory.engine.store.query("SELECT source FROM outcomes")
    assert [row["source"] for row in rows] == ["reliable"]


def test_outcomes_stay_within_their_scope(memory: Memory, ada: Scope) -> None:
    record = memory.add("tea at noon", scope=ada)
    assert memory.changes.judge([record.id], "hurt", scope=Scope(user="bob")).changed == 0
    assert memory.get([record.id], scope=ada)[0].hurt == 0
    with pytest.raises(InvalidInput, match="outcome: one of helped, hurt"):
        memory.changes.judge([record.id], "fine", scope=ada)  # type: ignore[arg-type]


def asked(memory: Memory, scope: Scope) -> tuple[str, list[str]]:
    """Return the id of a question, and of two records that were shown for it."""
    shown = memory.add_many(["tea at noon", "tea at four"], scope=scope)
    question = {"role": "user", "content": "When is tea?"}
    (said,) = memory.add_messages([question], scope=Scope(user=scope.user, session="monday"))
    return said.id, [record.id for record in shown]


def test_an_outcome_is_kept_with_the_question_and_the_later_verdict_counts(
    memory: Memory, ada: Scope
) -> None:
    question, (noon, four) = asked(memory, ada)
    memory.changes.judge([noon, four], "hurt", turn=question, scope=ada)
    memory.changes.judge([noon], "helped", turn=question, scope=ada)
    (outcome,) = judged(memory.engine.store, ada)
    assert (outcome.question.text, outcome.reply) == ("When is tea?", None)
    assert (outcome.helped, outcome.hurt) == ((noon,), (four,))
    assert judged(memory.engine.store, Scope(user="bob")) == []
    with pytest.raises(InvalidInput, match="no turn 'nothing'"):
        memory.changes.judge([noon], "helped", turn="nothing", scope=ada)
    assert memory.get([noon], scope=ada)[0].helped == 1


def test_an_outcome_goes_with_the_question_and_with_the_record(memory: Memory, ada: Scope) -> None:
    question, (noon, four) = asked(memory, ada)
    memory.changes.judge([noon, four], "helped", turn=question, scope=ada)
    assert memory.forget([noon], scope=ada).records == 1
    (outcome,) = judged(memory.engine.store, ada)
    assert outcome.helped == (four,)
    rows = memory.engine.store.query("SELECT source FROM links")
    assert [row["source"] for row in rows] == [four]
    memory.forget([question], scope=ada)
    assert memory.engine.store.query("SELECT * FROM links") == []
    assert memory.get([four], scope=ada)[0].text == "tea at four"


def test_an_outcome_survives_an_export(memory: Memory, ada: Scope) -> None:
    question, (noon, four) = asked(memory, ada)
    memory.changes.judge([noon], "helped", turn=question, scope=ada)
    memory.changes.judge([four], "hurt", turn=question, scope=ada)
    lines = list(memory.maintenance.export(scope=ada))
    with Memory.in_memory(embedder=HashEmbedder()) as other:
        other.maintenance.import_(lines)
        (outcome,) = judged(other.engine.store, ada)
        assert (outcome.helped, outcome.hurt) == ((noon,), (four,))
        assert list(other.maintenance.export(scope=ada)) == lines
