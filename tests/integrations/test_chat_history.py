import asyncio
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core._api import LangChainDeprecationWarning
from langchain_core.chat_history import BaseChatMessageHistory, InMemoryChatMessageHistory
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.runnables.history import RunnableWithMessageHistory

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.integrations.chat_history import MemagentChatMessageHistory
from memagent.testing import HashEmbedder, ScriptedChat

SESSION = Scope(user="ada", session="monday")
CALL: Any = {"name": "weather", "args": {"city": "Pörto"}, "id": "1", "type": "tool_call"}
IMAGE: Any = {"type": "image", "base64": "aGk=", "mime_type": "image/png"}
USAGE: Any = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
MESSAGES: list[BaseMessage] = [
    SystemMessage("Be brief."),
    HumanMessage("Hello", id="m1", name="ada", additional_kwargs={"n": 1}),
    AIMessage("Hi", response_metadata={"model": "x"}, usage_metadata=USAGE),
    HumanMessage([{"type": "text", "text": "What is this?"}, IMAGE]),
    HumanMessage([IMAGE]),
    AIMessage("", tool_calls=[CALL]),
    ToolMessage("sunny", tool_call_id="1", artifact={"raw": [1, 2]}, status="success"),
    ToolMessage("", tool_call_id="1"),
    AIMessage("Calling.", tool_calls=[CALL, CALL]),
    AIMessage("", invalid_tool_calls=[{"name": "w", "args": "{", "id": "2", "error": "bad"}]),
    FunctionMessage("4", name="add"),
    ChatMessage("As I said.", role="referee"),
    HumanMessage("  yes\n"),
    HumanMessage("yes"),
    HumanMessage("yes"),
    RemoveMessage(id="m1"),
]

Made = Callable[[str], BaseChatMessageHistory]


def history_of(memory: Memory, session: str, user: str = "ada") -> MemagentChatMessageHistory:
    return MemagentChatMessageHistory(memory, scope=Scope(user=user, session=session))


class Reference(InMemoryChatMessageHistory):
    """LangChain's own history; only the class itself warns that another way is recommended now."""


class TestContract:
    """What the base class promises, shown to hold of langchain-core's own history too."""

    @pytest.fixture(params=["langchain", "memagent"])
    def made(self, request: pytest.FixtureRequest) -> Iterator[Made]:
        if request.param == "memagent":
            with Memory.in_memory(embedder=HashEmbedder()) as memory:
                yield lambda name: MemagentChatMessageHistory(
                    memory, scope=Scope(user="ada", session=name)
                )
        else:
            kept = {"one": Reference(), "two": Reference()}
            yield lambda name: kept[name]

    def test_a_new_history_is_empty(self, made: Made) -> None:
        assert made("one").messages == []
        made("one").clear()

    def test_messages_come_back_as_they_were_in_order(self, made: Made) -> None:
        made("one").add_messages(MESSAGES[:5])
        made("one").add_messages(MESSAGES[5:])
        assert made("one").messages == MESSAGES
        assert [type(one) for one in made("one").messages] == [type(one) for one in MESSAGES]

    def test_single_messages_are_added_by_their_sort(self, made: Made) -> None:
        made("one").add_user_message("Hello")
        made("one").add_ai_message("Hi")
        made("one").add_message(SystemMessage("Be brief."))
        expected = [HumanMessage("Hello"), AIMessage("Hi"), SystemMessage("Be brief.")]
        assert made("one").messages == expected
        assert str(made("one")) == "Human: Hello\nAI: Hi\nSystem: Be brief."

    def test_clear_empties_one_session_and_leaves_the_other(self, made: Made) -> None:
        made("one").add_messages(MESSAGES)
        made("two").add_messages(MESSAGES[:2])
        made("one").clear()
        assert made("one").messages == []
        assert made("two").messages == MESSAGES[:2]
        made("one").add_messages(MESSAGES[:1])
        assert made("one").messages == MESSAGES[:1]

    async def test_the_async_verbs_do_the_same(self, made: Made) -> None:
        await made("one").aadd_messages(MESSAGES)
        assert await made("one").aget_messages() == MESSAGES
        await made("one").aclear()
        assert await made("one").aget_messages() == []


@pytest.fixture
def history(memory: Memory) -> MemagentChatMessageHistory:
    return MemagentChatMessageHistory(memory, scope=SESSION)


def test_it_wants_a_session(memory: Memory, ada: Scope) -> None:
    with pytest.raises(InvalidInput, match="give the scope a session"):
        MemagentChatMessageHistory(memory, scope=ada)


