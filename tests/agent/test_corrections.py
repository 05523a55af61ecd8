import json
import logging
from collections.abc import Sequence

import pytest
from langchain_core.messages import BaseMessage

from memagent import Agent, Memory, Scope
from memagent.agent import conversation as conversation_module
from memagent.agent import corrections
from memagent.agent.conversation import Conversation
from memagent.errors import EmbeddingError, InvalidInput
from memagent.feedback.spoken import Correction, Detector
from memagent.testing import ScriptedChat
from memagent.types import Answer, CorrectionMode, PastTurn, Record

FACT, QUESTION, CORRECTION = "Lena moved to Graz.", "Where does Lena live?", "No, she is in Linz."


def talk(memory: Memory, scope: Scope, mode: CorrectionMode = "ask") -> Conversation:
    return Conversation(
        Agent(memory=memory, model=ScriptedChat(lambda _: "I see.")), scope, corrections=mode
    )


def say(conversation: Conversation, *texts: str) -> None:
    for text in texts:
        list(conversation.say(text))


@pytest.fixture
def likely(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever begins with "No," corrects the oldest record that it may correct."""

    def ranked(
        self: Detector,
        statement: Record,
        turn: PastTurn | None,
        answer: Answer | None,
        scope: Scope,
        recalled: Sequence[Record],
    ) -> list[Correction]:
        if not statement.text.startswith("No,"):
            return []
        record = min(self._records(statement, answer, scope, recalled), key=lambda each: each.seq)
        return [Correction(record=record, statement=statement, score=0.9)]

    monkeypatch.setattr(Detector, "ranked", ranked)


def texts(memory: Memory, scope: Scope) -> set[str]:
    return {each.text for each in memory.list(scope=scope.across_sessions()) if each.evidence}


@pytest.mark.usefixtures("likely")
def test_a_correction_is_proposed_put_into_effect_and_undone(memory: Memory, ada: Scope) -> None:
    conversation = talk(memory, ada)
    say(conversation, FACT, QUESTION)
    before = texts(memory, ada)
    say(conversation, CORRECTION)
    assert conversation.proposal is not None
    assert conversation.proposal.record.text == FACT
    assert texts(memory, ada) == {*before, CORRECTION}, "nothing happens before somebody says so"
    lesson = conversation.replace()
    assert lesson.evidence
    assert lesson.text == f"{QUESTION} {CORRECTION}"
    assert conversation.proposal is None
    (old,) = memory.get([lesson.supersedes or ""], scope=ada)
    assert old.text == FACT
    assert old.superseded
    assert old.valid_to is not None
    (change,) = memory.changes.list(scope=ada)
    assert (change.superseded, change.said, change.asks) == (old.id, CORRECTION, (QUESTION,))
    memory.changes.undo(change.id, scope=ada)
    assert texts(memory, ada) == {*before, CORRECTION}
    with pytest.raises(InvalidInput, match="undone already"):
        memory.changes.undo(change.id, scope=ada)
    with pytest.raises(InvalidInput, match="nothing to replace"):
        conversation.replace()


@pytest.mark.usefixtures("likely")
def test_a_lesson_stands_alone_after_what_it_corrects(memory: Memory, ada: Scope) -> None:
    conversation = talk(memory, ada)
    say(conversation, "The dentist is on Tuesday.", "No, it's Thursday.")
    assert conversation.replace().text == "The dentist is on Tuesday. No, it's Thursday."


@pytest.mark.usefixtures("likely")
def test_a_correction_is_applied_at_once_or_not_looked_for(memory: Memory, ada: Scope) -> None:
    conversation = talk(memory, ada, "apply")
    say(conversation, FACT, CORRECTION)
    assert conversation.replaced is not None
    assert conversation.proposal is None
    assert FACT not in texts(memory, ada)
    say(conversation, "I like tea.")
    assert conversation.replaced is None
    quiet = talk(memory, Scope("bob"), "off")
    say(quiet, FACT, CORRECTION)
    assert (quiet.proposal, quiet.replaced) == (None, None)


@pytest.mark.usefixtures("likely")
def test_what_is_forgotten_meanwhile_is_not_replaced(memory: Memory, ada: Scope) -> None:
    conversation = talk(memory, ada)
    for forgotten in (0, 1):
        say(conversation, FACT, CORRECTION)
        assert conversation.proposal is not None
        both = conversation.proposal.record, conversation.proposal.statement
        memory.forget(both[forgotten].id, scope=ada)
        with pytest.raises(InvalidInput, match="forgotten"):
            conversation.replace()
    assert memory.changes.list(scope=ada) == []


@pytest.mark.usefixtures("likely")
def test_what_is_replaced_meanwhile_stays_so(memory: Memory, ada: Scope) -> None:
    conversation = talk(memory, ada)
    say(conversation, FACT, CORRECTION)
    assert conversation.proposal is not None
    memory.update(conversation.proposal.record.id, "Lena moved to Wels.", scope=ada)
    with pytest.raises(InvalidInput, match="stands in its place"):
        conversation.replace()


@pytest.mark.usefixtures("likely")
def test_the_lesson_is_forgotten_with_either_of_the_two(memory: Memory, ada: Scope) -> None:
    for forgotten in (0, 1):
        conversation = talk(memory, ada)
        say(conversation, FACT, CORRECTION)
        proposal = conversation.proposal
        assert proposal is not None
        lesson = conversation.replace()
        memory.forget((proposal.record.id, proposal.statement.id)[forgotten], scope=ada)
        assert not memory.get([lesson.id], scope=ada)
        assert not any("Linz" in text and "Graz" in text for text in texts(memory, ada))
        memory.forget(everything=True, scope=ada)


@pytest.mark.usefixtures("likely")
def test_nobody_elses_records_are_named(memory: Memory, ada: Scope) -> None:
    for other in (Scope("bob"), Scope("ada", agent="another")):
        memory.add(FACT, scope=other)
    memory.add("I live in Graz, with Lena.", scope=ada)
    conversation = talk(memory, Scope("ada", agent="mine"))
    say(conversation, "I like tea.", CORRECTION)
    assert conversation.proposal is not None
    assert conversation.proposal.record.text == "I like tea."


@pytest.mark.usefixtures("likely")
def test_other_sessions_of_the_user_count(memory: Memory, ada: Scope) -> None:
    say(talk(memory, ada), FACT)
    conversation = talk(memory, ada)
    say(conversation, QUESTION, CORRECTION)
    assert conversation.replace().scope == conversation.scope
    assert FACT not in texts(memory, ada)


@pytest.mark.parametrize(
    "text",
    [
        "No, 'Linz'\nand \"not\" Graz.\x1b[31m",
        "No, " + "she lives in Linz. " * 600,
        "No, is she in Linz?",
        "No, \N{FAMILY}",
        "\N{FULLWIDTH COMMA}" * 3,
    ],
)
def test_odd_statements_do_no_harm(memory: Memory, ada: Scope, text: str) -> None:
    conversation = talk(memory, ada, "apply")
    say(conversation, FACT, QUESTION, text)
    assert conversation.last is not None
    assert len(conversation.turns) == 3


def test_a_failing_embedder_does_not_break_the_turn(
    memory: Memory,
    ada: Scope,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> list[Correction]:
        raise EmbeddingError("the server is gone")

    monkeypatch.setattr(Detector, "ranked", fail)
    conversation = talk(memory, ada)
    with caplog.at_level(logging.WARNING):
        say(conversation, FACT, CORRECTION)
    assert conversation.proposal is None
    assert len(conversation.turns) == 2
    assert "the server is gone" in caplog.text


def numbering(note: int) -> ScriptedChat:
    return ScriptedChat(lambda _: json.dumps({"note": note}))


def test_a_model_decides_where_the_detector_is_in_doubt(
    memory: Memory, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Sequence[BaseMessage]] = []

    def reply(messages: Sequence[BaseMessage]) -> str:
        if "numbered notes" not in str(messages[0].content):
            return "I see."
        asked.append(messages)
        return '{"note": 1}'

    def ranked(self: Detector, statement: Record, *_: object) -> list[Correction]:
        records = [each for each in memory.list(scope=ada) if each.text == FACT]
        return [
            Correction(record=each, statement=statement, score=0.2, doubtful=True)
            for each in records
            if each.id != statement.id
        ]

    monkeypatch.setattr(Detector, "ranked", ranked)
    agent = Agent(memory=memory, model=ScriptedChat(reply))
    for knows, found in ((False, None), (True, FACT)):
        monkeypatch.setattr(corrections, "knows_corrections", lambda _, knows=knows: knows)
        conversation = Conversation(agent, ada)
        say(conversation, FACT, CORRECTION)
        proposal = conversation.proposal
        assert (proposal.record.text if proposal else None) == found
    assert asked
    assert CORRECTION in str(asked[-1][-1].content)


def test_a_model_is_trusted_only_if_it_passes_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corrections, "constrains_output", lambda _: True)
    replies = [json.dumps({"note": number}) for *_, number in corrections.CASES]
    assert corrections.knows_corrections(ScriptedChat(replies))
    assert not corrections.knows_corrections(Named("always", json.dumps({"note": 1})))
    assert not corrections.knows_corrections(Named("prose", "The first one."))


class Named(ScriptedChat):
    """Scripted model with a name of its own."""

    model_name: str = ""

    def __init__(self, name: str, reply: str) -> None:
        super().__init__(lambda _: reply)
        self.model_name = name


def test_a_number_beyond_the_notes_is_none() -> None:
    assert corrections.corrected(numbering(7), "I see.", CORRECTION, [FACT]) == 0
    assert corrections.corrected(numbering(-1), "I see.", CORRECTION, [FACT]) == 0
    assert corrections.corrected(numbering(1), "I see.", CORRECTION, [FACT]) == 1


def test_a_correction_of_an_unlike_memory_is_asked_about(
    memory: Memory, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation_module, "ALIKE", 9.0)
    memory.add("Bob works in Rome.", scope=ada)
    conversation = talk(memory, ada)
    say(conversation, "Where does Bob work?")
    added = conversation.correct("Bob works in Lisbon.", ask=True)
    assert added.supersedes is None
    assert "Bob works in Rome." in texts(memory, ada)
    assert conversation.proposal is not None
    lesson = conversation.replace()
    assert lesson.text == added.text
    assert "Bob works in Rome." not in texts(memory, ada)
    kept = [change for change in memory.changes.list(scope=ada) if change.undone is None]
    assert [change.id for change in kept] == [lesson.id]
