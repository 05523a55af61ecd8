"""Time until memagent is ready: medians of fresh processes.

    python bench/startup.py [--repeats 7]

`chat` is `memagent chat` with /quit as its only line: it leaves when the embedder, the memory and
the embedded model are ready. `import torch` is what no program that embeds can do without; it and
the processor's seconds help to read the figures on a machine that does other things as well.
"""

import argparse
import os
import pty
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STOCK = (
    "from sentence_transformers import SentenceTransformer; from memagent.config import"
    " load_settings; from memagent.models.weights import MINILM, locate;"
    " SentenceTransformer(str(locate("
    "MINILM, load_settings().home / 'models')), device='cpu', local_files_only=True)"
    ".encode('ready')"
)
OURS = "from memagent import open_embedder; open_embedder('all-MiniLM-L6-v2').embed_query('ready')"
MEMAGENT = [sys.executable, "-m", "memagent"]
CASES = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import memagent": [sys.executable, "-c", "import memagent"],
    "memagent --help": [*MEMAGENT, "--help"],
    "import torch": [sys.executable, "-c", "import torch"],
    "embed, stock": [sys.executable, "-c", STOCK],
    "embed, memagent": [sys.executable, "-c", OURS],
    "chat": [*MEMAGENT, "chat"],
}


def spent(command: list[str], home: str) -> tuple[float, float]:
    """Return the wall-clock and processor seconds of one fresh process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(
        command,
        input="/quit\n",
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"MEMAGENT_HOME": home},
    )
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def at_a_terminal(home: str) -> tuple[float, float]:
    """Return the seconds until `memagent chat` shows its prompt, and until it has answered.

    The question is typed the moment that the prompt is there.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["MEMAGENT_HOME"] = home
        os.execv(MEMAGENT[0], [*MEMAGENT, "chat"])
    started, shown, seen = time.perf_counter(), 0.0, b""
    while True:
        seen += os.read(terminal, 65_536)
        if b"\x1b[6n" in seen:  # prompt_toolkit asks where the cursor is
            seen = seen.replace(b"\x1b[6n", b"")
            os.write(terminal, b"\x1b[1;1R")
        if not shown and b">" in seen:
            shown, seen = time.perf_counter() - started, b""
            os.write(terminal, b"What is tea?\r")
        if shown and b"memories" in seen:  # the status line of an answer
            break
    answered = time.perf_counter() - started
    os.write(terminal, b"\x04")
    os.waitpid(pid, 0)
    os.close(terminal)
    return shown, answered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in CASES}
    prompts: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="memagent-") as folder:
        home = str(Path(folder) / "home")
        for command in CASES.values():  # warms the disk, and lets the precision be chosen
            spent(command, home)
        for _ in range(repeats):
            for name, command in CASES.items():
                found[name].append(spent(command, home))
            prompts.append(at_a_terminal(home))
    print(f"{repeats} repeats, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors\n")
    print("| what | seconds | range | processor seconds |\n|---|---|---|---|")
    for name, rows in found.items():
        wall = [one for one, _ in rows]
        processor = statistics.median(one for _, one in rows)
        print(
            f"| `{name}` | {statistics.median(wall):.2f} | {min(wall):.2f}-{max(wall):.2f}"
            f" | {processor:.2f} |"
        )
    for name, seconds in zip(("prompt", "first answer"), zip(*prompts, strict=True), strict=True):
        middle, least, most = statistics.median(seconds), min(seconds), max(seconds)
        print(f"| `chat` at a terminal, {name} | {middle:.2f} | {least:.2f}-{most:.2f} | - |")


if __name__ == "__main__":
    main()
