"""Log messages of the stores: silent by default, and told where a cache is rebuilt or given up."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from memagent import Memory
from memagent.stores.index.embedding_cache import FILE_NAME
from memagent.testing import HashEmbedder


def messages(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_a_damaged_cache_that_is_made_anew_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder(), scope="ada") as memory:
        memory.add("tea")
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 100)
    caplog.set_level(logging.INFO, logger="memagent")
    with Memory.open(tmp_path, embedder=HashEmbedder(), scope="ada") as memory:
        memory.add("coffee")
        assert memory.search("tea")
    found = messages(caplog)
    assert ("WARNING", "the embedding cache is damaged and made anew: DatabaseError") in found
    assert any(text.startswith("building the index of u1") for _, text in found)
    assert not any("tea" in text or "coffee" in text for _, text in found)


def test_nothing_is_printed_where_nobody_asked_for_logs(tmp_path: Path) -> None:
    code = (
        "from memagent import Memory; from memagent.testing import HashEmbedder; import sys\n"
        f"memory = Memory.open({str(tmp_path)!r}, embedder=HashEmbedder(), scope='ada')\n"
        "memory.add('tea', metadata={'n': 1}); memory.add('tea', metadata={'n': 2})\n"
        "memory.search('tea')\n"
    )
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")
