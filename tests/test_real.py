"""The real parts: MiniLM, FAISS, SQLite, llama.cpp with SmolLM2."""

from pathlib import Path

import pytest

from memagent import Agent, Memory, Scope, open_chat, open_embedder
from memagent.errors import EmbedderMismatch, InvalidInput, ModelUnavailable, WeightsMissing
from memagent.evals import babi, report
from memagent.evals.arms import ARMS
from memagent.evals.runner import Plan, Run
from memagent.prompts import render
from memagent.replies import reply
from memagent.testing import HashEmbedder

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def embedder() -> object:
    return open_embedder("all-MiniLM-L6-v2")


def test_the_embedder_finds_by_meaning_what_shares_no_word(
    embedder: object, tmp_path: Path, ada: Scope
) -> None:
    with Memory.open(tmp_path, embedder=embedder) as memory:
        memory.add_many(["My little girl is called Zoe.", "The car needs petrol."], scope=ada)
        assert memory.search("daughter's name", scope=ada)[0].record.value.endswith("Zoe.")
        (hit,) = memory.recall("What is the name of my daughter?", scope=ada).hits
        assert hit.record.value.endswith("Zoe.")


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
    (whole, _), _ = reply(chat, messages)
    assert len(pieces) > 2
    assert "".join(text for text, _ in pieces) == whole
    assert [call.usage.prompt_tokens > 0 for _, call in pieces if call] == [True]


def test_the_embedded_model_writes_questions_in_the_shape_asked_for(
    embedder: object, ada: Scope
) -> None:
    texts = ["Mary moved to the bathroom.", "The shop opens at nine.", "John has a red bicycle."]
    with Memory.open(None, embedder=embedder) as memory:
        memory.add_many(texts, scope=ada)
        done = memory.enrich("local", scope=ada)
        assert done.records + done.failed == 3
        assert done.records > 0
        for record in memory.list(scope=ada):
            assert record.keys[0] == record.value
            assert all(key.endswith("?") for key in record.keys[1:])


def test_the_embedded_server_answers_nobody_else() -> None:
    import httpx

    chat = open_chat("local")
    url = str(chat.openai_api_base)
    body = {"messages": [{"role": "user", "content": "Hi"}]}
    assert httpx.post(f"{url}/chat/completions", json=body).status_code == 401


@pytest.mark.parametrize("spec", ["remote", "ftp://x"])
def test_a_spec_that_is_no_model_is_refused(spec: str) -> None:
    with pytest.raises(InvalidInput, match="expected 'local'"):
        open_chat(spec)


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="no weights at"):
        open_chat(f"local:{tmp_path / 'none.gguf'}")


def test_the_evaluation_end_to_end_with_a_floor(
    embedder: object, babi_folder: Path, tmp_path: Path
) -> None:
    """Floors far below what is measured, that a broken arm would still fall through."""
    tasks = [babi.load(babi_folder, number, None) for number in (1, 2)]
    plan = Plan(arms=ARMS, limit=12)
    whole = Run(tmp_path / "run", tasks, plan, resume=False)
    whole.go(open_chat("local"), embedder, lambda _: None)
    accuracy = {
        (row["task"], row["arm"]): row["accuracy"] for row in report.rows(tasks, plan, whole.scores)
    }
    for task in ("babi/1", "babi/2"):
        assert accuracy[task, "memory"] >= 0.55
        assert accuracy[task, "oracle"] >= 0.55
        assert accuracy[task, "none"] <= 0.45
        assert accuracy[task, "memory"] > accuracy[task, "full"]
    recalled = [one.supports_shown for one in whole.scores if one.arm == "memory"]
    assert sum(recalled) >= 20
