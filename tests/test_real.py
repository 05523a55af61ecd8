"""The real parts: MiniLM, FAISS, SQLite, llama.cpp with SmolLM2, and an OpenAI-style wire."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from memagent import Agent, Memory, Scope, open_chat, open_embedder
from memagent.errors import EmbedderMismatch, InvalidInput, ModelUnavailable, WeightsMissing
from memagent.evals import babi, report
from memagent.evals.arms import ARMS
from memagent.evals.runner import Plan, Run
from memagent.models import reply
from memagent.prompts import render
from memagent.testing import HashEmbedder
from memagent.types import Usage

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
    ((whole, _),) = reply(chat, messages)
    assert len(pieces) > 2
    assert "".join(text for text, _ in pieces) == whole
    assert [usage.prompt_tokens > 0 for _, usage in pieces if usage] == [True]


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


class Stub(http.server.BaseHTTPRequestHandler):
    """Speaks just enough of the OpenAI-style API; the path's first part chooses how to fail."""

    def do_GET(self) -> None:
        ways = {"/empty/models": (200, "{}"), "/broken/models": (500, "{}")}
        self._send(*ways.get(self.path, (200, '{"data": [{"id": "stub-model"}]}')))

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.startswith("/refuse"):
            self._send(400, '{"error": {"message": "no such thing"}}')
            return
        said = f"{asked['model']} at {asked['temperature']}"
        message = {"role": "assistant", "content": said}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
        head = {"id": "1", "object": "chat.completion", "created": 0, "model": asked["model"]}
        self._send(200, json.dumps(head | {"choices": [choice], "usage": usage}))

    def _send(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def stub() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_server_at_a_url_is_asked_greedily_and_for_its_first_model(stub: str) -> None:
    messages = render("Hi", [], instructions="Be brief.")
    ((said, usage),) = reply(open_chat(f"{stub}/v1"), messages)
    assert said == "stub-model at 0.0"
    assert usage == Usage(prompt_tokens=5, completion_tokens=2)
    ((said, _),) = reply(open_chat(f"{stub}/v1/", model="mine"), messages)
    assert said == "mine at 0.0"


@pytest.mark.parametrize(
    ("path", "complaint"),
    [("empty", "does not speak the OpenAI-style API"), ("broken", "answers 500 when asked")],
)
def test_a_server_that_is_no_model_server_is_told_from_one(
    stub: str, path: str, complaint: str
) -> None:
    with pytest.raises(ModelUnavailable, match=complaint):
        open_chat(f"{stub}/{path}")


def test_a_refusal_is_one_of_our_errors_with_the_cause_kept(stub: str) -> None:
    chat = open_chat(f"{stub}/refuse", model="m")
    with pytest.raises(ModelUnavailable, match="no such thing") as caught:
        list(reply(chat, render("Hi", [], instructions="")))
    assert caught.value.__cause__ is not None


def test_a_url_nobody_answers_is_told_before_any_work() -> None:
    with pytest.raises(ModelUnavailable, match=r"nobody answers at http://127\.0\.0\.1:9"):
        open_chat("http://127.0.0.1:9/v1")


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
