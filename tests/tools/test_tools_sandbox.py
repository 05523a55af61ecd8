import json
import os
import platform
import stat
import sys
from pathlib import Path

import pytest

from memagent.errors import SandboxUnavailable
from memagent.tools import python
from memagent.tools.python import Limits, run_python

ESCAPES = Path(__file__).with_name("escapes.py").read_text()
SPENT = "stopped: it used up its CPU time or its memory"
EAT = """
import os, time
os.close(1), os.close(2)
for _ in range(8):
    if os.fork() == 0:
        held = bytearray(b"x" * (30 * 2**20))
        time.sleep(20)
time.sleep(20)
"""
BOMB = """
import os, time
started = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(20)
        started += 1
except BlockingIOError:
    print("started", started)
"""


@pytest.fixture(params=["bubblewrap", "namespaces"])
def walls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to build the sandbox; one that this machine has not is skipped."""
    if sys.platform != "linux":
        pytest.skip("not Linux")
    monkeypatch.setattr(python, "require_sandbox", lambda: request.param)
    probe = run_python("print('sandboxed')")
    if probe.output != "sandboxed\n":
        pytest.skip(f"{request.param}: {probe.output.strip()}")
    return str(request.param)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of calls are x86_64's")
def test_no_attempt_gets_through(walls: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("1234")
    mode = Path("/dev/null").stat().st_mode
    code = ESCAPES.replace("@PARENT@", str(os.getpid()))
    code = code.replace("@FOREIGN@", str(tmp_path / "secret"))
    ran = run_python(code, limits=Limits(output=100_000))
    assert ran.problem is None, ran.output
    outcome = json.loads(ran.output)
    assert outcome["tried"] > 170
    assert outcome["got through"] == {}
    assert Path("/dev/null").stat().st_mode == mode


def test_the_code_is_nobody_of_this_machine(walls: str) -> None:
    user = int(run_python("import os; os.getuid()").output)
    assert user not in (0, os.getuid())


def test_what_python_needs_works(walls: str) -> None:
    code = """
import asyncio, pathlib, queue, shutil, sqlite3, subprocess, sys, tempfile, threading, time

async def slept():
    await asyncio.sleep(0.001)
    return "asyncio"

print(asyncio.run(slept()))
thread = threading.Thread(target=lambda: print("threads"))
thread.start(); thread.join()
done = subprocess.run([sys.executable, "-c", "print('children')"], capture_output=True, text=True)
print(done.stdout, end="")
subprocess.run(["/bin/sh", "-c", "echo no >/dev/null"], check=True, stdin=subprocess.DEVNULL)
with tempfile.TemporaryDirectory(dir=".") as folder:
    file = pathlib.Path(folder, "a"); file.write_text("x"); shutil.copy2(file, f"{folder}/b")
with sqlite3.connect("store") as store:
    store.execute("create table a (b)"); store.execute("insert into a values (1)")
print(*store.execute("select * from a").fetchone())
"""
    assert run_python(code).output == "asyncio\nthreads\nchildren\n1\n"


def test_processes_are_bounded(walls: str) -> None:
    ran = run_python(BOMB, limits=Limits(processes=8))
    assert "started" in ran.output
    assert all(int(line.split()[1]) < 8 for line in ran.output.splitlines())


def test_the_memory_of_all_processes_is_bounded_together(walls: str) -> None:
    ran = run_python(EAT, limits=Limits(memory=128 * 2**20))
    assert ran.problem == SPENT


def test_a_slow_trickle_of_output_is_stopped_in_time(walls: str) -> None:
    code = "import time\nwhile True:\n    print(end='x', flush=True)\n    time.sleep(0.001)"
    ran = run_python(code, limits=Limits(seconds=0.5))
    assert ran.problem == "stopped: not done after 0.5 seconds"


def test_output_of_any_bytes_is_text(walls: str) -> None:
    ran = run_python("import os; os.write(1, bytes(range(256)))")
    assert ran.problem is None
    assert ran.output.encode()


@pytest.mark.skipif(sys.platform != "linux", reason="not Linux")
def test_without_bubblewrap_the_child_makes_the_namespaces(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(python, "_PATH", str(tmp_path))
    walls, reason = python._walls.__wrapped__()
    assert walls == "namespaces" or "apt-get install bubblewrap" in reason
    assert "\n" not in reason


@pytest.mark.skipif(sys.platform != "linux", reason="not Linux")
def test_where_the_kernel_refuses_nothing_is_run_and_the_reason_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace'\nexit 1\n")
    broken.chmod(stat.S_IRWXU)
    monkeypatch.setattr(python, "_PATH", str(tmp_path))
    text = python._CHILD.read_text()
    child = tmp_path / "child.py"
    child.write_text(text.replace('call("unshare", ', 'raise OSError(1, "unshare: no"); ('))
    monkeypatch.setattr(python, "_CHILD", child)
    monkeypatch.setattr(python, "_walls", python._walls.__wrapped__)
    with pytest.raises(SandboxUnavailable) as caught:
        run_python("print(1)")
    assert "No permissions to create new namespace" in str(caught.value)
    assert "unshare: no" in str(caught.value)
    assert "\n" not in str(caught.value)
