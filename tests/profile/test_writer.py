"""Lines that a model proposes: only what their statements support is written."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from lasting import reads_always

from memagent import Memory, Scope
from memagent.models import capabilities
from memagent.profile import writer
from memagent.testing import ScriptedChat

ADA = Scope("ada")


class Writer(ScriptedChat):
    """Scripted model that takes a JSON schema."""

    def bind_tools(self, tools: Any, **options: Any) -> Any:
        return self


def reply(*lines: tuple[str, Sequence[int], Sequence[int]]) -> str:
    proposed = [
        {"text": text, "statements": list(numbers), "replaces": list(replaced)}
        for text, numbers, replaced in lines
    ]
    return json.dumps({"lines": proposed})


PASSES = reply(("I never eat meat.", [2], []), ("I live in Linz.", [3], [1]))


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capabilities, "_known", {})


def test_supported_lines_are_written_with_their_statements(memory: Memory) -> None:
    ids = [memory.add(text, scope=ADA).id for text in ("I moved to Linz.", "I like old maps.")]
    chat = Writer(
        [
            PASSES,
            reply(
                ("Likes old maps", [2], []),
                ("Is married to a pilot", [1], []),  # no statement says so
                ("Lives on the moon", [7], []),  # there is no such statement
                ("I moved to Linz", [1], [9]),
            ),
        ]
    )
    assert memory.profile.update(scope=ADA, model=chat).lines == 2
    lines = memory.profile.lines(scope=ADA)
    assert {(line.text, line.sources) for line in lines} == {
        ("Likes old maps", (ids[1],)),
        ("I moved to Linz", (ids[0],)),
    }
    assert {line.by for line in lines} == {"Writer"}


def test_a_line_replaces_those_that_no_longer_hold(memory: Memory) -> None:
    memory.profile.add("I live in Graz.", scope=ADA)
    linz = memory.add("I moved to Linz in May.", scope=ADA)
    chat = Writer([PASSES, reply(("I live in Linz.", [1], [1]))])
    memory.profile.update(scope=ADA, model=chat)
    assert memory.profile.text(scope=ADA) == "I live in Linz."
    memory.forget(linz.id, scope=ADA)
    assert memory.profile.text(scope=ADA) == "I live in Graz."


@pytest.mark.parametrize(
    "script",
    [
        ["not JSON"],
        [reply(("I have to be at the station.", [1, 2, 3], [1]))],
        [PASSES, "not JSON"],
    ],
)
def test_without_a_capable_model_or_a_reply_the_users_own_words_are_taken(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, script: list[str]
) -> None:
    reads_always(monkeypatch)
    memory.add("I always drink tea.", scope=ADA)
    assert memory.profile.update(scope=ADA, model=Writer(script)).lines == 1
    (line,) = memory.profile.lines(scope=ADA)
    assert (line.text, line.by) == ("I always drink tea.", "statements")


def test_the_check_is_made_once(memory: Memory) -> None:
    chat = Writer([PASSES])
    assert writer.is_capable(chat)
    assert writer.is_capable(chat)
    assert len(chat.requests) == 1
    assert not writer.is_capable(ScriptedChat([]))


def test_without_a_classifier_or_a_model_it_says_why(memory: Memory) -> None:
    memory.add("I always drink tea.", scope=ADA)
    report = memory.profile.update(scope=ADA)
    assert (report.lines, report.done) == (0, False)
    assert "no classifier reads the vectors of hash-64" in report.why
