import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from langchain_core.messages import BaseMessage

from memagent.errors import InvalidInput
from memagent.evals.arm import ArmName, Parts, Reply
from memagent.evals.tasks import babi
from memagent.evals.tasks.documents.arms import DOCUMENT_ARMS, DocumentArm
from memagent.evals.tasks.documents.corpus import corpus_of
from memagent.evals.tasks.documents.costs import DOCUMENTS_FILE
from memagent.evals.tasks.documents.documents import (
    Document,
    DocumentQuestion,
    StreamTask,
    document,
    gold_sentences,
    retention,
    sentences,
)
from memagent.evals.tasks.documents.streamingqa.files import spelled
from memagent.memory.memory import Memory
from memagent.testing import HashEmbedder, ScriptedChat


def day(year: int, month: int = 1) -> datetime:
    return datetime(year, month, 1, tzinfo=UTC)


def dated(number: int, when: datetime, told: str) -> Document:
    date = spelled(when)
    return Document(
        number=number,
        sentences=(told, "Rain fell."),
        text=f"{date}. {told} Rain fell.",
        group=f"article {number}",
        when=when,
        date=date,
    )


TOLD = [
    dated(1, day(2014), "Ann became mayor of Hull."),
    dated(2, day(2016), "Cy won the Hull race."),
    dated(3, day(2020, 2), "Bob became mayor of Hull."),
    dated(4, day(2020, 8), "Dee became mayor of Hull."),
]


def ask(question: str, when: datetime, *supports: int, gold: str = "Bob") -> DocumentQuestion:
    return DocumentQuestion(
        id=question,
        story="s",
        facts=(),
        question=question,
        gold=(gold,),
        supports=supports,
        group=f"article {supports[0]}",
        asked_at=when,
    )


MAYOR = ask("Who became mayor of Hull?", day(2020, 3), 3)


@pytest.fixture
def task() -> StreamTask:
    return StreamTask(
        name="news/recent",
        source="generated",
        split="",
        asked=[MAYOR],
        training=(),
        sha256="",
        documents=TOLD,
        stream="news",
        recent=day(2020),
    )


def answered(
    task: StreamTask, name: str, question: DocumentQuestion, shots: int = 0
) -> tuple[Reply, Sequence[BaseMessage]]:
    """Return an arm's reply, and what the model was asked."""
    chat, embedder = ScriptedChat(["Bob"]), HashEmbedder()
    with Memory.in_memory(embedder=embedder) as memory:
        parts = Parts(memory=memory, embedder=embedder, model=chat)
        reply = DocumentArm(ArmName.parse(name, shots), task, parts).ask(question)
    lines = re.findall(r"- (.+)", str(chat.requests[0][-1].content))
    assert tuple(lines) == reply.shown
    return reply, chat.requests[0]


BOB = "Saturday, February 1, 2020. Bob became mayor of Hull."
ANN_WON = "2014-01-01: Ann became mayor of Hull. Rain fell."
CY_WON = "2016-01-01: Cy won the Hull race. Rain fell."
BOB_WON = "2020-02-01: Bob became mayor of Hull. Rain fell."
DEE_WON = "2020-08-01: Dee became mayor of Hull. Rain fell."


@pytest.mark.parametrize(
    ("name", "shown", "recall"),
    [
        ("none", (), 0.0),
        ("oracle", (f"{BOB} Rain fell.",), 1.0),
        ("oracle-sentence", (BOB,), 1.0),
        ("memory", (ANN_WON, BOB_WON), 1.0),
        ("memory-no-time", (ANN_WON, BOB_WON, DEE_WON), 1.0),
        ("frozen", (ANN_WON, CY_WON), 0.0),
        ("wrong", (ANN_WON, CY_WON), None),
        ("search-k:2", (ANN_WON, BOB_WON), 1.0),
        ("dense:1", ("Wednesday, January 1, 2014. Ann became mayor of Hull.",), 0.0),
    ],
)
def test_each_arm_shows_what_its_name_says(
    task: StreamTask, name: str, shown: tuple[str, ...], recall: float | None
) -> None:
    reply, _ = answered(task, name, MAYOR)
    assert (reply.shown, reply.recall) == (shown, recall)


def test_the_product_recalls_as_of_when_it_is_asked(task: StreamTask) -> None:
    """The same agent and memory as in an application, which is told what day it is."""
    _, messages = answered(task, "memory", MAYOR)
    prompt = str(messages[-1].content)
    assert "Today: 2020-0" in prompt
    assert "Dee" not in prompt
    reply, messages = answered(replace(task, documents=TOLD[3:]), "memory", MAYOR)
    assert reply.shown == ()
    assert "- Dee" not in str(messages)


def test_a_name_says_how_many_are_shown(task: StreamTask) -> None:
    assert len(answered(task, "memory:2", MAYOR)[0].shown) == 2
    for name in ("dense:2", "bm25:2", "search-k:2"):
        assert len(answered(task, name, MAYOR)[0].shown) == 2


