import sys
from collections.abc import Callable, Iterator

import pytest

from memagent import Agent, Memory, Scope
from memagent.agent.conversation import Conversation
from memagent.cli.chat.loop import converse
from memagent.feedback.spoken import Correction, Detector
from memagent.testing import ScriptedChat
from memagent.types import CorrectionMode, Record

FACT, CORRECTION = "Lena moved to Graz.", "No, she moved to Linz."
Chat = Callable[..., tuple[str, str]]


@pytest.fixture
def chat(
    memory: Memory,
    ada: Scope,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Chat:
    """Talk about Lena, and return what is printed; what begins with "No," corrects the fact."""

    def ranked(self: Detector, statement: Record, *_: object) -> list[Correction]:
        records = [each for each in memory.list(scope=ada) if each.text.startswith(FACT[:4])]
        return [
            Correction(record=each, statement=statement, score=0.9)
            for each in records
            if statement.text.startswith("No,")
        ]

    def run(
        *lines: str, terminal: bool = True, mode: CorrectionMode = "ask", fact: str = FACT
    ) -> tuple[str, str]:
        monkeypatch.setattr(sys.stdin, "isatty", lambda: terminal, raising=False)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
        agent = Agent(memory=memory, model=ScriptedChat(lambda _: "I see."))

        def read() -> Iterator[str]:
            yield from (fact, CORRECTION, *lines)

        converse(Conversation(agent, ada, corrections=mode), read)
        return capsys.readouterr()

    monkeypatch.setattr(Detector, "ranked", ranked)
    return run


def said(memory: Memory, ada: Scope) -> list[str]:
    return [each.text for each in memory.list(scope=ada) if each.evidence]


def test_yes_replaces_and_undo_takes_it_back(memory: Memory, ada: Scope, chat: Chat) -> None:
    out, err = chat("y", "/changes", "/undo")
    assert "Replace 'Lena moved to Graz.' by this? [y/n]\n" in err
    assert "it replaces 'Lena moved to Graz.'; /undo takes it back\n" in err
    assert out.count("I see.") == 2, "the answer to the question is no turn"
    assert "undone: " in out
    assert sorted(said(memory, ada)) == sorted([FACT, CORRECTION])


@pytest.mark.parametrize("answer", ["n", "No", ""])
def test_no_keeps_both(memory: Memory, ada: Scope, chat: Chat, answer: str) -> None:
    out, _ = chat(answer, "/changes")
    assert out.count("I see.") == 2
    assert sorted(said(memory, ada)) == sorted([FACT, CORRECTION])


def test_any_other_line_is_a_no_and_the_next_turn(memory: Memory, ada: Scope, chat: Chat) -> None:
    out, err = chat("I like tea.", "y", "/replace")
    assert out.count("I see.") == 4
    assert err.count("[y/n]") == 1
    assert err.endswith("nothing to replace: the last turn corrects no memory\n")
    assert set(said(memory, ada)) >= {FACT, CORRECTION, "I like tea."}


def test_in_a_pipe_a_command_replaces(memory: Memory, ada: Scope, chat: Chat) -> None:
    out, err = chat("/replace", terminal=False)
    assert "[y/n]" not in err
    assert err == "memagent: /replace puts this in the place of 'Lena moved to Graz.'\n"
    assert out.endswith("it replaces 'Lena moved to Graz.'; /undo takes it back\n")
    assert FACT not in said(memory, ada)


def test_a_yes_in_a_pipe_is_a_turn(memory: Memory, ada: Scope, chat: Chat) -> None:
    out, _ = chat("y", terminal=False)
    assert out.count("I see.") == 3
    assert FACT in said(memory, ada)


def test_it_is_applied_by_itself_or_not_at_all(memory: Memory, ada: Scope, chat: Chat) -> None:
    _, err = chat(mode="off")
    assert err == ""
    assert said(memory, ada).count(FACT) == 1
    memory.forget([each.id for each in memory.list(scope=ada)], scope=ada)
    _, err = chat(mode="apply")
    assert err == "memagent: it replaces 'Lena moved to Graz.'; /undo takes it back\n"
    assert FACT not in said(memory, ada)


def test_a_question_shows_the_beginning_of_a_text_without_its_marks(chat: Chat) -> None:
    _, err = chat(fact="Lena\nmoved to 'Graz'\x1b[31m, and " + "so on " * 30)
    line = " ".join(err.split())
    assert line.startswith("Replace 'Lena moved to 'Graz'")
    assert line.endswith("…' by this? [y/n]")
    assert "\x1b" not in line


def test_forgotten_before_the_answer(memory: Memory, ada: Scope, chat: Chat) -> None:
    def forget() -> str:
        if known := [each.id for each in memory.list(scope=ada)]:
            memory.forget(known, scope=ada)
        return "y"

    class Late(str):
        def strip(self, *_: str | None) -> str:  # type: ignore[override]
            return forget()

    _, err = chat(Late("y"))
    assert err.endswith("nothing is replaced: one of the two memories is forgotten\n")


def test_correct_says_what_it_replaces(
    memory: Memory, ada: Scope, capsys: pytest.CaptureFixture[str]
) -> None:
    memory.add("Bob works in Rome.", scope=ada)
    agent = Agent(memory=memory, model=ScriptedChat(lambda _: "In Rome."))
    lines = ["Where does Bob work?", "/correct Bob works in Lisbon."]
    converse(Conversation(agent, ada), lambda: iter(lines))
    assert capsys.readouterr().out.endswith(
        ": it replaces 'Bob works in Rome.'; /undo takes it back\n"
    )
    lines = ["Who is Zoe?", "/correct My aunt."]
    converse(Conversation(agent, ada), lambda: iter(lines))
    assert capsys.readouterr().out.endswith(": it replaces nothing\n")
