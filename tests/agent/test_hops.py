"""Further searches of a turn: the model says what is missing, and that is searched for."""

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from memagent import Agent, Memory, Scope, open_chat
from memagent.agent.adaptation.budget import Budget
from memagent.agent.hops import CASES, joined
from memagent.agent.requests import RecallRequest
from memagent.agent.steps import Recalled
from memagent.errors import InvalidInput
from memagent.models import capabilities
from memagent.models.server_chat import close_connections
from memagent.testing import Fail, Hang, HashEmbedder, Say, ScriptedChat, StubServer
from memagent.testing.stub_wire import Action
from memagent.types import Hit, Recollection

RING = "Zoe took the silver ring."
PORTO = "Zoe lives at Rua Nova."
QUESTION = "Where did the silver ring end up?"
ENOUGH = json.dumps({"enough": True, "search": ""})
Serve = Callable[..., StubServer]


def missing(search: str) -> str:
    return json.dumps({"enough": False, "search": search})


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capabilities, "_known", {})


@pytest.fixture
def memory(ada: Scope) -> Memory:
    opened = Memory.in_memory(embedder=HashEmbedder(256), scope=ada)
    opened.add_many([RING, PORTO, "Tom grows tomatoes.", "It rained on Monday."])
    return opened


def shown(messages: list[BaseMessage]) -> str:
    return str(messages[-1].content)


def test_what_the_model_says_is_missing_is_searched_for(memory: Memory) -> None:
    before = Agent(memory=memory, model=ScriptedChat(["?"]), hops=0, k=2)
    assert PORTO not in before.ask(QUESTION, remember=False).recollection.texts
    chat = ScriptedChat([missing("where Zoe lives"), ENOUGH, "At Rua Nova."])
    answer = Agent(memory=memory, model=chat, hops=2, k=2).ask(QUESTION, remember=False)
    assert answer.answer == "At Rua Nova."
    assert answer.recollection.queries == (QUESTION, "where Zoe lives")
    hops = {hit.text: hit.why.get("hop") for hit in answer.recollection.hits}
    assert (hops[RING], hops[PORTO]) == (None, 2.0)
    first, second, last = map(shown, chat.requests)
    assert f"<question>\n{QUESTION}\n</question>" in first
    assert RING in first
    assert PORTO not in first
    assert PORTO in second
    assert "<search>\nwhere Zoe lives\n</search>" in second
    assert last.endswith(f"Question: {QUESTION}")  # the question is never rewritten
    assert answer.usage.requests == 3


@pytest.mark.parametrize(
    ("replies", "queries"),
    [
        ([ENOUGH], ()),
        ([missing("  ")], ()),
        ([missing("Zoe"), missing("zoe ")], ("Zoe",)),
        ([missing(QUESTION.lower())], ()),
        (["no JSON"], ()),
        (['{"enough": "perhaps"}'], ()),
        ([missing("Zoe"), "{"], ("Zoe",)),
        ([missing("Zoe"), missing("Tom"), missing("Monday")], ("Zoe", "Tom", "Monday")),
    ],
)
def test_hops_end_with_enough_nothing_new_or_their_number(
    memory: Memory, replies: list[str], queries: tuple[str, ...]
) -> None:
    chat = ScriptedChat([*replies, "Done."])
    answer = Agent(memory=memory, model=chat, hops=3).ask(QUESTION, remember=False)
    assert answer.answer == "Done."
    assert answer.recollection.queries == (QUESTION, *queries)
    assert len(chat.requests) == len(replies) + 1


def test_an_empty_memory_or_evidence_that_is_given_asks_for_no_search(memory: Memory) -> None:
    chat = ScriptedChat(["one", "two", "three"])
    agent = Agent(memory=memory, model=chat, hops=2)
    agent.ask(QUESTION, scope="bob", remember=False)
    agent.ask(QUESTION, evidence=[RING])
    Agent(memory=None, model=chat, hops=2).ask(QUESTION, scope="ada")
    assert len(chat.requests) == 3


def test_what_a_hop_finds_goes_with_the_reply_when_it_is_forgotten(memory: Memory) -> None:
    chat = ScriptedChat([missing("where Zoe lives"), ENOUGH, "At Rua Nova."])
    answer = Agent(memory=memory, model=chat, hops=2, k=2).ask(QUESTION)
    (porto,) = [hit for hit in answer.recollection.hits if hit.text == PORTO]
    memory.forget(porto.record.id)
    assert [record.text for record in memory.get(answer.turn)] == [QUESTION]


def test_new_hits_get_half_of_the_budget_and_each_record_comes_once(memory: Memory) -> None:
    notes = memory.add_many([f"note {number} about a river" for number in range(12)])
    hits = [Hit(record=note, score=0.9 - 0.05 * n, key="", why={}) for n, note in enumerate(notes)]
    before = Recollection(hits=tuple(hits[:6]), queries=("a",), candidates=9)
    found = Recollection(hits=tuple(hits[4:]), queries=("b",), candidates=3)
    both = joined(RecallRequest("b", before, ("hop", 2.0)), found, Budget(6, 1500))
    assert [hit.record.id for hit in both.hits] == [
        notes[n].id for n in (0, 1, 2, 6, 7, 8)
    ]  # oldest first
    assert [hit.why.get("hop") for hit in both.hits] == [None] * 3 + [2.0] * 3
    assert (both.queries, both.candidates) == (("a", "b"), 9)
    few = joined(RecallRequest("b", before, ("hop", 2.0)), found, Budget(6, 12))
    assert sum(len(hit.text) for hit in few.hits) <= 12 * 4
    assert {hit.why.get("hop") for hit in few.hits} == {None, 2.0}


