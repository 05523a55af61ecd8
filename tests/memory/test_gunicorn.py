"""Workers of gunicorn that are forked off an application that has opened its memory already."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from memagent import Memory
from memagent.testing import HashEmbedder

pytest.importorskip("gunicorn")
pytestmark = pytest.mark.wire
HELPERS = Path(__file__).parent.parent / "helpers"


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[str]:
    command = [sys.executable, "-m", "gunicorn", "--preload", "--bind", "127.0.0.1:0", *options]
    command += ["--pythonpath", str(HELPERS), "--no-control-socket", "preloaded:app"]
    environment = os.environ | {"PRELOADED_FOLDER": str(folder)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stderr is not None
        for line in server.stderr:
            if found := re.search(r"Listening at: (\S+)", line):
                break
        else:
            pytest.fail("gunicorn did not start")
        try:
            yield found[1]
        finally:
            server.send_signal(signal.SIGTERM)
            _, said = server.communicate(timeout=60)
        assert server.returncode == 0
        assert "Traceback" not in said


def test_preloaded_workers_keep_and_find_what_they_acknowledge(tmp_path: Path) -> None:
    workers = set[str]()

    def ask(number: int) -> str:
        text = f"request {number}"
        process, _, found = client.get(f"{url}/{quote(text)}").text.partition(" ")
        workers.add(process)
        assert found == text
        return text

    with (
        serving(tmp_path, "--workers", "2", "--threads", "4") as url,
        httpx.Client(trust_env=False, timeout=60) as client,
        ThreadPoolExecutor(4) as pool,
    ):
        texts = list(pool.map(ask, range(30)))
        os.kill(int(next(iter(workers))), signal.SIGKILL)  # gunicorn forks another
        for number in range(30, 60):
            try:
                texts.append(ask(number))
            except httpx.HTTPError:  # it was the killed worker's
                continue
    assert len(workers) >= 2
    with Memory.open(tmp_path, embedder=HashEmbedder(), scope="ada") as memory:
        assert memory.maintenance.verify() == ()
        assert {"before the workers", *texts} <= {record.text for record in memory.list(limit=200)}
