"""Calls between the top folders (memagent, stores, tools) in one warm recall and one ask.

    python bench/crossings.py [--lines]

A call into another folder and the return from it count one each; frames of other packages between
them are passed over. With `--lines` the calling line and the called function are printed too.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import memagent
from memagent import Agent, Memory, Scope, stores, tools
from memagent.testing import HashEmbedder, ScriptedChat

TEXT = "Mary moved to the bathroom."
QUESTION = "Where is Mary?"
FOLDERS = {
    "stores": str(Path(stores.__file__).parent),
    "tools": str(Path(tools.__file__).parent),
    "memagent": str(Path(memagent.__file__).parent),
}
"""The folders by their names; an installed memagent holds the others, so it comes last."""

Crossings = Counter[tuple[str, str, str, str]]
"""Counts of calls from a folder into another, with the line left and the function entered."""


def crossings_of(action: Callable[[], object]) -> Crossings:
    """Return the calls and returns between folders while an action runs."""
    counts: Crossings = Counter()

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if event not in ("call", "return"):
            return
        here, caller = _folder(frame.f_code.co_filename), _caller(frame)
        if here is None or caller is None:
            return
        there = _folder(caller.f_code.co_filename)
        if there is None or there == here:
            return
        place = f"{Path(caller.f_code.co_filename).name}:{caller.f_lineno}"
        ends = (there, here) if event == "call" else (here, there)
        counts[*ends, place, frame.f_code.co_qualname] += 1

    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(None)
    return counts


def _folder(path: str) -> str | None:
    return next((name for name, folder in FOLDERS.items() if path.startswith(folder + "/")), None)


def _caller(frame: FrameType) -> FrameType | None:
    """Return the nearest frame of ours that a frame was called from."""
    above = frame.f_back
    while above is not None and _folder(above.f_code.co_filename) is None:
        above = above.f_back
    return above


def _print(name: str, counts: Crossings, *, lines: bool) -> None:
    pairs: Counter[tuple[str, str]] = Counter()
    for (source, target, _, _), count in counts.items():
        pairs[source, target] += count
    print(f"{name}: {counts.total()} calls and returns between folders")
    for (source, target), count in pairs.most_common():
        print(f"  {count:4d}  {source} -> {target}")
    if lines:
        for (source, target, place, function), count in counts.most_common():
            print(f"        {count:4d}  {source} -> {target}  {place}  {function}")


def main() -> None:
    """Count one recall and one ask, each after one of its kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", action="store_true", help="print the places, too")
    lines = parser.parse_args().lines
    scope = Scope(user="ada")
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        memory.add(TEXT, scope=scope)
        agent = Agent(memory=memory, model=ScriptedChat(["In the bathroom."] * 2))
        for name, action in {
            "recall": lambda: memory.recall(QUESTION, scope=scope),
            "ask": lambda: agent.ask(QUESTION, scope=scope),
        }.items():
            action()
            _print(name, crossings_of(action), lines=lines)


if __name__ == "__main__":
    main()
