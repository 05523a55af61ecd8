"""What servers send besides what the API's description says."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from memagent import Agent, Memory, Scope, open_chat
from memagent.agent.conversation import Conversation
from memagent.agent.steps import Answered, TextChunk
from memagent.errors import ContextTooLong, ModelUnavailable, NoAnswer
from memagent.models.replies import Reply, reply
from memagent.testing import Events, Fail, Garble, HashEmbedder, Say, ScriptedChat, StubServer

pytestmark = pytest.mark.wire
Serve = Callable[..., StubServer]
HI = [HumanMessage("Hi there")]
DONE = "data: [DONE]"


def delta(content: object = None, finish: str | None = None, **more: Any) -> str:
    choice = {"index": 0, "delta": {"content": content} | more, "finish_reason": finish}
    body = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps(body | {'choices': [choice]})}"


def whole(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> Garble:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return Garble(json.dumps({"model": "m", "choices": [choice]} | more))


def asked(server: StubServer, *, stream: bool = False) -> Reply:
    *pieces, last = reply(open_chat(server.url, retries=0), HI, stream=stream)
    assert isinstance(last, Reply)
    assert "".join(map(str, pieces)).strip() == last.answer
    return last


@pytest.mark.parametrize(
    "events",
    [
        [": keep-alive", delta("In "), ": ping", delta("Porto."), delta("", "stop"), DONE],
        ["", "event: message", delta("In "), delta("Porto.", "stop")],
        [delta("In ").replace(": ", ":", 1), delta("Porto.").replace(": ", ":", 1), "data:[DONE]"],
        ["\ufeff" + delta("In "), delta("Porto.", "stop"), DONE],
        [delta("In "), delta("Porto."), DONE],
        [delta("In "), delta("Porto.", "stop"), delta("", "stop"), DONE],
        [delta("In "), delta("Porto.", "stop"), 'data: {"choices": [], "usage": null}', DONE],
        [delta("In "), delta("Porto.", "stop"), 'data: {"choices": null}', DONE],
        [delta("In ", role="robot"), delta("Porto.", "stop", tool_calls=[]), DONE],
        [delta([{"type": "text", "text": "In "}]), delta("Porto.", "stop"), DONE],
        [delta("In ", reasoning_content=None), delta("Porto.", "stop", refusal=None), DONE],
        [delta("In "), 'data: {"choices": [{"index": 0, "delta": null}]}', delta("Porto."), DONE],
    ],
)
@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r"])
def test_streams_of_many_forms_are_read(serve: Serve, events: Sequence[str], end: str) -> None:
    assert asked(serve(Events(events, end)), stream=True).answer == "In Porto."


@pytest.mark.parametrize(
    "answer",
    [
        whole({"role": "assistant", "content": [{"type": "text", "text": "In Porto."}]}),
        whole({"content": "In Porto.", "tool_calls": []}, None),
        whole({"role": "robot", "content": "In Porto.", "tool_calls": None, "refusal": None}),
        whole({"content": "In Porto."}, usage={"prompt_tokens": None, "total_tokens": "many"}),
        Garble(json.dumps({"choices": [{"text": "In Porto."}]})),
    ],
)
def test_answers_of_many_forms_are_read(serve: Serve, answer: Garble) -> None:
    assert asked(serve(answer)).answer == "In Porto."


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_in_a_field_of_its_own_is_no_answer(serve: Serve, field: str) -> None:
    server = serve(whole({"role": "assistant", "content": "In Porto.", field: "Rome?"}))
    split = asked(server)
    assert (split.answer, split.reasoning) == ("In Porto.", "Rome?")
    events = [delta(None, **{field: "Ro"}), delta(None, **{field: "me?"}), delta("In Porto."), DONE]
    split = asked(serve(Events(events)), stream=True)
    assert (split.answer, split.reasoning) == ("In Porto.", "Rome?")


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pieces=st.lists(st.text("<think>/ \nRome\ud83d\ude00", min_size=1, max_size=6), max_size=6))
def test_a_reply_is_the_same_whole_and_in_any_pieces(pieces: list[str], serve: Serve) -> None:
    text = "".join(pieces)
    server = serve(Events([*map(delta, pieces), DONE]), whole({"content": text}))
    streamed, at_once = (
        list(reply(open_chat(server.url), HI, stream=s))[-1] for s in (True, False)
    )
    assert isinstance(streamed, Reply)
    assert isinstance(at_once, Reply)
    assert (streamed.answer, streamed.reasoning) == (at_once.answer, at_once.reasoning)
    streamed.answer.encode()
    server.stop()


OVERFLOW = "request (4390 tokens) exceeds the available context size (4096 tokens)"


@pytest.mark.parametrize(
    "refusal",
    [
        Fail(500, "Context size has been exceeded."),
        Fail(413, OVERFLOW),
        Garble(json.dumps({"error": "The number of tokens is greater than the context length"})),
        Garble(json.dumps({"error": {"code": 400, "message": OVERFLOW}})),
        Garble(json.dumps({"object": "error", "message": OVERFLOW, "code": 400})),
        Events([f'data: {{"error": {{"code": 400, "message": "{OVERFLOW}"}}}}']),
        Events([f'data: {{"object": "error", "message": "{OVERFLOW}"}}', DONE]),
        Events([f'event: error\ndata: {{"message": "{OVERFLOW}", "detail": "{OVERFLOW}"}}', DONE]),
    ],
)
def test_an_overflow_is_one_however_it_is_told(
    refusal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    answer = Say("In Porto.")
    with (
        StubServer(lambda r: refusal if len(r["messages"]) > 2 else answer) as server,
        Memory.in_memory(embedder=HashEmbedder()) as memory,
    ):
        talk = Conversation(Agent(memory=memory, model=open_chat(server.url)), Scope("ada"))
        list(talk.say("It is sunny."))
        stream = isinstance(refusal, Events)
        (answered,) = [
            step for step in talk.say("It rains.", stream=stream) if isinstance(step, Answered)
        ]
    assert answered.answer.answer == "In Porto."
    assert answered.answer.turns_left_out == 1
    assert pauses == []  # it is never sent again as it was


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<html>log in</html>", "is not JSON"),
        ('"log in"', "does a proxy or a login page answer"),
        ('{"error": {"message": "no credit"}}', "400: no credit"),
        ('{"detail": "not today"}', "not today"),
        ('{"choices": []}', "it has no choices"),
        ("[" * 100_000, "maximum recursion depth"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_no_completion_is_an_error_in_words(
    serve: Serve, body: str, words: str, stream: bool
) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        asked(serve(Garble(body)), stream=stream)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("message", "finish", "words"),
    [
        ({"content": ""}, "stop", "its reply is empty"),
        ({"content": None}, "length", "its tokens ran out before it wrote anything"),
        ({"content": "<think>Rome?"}, "length", "its tokens ran out while it reasoned"),
        ({"content": "<think>Rome?</think>"}, "stop", "it only reasoned"),
        ({"content": None, "reasoning_content": "Rome?"}, "stop", "it only reasoned"),
        ({"content": None}, "content_filter", "content filter"),
        ({"content": None, "refusal": "I may not."}, "stop", "it refuses: I may not."),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_empty_answer_is_an_error_that_says_why(
    serve: Serve, message: dict[str, Any], finish: str, words: str, stream: bool, memory: Memory
) -> None:
    answer = Events([delta(finish=finish, **message), DONE]) if stream else whole(message, finish)
    agent = Agent(memory=memory, model=open_chat(serve(answer).url))
    with pytest.raises(NoAnswer, match=words):
        list(agent.run("It is sunny.", scope="ada", stream=stream))
    assert memory.count(scope="ada") == 0


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_is_neither_shown_nor_remembered(memory: Memory, stream: bool) -> None:
    model = ScriptedChat(["<think>\nBob lives in Rome?\n</think>\n\nIn Po\0rto \ud83d."])
    steps = list(Agent(memory=memory, model=model).run("Where?", scope="ada", stream=stream))
    shown = "".join(step.text for step in steps if isinstance(step, TextChunk))
    (answer,) = [step.answer for step in steps if isinstance(step, Answered)]
    assert shown.strip() == answer.answer == "In Porto �."
    assert answer.reasoning == "Bob lives in Rome?"
    assert [record.text for record in memory.list(scope="ada")] == ["In Porto �.", "Where?"]


def test_a_prompt_that_never_fits_is_told_in_the_server_s_words(serve: Serve) -> None:
    server = serve(Fail(422, "Prompt length 9000 is greater than max_seq_len 8192"))
    with pytest.raises(ContextTooLong, match="9000 is greater than max_seq_len"):
        asked(server)
