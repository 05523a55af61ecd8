"""Transcripts in the guide of a real chat in a pseudo-terminal, with a scripted model.

    python .ci/transcripts.py           compare the page with what the chat shows today
    python .ci/transcripts.py --write   write it into the page

The chat is the program as it is, but for the shipped fake embedder and ids that count. Times and
ports are masked. Each block of the page that follows `<!-- transcript NAME -->` is one scene.
"""

import argparse
import difflib
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from threading import Event
from typing import Any

import pexpect
import pyte

from memagent.testing import Hang, Say, StubServer
from memagent.testing.stub_wire import Action

PAGE = Path(__file__).parent.parent / "docs" / "guide" / "chat.md"
BLOCK = re.compile(r"(<!-- transcript (\S+) -->\n```text\n)(.*?)(```)", re.DOTALL)
ROWS = 300
"""Rows of the terminal: so many that nothing scrolls off."""
SECONDS = 60.0
"""Seconds that the chat may take to show what is waited for."""
MASKS = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d"), "2026-05-01 14:30"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:8000"),
    (re.compile(r"\d+ tokens/s"), "25 tokens/s"),
    (re.compile("[\u2801-\u28ff]"), "⠋"),
    (re.compile(r"^memagent \d\S*"), "memagent 1.0"),
)
CHILD = """
import itertools, sys
from memagent.memory import engine
from memagent.stores.banks import episodic
from memagent.testing import HashEmbedder

numbers = itertools.count(int(sys.argv[1]))
episodic.uuid7 = lambda: f"{next(numbers):08x}-0000-7000-8000-000000000000"
engine.open_embedder = lambda _: HashEmbedder()
sys.argv = ["memagent", *sys.argv[2:]]
from memagent.__main__ import main

main()
"""
"""Program of a chat whose ids and vectors are the same at every run."""
MODEL = "stub-model"
FACT = "Hello, I am Ada, and my sister Lena lives in Graz."
QUESTION = "Where does Lena live?"
STORY = "Tell me a long story about the sea."
CHINESE = "Say hello to me in Chinese."
REPLIES: dict[str, Action] = {
    FACT: Say(
        "Nice to meet you, Ada! Graz is a fine place for your sister to live: the old town is on"
        " the list of the world's heritage, and the hills are near."
    ),
    QUESTION: Say("In Graz, as you said."),
    STORY: Hang(text="Once upon a time there were seven ships, and each of them "),
    CHINESE: Say("你好，艾达！你的妹妹莉娜住在格拉茨（奥地利）。祝你今天过得愉快！😀"),
}
"""Replies by what is said."""


