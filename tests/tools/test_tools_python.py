import platform
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from memagent.errors import SandboxUnavailable
from memagent.tools import python
from memagent.tools.execute import run_tool
from memagent.tools.python import Limits, python_tool, require_sandbox, run_python

in_sandbox = pytest.mark.usefixtures("sandbox")
LISTENER = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    while True:
        server.accept()[0].close()
"""
CONNECT = """
import socket
socket.create_connection(("127.0.0.1", {port}), 10).close()
print("connected")
"""
ORPHAN = """
import subprocess, sys
program = "import time; print('up', flush=True); time.sleep(3600)"
child = subprocess.Popen(
    [sys.executable, "-c", program, "{mark}"], start_new_session=True,
    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
)
child.stdout.readline()
print("started", flush=True)
"""


@pytest.fixture
def sandbox() -> None:
    try:
        require_sandbox()
    except SandboxUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(params=["sandboxed", "not sandboxed"])
def sandboxed(request: pytest.FixtureRequest) -> bool:
    """The limits hold in the sandbox and outside of it."""
    if request.param == "sandboxed":
        request.getfixturevalue("sandbox")
    return bool(request.param == "sandboxed")


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a listener on the loopback of this machine, in a process of its own."""
    with subprocess.Popen([sys.executable, "-c", LISTENER], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.kill()


def running(mark: str) -> bool:
    """Whether a process of this machine has the mark in its command line."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in file.read_bytes():
                return True
        except OSError:
            continue
    return False


def gone(mark: str) -> bool:
    """Wait until no such process is left; the kernel ends them after the call has returned."""
    patience = threading.Event()
    return any(not running(mark) or patience.wait(0.05) for _ in range(400))


@in_sandbox
def test_the_output_and_the_last_expression_are_told() -> None:
    assert run_python("print('é')\nx = 6\nx * 7").output == "é\n42\n"
    assert run_python("import math; math.factorial(20)").output == "2432902008176640000\n"
    assert run_python("None").output == ""


@in_sandbox
def test_a_failure_is_told_with_the_code_s_own_traceback() -> None:
    ran = run_python("def half(x):\n    return 1 / x\nhalf(0)")
    assert ran.problem == "failed with exit status 1"
    assert ran.output.splitlines() == [
        "Traceback (most recent call last):",
        '  File "<code>", line 3, in <module>',
        "    half(0)",
        '  File "<code>", line 2, in half',
        "    return 1 / x",
        "           ~~^~~",
        "ZeroDivisionError: division by zero",
    ]
    assert "SyntaxError" in run_python("def (").output
    assert run_python("raise SystemExit(3)").problem == "failed with exit status 3"
    assert "EOFError" in run_python("input()").output


@in_sandbox
def test_there_is_no_network_not_even_the_loopback(port: int) -> None:
    ran = run_python(CONNECT.format(port=port))
    assert ran.problem is not None
    assert "Operation not permitted" in ran.output
    assert run_python(CONNECT.format(port=port), sandboxed=False).output == "connected\n"


@in_sandbox
def test_files_outside_are_neither_seen_nor_written(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("1234")
    for path in (tmp_path, Path(__file__), Path("/etc/passwd"), Path("/proc/self")):
        assert path.exists()
        assert run_python(f"import os; os.path.exists({str(path)!r})").output == "False\n"
    assert "FileNotFoundError" in run_python(f"open({str(tmp_path / 'secret')!r})").output
    for place in ("/usr/x", f"{sys.base_prefix}/x"):
        assert "Read-only file system" in run_python(f"open({place!r}, 'w')").output
    assert list(tmp_path.iterdir()) == [tmp_path / "secret"]


@in_sandbox
def test_files_are_written_to_a_folder_that_is_gone_afterwards() -> None:
    ran = run_python("open('a', 'w').write('x')\nimport os\nprint(os.getcwd(), os.listdir())")
    assert ran.output == "/work ['a']\n"
    assert run_python("import os; os.listdir()").output == "[]\n"


@in_sandbox
def test_the_disk_is_bounded_in_all() -> None:
    code = "for n in range(9):\n    open(str(n), 'wb').write(bytes(2**19))"
    assert run_python(code, limits=Limits(disk=2**23)).problem is None
    full = run_python(code, limits=Limits(disk=2**21))
    assert "No space left on device" in full.output


@in_sandbox
def test_the_environment_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMAGENT_API_KEY", "1234")
    assert run_python("import os; print(dict(os.environ))").output == "{}\n"
    assert run_python("import os; print(dict(os.environ))", sandboxed=False).output == "{}\n"


@in_sandbox
def test_no_package_is_there_but_the_standard_library() -> None:
    assert "ModuleNotFoundError" in run_python("import numpy").output
    assert "ModuleNotFoundError" in run_python("import memagent").output


@in_sandbox
def test_the_sandbox_and_the_limits_cannot_be_lifted() -> None:
    mount = "import subprocess; subprocess.run(['mount', '-o', 'remount,bind,rw', '/usr'])"
    assert "must be superuser" in run_python(mount).output
    lift = "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1))"
    assert "not allowed to raise" in run_python(lift).output


@in_sandbox
@pytest.mark.parametrize("ending", ["", "while True: print('x' * 10000)"])
def test_no_process_is_left_behind(ending: str, tmp_path: Path) -> None:
    mark = f"orphan-{tmp_path}"
    ran = run_python(ORPHAN.format(mark=mark) + ending)
    assert ran.output.startswith("started"), ran
    assert gone(mark)


@in_sandbox
def test_the_tool_tells_output_and_problems() -> None:
    tool = python_tool()
    assert tool.description.count(".") == 1
    assert run_tool(tool, {"code": "6 * 7"}).text == "42\n"
    assert run_tool(tool, {"code": "x = 1"}).text == "it ran, and printed nothing"
    seen = run_tool(tool, {"code": "print(1)\n1 / 0"})
    assert seen.error
    assert seen.text.startswith("failed with exit status 1\n1\nTraceback")


def test_an_endless_loop_is_stopped_by_its_cpu_time(sandboxed: bool) -> None:
    ran = run_python(
        "while True: pass", limits=Limits(cpu_seconds=1, seconds=60), sandboxed=sandboxed
    )
    assert ran.problem == "stopped: it used up its CPU time or its memory"


def test_memory_is_bounded(sandboxed: bool) -> None:
    ran = run_python("x = bytearray(2**32)", sandboxed=sandboxed)
    assert ran.problem == "failed with exit status 1"
    assert "MemoryError" in ran.output


def test_a_flood_of_output_is_cut(sandboxed: bool) -> None:
    ran = run_python("while True: print('x' * 999)", limits=Limits(output=100), sandboxed=sandboxed)
    assert ran.problem == "stopped: it printed more than 100 characters"
    assert ran.output == "x" * 100


def test_waiting_is_bounded(sandboxed: bool) -> None:
    for code in (
        "import time; time.sleep(3600)",
        "import os, time; os.close(1); os.close(2); time.sleep(3600)",
    ):
        ran = run_python(code, limits=Limits(seconds=0.5), sandboxed=sandboxed)
        assert ran.problem == "stopped: not done after 0.5 seconds"


def test_a_file_is_bounded(sandboxed: bool) -> None:
    ran = run_python(
        "open('a', 'wb').write(bytes(2**21))", limits=Limits(disk=2**20), sandboxed=sandboxed
    )
    assert "OSError" in ran.output
    assert ran.problem is not None


def test_the_folder_is_a_fresh_one(sandboxed: bool) -> None:
    leave = "import os; print(os.listdir()); open('a', 'w').close()"
    assert run_python(leave, sandboxed=sandboxed).output == "[]\n"
    assert run_python(leave, sandboxed=sandboxed).output == "[]\n"


def test_outside_the_sandbox_the_group_is_stopped(tmp_path: Path) -> None:
    mark = f"orphan-{tmp_path}"
    code = ORPHAN.format(mark=mark).replace("start_new_session=True", "start_new_session=False")
    assert run_python(code, sandboxed=False).output == "started\n"
    assert gone(mark)


def test_where_no_sandbox_can_be_built_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python, "_walls", lambda: (None, "it is not Linux"))
    for refused in (python_tool, lambda: run_python("1")):
        with pytest.raises(SandboxUnavailable, match="it is not Linux"):
            refused()
    assert run_tool(python_tool(sandboxed=False), {"code": "1 + 1"}).text == "2\n"


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    walls = python._walls.__wrapped__
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert walls() == (None, "there is no filter of system calls for riscv64")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert walls() == (None, "it is not Linux")
