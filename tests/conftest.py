import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_socket
from probing import SECRET

from memagent import Memory, Record, Scope
from memagent.cli import app
from memagent.memory import engine
from memagent.models import open_chat
from memagent.testing import HashEmbedder, Say, ScriptedChat, StubServer

Outcome = tuple[int, str, str]
Command = Callable[..., Outcome]
Serve = Callable[..., StubServer]
DATA = os.environ.get("MEMAGENT_DATA")

if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores; torch reads this on its import
    os.environ.setdefault("OMP_NUM_THREADS", "1")


TOGETHER = {
    "test_inspector.py": "browser",
    "test_inspector_access.py": "browser",
    "test_cross_encoder.py": "models",
    "test_distributed.py": "ray",
    "test_local.py": "models",
    "test_real.py": "models",
    "test_real_openai_endpoint.py": "models",
}
"""Files whose tests one worker runs, so that what is slow to load is loaded once."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return a scheduler like `--dist loadgroup`, which does not work with pytest 9.2."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return TOGETHER.get(Path(nodeid.partition("::")[0]).name, nodeid)

    return Scheduler(config, log)


@pytest.fixture(autouse=True)
def _alone(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """No test sees the user's settings or folders; none but the marked ones open a socket."""
    for name in [name for name in os.environ if name.startswith("MEMAGENT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MEMAGENT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MEMAGENT_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    marked = [request.node.get_closest_marker(name) for name in ("real", "wire")]
    if request.node.get_closest_marker("vllm") is not None:
        pytest_socket.enable_socket()  # the server may be on another machine
    elif not any(marked):
        pytest_socket.disable_socket(allow_unix_socket=True)  # asyncio wakes itself by one
    else:
        pytest_socket.socket_allow_hosts(["127.0.0.1"])
    yield
    pytest_socket.enable_socket()
    pytest_socket._remove_restrictions()


@pytest.fixture
def memory() -> Iterator[Memory]:
    """A memory in RAM with the hashing embedder."""
    with Memory.in_memory(embedder=HashEmbedder()) as opened:
        yield opened


@pytest.fixture
def ada() -> Scope:
    return Scope(user="ada")


@pytest.fixture
def babi_folder() -> Path:
    """The released bAbI files; a test that needs them is skipped where MEMAGENT_DATA is not set."""
    if DATA is None:
        pytest.skip("MEMAGENT_DATA is not set")
    return Path(DATA).resolve() / "babi" / "en"


class Terminal(io.TextIOWrapper):
    """Standard input at which somebody sits."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def chat() -> ScriptedChat:
    return ScriptedChat(["In the bathroom.", "Still in the bathroom."])


@pytest.fixture
def memagent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], chat: ScriptedChat
) -> Command:
    """Run the command line with the shipped fakes; returns exit code, stdout and stderr."""
    monkeypatch.setattr(engine, "open_embedder", lambda _: HashEmbedder())
    monkeypatch.setattr(open_chat, "chat_of", lambda _: chat)

    def run(*arguments: str, stdin: bytes = b"", terminal: bool = False) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["memagent", *arguments])
        kind = Terminal if terminal else io.TextIOWrapper
        monkeypatch.setattr(sys, "stdin", kind(io.BytesIO(stdin), encoding="utf-8"))
        with pytest.raises(SystemExit) as caught:
            app.main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return run


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Memory]:
    """A memory in a folder, with the hashing embedder."""
    with Memory.open(tmp_path, embedder=HashEmbedder()) as opened:
        yield opened


@pytest.fixture
def secret(disk: Memory, ada: Scope) -> Record:
    """A secret among forty harmless records, a neighbour, and somebody else's."""
    disk.add_many([f"harmless note number {n}" for n in range(40)], scope=ada)
    disk.add("The vault is in the cellar.", scope=ada)
    disk.add("xylophone lessons", scope=Scope(user="bob"))
    return disk.add(SECRET, scope=ada, metadata={"heard": "over dinner"}, why="asked for it")


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start stub servers that are stopped after the test."""
    started: list[StubServer] = []

    def start(*script: Any, **settings: Any) -> StubServer:
        started.append(StubServer(list(script) or [Say("Hello.")], **settings).start())
        return started[-1]

    yield start
    for one in started:
        one.stop()