def test_a_draft_is_a_second_query(memory: Memory) -> None:
    chat = ScriptedChat(["Zoe lives at some place.", "At Rua Nova."])
    agent = Agent(memory=memory, model=chat, hops=0, draft=True, k=2)
    steps = list(agent.run(QUESTION, remember=False, stream=True))
    assert isinstance(steps[0], Recalled)  # the draft is not shown as an answer
    recollection = steps[0].recollection
    assert recollection.queries == (QUESTION, "Zoe lives at some place.")
    assert {hit.text: hit.why.get("draft") for hit in recollection.hits}[PORTO] == 1.0
    assert RING in recollection.texts
    assert RING not in str(chat.requests[0])


def test_a_number_of_hops_that_is_none_is_refused(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="hops must be at least 0"):
        Agent(memory=memory, model=ScriptedChat([]), hops=-1)


def test_a_model_that_keeps_to_no_schema_is_not_asked_unless_told_to(memory: Memory) -> None:
    chat = ScriptedChat(["Done."])
    assert Agent(memory=memory, model=chat).ask(QUESTION, remember=False).answer == "Done."


def replying(judge: Callable[[str], str]) -> Callable[[Any], Action]:
    """A server that answers a structured request by a function of its last message."""

    def script(request: Any) -> Action:
        text = str(request["messages"][-1]["content"])
        return Say(judge(text) if "response_format" in request else "At Rua Nova.")

    return script


def able(text: str) -> str:
    """What a model replies that sees what is missing in the cases of the check."""
    for question, notes, word in reversed(CASES):
        if question in text and all(note in text for note in notes):
            return missing(word) if word else ENOUGH
    return ENOUGH if PORTO in text else missing("where Zoe lives")


@pytest.mark.wire
def test_a_model_that_passes_the_check_is_trusted_from_then_on(
    memory: Memory, serve: Serve, tmp_path: Path
) -> None:
    server = serve()
    server.script = replying(able)
    agent = Agent(memory=memory, model=server.url, k=2)
    answer = agent.ask(QUESTION, remember=False)
    assert answer.recollection.queries == (QUESTION, "where Zoe lives")
    assert len(server.requests) == len(CASES) + 2 + 1
    schema = server.requests[0]["response_format"]["json_schema"]
    assert schema["strict"]
    assert sorted(schema["schema"]["properties"]) == ["enough", "search"]
    kept = json.loads((tmp_path / "home" / "hops.json").read_text())
    assert kept == {f"{server.url} stub-model": True}
    capabilities._known.clear()  # as in a new process
    agent.ask(QUESTION, remember=False)
    assert len(server.requests) == len(CASES) + 2 * 3


@pytest.mark.wire
@pytest.mark.parametrize(
    "judge",
    [
        lambda text: ENOUGH,
        lambda text: missing("Tomek, Okafor"),
        lambda text: "Hello.",
        lambda text: able(text) if CASES[2][0] not in text else missing("Nina"),
    ],
)
def test_a_model_that_fails_the_check_is_asked_for_its_answer_alone(
    memory: Memory, serve: Serve, tmp_path: Path, judge: Callable[[str], str]
) -> None:
    server = serve()
    server.script = replying(judge)
    agent = Agent(memory=memory, model=server.url)
    for _ in range(2):
        assert agent.ask(QUESTION, remember=False).recollection.queries == (QUESTION,)
    assert len(server.requests) <= len(CASES) + 2
    assert list(json.loads((tmp_path / "home" / "hops.json").read_text()).values()) == [False]


@pytest.mark.wire
@pytest.mark.parametrize(
    ("failure", "stored"), [(Fail(400, "no response_format"), True), (Fail(503, "busy"), False)]
)
def test_a_server_that_fails_in_the_check_breaks_no_turn(
    memory: Memory,
    serve: Serve,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    failure: Fail,
    stored: bool,
) -> None:
    server = serve(failure, Say("At Rua Nova."))
    with caplog.at_level(logging.INFO):
        agent = Agent(memory=memory, model=open_chat(server.url, retries=0))
        answer = agent.ask(QUESTION, remember=False)
    assert answer.answer == "At Rua Nova."
    assert len(server.requests) == 2
    assert (tmp_path / "home" / "hops.json").exists() is stored
    assert QUESTION not in caplog.text


@pytest.mark.wire
@pytest.mark.parametrize("failure", [Fail(500, "broken"), Say("{")])
def test_a_server_that_fails_in_a_hop_breaks_no_turn(
    memory: Memory, serve: Serve, failure: Action
) -> None:
    server = serve(failure, Say("At Rua Nova."))
    agent = Agent(memory=memory, model=open_chat(server.url, retries=0), hops=2)
    answer = agent.ask(QUESTION, remember=False)
    assert (answer.answer, answer.recollection.queries) == ("At Rua Nova.", (QUESTION,))


@pytest.mark.wire
async def test_in_an_event_loop_hops_are_the_same_and_cancelling_reaches_the_server(
    memory: Memory, serve: Serve
) -> None:
    server = serve()
    server.script = replying(able)
    agent = Agent(memory=memory, model=server.url, hops=2, k=2)
    answer = await agent.aask(QUESTION, remember=False)
    assert answer.recollection.queries == (QUESTION, "where Zoe lives")
    server.script = [Hang()]
    before = len(server.requests)
    asking = asyncio.create_task(agent.aask(QUESTION, remember=False))
    assert await asyncio.to_thread(server.wait_for, lambda stub: len(stub.requests) > before)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await asyncio.to_thread(server.wait_for, lambda stub: stub.disconnects == 1)
    await close_connections()
