"""The endpoint before the embedded model, with the real embedder, and before a vLLM server."""

import os
import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from served import Served, services

from memagent import Memory
from memagent.models.open_chat import EMBEDDED

URL = os.environ.get("MEMAGENT_VLLM_URL", "")
KEY = os.environ.get("MEMAGENT_API_KEY")
SERVERS = [
    pytest.param({"model": "local"}, id="embedded", marks=pytest.mark.real),
    pytest.param(
        {"model": URL} | ({"api_key": KEY} if KEY else {}),
        id="vllm",
        marks=[
            pytest.mark.vllm,
            pytest.mark.skipif(not URL, reason="MEMAGENT_VLLM_URL is not set"),
        ],
    ),
]
QUESTION: Any = [{"role": "user", "content": "In which city does my sister Anna live?"}]


@pytest.fixture(params=SERVERS)
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    memory = Memory.in_memory(embedder="all-MiniLM-L6-v2")
    with memory, Served(services(memory, **request.param)) as server:
        yield server


def settled(served: Served) -> list[str]:
    until = time.monotonic() + 20
    while served.app.state.remembering and time.monotonic() < until:
        time.sleep(0.01)
    return [record.text for record in reversed(served.memory.list(scope="me"))]


def test_a_model_answers_from_what_was_said_in_another_session(served: Served) -> None:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", timeout=120) as client:
        name = client.models.list().data[0].id
        options: dict[str, Any] = {"model": name, "temperature": 0, "max_tokens": 24}
        before = client.chat.completions.create(messages=QUESTION, **options)
        chat: Any = served.app.state.upstream
        address, key = chat._chat.address.url, chat._chat.openai_api_key.get_secret_value()
        bare = httpx.post(
            f"{address}/chat/completions",
            json={"messages": QUESTION, **options},
            headers={"Authorization": f"Bearer {key}"},
            timeout=120,
        ).json()
        # An empty memory changes nothing; vLLM's own words differ at times between two requests.
        if chat._chat.server_id == EMBEDDED:
            assert before.choices[0].message.content == bare["choices"][0]["message"]["content"]
        assert before.usage is not None
        assert before.usage.prompt_tokens == bare["usage"]["prompt_tokens"]
        settled(served)
        said: Any = [{"role": "user", "content": "My sister Anna lives in Turin."}]
        headers = {"X-Memory-Session": "monday"}
        client.chat.completions.create(messages=said, extra_headers=headers, **options)
        assert "My sister Anna lives in Turin." in settled(served)
        stream = client.chat.completions.create(messages=QUESTION, stream=True, **options)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
        assert "Turin" in text
        events = client.responses.create(
            model=name,
            input=QUESTION[0]["content"],
            temperature=0,
            max_output_tokens=24,
            stream=True,
        )
        *_, last = events
        assert last.type in ("response.completed", "response.incomplete")
