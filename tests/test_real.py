"""The real parts: MiniLM, FAISS, SQLite, llama.cpp with SmolLM2."""

import time
from pathlib import Path
from typing import Literal

import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from memagent import Agent, Memory, Scope, open_chat, open_embedder
from memagent.agent.tool_calling import Action, Text, act
from memagent.errors import (
    ContextTooLong,
    EmbedderMismatch,
    StructuredOutputError,
    WeightsMissing,
)
from memagent.evals.arm import ArmName
from memagent.evals.report import tables
from memagent.evals.runs.plan import Plan
from memagent.evals.runs.run import Run
from memagent.evals.runs.runner import run_in_process
from memagent.evals.tasks import babi
from memagent.evals.tasks.story_arms import StoryArm
from memagent.models.context_window import ContextWindow
from memagent.models.llama_cpp import CONTEXT_TOKENS
from memagent.models.replies import Reply, reply, structured
from memagent.prompts import render
from memagent.testing import HashEmbedder
from memagent.tools.memory import memory_tools

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def embedder() -> object:
    return open_embedder("all-MiniLM-L6-v2")


def test_the_embedder_finds_by_meaning_what_shares_no_word(
    embedder: object, tmp_path: Path, ada: Scope
) -> None:
    with Memory.open(tmp_path, embedder=embedder) as memory:
        memory.add_many(["My little girl is called Zoe.", "The car needs petrol."], scope=ada)
        assert memory.search("daughter's name", scope=ada)[0].record.text.endswith("Zoe.")
        (hit,) = memory.recall("What is the name of my daughter?", scope=ada).hits
        assert hit.record.text.endswith("Zoe.")


def test_a_store_of_the_hashing_embedder_is_refused(
    embedder: object, tmp_path: Path, ada: Scope
) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        memory.add("hello", scope=ada)
    with (
        Memory.open(tmp_path, embedder=embedder) as memory,
        pytest.raises(EmbedderMismatch, match="384 dimensions"),
    ):
        memory.search("hello", scope=ada)


def test_an_embedder_that_is_nowhere_is_named_at_once(tmp_path: Path, ada: Scope) -> None:
    with (
        Memory.open(tmp_path, embedder="no-such-embedder") as memory,
        pytest.raises(WeightsMissing, match="'no-such-embedder' is not on this disk"),
    ):
        memory.add("hello", scope=ada)


def test_the_embedded_model_answers_from_memory_whole_and_in_pieces(
    embedder: object, tmp_path: Path, ada: Scope
) -> None:
    with Memory.open(tmp_path, embedder=embedder) as memory:
        record = memory.add("Mary moved to the bathroom.", scope=ada)
        agent = Agent(memory=memory, model="local")
        answer = agent.ask("Where is Mary?", scope=ada)
        assert "bathroom" in answer.answer
        assert answer.memories == [record.id]
        assert answer.usage.prompt_tokens > 20
        assert 0 < answer.timings.memory < answer.timings.memory + answer.timings.model
    messages = render("Where is Mary?", ["Mary is in the bathroom."], instructions="Be brief.")
    chat = open_chat("local")
    pieces = list(reply(chat, messages, stream=True))
    *_, whole = reply(chat, messages)
    *texts, streamed = pieces
    assert isinstance(whole, Reply)
    assert isinstance(streamed, Reply)
    assert len(texts) > 1
    assert "".join(map(str, texts)).strip() == whole.answer == streamed.answer
    assert streamed.call.usage.prompt_tokens > 0


def test_the_embedded_model_writes_questions_in_the_shape_asked_for(
    embedder: object, ada: Scope
) -> None:
    texts = ["Mary moved to the bathroom.", "The shop opens at nine.", "John has a red bicycle."]
    with Memory.in_memory(embedder=embedder) as memory:
        memory.add_many(texts, scope=ada)
        done = memory.notes.generate_queries("local", scope=ada)
        assert done.records + done.failed == 3
        assert done.records > 0
        for record in memory.list(scope=ada):
            assert record.keys[0] == record.text
            assert all(key.endswith("?") for key in record.keys[1:])


def test_the_embedded_server_answers_nobody_else() -> None:
    import httpx

    chat = open_chat("local")
    url = str(chat.openai_api_base)
    body = {"messages": [{"role": "user", "content": "Hi"}]}
    assert httpx.post(f"{url}/chat/completions", json=body).status_code == 401


class Bird(BaseModel):
    name: str = Field(max_length=20)
    colour: Literal["red", "blue"]
    legs: int = Field(ge=0, le=9)


def test_the_embedded_model_answers_in_the_shape_asked_for() -> None:
    chat = open_chat("local")
    for asked in ("Describe a robin.", "Tell me a joke.", "Reply with the word no."):
        said = structured(chat, [HumanMessage(f"{asked} Reply as JSON.")], Bird)
        assert (said.colour in ("red", "blue"), 0 <= said.legs <= 9) == (True, True)
    with pytest.raises(StructuredOutputError) as caught:
        structured(open_chat("local", max_tokens=3), [HumanMessage("Describe a robin.")], Bird)
    assert caught.value.reason == "truncated"


