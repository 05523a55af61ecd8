"""The guide shows the chat as it is: a real one, in a pseudo-terminal, with a scripted model."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / ".ci" / "transcripts.py"


def test_the_guide_shows_what_the_chat_shows() -> None:
    run = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
