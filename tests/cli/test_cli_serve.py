import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from memagent.errors import ModelUnavailable
from memagent.models.vllm import command as vllm
from memagent.models.vllm import launch
from memagent.models.vllm.command import ServeOptions
from memagent.models.vllm.launch import RunningServer, ServerFailed

Command = Callable[..., tuple[int, str, str]]
SERVER = """#!{python}
import http.server, os, pathlib, subprocess, sys
folder = pathlib.Path({folder!r})
engine = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Healthy)
(folder / "pids").write_text(f"{{os.getpid()}} {{engine.pid}}")
server.serve_forever()
"""


@pytest.fixture
def _no_vllm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(vllm, "_of", lambda python: None)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[ServeOptions]:
    """Start nothing, and keep what was to be started."""
    asked: list[ServeOptions] = []

    def start(options: ServeOptions, **_: object) -> RunningServer:
        asked.append(options)
        return RunningServer(options.url, options.served_name)

    monkeypatch.setattr(launch, "start", start)
    return asked


@pytest.mark.usefixtures("_no_vllm")
def test_a_dry_run_prints_the_command_without_vllm_and_without_the_key(
    memagent: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMAGENT_API_KEY", "secret")
    code, out, err = memagent(
        "serve-model", "Qwen/Qwen3-8B", "--tensor-parallel", "2", "--dry-run", "--", "--seed", "1"
    )
    assert code == 0
    assert "vLLM is not installed" in err
    assert " VLLM_NO_USAGE_STATS=1 " in f" {out.partition('vllm serve')[0]}"
    assert " vllm serve Qwen/Qwen3-8B --served-model-name Qwen/Qwen3-8B " in out
    assert "--tensor-parallel-size 2" in out
    assert out.endswith("--seed 1\n")
    assert "secret" not in out + err


@pytest.mark.usefixtures("_no_vllm")
def test_without_vllm_it_is_one_clear_line(memagent: Command) -> None:
    code, out, err = memagent("serve-model", "Qwen/Qwen3-8B")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("memagent: vLLM is not installed: pip install")


def test_the_options_reach_the_server(memagent: Command, started: list[ServeOptions]) -> None:
    code, out, err = memagent(
        *("serve-model", "m", "--name", "n", "--host", "0.0.0.0", "--port", "9000", "--ray"),
        *("--gpu-memory", "0.5", "--data-parallel", "2", "--context", "4096"),
        *("--tool-parser", "none", "--", "--seed", "1"),
    )
    assert code == 0
    assert out == "n is ready at http://127.0.0.1:9000/v1\n"
    assert "no api_key is set" in err
    (asked,) = started
    assert asked == ServeOptions(
        model="m",
        name="n",
        host="0.0.0.0",
        port=9000,
        gpu_memory=0.5,
        data_parallel=2,
        ray=True,
        context=4096,
        tool_parser="none",
        extra=("--seed", "1"),
    )


def test_the_log_s_last_line_is_shown_as_it_is(
    memagent: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(options: ServeOptions, *, progress: launch.Progress, **_: object) -> RunningServer:
        progress(1.0, "Route: [/v1/models] [bold")
        return RunningServer(options.url, options.served_name)

    monkeypatch.setattr(launch, "start", start)
    code, out, err = memagent("serve-model", "m")
    assert (code, out) == (0, "m is ready at http://127.0.0.1:8000/v1\n")
    assert err.startswith("starting vLLM with m\n")


def test_a_failure_shows_the_end_of_the_log_and_then_the_cause(
    memagent: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> RunningServer:
        raise ServerFailed("vLLM did not start: the port is taken", ["one", "two"])

    monkeypatch.setattr(launch, "start", fail)
    code, out, err = memagent("serve-model", "m")
    assert (code, out) == (1, "")
    assert err.endswith("one\ntwo\nmemagent: vLLM did not start: the port is taken\n")


def test_vllm_of_a_python_that_is_none_is_told(memagent: Command, tmp_path: Path) -> None:
    code, _, err = memagent("serve-model", "m", "--python", str(tmp_path / "python"), "--dry-run")
    assert code == 0
    assert "does not run as a Python" in err
    with pytest.raises(ModelUnavailable):
        vllm.find(tmp_path / "python")


@pytest.mark.wire
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_the_server_and_all_it_started(
    how: signal.Signals, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    # A shell that puts a job in the background has it ignore Ctrl-C, and its children too.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    script = tmp_path / "vllm"
    script.write_text(SERVER.format(python=sys.executable, folder=str(tmp_path)))
    script.chmod(0o755)
    port = _free_port()
    environment = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "MEMAGENT_HOME": str(tmp_path / "home"),
        "HOME": str(tmp_path),
    }
    command = [sys.executable, "-m", "memagent", "serve-model", "m", "--port", str(port)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as serving_one:
        assert serving_one.stdout
        assert serving_one.stdout.readline() == f"m is ready at http://127.0.0.1:{port}/v1\n"
        serving_one.send_signal(how)
        _, err = serving_one.communicate(timeout=60)
    assert serving_one.returncode == 130, err
    assert "Traceback" not in err
    left = (tmp_path / "pids").read_text().replace(" ", ",")
    told = subprocess.run(["ps", "-o", "stat=", "-p", left], capture_output=True, text=True)
    assert all(status.startswith("Z") for status in told.stdout.split())


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