@pytest.mark.parametrize("name", DOCUMENT_ARMS)
@pytest.mark.parametrize("month", [1, 2, 3, 8, 9])
def test_as_time_passes_nobody_sees_what_is_not_older_than_the_question(
    task: StreamTask, name: str, month: int
) -> None:
    """Later documents hold the question's own words, so whoever could see them would."""
    asked_at = day(2020, month)
    later = [
        dated(5 + n, asked_at + timedelta(days=30 * n), f"Who became mayor of Hull? Leak{n}!")
        for n in range(5)
    ]
    stream = replace(task, documents=[*TOLD, *later], as_time_passes=True)
    reply, messages = answered(stream, f"{name}:9", ask(MAYOR.question, asked_at, 1, gold="Ann"))
    assert "Leak" not in str(messages)
    told = [
        one.when
        for one in stream.documents
        for text in reply.shown
        if one.date in text or one.when.date().isoformat() in text
    ]
    assert all(when < asked_at for when in told)
    if name not in ("none", "frozen", "oracle", "oracle-sentence"):
        assert told
    if name == "memory-no-time":  # and that the leak would be seen, were it not for the protocol
        leaking = replace(stream, as_time_passes=False)
        assert "Leak" in str(answered(leaking, f"{name}:9", MAYOR)[0].shown)


def test_worked_examples_are_the_same_in_every_arm_shown_as_the_arm_shows_its_own(
    task: StreamTask,
) -> None:
    asked = {}
    for name in ("none", "memory", "oracle"):
        _, messages = answered(task, name, MAYOR, shots=2)
        questions = [str(one.content) for one in messages[1:5:2]]
        asked[name] = [text.split("Question: ")[-1] for text in questions]
        notes = ["Notes:" in text for text in questions]
        assert notes == [name != "none"] * 2
        assert [one.content for one in messages[2:5:2]] == ["1868", "dark rye bread"]
    assert asked["none"] == asked["memory"] == asked["oracle"]


def test_an_arm_that_is_none_and_a_task_without_documents_are_refused(task: StreamTask) -> None:
    with pytest.raises(InvalidInput, match="'full' is not one of none, oracle"):
        answered(task, "full", MAYOR)
    other = babi.load(None, 1, None)
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        parts = Parts(memory=memory, embedder=HashEmbedder(), model=ScriptedChat([]))
        with pytest.raises(InvalidInput, match="'babi/1' has no documents"):
            DocumentArm(ArmName.parse("memory"), other, parts)


def test_documents_are_written_once_by_all_arms_and_what_that_cost_is_kept(
    task: StreamTask, tmp_path: Path
) -> None:
    embedder, chat = HashEmbedder(), ScriptedChat(lambda _: "Bob")
    for _ in range(2):  # the second time as a run that is resumed
        with Memory.open(tmp_path / "memory", embedder=embedder) as memory:
            parts = Parts(memory=memory, embedder=embedder, model=chat, folder=tmp_path)
            for name in ("memory", "dense", "wrong"):
                DocumentArm(ArmName.parse(name), task, parts).ask(MAYOR)
            assert corpus_of(memory, "news") is corpus_of(memory, "news")
            assert memory.maintenance.stats()["records"] == len(TOLD)
    (cost,) = map(json.loads, (tmp_path / DOCUMENTS_FILE).read_text().splitlines())
    assert cost["documents"] == len(TOLD)
    assert cost["seconds"] > 0
    assert cost["bytes"] > 0


def test_retention_asks_the_first_documents_questions_early_and_late(task: StreamTask) -> None:
    early = ask("Who became mayor of Hull in 2014?", day(2020, 12), 1, gold="Ann")
    before, after = retention(replace(task, asked=[MAYOR, early]), 2)
    assert [before.name, after.name] == ["news/retention-before", "news/retention-after"]
    assert before.asked == after.asked == [early]
    assert (len(before.documents), len(after.documents)) == (2, 4)
    assert before.stream != after.stream == task.stream
    assert before.sha256 != after.sha256


def test_sentences_of_plain_text() -> None:
    text = 'Mr. Lee (St. Ives) won. "Why?" he asked. In 1066 J. R. Fox left! 3 stayed, e.g. Ann.'
    assert sentences(text) == [
        "Mr. Lee (St. Ives) won.",
        '"Why?" he asked.',
        "In 1066 J. R. Fox left!",
        "3 stayed, e.g. Ann.",
    ]


def test_a_document_is_found_by_its_sentences() -> None:
    one = document(1, "Ann ran. She won. Rain fell.", "a")
    assert one.keys() == ("Ann ran.", "She won.", "Rain fell.")
    assert gold_sentences(ask("Who?", day(2020), 1, gold="won"), [one]) == [(1, 1)]
