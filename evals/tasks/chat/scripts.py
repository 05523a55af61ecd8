"""Script of a chat: what a user says and asks in one session, with the right answers."""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

from memagent.evals.metrics.answers import contained
from memagent.evals.task import Sample, Task

SCRIPTS: Mapping[str, str] = {
    "development": "sixty turns in English, to develop on",
    "held-out": "another person's sixty turns in English, in other sentences",
    "german": "sixty turns in German",
}
"""Scripts by the name of their file in `data/`, and what they hold."""
_FILES = Path(__file__).parent / "data"


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatQuestion(Sample):
    """Question of a script, asked as its turn `place`, from 1.

    `facts` are the statements before it by their turns, and `supports` the turns that hold the
    answer. `others` are the values of its kind that are wrong. Without `gold` nothing was told that
    answers it: right is whatever names none of `others`.
    """

    place: int
    others: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatTask(Task):
    """The questions of one script, and all that is said in it, turn by turn."""

    turns: Sequence[str] = field(repr=False)


@cache
def task_of(name: str, task_name: str) -> ChatTask:
    """Return the task of a script in `SCRIPTS`."""
    content = (_FILES / f"{name}.toml").read_bytes()
    file = tomllib.loads(content.decode())
    rows, values = file["turns"], file["values"]
    place = {row["id"]: number for number, row in enumerate(rows, start=1) if "id" in row}
    asked = [
        _question(name, number, rows, place, values)
        for number, row in enumerate(rows, start=1)
        if "ask" in row
    ]
    return ChatTask(
        name=task_name,
        source="generated",
        split="test",
        asked=asked,
        training=(),
        sha256=hashlib.sha256(content).hexdigest(),
        grade=grade,
        turns=[row.get("say") or row["ask"] for row in rows],
    )


def _question(
    name: str,
    number: int,
    rows: Sequence[Mapping[str, Any]],
    place: Mapping[str, int],
    values: Mapping[str, Sequence[str]],
) -> ChatQuestion:
    row = rows[number - 1]
    right, text = row.get("right", []), row["ask"]
    return ChatQuestion(
        id=f"{name}/{number}",
        story=name,
        facts=tuple(
            (turn, earlier["say"])
            for turn, earlier in enumerate(rows[: number - 1], start=1)
            if "say" in earlier
        ),
        question=text,
        gold=tuple(right),
        supports=tuple(place[id] for id in row.get("gold", [])),
        category=row["kind"],
        place=number,
        others=tuple(
            value
            for value in values.get(row.get("of", ""), [])
            if value not in right and not contained(text, [value])
        ),
    )


def grade(task: Task, sample: Sample, prediction: str) -> dict[str, float]:
    """Grade an answer: whether it names the right value, and no other of its kind."""
    question = cast(ChatQuestion, sample)
    named = contained(prediction, question.gold) if question.gold else 1.0
    other = contained(prediction, question.others) if question.others else 0.0
    return {"right": float(named == 1.0 and other == 0.0), "named": named, "other": other}
