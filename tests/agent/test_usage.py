"""What a turn cost: every request of its model is counted, and nothing else."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from memagent import Agent, Answer, Memory, open_chat
from memagent.models.server_chat import close_connections
from memagent.testing import Events, Say, ScriptedChat, StubServer
from memagent.types import Call, Recollection, Timings, Usage

pytestmark = pytest.mark.wire
Serve = Callable[..., StubServer]
NOTHING = Usage(prompt_tokens=0, completion_tokens=0, cached_tokens=0, requests=0)


def unreported() -> Events:
    """Return an answer without any usage, in one piece and as a stream."""
    choice = {"index": 0, "finish_reason": "stop"}
    head = {"id": "1", "created": 1, "model": "stub-model", "object": "chat.completion"}
    message = {"role": "assistant", "content": "Hi."}
    whole = head | {"choices": [choice | {"message": message}]}
    head["object"] += ".chunk"
    piece = head | {"choices": [choice | {"delta": message}]}
    return Events((f"data: {json.dumps(piece)}", "data: [DONE]"), whole=json.dumps(whole))


async def asked(agent: Agent, way: str) -> Answer:
    """Return the answer of a turn that is run in a thread or a loop, in one piece or more."""
    if way == "ask":
        return agent.ask("Hello?", scope="ada", remember=False)
    if way == "aask":
        answer = await agent.aask("Hello?", scope="ada", remember=False)
        await close_connections()
        return answer
    if way == "run":
        *_, last = agent.run("Hello?", scope="ada", remember=False, stream=True)
    else:
        steps = agent.arun("Hello?", scope="ada", remember=False, stream=True)
        *_, last = [step async for step in steps]
        await close_connections()
    return last.answer  # type: ignore[union-attr]


WAYS = ("ask", "aask", "run", "arun")


def test_without_a_request_all_is_zero() -> None:
    assert Usage() == NOTHING
    assert Answer(answer="", recollection=Recollection()).usage == NOTHING
    assert Call().usage == replace(NOTHING, requests=1)


@pytest.mark.parametrize("way", WAYS)
async def test_an_answer_that_took_no_model_cost_nothing(memory: Memory, way: str) -> None:
    memory.add("Mary moved to the bathroom.", scope="ada")
    agent = Agent(memory=memory, model=ScriptedChat([]), abstain="No idea.")
    answer = await asked(agent, way)
    assert (answer.answer, answer.usage) == ("No idea.", NOTHING)
    spent = answer.timings
    assert (spent.model, spent.waited, spent.first, spent.write) == (0, 0, 0, 0)
    assert replace(spent, embed=0, search=0) == Timings()


@pytest.mark.parametrize("way", WAYS)
async def test_a_streamed_answer_costs_what_a_whole_one_does(serve: Serve, way: str) -> None:
    server = serve(Say("It is noon."))
    answer = await asked(Agent(memory=None, model=server.url), way)
    words = sum(len(message["content"].split()) for message in server.requests[0]["messages"])
    assert answer.usage == Usage(prompt_tokens=words, completion_tokens=3, requests=1)
    assert 0 < answer.timings.first <= answer.timings.model


@pytest.mark.parametrize("way", WAYS)
async def test_of_a_server_that_reports_no_tokens_the_requests_are_counted(
    serve: Serve, way: str
) -> None:
    server = serve(unreported())
    answer = await asked(Agent(memory=None, model=server.url), way)
    assert (answer.answer, answer.usage) == ("Hi.", replace(NOTHING, requests=1))
    assert answer.timings.model > 0


@pytest.mark.parametrize("way", ["ask", "aask"])
async def test_hops_and_drafts_are_counted_even_if_they_are_of_no_use(
    memory: Memory, serve: Serve, way: str
) -> None:
    memory.add("Hello is a word.", scope="ada")
    server = serve(Say("A greeting."), Say("not JSON"), Say("It is noon."))
    agent = Agent(memory=memory, model=open_chat(server.url), hops=1, draft=True)
    answer = await asked(agent, way)
    assert answer.answer == "It is noon."
    assert (answer.usage.requests, answer.usage.completion_tokens) == (3, 2 + 2 + 3)
    assert answer.timings.model > 0