def test_the_embedded_model_takes_steps_that_can_be_read(tmp_path: Path, ada: Scope) -> None:
    chat = open_chat("local")
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        tools = memory_tools(memory, ada)
        for asked in ("Search for Mary.", "Hello.", "Remember that tea is hot."):
            step = act(chat, [HumanMessage(asked)], tools)
            assert isinstance(step, Action | Text), step
    assert (tmp_path / "home" / "tool-calling.json").read_text().count("embedded") == 1


def test_the_embedded_model_says_that_a_prompt_is_too_long_and_memories_are_left_out(
    ada: Scope,
) -> None:
    chat = open_chat("local", max_tokens=5)
    with pytest.raises(ContextTooLong, match="exceeds the available context size"):
        list(reply(chat, [HumanMessage("word " * 5000)]))
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        texts = ["Mary bird word.", f"Mary bird {'word ' * 5000}"]
        kept, _ = memory.add_many(texts, scope=ada)
        agent = Agent(memory=memory, model=chat, k=3, tokens=9_999)
        answer = agent.ask("Mary bird word?", scope=ada, remember=False)
        assert answer.recollection.left_out == 1
        assert answer.memories == [kept.id]
        assert agent.driver.window.length == CONTEXT_TOKENS


def test_what_the_embedded_server_counts_before_is_what_it_says_afterwards() -> None:
    chat = open_chat("local", max_tokens=5)
    asked = [SystemMessage("Be brief."), HumanMessage("Where did Zoë put 17 keys? " * 30)]
    *_, whole = reply(chat, asked)
    assert isinstance(whole, Reply)
    window = ContextWindow(chat)
    assert window.length == CONTEXT_TOKENS
    assert window._counted(asked) == whole.call.usage.prompt_tokens > 200


def test_the_second_turn_of_a_conversation_comes_from_the_prefix_cache(ada: Scope) -> None:
    agent = Agent(memory=None, model=open_chat("local", max_tokens=5))
    agent.instructions = "You are a careful guide to birds. " * 10
    first = agent.ask("What is a robin?", scope=ada)
    second = agent.ask("And a wren?", scope=ada, turns=[("What is a robin?", first.answer)])
    assert second.usage.hit_rate > 0.7
    assert second.usage.cached_tokens < second.usage.prompt_tokens


def test_closing_a_stream_frees_the_embedded_server() -> None:
    """Answers of thousands of tokens are left at their first word, and no slot goes on."""
    chat = open_chat("local", max_tokens=4000)
    for _ in range(2):
        pieces = reply(chat, [HumanMessage("Count from one to a thousand.")], stream=True)
        next(pieces)
        assert busy(chat) == 1
        pieces.close()
        until = time.monotonic() + 10  # far less than thousands of tokens take
        while busy(chat) and time.monotonic() < until:
            pass
        assert busy(chat) == 0


def busy(chat: object) -> int:
    """Return how many answers the embedded server is working on."""
    import httpx

    url = str(chat.openai_api_base).removesuffix("/v1")
    headers = {"Authorization": f"Bearer {chat.openai_api_key.get_secret_value()}"}
    slots = httpx.get(f"{url}/slots", headers=headers).json()
    return sum(one["is_processing"] for one in slots)


def test_the_evaluation_end_to_end_with_a_floor(
    embedder: object, babi_folder: Path, tmp_path: Path
) -> None:
    """Floors far below what is measured, that a broken arm would still fall through."""
    tasks = [babi.load(babi_folder, number, None) for number in (1, 2)]
    names = ("none", "full", "memory", "memory+rules", "oracle")
    plan = Plan(arms=tuple(map(ArmName, names)), limit=6)
    whole = Run(tmp_path / "run", tasks, plan, resume=False)
    run_in_process(whole, open_chat("local"), embedder, lambda _: None, StoryArm)
    accuracy = {
        (row["task"], row["arm"]): row["accuracy"]
        for row in tables.rows(tasks, plan.arms, whole.scores)
    }
    for task in ("babi/1", "babi/2"):
        assert accuracy[task, "memory+rules"] >= 0.45
        assert accuracy[task, "oracle"] >= 0.55
        assert accuracy[task, "none"] <= 0.45
        assert accuracy[task, "memory+rules"] > accuracy[task, "full"]
    assert accuracy["babi/1", "memory"] >= 0.45
    assert accuracy["babi/1", "memory"] > accuracy["babi/1", "full"]
    recalled = [one.recall == 1.0 for one in whole.scores if one.arm == "memory+rules+3"]
    assert sum(recalled) >= 10
