"""Redaction on every way into a memory: no byte of a secret stays on the disk."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.messages import AIMessage, HumanMessage

from memagent import Agent, Memory, Scope
from memagent.agent.conversation import Conversation
from memagent.errors import InvalidInput
from memagent.integrations.chat_history import MemagentChatMessageHistory
from memagent.integrations.langgraph import MemagentStore
from memagent.integrations.vectorstore import MemagentVectorStore
from memagent.redaction.redactor import Span
from memagent.stores.lifecycle.input_history import InputHistory
from memagent.testing import HashEmbedder, ScriptedChat
from memagent.tools.memory import memory_tools
from memagent.types import NewRecord

PIN = "31415926"
SAID = f"My pin: {PIN} opens the gate."
KEPT = "My pin: [PIN removed] opens the gate."
ADA = Scope(user="ada")


def pins(text: str) -> Iterator[Span]:
    for match in re.finditer(r"\bpin\W{1,3}(\d+)", text):
        yield *match.span(1), "PIN"


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path, embedder=HashEmbedder(), scope=ADA, redaction=pins) as opened:
        yield opened


def on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def chat(memory: Memory, *said: str) -> ScriptedChat:
    model = ScriptedChat([f"Noted, {PIN}.", "It opens the gate."])
    conversation = Conversation(Agent(memory=memory, model=model), ADA)
    for text in said:
        list(conversation.say(text))
    return model


def teach(memory: Memory) -> None:
    model = ScriptedChat(["I do not know."])
    conversation = Conversation(Agent(memory=memory, model=model), ADA)
    list(conversation.say(f"What does pin: {PIN} open?"))
    conversation.judge("bad", f"pin: {PIN}")
    conversation.correct(f"The gate, by pin: {PIN}.")


def by_tool(memory: Memory) -> None:
    (add,) = [tool for tool in memory_tools(memory, scope=ADA) if tool.name == "memory_add"]
    add.invoke({"text": SAID})


def changed(memory: Memory) -> None:
    record = memory.add("The gate is shut.", who=f"pin: {PIN}", why=f"pin: {PIN}")
    memory.changes.archive(record.id, why=f"pin: {PIN}")
    memory.changes.restore(record.id, why=f"pin: {PIN}")
    newer = memory.update(record.id, metadata={"pin": PIN})
    memory.changes.judge(memory.update(newer.id, SAID).id, "hurt", why=f"pin: {PIN}")


def imported(memory: Memory) -> None:
    with Memory.in_memory(embedder=HashEmbedder(), scope=ADA) as other:
        old = other.add(f"Old pin: {PIN}.", sources=[f"pin: {PIN}"], why=f"pin: {PIN}")
        other.update(old.id, SAID, metadata={"pin": PIN})
        lines = list(other.maintenance.export(vectors=True))
    assert memory.maintenance.import_(lines) == 2
    assert memory.maintenance.verify() == ()
    assert memory.maintenance.import_(lines) == 0
    mem0 = {"results": [{"id": "m", "memory": SAID, "user_id": "bob", "metadata": {"pin": PIN}}]}
    memory.maintenance.import_([json.dumps(mem0)])


WAYS: dict[str, Callable[[Memory], Any]] = {
    "add": lambda memory: memory.add(SAID, keys=(f"pin: {PIN}", "gate"), metadata={"pin": PIN}),
    "vectors": lambda memory: memory.add_many([SAID], vectors=np.eye(1, 64, dtype=np.float32)),
    "messages": lambda memory: memory.add_messages(
        [{"role": "user", "name": f"pin: {PIN}", "content": SAID}]
    ),
    "changes": changed,
    "chat": lambda memory: chat(memory, SAID, f"Is pin {PIN} right?"),
    "feedback": teach,
    "tool": by_tool,
    "vector store": lambda memory: MemagentVectorStore(memory, scope=ADA).add_texts(
        [SAID, SAID], metadatas=[{"pin": PIN}, {}], ids=["a", "b"]
    ),
    "LangGraph": lambda memory: MemagentStore(memory, scope=ADA).put(
        ("notes",), "gate", {"text": SAID, "pin": PIN}
    ),
    "history": lambda memory: MemagentChatMessageHistory(
        memory, scope=Scope(user="ada", session="s")
    ).add_messages([HumanMessage(SAID), AIMessage(f"Noted, {PIN}.")]),
    "import": imported,
    "input": lambda memory: InputHistory(
        Path(memory.engine.store.location).parent, "ada", memory.engine.redactor
    ).append(f"/remember {SAID}"),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_way_in_leaves_a_secret_on_the_disk(way: str, kept: Memory, tmp_path: Path) -> None:
    WAYS[way](kept)
    assert PIN.encode() not in on_disk(tmp_path)
    kept.close()
    assert PIN.encode() not in on_disk(tmp_path)
    assert b"[PIN removed]" in on_disk(tmp_path)


@pytest.mark.parametrize("way", WAYS)
def test_without_redaction_each_way_stores_what_was_said(way: str, tmp_path: Path) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder(), scope=ADA) as memory:
        WAYS[way](memory)
    assert PIN.encode() in on_disk(tmp_path)


def test_the_record_says_what_it_lost_and_the_log_that_it_did(
    kept: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="memagent"):
        record = kept.add(SAID)
    assert (record.text, record.metadata) == (KEPT, {"redacted": {"PIN": 1}})
    assert "a PIN was removed before this was stored" in caplog.text
    assert PIN not in caplog.text
    assert kept.search("gate", where={"redacted": {"exists": True}})[0].record.id == record.id


def test_the_same_text_is_the_same_record(kept: Memory) -> None:
    assert kept.add(SAID).id == kept.add(SAID).id == kept.add(SAID.replace(PIN, "27182818")).id
    store = MemagentVectorStore(kept, scope=ADA)
    assert store.add_texts([SAID], ids=["a"]) == store.add_texts([SAID], ids=["a"]) == ["a"]
    (found,) = store.get_by_ids(["a"])
    assert found.page_content == KEPT


def test_an_update_with_the_same_secret_changes_nothing(kept: Memory) -> None:
    record = kept.add("The gate is shut.")
    updated = kept.update(record.id, SAID)
    assert (updated.text, updated.metadata) == (KEPT, {"redacted": {"PIN": 1}})
    assert kept.update(updated.id, SAID) == updated


def test_the_vector_is_of_the_text_that_is_stored(kept: Memory, memory: Memory) -> None:
    kept.add(SAID)
    kept.add_many([f"Other pin: {PIN}."], vectors=np.eye(1, 64, dtype=np.float32))
    memory.add_many([KEPT, "Other pin: [PIN removed]."], scope=ADA)
    query = "pin of the gate"
    scores = [[hit.score for hit in each.search(query, scope=ADA)] for each in (kept, memory)]
    assert scores[0] == scores[1]


def test_this_turn_shows_the_model_what_was_said_and_later_turns_do_not(kept: Memory) -> None:
    first, second = chat(kept, SAID, "What does it open?").requests
    assert PIN in str(first[-1].content)
    assert PIN not in str(second)
    assert KEPT in str(second)


def test_names_that_hold_a_secret_are_refused(kept: Memory) -> None:
    with pytest.raises(InvalidInput, match="scope: it holds a PIN"):
        kept.add("tea", scope=Scope(user="ada", session=f"pin {PIN}"))
    with pytest.raises(InvalidInput, match="id: it holds a PIN"):
        kept.add_many([NewRecord(text="tea", id=f"pin-{PIN}")])
    assert kept.count() == 0


def test_a_pickled_memory_still_redacts(kept: Memory) -> None:
    build, parts = kept.engine.__reduce__()
    assert pins in parts  # type: ignore[operator]
    again = build(*parts)  # type: ignore[operator]
    assert again.redactor is not None
    again.close()