def test_messages_survive_the_process_and_another_reader(tmp_path: Path) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        MemagentChatMessageHistory(memory, scope=SESSION).add_messages(MESSAGES)
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        history = MemagentChatMessageHistory(memory, scope=SESSION)
        assert history.messages == MESSAGES
        assert history_of(memory, "monday", user="bob").messages == []
        lines = list(memory.maintenance.export(scope=SESSION))
    with Memory.in_memory(embedder=HashEmbedder()) as other:
        other.maintenance.import_(lines)
        assert MemagentChatMessageHistory(other, scope=SESSION).messages == MESSAGES


def test_only_what_a_human_states_is_evidence(
    memory: Memory, history: MemagentChatMessageHistory, ada: Scope
) -> None:
    history.add_messages(
        [
            SystemMessage("Mary is in the attic."),
            HumanMessage("Mary went to the garden."),
            HumanMessage("Where is Mary?"),
            AIMessage("Mary is in the cellar."),
            ToolMessage("Mary is in the hall.", tool_call_id="1"),
        ]
    )
    found = memory.recall("Where is Mary?", scope=ada)
    assert [hit.record.text for hit in found.hits] == ["Mary went to the garden."]
    assert len(memory.search("Mary", scope=ada, roles="all")) == 5


def test_what_has_no_text_is_told_by_its_calls_or_its_sort(
    memory: Memory, history: MemagentChatMessageHistory
) -> None:
    history.add_messages([AIMessage("", tool_calls=[CALL]), AIMessage(""), HumanMessage([IMAGE])])
    upserts = [record.text for record in memory.list(scope=SESSION)]
    assert upserts == ["(human)", "(ai)", 'weather({"city": "P\\u00f6rto"})']


def test_clear_erases_the_messages_and_nothing_else_of_the_session(tmp_path: Path) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        history = MemagentChatMessageHistory(memory, scope=SESSION)
        history.add_messages([HumanMessage("my pin is qzwxvk"), AIMessage("", tool_calls=[CALL])])
        memory.add("a note of Monday", scope=SESSION)
        history.clear()
        assert history.messages == []
        assert [one.text for one in memory.list(scope=SESSION)] == ["a note of Monday"]
        left = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
        assert b"qzwxvk" not in left
        assert b"weather" not in left


def test_an_edited_record_is_an_edited_message(
    memory: Memory, history: MemagentChatMessageHistory
) -> None:
    history.add_messages([HumanMessage("I live in Porto.", id="m1"), AIMessage("Noted.")])
    (record,) = memory.search("Porto", scope=SESSION, k=1)
    memory.update(record.record.id, "I live in Lisbon.", scope=SESSION)
    assert history.messages == [HumanMessage("I live in Lisbon.", id="m1"), AIMessage("Noted.")]


def test_a_message_that_is_not_text_and_json_is_refused_whole(
    memory: Memory, history: MemagentChatMessageHistory
) -> None:
    bad = [
        HumanMessage("half \ud800"),
        HumanMessage("binary \0"),
        HumanMessage("x", additional_kwargs={"when": object()}),
    ]
    for message in bad:
        with pytest.raises(InvalidInput):
            history.add_messages([HumanMessage("first"), message])
    assert memory.maintenance.stats()["records"] == 0


async def test_many_writers_lose_no_message(memory: Memory) -> None:
    history = MemagentChatMessageHistory(memory, scope=SESSION)
    writes = (history.aadd_messages([HumanMessage("yes"), AIMessage("yes")]) for _ in range(10))
    await asyncio.gather(*writes)
    assert [one.type for one in history.messages].count("human") == 10
    assert len(history.messages) == 20
    pairs = [one.type for one in history.messages]
    assert pairs == ["human", "ai"] * 10


def test_it_serves_langchain_s_runnable_with_history(memory: Memory) -> None:
    chat = ScriptedChat(["Hello Ada.", "Your name is Ada."])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainDeprecationWarning)
        runnable = RunnableWithMessageHistory(
            chat,
            lambda session_id: MemagentChatMessageHistory(
                memory, scope=Scope(user="a", session=session_id)
            ),
        )
    config: Any = {"configurable": {"session_id": "s"}}
    runnable.invoke([HumanMessage("I am Ada.")], config)
    assert runnable.invoke([HumanMessage("Who am I?")], config).content == "Your name is Ada."
    assert [one.content for one in chat.requests[1]] == ["I am Ada.", "Hello Ada.", "Who am I?"]
