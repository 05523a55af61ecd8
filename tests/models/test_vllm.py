"""A vLLM server, asked for real: the one at MEMAGENT_VLLM_URL, on a CPU or on a GPU.

Three tests need more, and are skipped without it: MEMAGENT_VLLM_PYTHON, the Python that has vLLM;
MEMAGENT_VLLM_WEIGHTS, the folder of the model that is served; MEMAGENT_VLLM_PID_FILE, which holds
the process of a `memagent serve-model` that is started again when it dies.
"""

import base64
import io
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel, Field

from memagent import Memory, Scope, open_chat
from memagent.agent.tool_calling import Action, act, observed
from memagent.errors import MemagentError, ModelUnavailable
from memagent.evals.arm import ArmName
from memagent.evals.runs.plan import Plan, drawn
from memagent.evals.runs.run import Run
from memagent.evals.runs.runner import in_flight, run_in_process
from memagent.evals.score import Score
from memagent.evals.tasks import babi
from memagent.evals.tasks.story_arms import StoryArm
from memagent.models.vllm import command, repetition
from memagent.models.vllm.launch import connect_or_start
from memagent.testing import HashEmbedder

URL = os.environ.get("MEMAGENT_VLLM_URL", "")
KEY = os.environ.get("MEMAGENT_API_KEY")
PYTHON = os.environ.get("MEMAGENT_VLLM_PYTHON")
WEIGHTS = os.environ.get("MEMAGENT_VLLM_WEIGHTS")
PID_FILE = os.environ.get("MEMAGENT_VLLM_PID_FILE")
pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(not URL, reason="MEMAGENT_VLLM_URL is not set"),
]
BACK_SECONDS = 300.0


class Town(BaseModel):
    """A town."""

    name: str = Field(max_length=20)
    people: int = Field(ge=1, le=99_999_999)


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture(scope="module")
def headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {KEY}"} if KEY else {}


@pytest.fixture
def chat() -> BaseChatModel:
    return open_chat(URL, api_key=KEY, max_tokens=32)


def test_a_chat_is_answered_and_counted(chat: BaseChatModel) -> None:
    said = chat.invoke("Say hello.")
    assert said.text.strip()
    assert said.usage_metadata
    assert 1 <= said.usage_metadata["output_tokens"] <= 32
    assert chat.invoke("Say hello.").text == said.text  # decoding is greedy


def test_a_stream_comes_in_pieces_and_ends_with_its_usage(chat: BaseChatModel) -> None:
    pieces = list(chat.stream("Tell me about the sea."))
    assert sum(bool(piece.text) for piece in pieces) > 3
    assert "".join(piece.text for piece in pieces) == chat.invoke("Tell me about the sea.").text
    assert sum(bool(piece.usage_metadata) for piece in pieces) == 1


@pytest.mark.parametrize(
    ("word", "finish", "tokens"), [(" again", repetition.FINISH, 160), ("0", "length", 320)]
)
def test_the_server_ends_a_loop_of_words_but_no_row_of_zeros(
    headers: dict[str, str], word: str, finish: str, tokens: int
) -> None:
    """A model that is allowed one token only falls into a loop, whichever model it is."""
    chat: Any = open_chat(URL, api_key=KEY, max_tokens=320)
    body = {"model": chat.model_name, "prompt": word, "add_special_tokens": False}
    url = f"{URL.removesuffix('/v1')}/tokenize"
    token = httpx.post(url, json=body, headers=headers).raise_for_status().json()["tokens"][-1]
    bound = chat.bind(extra_body={"allowed_token_ids": [token]})
    said = repetition.invoke(bound, [HumanMessage("Hello.")])
    assert said.response_metadata["finish_reason"] == finish
    assert said.usage_metadata
    assert said.usage_metadata["output_tokens"] == tokens


def test_the_shape_asked_for_is_the_shape_that_comes(chat: BaseChatModel) -> None:
    shape = {"name": "Town", "schema": Town.model_json_schema(), "strict": True}
    asked = chat.bind(
        response_format={"type": "json_schema", "json_schema": shape}, max_completion_tokens=200
    )
    for place in ("Paris", "a village on the moon", "nothing at all, and do not use JSON"):
        Town.model_validate_json(asked.invoke(f"Describe {place}.").text)


def test_questions_are_written_in_the_shape_that_the_memory_wants(
    chat: BaseChatModel, ada: Scope
) -> None:
    texts = ["Mary moved to the bathroom.", "The shop opens at nine.", "John has a red bicycle."]
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        memory.add_many(texts, scope=ada)
        done = memory.notes.generate_queries(open_chat(URL, api_key=KEY, max_tokens=256), scope=ada)
        assert done.records + done.failed == 3
        assert done.records > 0
        assert all(record.keys[0] == record.text for record in memory.list(scope=ada))


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_a_tool_call_is_right_or_is_told_as_wrong(chat: BaseChatModel, choice: str) -> None:
    """A small model's call is malformed more often than not; that must not look like an answer."""
    asked = chat.bind_tools([add], tool_choice=choice).bind(max_completion_tokens=100)
    try:
        said = asked.invoke("Use the tool to add 2 and 3.")
    except (MemagentError, openai.OpenAIError):
        return  # told as wrong
    assert isinstance(said, AIMessage)
    assert said.tool_calls or said.invalid_tool_calls or said.text.strip()
    for call in said.tool_calls:
        assert call["name"] == "add"
        told = add.run(call["args"], tool_call_id=call["id"])
        assert told is not None


