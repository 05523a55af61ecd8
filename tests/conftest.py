import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_socket

from memagent import Memory, Scope
from memagent.testing import HashEmbedder

DATA = os.environ.get("MEMAGENT_DATA")


@pytest.fixture(autouse=True)
def _alone(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """No test sees the user's settings or folders, none but the real-parts tests open a socket."""
    for name in [name for name in os.environ if name.startswith("MEMAGENT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MEMAGENT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MEMAGENT_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    if request.node.get_closest_marker("real") is None:
        pytest_socket.disable_socket(allow_unix_socket=True)  # asyncio wakes itself by one
    else:
        pytest_socket.socket_allow_hosts(["127.0.0.1"])
    yield
    pytest_socket.enable_socket()
    pytest_socket._remove_restrictions()


@pytest.fixture
def memory() -> Iterator[Memory]:
    """A memory in RAM with the hashing embedder."""
    with Memory.open(None, embedder=HashEmbedder()) as opened:
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