class Terminal:
    """Chat in a pseudo-terminal of some columns, and the screen that it draws."""

    def __init__(self, home: Path, url: str, columns: int, first_id: int, *options: str) -> None:
        self._screen = pyte.Screen(columns, ROWS)
        self._stream = pyte.Stream(self._screen)
        self._child: Any = pexpect.spawn(
            sys.executable,
            ["-c", CHILD, str(first_id), "chat", "--model", url, "--user", "ada", *options],
            env=_environment(home),
            cwd=str(home),
            dimensions=(ROWS, columns),
            encoding="utf-8",
            echo=False,
        )
        self._screen.write_process_input = self._child.send  # it answers where the cursor is
        self._taken = 0

    def type(self, text: str) -> None:
        """Type a text, with control characters for keys."""
        self._child.send(text)

    def wait(self, text: str) -> None:
        """Wait until a text stands on the screen, below what was taken before."""
        self._wait(lambda: any(text in line for line in self._lines()), repr(text))

    def wait_for_prompt(self) -> None:
        """Wait until the chat waits for a line, with its status below."""
        self._wait(self._at_prompt, "a prompt")

    def wait_for_end(self) -> None:
        """Wait until the chat has ended."""
        self._stream.feed(self._child.read())

    def taken(self) -> list[str]:
        """Return the lines that are new on the screen, with one blank line for several."""
        lines = self._lines()
        self._taken += max(self._screen.cursor.y - self._taken, 0)
        return [
            line
            for place, line in enumerate(lines)
            if line or (0 < place < len(lines) - 1 and lines[place - 1])
        ]

    def close(self) -> None:
        """End the chat."""
        self._child.close(force=True)

    def _wait(self, shown: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + SECONDS
        while not shown():
            if time.monotonic() > end:
                raise SystemExit("\n".join([f"the chat does not show {what}:", *self._lines()]))
            with suppress(pexpect.TIMEOUT):
                self._stream.feed(self._child.read_nonblocking(4096, timeout=0.2))

    def _at_prompt(self) -> bool:
        lines = self._lines()
        at = self._screen.cursor.y - self._taken
        return at < len(lines) and lines[at].startswith(">") and lines[-1].startswith(MODEL)

    def _lines(self) -> list[str]:
        lines = [line.rstrip() for line in self._screen.display[self._taken :]]
        while lines and not lines[-1]:
            lines.pop()
        return lines


def _environment(home: Path) -> dict[str, str]:
    kept = {"PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONPATH"}
    names = {"HOME": str(home), "TERM": "xterm-256color", "LANG": "C.UTF-8", "TZ": "UTC"}
    return {name: os.environ[name] for name in kept & os.environ.keys()} | names


def scenes(home: Path, url: str, may_answer: Event) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the scenes, by name, as lines."""
    with closing(Terminal(home, url, 80, 1)) as chat:
        chat.wait_for_prompt()
        for line, shown in ((FACT, "hills are near."), (QUESTION, "In Graz, as")):
            chat.type(f"{line}\r")
            chat.wait(shown)
            chat.wait_for_prompt()
        yield "first", chat.taken()
        for line, shown in (
            ("/why", "00000001"),
            ("/memories xylophones", "nothing that"),
            ("/sesions", "it as a text"),
        ):
            chat.type(f"{line}\r")
            chat.wait(shown)
            chat.wait_for_prompt()
        yield "commands", chat.taken()
        chat.type(f"{STORY}\r")
        chat.wait("thinking")
        yield "waiting", chat.taken()
        may_answer.set()
        chat.wait("each of them")
        chat.type("a short one, please")
        chat.type("\x03")
        chat.wait("> a short one, please")
        chat.wait_for_prompt()
        yield "stopped", chat.taken()
    with closing(Terminal(home, url, 40, 4096, "--continue")) as chat:
        chat.wait_for_prompt()
        for line, shown in ((CHINESE, "😀"), ("/sessions", "1* "), ("/help", "/quit")):
            chat.type(f"{line}\r")
            chat.wait(shown)
            chat.wait_for_prompt()
        chat.type("/quit\r")
        chat.wait_for_end()
        yield "narrow", chat.taken()


def masked(lines: Sequence[str]) -> str:
    """Return lines without what is another at every run."""
    text = ""
    for line in lines:
        for pattern, constant in MASKS:
            line = pattern.sub(constant, line)
        text += f"{line}\n"
    return text


def transcripts() -> dict[str, str]:
    """Return what the chat shows in each scene."""
    may_answer = Event()

    def reply(request: dict[str, Any]) -> Action:
        said = str(request["messages"][-1]["content"])
        if said.endswith(STORY):
            may_answer.wait(SECONDS)
        return next(action for words, action in REPLIES.items() if said.endswith(words))

    with tempfile.TemporaryDirectory() as folder, StubServer(reply, models=[MODEL]) as server:
        shown = scenes(Path(folder), server.url, may_answer)
        return {name: masked(lines) for name, lines in shown}


def page_with(page: str, shown: dict[str, str]) -> str:
    """Return a page with the scenes in their blocks.

    Raises:
        SystemExit: a scene has no block, or a block has no scene.
    """
    names = [match[2] for match in BLOCK.finditer(page)]
    if sorted(names) != sorted(shown):
        raise SystemExit(f"the page has the scenes {sorted(names)}, the script {sorted(shown)}")
    return BLOCK.sub(lambda match: f"{match[1]}{shown[match[2]]}{match[4]}", page)


def main() -> None:
    """Compare the page with the chat, or write it."""
    parser = argparse.ArgumentParser(description="Transcripts of the chat in the guide.")
    parser.add_argument("--write", action="store_true", help="write the page anew")
    write = parser.parse_args().write
    before = PAGE.read_text(encoding="utf-8")
    after = page_with(before, transcripts())
    if write:
        PAGE.write_text(after, encoding="utf-8")
    elif before != after:
        pair = (before.splitlines(), after.splitlines())
        print("\n".join(difflib.unified_diff(*pair, "the page", "the chat", lineterm="")))
        raise SystemExit("the page is not what the chat shows: .ci/transcripts.py --write")


if __name__ == "__main__":
    main()
