import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from articles import BREAD, NORMANS
from langchain_core.messages import BaseMessage

from memagent import Memory
from memagent.errors import InvalidInput, RunError
from memagent.evals.arm import ArmName, Parts
from memagent.evals.tasks.documents.costs import DOCUMENTS_FILE, NOTES_FILE, costs
from memagent.evals.tasks.documents.documents import DocumentQuestion, StreamTask, document
from memagent.evals.tasks.documents.note_arms import NOTES, make
from memagent.testing import HashEmbedder, ScriptedChat


def task() -> StreamTask:
    documents = [document(1, NORMANS, "one"), document(2, BREAD, "two")]
    asked = [
        DocumentQuestion(
            id="q",
            question="To which king did Rollo swear fealty in 911?",
            gold=("King Charles III",),
            supports=(1,),
            story="stream",
            facts=(),
            group="one",
        )
    ]
    return StreamTask(
        name="squad/stream", source="", split="", asked=asked, training=(), sha256="",
        documents=documents, stream="squad",
    )  # fmt: skip


def says(messages: Sequence[BaseMessage]) -> str:
    """Write a note where one is wanted, of a claim with support and one without; else answer."""
    if "<text>" not in str(messages[-1].content):
        return "King Charles III"
    claims = [
        {
            "claim": "Rollo swore fealty to King Charles III in the year 911",
            "quote": "swore fealty to King Charles III of West Francia in the year 911",
        },
        {"claim": "Rollo sailed to Iceland", "quote": "Rollo sailed to Iceland"},
        {"claim": "The year was 1024", "quote": "in the year 1024"},
    ]
    return json.dumps({"claims": claims, "entities": [], "dates": []})


@pytest.mark.parametrize("kind", NOTES)
def test_an_arm_shows_what_is_left_of_the_passage(memory: Memory, kind: str) -> None:
    chat = ScriptedChat(says)
    parts = Parts(memory=memory, embedder=HashEmbedder(), model=chat)
    reply = make(ArmName.parse(f"{kind}:2+1"), task(), parts).ask(task().asked[0])
    assert reply.recall == 1.0
    shown = " ".join(reply.shown)
    assert NORMANS not in shown
    assert len(shown) < len(NORMANS) or kind.startswith("notes-gathered")
    assert all(text in str(chat.requests[-1][-1].content) for text in reply.shown)
    if kind not in ("notes-salience", "notes-sentences", "notes-sentences-salience"):
        assert "King Charles III" in shown


def test_arms_over_documents_stay_what_they_are(memory: Memory) -> None:
    parts = Parts(memory=memory, embedder=HashEmbedder(), model=ScriptedChat(["x", "y"]))
    reply = make(ArmName.parse("oracle+0"), task(), parts).ask(task().asked[0])
    assert reply.shown == (NORMANS,)
    for name in ("notes:0", "magic"):
        with pytest.raises(InvalidInput):
            make(ArmName.parse(name), task(), parts)


NOON = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("kind", NOTES)
def test_as_time_passes_no_note_tells_of_what_is_newer_than_the_question(
    memory: Memory, kind: str
) -> None:
    """The later passage holds the question's own words, so whoever could see it would show it."""
    later = f"Leaky {NORMANS}".replace("Rollo", "Leaky Rollo")
    told = [
        document(1, BREAD, "one", NOON - timedelta(days=1)),
        document(2, later, "two", NOON + timedelta(days=1)),
    ]
    asked = replace(task().asked[0], asked_at=NOON)  # type: ignore[call-arg]
    stream = replace(task(), documents=told, asked=[asked], as_time_passes=True)
    chat = ScriptedChat(says)
    parts = Parts(memory=memory, embedder=HashEmbedder(), model=chat)
    arm = make(ArmName.parse(f"{kind}:2+0"), stream, parts)
    reply = arm.ask(asked)
    assert "Leaky" not in str((reply.shown, chat.requests[-1]))
    assert reply.shown
    if kind != "notes-written":  # and that it would be seen later
        after = replace(asked, asked_at=NOON + timedelta(days=2))  # type: ignore[call-arg]
        assert "Leaky" in str(arm.ask(after).shown)


@pytest.mark.parametrize("when", [None, NOON])
def test_a_passage_too_short_for_a_note_is_shown_as_it_is(
    memory: Memory, when: datetime | None
) -> None:
    short = "King Charles III took fealty of Rollo in 911."
    told = [document(1, BREAD, "one", NOON), document(2, short, "two", NOON)]
    asked = replace(
        task().asked[0],
        question="Of whom did King Charles III take fealty?",
        supports=(2,),
        asked_at=when and when + timedelta(days=1),  # type: ignore[call-arg]
    )
    stream = replace(task(), documents=told, asked=[asked])
    parts = Parts(memory=memory, embedder=HashEmbedder(), model=ScriptedChat(says))
    reply = make(ArmName.parse("notes+0"), stream, parts).ask(asked)
    assert (reply.shown, reply.recall) == ((short,), 1.0)


def test_an_arm_has_read_before_it_is_asked_so_that_no_question_takes_the_time_of_that(
    memory: Memory,
) -> None:
    parts = Parts(memory=memory, embedder=HashEmbedder(), model=ScriptedChat(says))
    for name, records in (("none", 0), ("oracle", 0), ("memory", 2), ("notes", 2 + 4)):
        make(ArmName.parse(f"{name}+0"), task(), parts)
        assert memory.maintenance.stats()["records"] == records


def test_what_notes_cost_and_how_short_they_came_out_is_kept_once(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory", embedder=HashEmbedder()) as memory:
        parts = Parts(
            memory=memory, embedder=HashEmbedder(), model=ScriptedChat(says), folder=tmp_path
        )
        for kind in ("notes", "notes-line", "notes-written"):
            make(ArmName.parse(f"{kind}:2+0"), task(), parts).ask(task().asked[0])
    assert len((tmp_path / DOCUMENTS_FILE).read_text().splitlines()) == 2
    told = costs(tmp_path)
    assert [one["documents"] for one in told["reading"]] == [2, 2]
    assert all(one["seconds_per_document"] > 0 for one in told["reading"])
    runs, written = told["notes"]
    assert (runs["way"], runs["notes"], runs["dropped"]) == ("runs-aware-source:2", 2, 0)
    assert 1.8 < runs["ratio"] < 2.5
    assert runs["held_back"] > written["held_back"]
    assert (written["way"], written["notes"]) == ("notes-aware-source:2", 2)
    assert (written["failed"], written["dropped"]) == (0, 4)
    with (tmp_path / NOTES_FILE).open("a") as file:
        file.write("no JSON\n")
    with pytest.raises(RunError, match="expected one cost a line"):
        costs(tmp_path)
    assert costs(tmp_path / "nowhere") == {}
