"""Arguments of Memory's verbs: what is taken in several forms, and what is refused in one line."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from memagent import Agent, AsyncMemory, Memory, NewRecord, Scope
from memagent.errors import InvalidInput
from memagent.memory import engine
from memagent.testing import HashEmbedder, ScriptedChat

NOT_THERE = "01890000-0000-7000-8000-000000000000"
MESSAGES = [
    {"role": "user", "content": "I live in Porto.", "timestamp": "2024-05-01T10:00:00+00:00"},
    {"role": "assistant", "content": "Noted.", "name": "helper"},
    {"role": "user", "content": "Where do I live?"},
]


@pytest.mark.parametrize("scope", ["ada", Scope("ada"), Scope(user="ada")])
def test_a_scope_is_a_scope_or_a_users_name(memory: Memory, scope: Scope | str) -> None:
    record = memory.add("tea", scope=scope)
    assert record.scope == Scope(user="ada")
    assert memory.count(scope=scope) == 1
    assert memory.users() == ("ada",)


@pytest.mark.parametrize("scope", [3, {"user": "ada"}, b"ada", ("ada",)])
def test_any_other_scope_is_refused_in_one_line(memory: Memory, scope: Any) -> None:
    for verb in (memory.list, memory.count, memory.sessions, memory.changes.list):
        with pytest.raises(InvalidInput, match=r"^scope: a Scope or a user's name is wanted"):
            verb(scope=scope)
    with pytest.raises(InvalidInput, match="scope"):
        Agent(memory=memory, model=ScriptedChat([]), scope=scope)


def test_without_a_scope_there_has_to_be_a_default() -> None:
    nobodys = Memory.in_memory(embedder=HashEmbedder())
    with nobodys, pytest.raises(InvalidInput, match="whose memory"):
        nobodys.add("tea")
    with Memory.in_memory(embedder=HashEmbedder(), scope="ada") as memory:
        assert memory.add("tea").scope == memory.default_scope == Scope("ada")
        agent = Agent(memory=memory, model=ScriptedChat(["Tea."]))
        assert agent.ask("What do I like?").scope == Scope("ada")


def test_without_a_folder_the_memory_of_the_command_line_is_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(engine, "open_embedder", lambda _: HashEmbedder())
    monkeypatch.setenv("MEMAGENT_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("MEMAGENT_USER", "eve")
    with Memory.open() as memory:
        memory.add("tea")
    assert (tmp_path / "elsewhere" / "memory.db").is_file()
    with Memory.open(tmp_path / "elsewhere") as memory:
        assert memory.users() == ("eve",)


@pytest.mark.parametrize("folder", [None, 3, b"folder"])
def test_what_is_no_folder_is_refused(folder: Any) -> None:
    with pytest.raises(InvalidInput, match=r"Memory\.in_memory"):
        Memory.open(folder, embedder=HashEmbedder())


def marks(memory: Memory) -> list[Callable[..., Any]]:
    changes = memory.changes
    return [changes.pin, changes.archive, changes.restore, changes.move_back]


def test_one_id_or_several_and_those_that_are_missing_are_told(memory: Memory) -> None:
    first, second = memory.add_many(["tea", "coffee"], scope="ada")
    assert [record.id for record in memory.get(first.id, scope="ada")] == [first.id]
    found = memory.get([second.id, NOT_THERE, first.id], scope="ada")
    assert ([record.id for record in found], found.missing) == (
        [second.id, first.id],
        (NOT_THERE,),
    )
    for mark in marks(memory):
        assert mark(first.id, scope="ada").missing == ()
        assert mark([first.id, NOT_THERE], scope="ada").missing == (NOT_THERE,)
    assert memory.changes.judge(first.id, "helped", scope="ada").changed == 1
    receipt = memory.forget([NOT_THERE, first.id], scope="ada")
    assert (receipt.records, receipt.missing) == (1, (NOT_THERE,))
    assert memory.forget(second.id, scope="ada").records == 1
    assert memory.count(scope="ada", everything=True) == 0


def test_an_id_of_somebody_else_is_missing(memory: Memory) -> None:
    record = memory.add("tea", scope="bob")
    assert memory.get(record.id, scope="ada").missing == (record.id,)
    assert memory.forget(record.id, scope="ada").missing == (record.id,)
    assert memory.count(scope="bob") == 1


@pytest.mark.parametrize("ids", [3, None, [3], [b"x"]])
def test_what_is_no_id_is_refused_and_changes_nothing(memory: Memory, ids: Any) -> None:
    memory.add("tea", scope="ada")
    for verb in (memory.get, memory.forget, *marks(memory)):
        with pytest.raises(InvalidInput, match=r"^ids: one id or several are wanted"):
            verb(ids, scope="ada")
    with pytest.raises(InvalidInput, match=r"^ids"):
        memory.changes.judge(ids, "helped", scope="ada")
    assert memory.count(scope="ada") == 1


def test_a_record_that_is_not_there_is_not_updated(memory: Memory) -> None:
    for verb in (
        lambda: memory.update(NOT_THERE, "coffee", scope="ada"),
        lambda: memory.notes.sources(NOT_THERE, scope="ada"),
        lambda: memory.changes.get(NOT_THERE, scope="ada"),
    ):
        with pytest.raises(InvalidInput, match=f"there is no .*{NOT_THERE}"):
            verb()


def test_update_takes_metadata_and_keeps_the_old_version(memory: Memory) -> None:
    old = memory.add("tea", scope="ada", metadata={"page": 3, "draft": True}, keys=["drinks"])
    new = memory.update(old.id, scope="ada", metadata={"page": 4, "draft": None})
    assert (new.text, new.metadata, new.keys) == ("tea", {"page": 4}, ("drinks",))
    assert memory.get(old.id, scope="ada")[0].metadata == {"page": 3, "draft": True}
    assert memory.update(new.id, scope="ada", metadata={"page": 4}).id == new.id
    both = memory.update(new.id, "green tea", scope="ada", metadata={"page": 5})
    assert (both.text, both.metadata) == ("green tea", {"page": 5})
    with pytest.raises(InvalidInput, match="say what to update"):
        memory.update(both.id, scope="ada")


def test_a_text_known_already_is_merged_and_its_history_says_so(memory: Memory) -> None:
    first = memory.add("tea", scope="ada", metadata={"page": 3}, sources=["a"])
    again = memory.add("tea", scope="ada", metadata={"cups": 2}, sources=["b"])
    assert (again.id, again.metadata, again.sources) == (
        first.id,
        {"page": 3, "cups": 2},
        ("a", "b"),
    )
    assert "merge" in [event.action for event in memory.history(first.id, scope="ada")]
    assert memory.search("tea", scope="ada", where={"cups": 2})


def test_where_knows_membership_and_says_how_to_write_or(memory: Memory) -> None:
    memory.add("tea", scope="ada", metadata={"tags": ["hot", "green"]})
    assert memory.count(scope="ada", where={"tags": {"contains": "hot"}}) == 1
    assert memory.count(scope="ada", where={"tags": {"contains": "cold"}}) == 0
    with pytest.raises(InvalidInput, match=r"\"or\": \[") as caught:
        memory.search("tea", scope="ada", where={"tags": {"any": ["hot"]}})
    assert "\n" not in str(caught.value)


def test_messages_are_remembered_with_role_speaker_and_time(memory: Memory) -> None:
    stated, replied, asked = memory.add_messages(MESSAGES, scope=Scope("ada", session="s"))
    assert [record.role for record in (stated, replied, asked)] == ["user", "assistant", "user"]
    assert [record.evidence for record in (stated, replied, asked)] == [True, False, False]
    assert stated.valid_from == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert replied.metadata["name"] == "helper"
    assert asked.scope.session == "s"


def test_messages_of_langchain_are_taken_too(memory: Memory) -> None:
    messages = [
        SystemMessage("Be kind."),
        HumanMessage("I like tea.", name="Ada"),
        AIMessage("", tool_calls=[{"name": "look", "args": {"n": 1}, "id": "1"}]),
        ToolMessage("nothing", tool_call_id="1"),
    ]
    records = memory.add_messages(messages, scope="ada")
    assert [record.role for record in records] == ["system", "user", "assistant", "tool"]
    assert [record.evidence for record in records] == [False, True, False, False]
    assert records[1].metadata["name"] == "Ada"
    assert records[2].text == 'look({"n": 1})'


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"role": "user"}, "message 2: content"),
        ({"role": "robot", "content": "hum"}, "message 2: role"),
        ({"role": "user", "content": "hum", "at": "now"}, "message 2: unknown field 'at'"),
        ({"role": "user", "content": "hum", "timestamp": "soon"}, "message 2: timestamp"),
        ({"role": "user", "content": "hum", "name": 3}, "message 2: name"),
        ("hum", "message 2: a mapping"),
    ],
)
def test_a_malformed_message_is_named_and_nothing_is_written(
    memory: Memory, message: Any, said: str
) -> None:
    with pytest.raises(InvalidInput, match=f"^{said}"):
        memory.add_messages([MESSAGES[0], message], scope="ada")
    assert memory.count(scope="ada", everything=True) == 0


@pytest.mark.parametrize("messages", ["hello", {"role": "user", "content": "hum"}, 3])
def test_messages_are_a_list(memory: Memory, messages: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^messages: a list"):
        memory.add_messages(messages, scope="ada")


def test_a_search_leaves_out_questions_and_replies_unless_asked_for(memory: Memory) -> None:
    agent = Agent(memory=memory, model=ScriptedChat(["In Porto."] * 3), scope="ada")
    memory.add("I live in Porto.", scope="ada")
    for _ in range(3):
        agent.ask("Where do I live?")
    assert [hit.text for hit in memory.search("Where do I live?", scope="ada")] == [
        "I live in Porto."
    ]
    everything = memory.search("Where do I live?", scope="ada", roles="all")
    assert {hit.record.role for hit in everything} == {None, "user", "assistant"}
    replies = memory.search("Porto", scope="ada", roles=["assistant"])
    assert {hit.text for hit in replies} == {"In Porto."}
    for roles in ("robot", ["user", 3]):
        with pytest.raises(InvalidInput, match=r"^roles"):
            memory.search("Porto", scope="ada", roles=roles)  # type: ignore[arg-type]


def test_pages_of_a_list_hold_still_while_others_write(memory: Memory) -> None:
    memory.add_many([f"note {n}" for n in range(25)], scope="ada")
    page = memory.list(scope="ada", limit=10)
    seen = [record.text for record in page]
    while page.next is not None:
        memory.add_many([f"later {len(seen)} {n}" for n in range(7)], scope="ada")
        page = memory.list(scope="ada", limit=10, after=page.next)
        seen += [record.text for record in page]
    assert seen == [f"note {n}" for n in reversed(range(25))]
    for limit, after in ((0, None), (-1, None), (5, NOT_THERE)):
        with pytest.raises(InvalidInput):
            memory.list(scope="ada", limit=limit, after=after)


def test_records_and_hits_are_shown_shortly_and_as_plain_values(memory: Memory) -> None:
    record = memory.add("tea " * 100, scope="ada", metadata={"page": 3})
    (hit,) = memory.search("tea", scope="ada")
    assert len(repr(record)) < 150
    assert len(repr(hit)) < 150
    assert (record.to_dict()["text"], record.to_dict()["metadata"]) == (record.text, {"page": 3})
    assert hit.to_dict()["score"] == hit.score


def test_feedback_needs_nothing_but_the_answer(memory: Memory) -> None:
    memory.add("Bob works in Rome.", scope="ada")
    agent = Agent(memory=memory, model=ScriptedChat(["In Rome."]))
    answer = agent.ask("Where does Bob work?", scope="ada")
    assert (answer.question, answer.scope) == ("Where does Bob work?", Scope("ada"))
    assert [record.text for record in memory.get(answer.turn, scope="ada")] == [
        "Where does Bob work?",
        "In Rome.",
    ]
    agent.feedback(answer, correction="Bob works in Lisbon.")
    assert memory.recall("Where does Bob work?", scope="ada").texts == ("Bob works in Lisbon.",)


async def test_an_agent_takes_an_async_memory_and_nothing_else() -> None:
    async with await AsyncMemory.in_memory(embedder=HashEmbedder(), scope="ada") as memory:
        await memory.add("I live in Porto.")
        agent = Agent(memory=memory, model=ScriptedChat(["In Porto."]))
        assert (await agent.aask("Where do I live?")).memories
    for wrong in ("memory", 3):
        with pytest.raises(InvalidInput, match=r"^memory: a Memory or an Async"):
            Agent(memory=wrong, model=ScriptedChat([]))  # type: ignore[arg-type]


def test_several_texts_are_not_one_text(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="add_many takes several"):
        memory.add_many("tea", scope="ada")
    with pytest.raises(InvalidInput):
        memory.add_many([3], scope="ada")  # type: ignore[list-item]
    assert memory.add_many([NewRecord(text="tea"), "coffee"], scope="ada")


def test_nothing_is_logged_above_debug_that_a_user_wrote(
    memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="memagent"):
        memory.add("a secret", scope="ada", metadata={"n": 1})
        memory.add("a secret", scope="ada", metadata={"n": 2})
    assert any("merge" in record.message for record in caplog.records)
    assert not any("secret" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    ("verb", "arguments", "said"),
    [
        ("add", {"text": 3}, "text: a text is wanted, not 3"),
        ("add", {"text": "x", "metadata": "page"}, "metadata: a mapping is wanted, not 'page'"),
        ("add", {"text": "x", "metadata": [1]}, "metadata: a mapping is wanted"),
        ("add", {"text": "x", "sources": "diary"}, "sources: several texts are wanted"),
        ("add", {"text": "x", "keys": "tea"}, "keys: several texts are wanted"),
        ("add", {"text": "x", "keys": [3]}, "keys: several texts are wanted"),
        ("add", {"text": "x", "valid_from": "2024"}, "valid_from: a datetime is wanted"),
        ("add", {"text": "x", "kind": "fact"}, "kind: one of episode"),
        ("add", {"text": "x", "id": 3}, "id: a text is wanted"),
        ("search", {"query": 3}, "query: a text is wanted"),
        ("search", {"query": "x", "k": "3"}, "k: a whole number is wanted, not '3'"),
        ("search", {"query": "x", "as_of": "2024"}, "as_of: a datetime is wanted"),
        ("search", {"query": "x", "kind": "fact"}, "kind: one of episode"),
        ("search", {"query": "x", "roles": 3}, "roles: 'all' or some of"),
        ("search", {"query": "x", "where": [1]}, "filter: expected a non-empty mapping"),
        ("recall", {"question": 3}, "question: a text is wanted"),
        ("recall", {"question": "x", "k": 0}, "k must be at least 1"),
        ("list", {"limit": "3"}, "limit: a whole number is wanted"),
        ("list", {"limit": 0}, "limit must be at least 1"),
        ("list", {"after": NOT_THERE}, "there is no record"),
        ("history", {"id": NOT_THERE}, "there is no record"),
        ("update", {"id": NOT_THERE, "metadata": "page"}, "metadata: a mapping is wanted"),
        ("forget", {"source": 3}, "source: a text is wanted"),
    ],
)
def test_an_argument_of_a_wrong_type_is_one_line_and_changes_nothing(
    memory: Memory, verb: str, arguments: dict[str, Any], said: str
) -> None:
    memory.add("tea", scope="ada")
    with pytest.raises(InvalidInput) as caught:
        getattr(memory, verb)(scope="ada", **arguments)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)
    assert memory.count(scope="ada", everything=True) == 1


def test_feedback_is_of_an_answer(memory: Memory) -> None:
    agent = Agent(memory=memory, model=ScriptedChat([]), scope="ada")
    with pytest.raises(InvalidInput, match=r"^answer: what `ask` returned is wanted"):
        agent.feedback("In Rome.", correction="In Lisbon.")  # type: ignore[arg-type]
