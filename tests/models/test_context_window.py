"""A prompt's room, known before the model is asked; the server's refusal stays the last word."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from langchain_core.messages import HumanMessage

from memagent import Agent, Memory, Scope, open_chat
from memagent.errors import ContextTooLong
from memagent.memory.aio import AsyncMemory
from memagent.models.context_window import DEFAULT_BYTES_PER_TOKEN, MARGIN, ContextWindow
from memagent.models.server_chat import close_connections
from memagent.testing import ScriptedChat, StubServer
from memagent.types import Answer

Serve = Callable[..., StubServer]
BIRDS = [f"Mary saw {'a ' * n}bird." for n in range(8)]
LISTED = "/v1/models"


def ask(server: StubServer, memory: Memory | None, scope: Scope, **options: Any) -> Answer:
    chat = open_chat(server.url, max_tokens=4)
    server.context_requests.clear()
    agent = Agent(memory=memory, model=chat, instructions="Be brief.", k=3, tokens=99, hops=0)
    return agent.ask("Mary bird?", scope=scope, remember=False, **options)


@pytest.mark.wire
def test_memories_are_left_out_before_the_server_is_asked(
    memory: Memory, ada: Scope, serve: Serve
) -> None:
    memory.add_many(BIRDS, scope=ada)
    recalled = len(memory.recall("Mary bird?", scope=ada, k=3).hits)
    server = serve(context=18, reports_context=True)
    answer = ask(server, memory, ada)
    assert (recalled, len(answer.memories), answer.recollection.left_out) == (3, 1, 2)
    assert answer.left_out == "left out 2 memories: the model's context is too small"
    (asked,) = server.requests  # nothing was refused
    assert asked["messages"][-1]["content"].endswith("Question: Mary bird?")
    assert server.context_requests == [LISTED, "/tokenize", "/tokenize"]


@pytest.mark.wire
def test_past_turns_go_after_the_memories_and_the_question_never(
    memory: Memory, ada: Scope, serve: Serve
) -> None:
    memory.add_many(BIRDS, scope=ada)
    turns = [(f"turn {n}", "a b c d e f g h") for n in range(4)]
    server = serve(context=18, reports_context=True)
    answer = ask(server, memory, ada, turns=turns)
    assert (answer.memories, answer.turns_left_out) == ([], 3)
    server = serve(context=6, reports_context=True)
    answer = ask(server, memory, ada, turns=turns)
    assert (answer.memories, answer.turns_left_out) == ([], 4)
    assert [one["content"] for one in server.requests[-1]["messages"]] == [
        "Be brief.",
        "Mary bird?",
    ]


@pytest.mark.wire
async def test_it_is_the_same_when_awaited(memory: Memory, ada: Scope, serve: Serve) -> None:
    await AsyncMemory(memory).add_many(BIRDS, scope=ada)
    server = serve(context=18, reports_context=True)
    agent = Agent(memory=memory, model=open_chat(server.url, max_tokens=4), k=3, tokens=99, hops=0)
    agent.instructions = "Be brief."
    answer = await agent.aask("Mary bird?", scope=ada, remember=False)
    assert answer.recollection.left_out == 2
    assert len(server.requests) == 1
    await close_connections()


@pytest.mark.wire
async def test_every_answer_teaches_how_long_a_token_is(serve: Serve, ada: Scope) -> None:
    server = serve(context=1000)
    asked = "Bird? " * 50
    for awaited in (False, True):
        agent = Agent(memory=None, model=open_chat(server.url))
        if awaited:
            await agent.aask(asked, scope=ada)
        else:
            agent.ask(asked, scope=ada)
        assert agent.driver.window.bytes_per_token > 2 * DEFAULT_BYTES_PER_TOKEN
    await close_connections()


@pytest.mark.wire
def test_with_nothing_to_leave_out_nothing_is_asked_and_the_request_is_the_bare_models(
    memory: Memory, ada: Scope, serve: Serve
) -> None:
    server = serve(context=18, reports_context=True)
    for one in (None, memory):
        ask(server, one, ada)
        assert server.context_requests == []
    bare, empty = server.requests
    assert bare == empty


@pytest.mark.wire
def test_where_the_server_does_not_tell_its_refusal_does(
    memory: Memory, ada: Scope, serve: Serve
) -> None:
    memory.add_many(BIRDS, scope=ada)
    server = serve(context=14)
    assert ask(server, memory, ada).recollection.left_out == 2
    assert len(server.requests) == 2  # one was refused
    assert server.context_requests == [LISTED]


@pytest.mark.wire
def test_a_server_is_asked_for_its_length_once_and_again_after_a_refusal(
    memory: Memory, ada: Scope, serve: Serve
) -> None:
    memory.add_many(BIRDS, scope=ada)
    server = serve(context=1000, reports_context=True)
    agent = Agent(memory=memory, model=open_chat(server.url, max_tokens=4), k=3, tokens=99, hops=0)
    agent.instructions = "Be brief."
    server.context_requests.clear()
    for _ in range(3):
        agent.ask("Mary bird?", scope=ada, remember=False)
    assert server.context_requests == [LISTED]
    assert agent.driver.window.length == 1000
    server.context = 18  # it was started anew, with less room
    assert agent.ask("Mary bird?", scope=ada, remember=False).recollection.left_out == 2
    assert agent.driver.window.length == 18


def window(
    monkeypatch: pytest.MonkeyPatch,
    replies: Mapping[str, Any],
    asked: list[str],
    max_tokens: int = 10,
) -> ContextWindow:
    """The context window of a server that gives such replies; any other path is 404."""

    class Chat(ScriptedChat):
        server_id: str = "http://there/v1"
        model_name: str = "m"
        max_tokens: int = 0

    def reply(self: ContextWindow, path: str, body: Mapping[str, Any] | None = None) -> Any:
        asked.append(path)
        if path not in replies:
            raise httpx.HTTPStatusError("404", request=None, response=None)  # type: ignore[arg-type]
        told = replies[path]
        return told(body) if callable(told) else told

    chat = Chat([])
    chat.max_tokens = max_tokens
    monkeypatch.setattr(ContextWindow, "_get", reply)
    monkeypatch.setattr(ContextWindow, "_post", reply)
    return ContextWindow(chat)


def model(**more: Any) -> dict[str, Any]:
    return {"data": [{"id": "m"} | more, {"id": "another", "max_model_len": 1}]}


@pytest.mark.parametrize(
    ("replies", "length", "asked"),
    [
        ({LISTED: model(max_model_len=500)}, 500, 1),
        ({LISTED: model(meta={"n_ctx": 500, "n_ctx_train": 900})}, 500, 1),
        (
            {
                LISTED: model(owned_by="llamacpp", meta={"n_ctx_train": 900}),
                "/props": {"default_generation_settings": {"n_ctx": 500}},
            },
            500,
            2,
        ),
        ({LISTED: model(owned_by="llamacpp", meta={"n_ctx_train": 900})}, None, 2),
        ({LISTED: model()}, None, 1),
        ({LISTED: model(max_model_len="much")}, None, 1),
        ({LISTED: {"data": []}}, None, 1),
        ({LISTED: ["?"]}, None, 1),
        ({}, None, 1),
    ],
)
def test_what_servers_say_of_their_length(
    monkeypatch: pytest.MonkeyPatch, replies: Mapping[str, Any], length: int | None, asked: int
) -> None:
    paths: list[str] = []
    one = window(monkeypatch, replies, paths)
    assert [one.length, one.length] == [length, length]
    assert len(paths) == asked


def test_a_server_that_was_not_there_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = [True, False]

    def listed(_: object) -> Any:
        if gone.pop(0):
            raise httpx.ConnectError("nobody")
        return model(max_model_len=500)

    one = window(monkeypatch, {LISTED: listed}, [])
    assert [one.length, one.length] == [None, 500]


def test_llama_cpp_counts_what_its_template_makes_of_the_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    replies = {
        LISTED: model(meta={"n_ctx": 100}),
        "/apply-template": lambda body: {"prompt": f"<s>{body['messages'][0]['content']}"},
        "/tokenize": lambda body: {"tokens": body["content"].split()},
    }
    one = window(monkeypatch, replies, asked)
    one.check([HumanMessage("word " * 90)])
    assert asked[1:] == ["/tokenize", "/apply-template", "/tokenize"]
    with pytest.raises(ContextTooLong, match="100 tokens"):
        one.check([HumanMessage("word " * 91)])


def test_without_a_count_the_estimate_decides_and_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    one = window(monkeypatch, {LISTED: model(max_model_len=410)}, asked)
    long = [HumanMessage("x" * 984)]  # a thousand bytes, with the template's
    for _ in range(2):
        with pytest.raises(ContextTooLong):
            one.check(long)
    assert asked == [LISTED, "/tokenize"]  # it cannot count, and is not asked again
    assert one.bytes_per_token == DEFAULT_BYTES_PER_TOKEN
    one.record([HumanMessage("hi")], (), 100)  # too short to tell
    one.record(long, (), 0)  # the server said nothing
    assert one.bytes_per_token == DEFAULT_BYTES_PER_TOKEN
    for tokens in (250, 200):
        one.record(long, (), tokens)
    assert one.bytes_per_token == MARGIN * 4
    one.check(long)
    with pytest.raises(ContextTooLong):
        one.check([HumanMessage("x" * 1425)])


def test_the_answers_tokens_are_kept_free_but_never_more_than_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    long = [HumanMessage("x" * 984)]
    replies = {LISTED: model(max_model_len=1000)}
    window(monkeypatch, replies, [], max_tokens=500).check(long)
    window(monkeypatch, replies, [], max_tokens=5000).check(long)
    with pytest.raises(ContextTooLong):
        window(monkeypatch, replies, [], max_tokens=500).check([HumanMessage("x" * 985)])


def test_tools_and_what_they_were_asked_take_room() -> None:
    from langchain_core.messages import AIMessage
    from langchain_core.tools import tool

    @tool
    def look(word: str) -> str:
        """Look a word up, in a dictionary of many."""
        return word

    one = known(100)
    one.check([HumanMessage("x" * 100)])
    call = {"name": "look", "args": {"word": "y" * 100}, "id": "1", "type": "tool_call"}
    for messages, tools in (
        ([HumanMessage("x" * 100)], [look]),
        ([HumanMessage("x" * 100), AIMessage("", tool_calls=[call])], []),
    ):
        with pytest.raises(ContextTooLong):
            one.check(messages, tools)


def known(length: int | None) -> ContextWindow:
    """The context window of a model that a user brings, and that says what it takes."""
    chat = ScriptedChat([])
    chat.profile = None if length is None else {"max_input_tokens": length}
    return ContextWindow(chat)


def test_of_a_users_own_model_only_what_it_says_is_used(memory: Memory, ada: Scope) -> None:
    assert (known(None).length, known(50).length) == (None, 50)
    memory.add_many(BIRDS, scope=ada)
    chat = ScriptedChat(["ok"])
    chat.profile = {"max_input_tokens": 60}
    answer = Agent(memory=memory, model=chat, instructions="Be brief.", k=8).ask(
        "Mary bird?", scope=ada
    )
    assert (len(answer.memories), answer.recollection.left_out) == (1, 2)
    assert len(chat.requests) == 1


def test_another_model_has_another_window(ada: Scope) -> None:
    agent = Agent(memory=None, model=ScriptedChat(["ok"]))
    agent.open()
    first = agent.driver.window
    agent.use(ScriptedChat(["ok"]))
    agent.open()
    assert agent.driver.window is not first


def test_chinese_is_counted_by_its_bytes() -> None:
    one = known(50)
    one.check([HumanMessage("a" * 84)])
    with pytest.raises(ContextTooLong):
        one.check([HumanMessage("\u4e2d" * 30)])
