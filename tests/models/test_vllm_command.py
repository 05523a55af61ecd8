import sys
from pathlib import Path

import pytest

from memagent.errors import ModelUnavailable
from memagent.models.vllm import command as vllm
from memagent.models.vllm.command import (
    ServeOptions,
    Vllm,
    command,
    environment,
    find,
    shell_line,
    tool_parser,
)

CPU = Vllm(command=("python", "-m", "module"), by_option=True, cpu=True)


def pair(words: list[str], flag: str) -> str | None:
    """Return what follows a flag, None where it is not there."""
    return words[words.index(flag) + 1] if flag in words else None


def test_the_flags_that_suit_us_are_always_there() -> None:
    words = command(ServeOptions(model="acme/Thing"), Vllm())
    assert words[:3] == ["vllm", "serve", "acme/Thing"]
    assert {"--enable-prefix-caching", "--enable-prompt-embeds"} < set(words)
    assert "--enable-prompt-tokens-details" in words
    assert pair(words, "--host") == "127.0.0.1"
    assert pair(words, "--port") == "8000"
    for absent in ("--tensor-parallel-size", "--data-parallel-size", "--enforce-eager"):
        assert absent not in words
    assert "--enable-auto-tool-choice" not in words


def test_sizes_and_ray_and_what_follows_the_dashes_are_passed_on() -> None:
    options = ServeOptions(
        model="m",
        name="mine",
        host="0.0.0.0",
        port=9000,
        gpu_memory=0.8,
        tensor_parallel=4,
        data_parallel=2,
        ray=True,
        context=8192,
        extra=("--max-num-seqs", "64"),
    )
    words = command(options, Vllm())
    assert pair(words, "--served-model-name") == "mine"
    assert pair(words, "--gpu-memory-utilization") == "0.8"
    assert pair(words, "--tensor-parallel-size") == "4"
    assert pair(words, "--data-parallel-size") == "2"
    assert pair(words, "--distributed-executor-backend") == "ray"
    assert pair(words, "--data-parallel-backend") == "ray"
    assert pair(words, "--max-model-len") == "8192"
    assert words[-2:] == ["--max-num-seqs", "64"]
    assert options.url == "http://127.0.0.1:9000/v1"


@pytest.mark.parametrize(
    ("model", "parser"),
    [
        ("Qwen/Qwen3-8B", "hermes"),
        ("Qwen/Qwen3-Coder-30B-A3B-Instruct", "qwen3_coder"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama3_json"),
        ("meta-llama/Llama-4-Scout-17B", "llama4_pythonic"),
        ("mistralai/Mistral-7B-Instruct-v0.3", "mistral"),
        ("mistralai/Mixtral-8x7B", "mistral"),
        ("deepseek-ai/DeepSeek-V3.1", "deepseek_v31"),
        ("deepseek-ai/DeepSeek-R1", "deepseek_v3"),
        ("openai/gpt-oss-20b", "openai"),
        ("acme/Thing", None),
    ],
)
def test_a_family_s_tool_calls_are_read_by_its_parser(model: str, parser: str | None) -> None:
    assert tool_parser(model) == parser
    assert pair(command(ServeOptions(model=model), Vllm()), "--tool-call-parser") == parser


def test_the_parser_may_be_named_or_switched_off() -> None:
    named = command(ServeOptions(model="Qwen/Qwen3-8B", tool_parser="xlam"), Vllm())
    assert pair(named, "--tool-call-parser") == "xlam"
    off = command(ServeOptions(model="Qwen/Qwen3-8B", tool_parser="none"), Vllm())
    assert "--enable-auto-tool-choice" not in off


@pytest.mark.parametrize("runner", [("--runner", "pooling"), ("--runner=pooling",)])
def test_a_reranker_or_an_embedder_gets_no_flags_of_a_chat_model(runner: tuple[str, ...]) -> None:
    words = command(ServeOptions(model="Qwen/Qwen3-Reranker-0.6B", extra=runner), Vllm())
    assert [word for word in words if word.startswith("--enable")] == []
    assert "--tool-call-parser" not in words
    assert words[-len(runner) :] == list(runner)


def test_a_build_for_the_cpu_gets_what_it_needs_unless_it_is_set() -> None:
    words = command(ServeOptions(model="m"), CPU)
    assert words[:5] == ["python", "-m", "module", "--model", "m"]
    assert words.count("--enforce-eager") == 1
    assert environment(CPU, {})["VLLM_CPU_KVCACHE_SPACE"] == vllm.CPU_CACHE_GIB
    assert "VLLM_CPU_KVCACHE_SPACE" not in environment(CPU, {"VLLM_CPU_KVCACHE_SPACE": "9"})
    assert "VLLM_CPU_KVCACHE_SPACE" not in environment(Vllm(), {})


def test_nothing_is_reported_to_anybody_and_no_key_is_in_sight() -> None:
    added = environment(Vllm(), {}, api_key="secret")
    assert added["VLLM_API_KEY"] == "secret"
    assert added["VLLM_NO_USAGE_STATS"] == "1"
    line = shell_line(command(ServeOptions(model="my model"), Vllm()), added)
    assert "secret" not in line
    assert "VLLM_API_KEY=\"$MEMAGENT_API_KEY\" vllm serve 'my model'" in line


def test_a_folder_is_served_under_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "Qwen3-tiny"
    folder.mkdir()
    options = ServeOptions(model=str(folder))
    assert options.served_name == "Qwen3-tiny"
    assert pair(command(options, Vllm()), "--tool-call-parser") == "hermes"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000/v1"),
        ("::", "http://127.0.0.1:8000/v1"),
        ("::1", "http://[::1]:8000/v1"),
    ],
)
def test_a_server_is_reached_from_here(host: str, url: str) -> None:
    assert ServeOptions(model="m", host=host).url == url


def python_with(folder: Path, told: str) -> Path:
    """Return a Python that says so of its vLLM."""
    script = folder / "python"
    script.write_text(f"#!/bin/sh\necho {told}\n")
    script.chmod(0o755)
    return script


def test_vllm_is_called_by_its_command_or_by_its_module(tmp_path: Path) -> None:
    python = python_with(tmp_path, "vllm-cpu 0.32.0")
    (tmp_path / "vllm").touch()
    found = find(python)
    assert found.command == (str(python), "-m", "vllm.entrypoints.openai.api_server")
    assert (found.by_option, found.cpu) == (True, True)
    python_with(tmp_path, "vllm 0.32.0")
    assert find(python) == Vllm(command=(str(tmp_path / "vllm"), "serve"))
    assert find(python_with(tmp_path, "vllm 0.32.0+cpu")).cpu
    (tmp_path / "vllm").unlink()
    assert find(python).by_option


def test_where_there_is_no_vllm_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelUnavailable, match="vLLM is not installed for"):
        find(python_with(tmp_path, ""))
    with pytest.raises(ModelUnavailable, match="does not run as a Python"):
        find(tmp_path / "nothing")
    (tmp_path / "python").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(python_with(tmp_path, "")))
    with pytest.raises(ModelUnavailable, match="pip install 'memagent\\[vllm\\]'"):
        find()
    (tmp_path / "vllm").touch(mode=0o755)
    assert find() == Vllm()
