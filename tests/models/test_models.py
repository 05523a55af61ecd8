import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from memagent import open_chat
from memagent.config import load_settings
from memagent.errors import InvalidInput, ModelUnavailable
from memagent.models.open_chat import chat_of
from memagent.models.server_chat import ServerChat
from memagent.testing import ScriptedChat


@dataclass
class Served:
    url: str
    name: str
    address: None = None

    def stop(self) -> None:
        """Nothing was started."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What vLLM was asked to serve, by a stand-in for it."""
    calls: list[tuple[str, dict[str, Any]]] = []
    serving = ModuleType("memagent.models.vllm.launch")

    def connect_or_start(model: str, **settings: Any) -> Served:
        calls.append((model, settings))
        return Served("http://127.0.0.1:8000/v1/", f"served-{model}")

    serving.connect_or_start = connect_or_start  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "memagent.models.vllm.launch", serving)
    return calls


def test_vllm_is_connected_to_or_started(asked: list[tuple[str, dict[str, Any]]]) -> None:
    chat = open_chat("vllm:Qwen/Qwen3-4B", api_key="secret", retries=7, timeout=9.0)
    assert isinstance(chat, ServerChat)
    assert asked == [("Qwen/Qwen3-4B", {"api_key": "secret"})]
    assert (chat.openai_api_base, chat.model_name) == (
        "http://127.0.0.1:8000/v1",
        "served-Qwen/Qwen3-4B",
    )
    assert (chat.max_retries, chat.request_timeout.read, chat.request_timeout.connect) == (7, 9, 5)


def test_the_settings_reach_the_chat_model(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"MODEL": "http://127.0.0.1:1/v1", "MODEL_NAME": "m", "API_KEY": "secret"}
    values |= {"TIMEOUT": "7", "CONNECT_TIMEOUT": "2", "RETRIES": "3", "IN_FLIGHT": "5"}
    for name, value in (values | {"MAX_TOKENS": "11"}).items():
        monkeypatch.setenv(f"MEMAGENT_{name}", value)
    chat = chat_of(load_settings())
    assert isinstance(chat, ServerChat)
    assert (chat.server_id, chat.model_name, chat.max_tokens) == ("http://127.0.0.1:1/v1", "m", 11)
    assert chat.openai_api_key.get_secret_value() == "secret"
    assert (chat.request_timeout.read, chat.request_timeout.connect) == (7, 2)
    assert (chat.max_retries, chat.limiter.limit) == (3, 5)


def test_a_chat_model_is_taken_as_it_is() -> None:
    chat = ScriptedChat([])
    assert open_chat(chat) is chat


@pytest.mark.parametrize("spec", ["remote", "ftp://x", "vllm:", ""])
def test_a_spec_that_is_no_model_is_refused(spec: str) -> None:
    with pytest.raises(InvalidInput, match="expected 'local'"):
        open_chat(spec)


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="no weights at"):
        open_chat(f"local:{tmp_path / 'none.gguf'}")
