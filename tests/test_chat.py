from collections.abc import Iterator

import pytest

from memagent import Agent, Memory, Scope
from memagent.chat import converse
from memagent.errors import ModelUnavailable
from memagent.testing import ScriptedChat


def test_a_second_conversation_remembers_the_first(
    memory: Memory, capsys: pytest.CaptureFixture[str]
) -> None:
    chat = ScriptedChat(["Nice to meet you.", "In Lisbon."])
    for line in ("I live in Lisbon.", "Where do I live?"):
        agent = Agent(memory=memory, model=chat)
        converse(agent, Scope(user="ada"), lambda line=line: iter([line, "", "/quit", "never"]))
    assert capsys.readouterr().out == "Nice to meet you.\nIn Lisbon.\n"
    assert "- I live in Lisbon." in str(chat.requests[1][-1].content)
    sessions = {record.scope.session for record in memory.list(scope=Scope(user="ada"))}
    assert len(sessions) == 2


def test_recent_turns_are_shown_as_they_were(memory: Memory, ada: Scope) -> None:
    chat = ScriptedChat(["Hello.", "Fine."])
    converse(Agent(memory=memory, model=chat), ada, lambda: iter(["Hi", "How are you?"]))
    assert [message.content for message in chat.requests[1][1:3]] == ["Hi", "Hello."]


def test_ctrl_c_leaves_and_an_answer_cut_short_is_not_remembered(
    memory: Memory, ada: Scope
) -> None:
    def interrupt(_: object) -> str:
        raise KeyboardInterrupt

    converse(Agent(memory=memory, model=ScriptedChat(interrupt)), ada, lambda: iter(["Hi"]))
    assert memory.stats()["records"] == 0


def test_ctrl_c_at_the_prompt_leaves(memory: Memory, ada: Scope) -> None:
    def lines() -> Iterator[str]:
        raise KeyboardInterrupt
        yield ""

    converse(Agent(memory=memory, model=ScriptedChat([])), ada, lines)


def test_a_failing_model_is_one_line_and_the_conversation_goes_on(
    memory: Memory, ada: Scope, capsys: pytest.CaptureFixture[str]
) -> None:
    replies = iter([ModelUnavailable("the server is away"), "Hello."])

    def reply(_: object) -> str:
        said = next(replies)
        if isinstance(said, Exception):
            raise said
        return said

    converse(Agent(memory=memory, model=ScriptedChat(reply)), ada, lambda: iter(["Hi", "Hi"]))
    out, err = capsys.readouterr()
    assert (out, err) == ("Hello.\n", "memagent: the server is away\n")
