import atexit
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from forking import Child, in_child

from memagent.errors import ModelUnavailable
from memagent.models import http
from memagent.models.vllm import command, launch
from memagent.models.vllm.command import ServeOptions
from memagent.models.vllm.diagnose import cause
from memagent.models.vllm.launch import RunningServer, ServerFailed, ServerProcess, connect_or_start

OPTIONS = ServeOptions(model="acme/Qwen3-8B")
SERVER = '''#!{python}
"""Stands in for vLLM: starts a process of its own, as an engine, and says so in a file."""
import os, pathlib, subprocess, sys, time
folder = pathlib.Path({folder!r})
code = "import signal, time\\n{engine}\\ntime.sleep(600)"
engine = subprocess.Popen([sys.executable, "-c", code])
(folder / "words").write_text("\\n".join(sys.argv[1:]))
(folder / "key").write_text(os.environ.get("VLLM_API_KEY", ""))
(folder / "pids").write_text(f"{{os.getpid()}} {{engine.pid}}\\n")
print("Loading weights", flush=True)
{then}
'''


@pytest.fixture
def served_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Put a stand-in for vLLM on the path; gives a function that says what it does once begun."""
    monkeypatch.setattr(command, "_of", lambda python: None)
    monkeypatch.setattr(launch, "port_free", lambda options: True)
    monkeypatch.setattr(launch, "healthy", lambda url: (tmp_path / "pids").exists())
    monkeypatch.setattr(launch, "_ready", {})
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def write(then: str = "time.sleep(600)", engine: str = "") -> Path:
        script = tmp_path / "vllm"
        text = SERVER.format(python=sys.executable, folder=str(tmp_path), then=then, engine=engine)
        script.write_text(text)
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return tmp_path

    yield write
    if (tmp_path / "pids").exists():
        assert not any(alive(process) for process in pids(tmp_path)), "an orphan is left"


def pids(folder: Path) -> list[int]:
    """Return the processes of the stand-in: the server's and its engine's."""
    text = (folder / "pids").read_text()
    assert text.endswith("\n")
    return [int(one) for one in text.split()]


def alive(process: int) -> bool:
    """Tell whether a process is there and no zombie."""
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True)
    return bool(told.stdout.strip()) and not told.stdout.strip().startswith("Z")


def test_a_server_is_started_waited_for_and_stopped_with_all_its_processes(
    served_from: Any, tmp_path: Path
) -> None:
    folder = served_from()
    served = launch.start(OPTIONS, log=tmp_path / "log", api_key="secret")
    assert (served.url, served.name) == ("http://127.0.0.1:8000/v1", "acme/Qwen3-8B")
    assert all(alive(process) for process in pids(folder))
    assert (folder / "words").read_text().splitlines()[:2] == ["serve", "acme/Qwen3-8B"]
    assert (folder / "key").read_text() == "secret"
    assert "secret" not in (folder / "words").read_text()
    served.stop()
    assert not any(alive(process) for process in pids(folder))
    served.stop()


def test_a_process_that_ignores_being_told_to_end_is_killed(
    served_from: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "GRACE_SECONDS", 0.1)
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    folder = served_from(f"import signal; {deaf}; time.sleep(600)", engine=deaf)
    served = launch.start(OPTIONS, log=tmp_path / "log")
    served.stop()
    assert not any(alive(process) for process in pids(folder))


def test_what_a_server_leaves_behind_when_it_dies_is_ended_too(
    served_from: Any, tmp_path: Path
) -> None:
    folder = served_from()
    served = launch.start(OPTIONS, log=tmp_path / "log")
    server, engine = pids(folder)
    os.kill(server, signal.SIGKILL)
    with pytest.raises(ServerFailed, match="ran out of memory"):
        launch.follow(served)
    assert not alive(engine)


def test_whoever_is_killed_takes_the_server_with_it(served_from: Any, tmp_path: Path) -> None:
    folder = served_from()
    code = (
        "import os, sys, signal, time\n"
        "from pathlib import Path\n"
        "from memagent.models.vllm.launch import ServerProcess\n"
        f"folder = Path({str(folder)!r})\n"
        "process = ServerProcess([str(folder / 'vllm')], {}, folder / 'log')\n"
        "while not (folder / 'pids').exists(): process.ended(0.01)\n"
        "print(process._watchdog.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert outcome.returncode == -signal.SIGKILL
    watchdog = int(outcome.stdout)
    while alive(watchdog):  # it ends only when the server has
        time.sleep(0.01)
    assert not any(alive(process) for process in pids(folder))


def test_ctrl_c_while_it_starts_stops_it(
    served_from: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = served_from()

    def interrupted(url: str) -> bool:
        if (folder / "pids").exists():
            raise KeyboardInterrupt
        return False

    monkeypatch.setattr(launch, "healthy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        launch.start(OPTIONS, log=tmp_path / "log")
    assert not any(alive(process) for process in pids(folder))


def test_a_failed_start_tells_the_end_of_the_log_and_the_cause(
    served_from: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served_from("engine.kill(); raise SystemExit('torch.OutOfMemoryError: CUDA out of memory.')")
    monkeypatch.setattr(launch, "healthy", lambda url: False)
    with pytest.raises(ServerFailed, match="did not start: it has too little memory") as caught:
        launch.start(OPTIONS, log=tmp_path / "log")
    assert caught.value.tail == [
        "Loading weights",
        "torch.OutOfMemoryError: CUDA out of memory.",
    ]
    assert str(tmp_path / "log") in str(caught.value)


def test_a_start_that_takes_too_long_is_given_up(
    served_from: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = served_from()
    monkeypatch.setattr(launch, "healthy", lambda url: False)
    told: list[str] = []

    def progress(seconds: float, line: str) -> None:
        told.append(line)

    monkeypatch.setattr(launch, "POLL_SECONDS", 0.01)
    clock = iter(range(0, 10**9, 10))

    def seconds() -> float:
        return float(next(clock)) if (folder / "pids").exists() else 0.0

    monkeypatch.setattr(launch, "time", type("Clock", (), {"monotonic": staticmethod(seconds)}))
    with pytest.raises(ServerFailed, match="not ready after 60 s: allow more with --timeout"):
        launch.start(OPTIONS, log=tmp_path / "log", timeout=60, progress=progress)
    assert "Loading weights" in told


def test_a_port_that_is_taken_is_told_before_anything_is_started(
    served_from: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served_from()
    monkeypatch.setattr(launch, "port_free", lambda options: False)
    with pytest.raises(ModelUnavailable, match=r"port 8000 of 127\.0\.0\.1 is taken"):
        launch.start(OPTIONS, log=tmp_path / "log")
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize(
    ("line", "code", "sentence"),
    [
        ("RuntimeError: Failed to infer device type, please set", 1, "found no GPU"),
        ("RuntimeError: No CUDA GPUs are available", 1, "found no GPU"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to", 1, "too little memory"),
        ("ValueError: No available memory for the cache blocks.", 1, "too little memory"),
        ("OSError: [Errno 98] Address already in use", 1, "the port is taken"),
        ("OSError: x/y is not a local folder and is not a valid model identifier", 1, "no such"),
        ("Invalid repository ID or local directory specified: 'x'", 1, "no such model"),
        ("error: unrecognized arguments: --no-such-flag 3", 2, "the flag --no-such-flag 3"),
        ("huggingface_hub.errors.GatedRepoError: 401 Client Error", 1, "wants you to log in"),
        ("requests.exceptions.ConnectionError: MaxRetryError", 1, "hub cannot be reached"),
        ("huggingface_hub.errors.HFValidationError: Repo id must be", 1, "no such model"),
        ("  Value error, User-specified max_model_len (99) is greater than", 1, "--context is"),
        ("  Value error, Sizes do not fit. More of it", 1, "Sizes do not fit"),
        ("KeyError: 'invalid tool call parser: nope (chose from {", 1, "this tool parser"),
        ("nothing that is known", 137, "ran out of memory"),
        ("WARNING one\nValueError: block_size must be 16\nBye", 1, "ValueError: block_size must"),
        ("nothing that is known", 3, "exit code 3"),
        ("nothing that is known", 0, "asked to end"),
    ],
)
def test_the_end_of_a_log_tells_the_likely_cause(line: str, code: int, sentence: str) -> None:
    assert sentence in cause(["INFO all is well", *line.splitlines()], code)


def test_what_libraries_say_at_their_end_does_not_hide_the_cause(tmp_path: Path) -> None:
    text = "ValueError: broken\\n\\nnanobind: leaked 4 instances!\\n - leaked type \\'x\\'\\n"
    process = ServerProcess([sys.executable, "-c", f"print('{text}')"], {}, tmp_path / "log")
    assert process.ended(30)
    assert process.tail() == ["ValueError: broken"]
    process.stop()


def models_at(
    monkeypatch: pytest.MonkeyPatch, status: int, body: Any, asked: list[str] | None = None
) -> None:
    """Let every URL answer so when it is asked for its models."""

    def answer(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(f"{request.url} {request.headers.get('Authorization', '')}".strip())
        return httpx.Response(status, json=body)

    answer_by(monkeypatch, answer)


def answer_by(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[httpx.Request], httpx.Response]
) -> None:
    """Let a function answer the requests of every HTTP client."""
    transport = httpx.MockTransport(answer)
    monkeypatch.setattr(
        http, "client", lambda address, **options: httpx.Client(transport=transport, **options)
    )


def test_a_running_server_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_ready", {})
    asked: list[str] = []
    rows = {"data": [{"id": "short", "root": "acme/Qwen3-8B"}]}
    models_at(monkeypatch, 200, rows, asked)
    served = connect_or_start("acme/Qwen3-8B", port=8100, api_key="k")
    assert served == RunningServer("http://127.0.0.1:8100/v1", "short")
    assert asked == ["http://127.0.0.1:8100/v1/models Bearer k"]
    served.stop()
    assert connect_or_start("acme/Qwen3-8B", port=8100, api_key="k") is served
    monkeypatch.setenv("MEMAGENT_VLLM_URL", "http://gpu:8000/v1")
    assert connect_or_start("short", port=8200).url == "http://gpu:8000/v1"


@pytest.mark.parametrize(
    ("status", "body", "complaint"),
    [
        (200, {"data": [{"id": "other"}]}, "serves other, not mine"),
        (200, {"data": []}, "serves nothing, not mine"),
        (401, {}, "wants another key"),
        (404, {}, "no OpenAI-style server"),
        (200, ["what"], "no OpenAI-style server"),
    ],
)
def test_another_server_in_the_place_is_told(
    monkeypatch: pytest.MonkeyPatch, status: int, body: Any, complaint: str
) -> None:
    monkeypatch.setattr(launch, "_ready", {})
    models_at(monkeypatch, status, body)
    with pytest.raises(ModelUnavailable, match=complaint):
        connect_or_start("mine")


def nobody(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def test_where_none_runs_one_is_started_once_and_again_when_it_died(
    served_from: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = served_from()
    answer_by(monkeypatch, nobody)
    first = connect_or_start("acme/Qwen3-8B")
    assert capsys.readouterr().err.startswith("memagent: starting vLLM with acme/Qwen3-8B; its log")
    others: list[RunningServer] = []
    threads = [
        threading.Thread(target=lambda: others.append(connect_or_start("acme/Qwen3-8B")))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert others == [first] * 4
    first.stop()
    (folder / "pids").unlink()
    second = connect_or_start("acme/Qwen3-8B")
    assert second is not first
    second.stop()


def test_a_server_that_the_settings_name_is_never_started_here(
    served_from: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = served_from()
    answer_by(monkeypatch, nobody)
    monkeypatch.setenv("MEMAGENT_VLLM_URL", "http://gpu:8000/v1")
    with pytest.raises(ModelUnavailable, match="no server answers at http://gpu:8000/v1"):
        connect_or_start("acme/Qwen3-8B")
    assert not (folder / "pids").exists()


def test_a_forked_child_that_ends_leaves_the_server_to_its_parent(served_from: Any) -> None:
    folder = served_from()
    served = launch.start(OPTIONS, log=folder / "log")
    try:

        def act() -> str:
            served.stop()
            atexit._run_exitfuncs()
            return str(launch._ready)

        assert in_child(act) == "{}"
        assert served.process is not None
        assert served.process.code is None
        assert all(alive(process) for process in pids(folder))
    finally:
        served.stop()


def test_a_child_does_not_keep_the_server_of_a_parent_that_is_killed(served_from: Any) -> None:
    folder = served_from()
    reading, writing = os.pipe()

    def parent(_: Callable[[], None]) -> None:
        launch.start(OPTIONS, log=folder / "log")
        if os.fork() == 0:
            os.write(writing, b"x")
            signal.alarm(60)
            signal.pause()
        os.read(reading, 1)
        os.kill(os.getpid(), signal.SIGKILL)

    killed = Child(parent)
    os.waitpid(killed.pid, 0)
    end = time.monotonic() + 30
    while any(alive(process) for process in pids(folder)):
        assert time.monotonic() < end
        time.sleep(0.01)