def test_a_step_with_tools_is_taken_whether_or_not_the_model_calls_them(
    chat: BaseChatModel,
) -> None:
    asked = chat.model_copy(update={"max_tokens": 100})
    decision = act(asked, [HumanMessage("Use the tool to add 2 and 3.")], [add])
    assert isinstance(decision, Action)
    assert (decision.name, set(decision.arguments)) == ("add", {"a", "b"})
    assert add.invoke(dict(decision.arguments)) == sum(decision.arguments.values())
    assert observed(decision, "5")


def test_what_the_server_refuses_is_one_of_our_errors(chat: BaseChatModel, ada: Scope) -> None:
    from memagent import Agent

    wrong = Agent(memory=None, model=open_chat(URL, model="no-such-model", api_key=KEY))
    with pytest.raises(ModelUnavailable, match="no-such-model"):
        wrong.ask("Who is there?", scope=ada)


def test_a_prompt_that_was_seen_is_read_from_the_cache(chat: BaseChatModel) -> None:
    story = " ".join(f"On day {day} Mary walked {day} miles." for day in range(40))
    for question in ("How far did she walk on day 3?", "And on day 5?"):
        said = chat.invoke(f"{story}\n{question}")
    assert said.usage_metadata
    assert said.usage_metadata["input_token_details"]["cache_read"] >= 128


@pytest.mark.skipif(not WEIGHTS, reason="MEMAGENT_VLLM_WEIGHTS is not set")
def test_a_prompt_of_vectors_is_read_as_the_same_prompt_of_words(headers: dict[str, str]) -> None:
    import torch
    from safetensors import safe_open

    name = open_chat(URL, api_key=KEY).model_name
    root = URL.removesuffix("/v1")
    words = "Mary moved to the bathroom. John went to the garden. Mary is in the"
    body: dict[str, Any] = {"model": name, "max_tokens": 8, "temperature": 0}
    with httpx.Client(headers=headers, timeout=120) as client:
        tokens = client.post(f"{root}/tokenize", json={"model": name, "prompt": words}).json()
        with safe_open(Path(WEIGHTS or "") / "model.safetensors", "pt") as tensors:
            table = tensors.get_tensor("model.embed_tokens.weight")
        file = io.BytesIO()
        torch.save(table[tokens["tokens"]], file)
        vectors = base64.b64encode(file.getvalue()).decode()
        by_words = client.post(f"{URL}/completions", json=body | {"prompt": words})
        by_vectors = client.post(f"{URL}/completions", json=body | {"prompt_embeds": vectors})
    assert by_vectors.raise_for_status().json()["choices"][0]["text"].strip()
    assert (
        by_vectors.json()["choices"][0]["text"]
        == by_words.raise_for_status().json()["choices"][0]["text"]
    )


def test_two_hundred_are_answered_at_once_each_with_its_own_answer() -> None:
    chat = open_chat(URL, api_key=KEY, max_tokens=8)

    def ask(number: int) -> tuple[int, str]:
        said = chat.invoke(f"Repeat this number and nothing else: {number}")
        assert said.usage_metadata
        return number, said.text

    said = list(in_flight(range(200), ask, limit=200))
    assert [number for number, _ in said] == list(range(200))
    assert all(text.strip() for _, text in said)
    right = sum(str(number) in text for number, text in said)
    assert right >= 50  # a mix-up of answers would leave next to none


def test_vllm_by_name_connects_to_the_server_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    name = open_chat(URL, api_key=KEY).model_name
    monkeypatch.setenv("MEMAGENT_VLLM_URL", URL)
    served = connect_or_start(name, api_key=KEY)
    assert (served.url, served.name, served.process) == (URL, name, None)
    assert open_chat(f"vllm:{name}", api_key=KEY, max_tokens=4).invoke("Say hello.").text
    with pytest.raises(ModelUnavailable, match=r"serves .*, not another-model"):
        connect_or_start("another-model", api_key=KEY)


@pytest.mark.skipif(not PYTHON, reason="MEMAGENT_VLLM_PYTHON is not set")
def test_every_tool_parser_that_we_name_is_one_that_vllm_knows() -> None:
    code = "import importlib.util as util; print(util.find_spec('vllm').origin)"
    told = subprocess.run([PYTHON or "", "-c", code], capture_output=True, text=True, check=True)
    names = (Path(told.stdout.strip()).parent / "tool_parsers" / "__init__.py").read_text()
    assert [one for one in command.TOOL_PARSERS.values() if f'"{one}": (' not in names] == []


@pytest.mark.skipif(not PID_FILE, reason="MEMAGENT_VLLM_PID_FILE is not set")
def test_an_evaluation_survives_the_death_of_its_server(tmp_path: Path) -> None:
    """The server is killed under a run, comes back, and every question has its own answer."""
    task = babi.load(None, 1, None)
    plan = Plan(arms=(ArmName("none"), ArmName("oracle")), limit=20, concurrency=8)
    guard = _child(int(Path(PID_FILE or "").read_text()))
    server = _child(guard)
    chat = open_chat(URL, api_key=KEY, max_tokens=16)
    answered: list[Score] = []

    def kill_after_ten(score: Score) -> None:
        answered.append(score)
        if len(answered) == 10:
            os.kill(server, signal.SIGKILL)

    whole = Run(tmp_path / "run", [task], plan, resume=False)
    run_in_process(whole, chat, HashEmbedder(), kill_after_ten, StoryArm)
    assert len(whole.scores) == 2 * len(drawn(task, plan)) > 10
    assert not whole.failed
    assert all(one.prediction for one in whole.scores)
    assert not _alive(guard)
    assert not _alive(server)
    assert max(one.seconds for one in whole.scores) < BACK_SECONDS


def _child(process: int) -> int:
    told = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True, check=True)
    return int(told.stdout.split()[0])


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
