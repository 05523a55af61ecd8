import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from one_hot import OneHotEmbedder

from memagent import Agent, Answer, Memory, Scope
from memagent.agent.conversation import Conversation
from memagent.cli.chat.commands import COMMANDS
from memagent.cli.chat.greeting import last_turns
from memagent.cli.chat.loop import converse, status
from memagent.errors import ModelUnavailable
from memagent.testing import ScriptedChat
from memagent.types import Recollection


def talk(memory: Memory, chat: ScriptedChat, scope: Scope) -> Conversation:
    return Conversation(Agent(memory=memory, model=chat), scope)


def test_a_second_conversation_remembers_the_first(
    memory: Memory, capsys: pytest.CaptureFixture[str]
) -> None:
    chat = ScriptedChat(["Nice to meet you.", "In Lisbon."])
    for line in ("I live in Lisbon.", "Where do I live?"):
        agent = Agent(memory=memory, model=chat)
        converse(
            Conversation(agent, Scope(user="ada")),
            lambda line=line: iter([line, "", "/quit", "never"]),
        )
    assert capsys.readouterr().out == "Nice to meet you.\nIn Lisbon.\n"
    assert "- I live in Lisbon." in str(chat.requests[1][-1].content)
    sessions = {record.scope.session for record in memory.list(scope=Scope(user="ada"))}
    assert len(sessions) == 2


def test_recent_turns_are_shown_as_they_were(memory: Memory, ada: Scope) -> None:
    chat = ScriptedChat(["Hello.", "Fine."])
    converse(talk(memory, chat, ada), lambda: iter(["Hi", "How are you?"]))
    assert [message.content for message in chat.requests[1][1:3]] == ["Hi", "Hello."]


def breaking(*outcomes: str | BaseException) -> ScriptedChat:
    """A model that replies, or fails, by a script."""

    def reply(_: object) -> str:
        outcome = next(script)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    script = iter(outcomes)
    return ScriptedChat(reply)


def test_ctrl_c_stops_an_answer_and_keeps_what_was_said(
    memory: Memory, ada: Scope, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "My cat is called Otto."
    conversation = talk(memory, breaking(KeyboardInterrupt(), "Hello."), ada)
    converse(conversation, lambda: iter([said, "/why", "/good", "/bad", "/correct Ok", "Hi"]))
    out, err = capsys.readouterr()
    assert err.splitlines() == [
        "memagent: stopped: what you said is remembered, the reply is not",
        "memagent: the last reply broke off: it cannot be good",
    ]
    assert out.splitlines()[0] == f"the reply to {said!r} broke off; for it the model was shown:"
    assert out.count(f"(the reply to {said!r} broke off)") == 2
    records = memory.list(scope=ada, everything=True)
    assert [record.evidence for record in records if record.text == said] == [True]
    assert {record.text for record in records if record.role == "assistant"} == {"Hello."}


def test_ctrl_c_at_the_prompt_leaves(memory: Memory, ada: Scope) -> None:
    def lines() -> Iterator[str]:
        raise KeyboardInterrupt
        yield ""

    converse(talk(memory, ScriptedChat([]), ada), lines)


def test_a_failing_model_is_one_line_and_the_conversation_goes_on(
    memory: Memory, ada: Scope, capsys: pytest.CaptureFixture[str]
) -> None:
    chat = breaking(ModelUnavailable("the server is away"), "Hello.")
    converse(talk(memory, chat, ada), lambda: iter(["I am Ada.", "Hi"]))
    out, err = capsys.readouterr()
    assert out == "Hello.\n"
    assert err.splitlines() == [
        "memagent: the server is away",
        "memagent: what you said is remembered",
    ]
    assert "I am Ada." in [record.text for record in memory.list(scope=ada)]


def test_what_people_say_of_an_answer_counts(
    memory: Memory, ada: Scope, capsys: pytest.CaptureFixture[str]
) -> None:
    known = memory.add("I live in Porto.", scope=ada)
    chat = ScriptedChat(["In Porto.", "In Faro."])
    said = ["Where do I live?", "/why", "/bad it is old", "/correct I live in Faro.", "/memories"]
    converse(talk(memory, chat, ada), lambda: iter([*said, "Where do I live?"]))
    out = capsys.readouterr().out
    assert f"  {known.id}  " in out
    assert "counted against 1 memory" in out
    assert memory.get([known.id], scope=ada)[0].hurt == 1
    (told,) = [one for one in memory.list(scope=ada) if one.kind == "lesson"]
    assert (told.text, told.metadata["role"]) == ("I live in Faro.", "user")
    assert "- I live in Faro." in str(chat.requests[-1][-1].content)


def test_remembering_and_forgetting_by_command(
    memory: Memory, ada: Scope, capsys: pytest.CaptureFixture[str]
) -> None:
    conversation = talk(memory, ScriptedChat([]), ada)
    converse(conversation, lambda: iter(["/remember Tea is hot.", "/remember"]))
    out, err = capsys.readouterr()
    (record,) = memory.list(scope=ada)
    assert out == f"remembered as {record.id}\n"
    assert err == "memagent: say what to remember\n"
    converse(conversation, lambda: iter([f"/forget {record.id}", "/memories", "/why", "/wy"]))
    out, err = capsys.readouterr()
    assert out == "forgotten: 1 record, 1 key\n"
    assert err.splitlines() == [
        "memagent: there is no answer yet",
        "memagent: there is no /wy: did you mean /why? (a space before it says it as a text)",
    ]
    assert memory.list(scope=ada) == []


def test_a_request_to_forget_lists_what_it_means_and_ids_erase_it(
    ada: Scope, capsys: pytest.CaptureFixture[str]
) -> None:
    with Memory.in_memory(embedder=OneHotEmbedder()) as memory:
        conversation = talk(memory, ScriptedChat([]), ada)
        record = memory.add("My address is 12 Elm Street.", scope=ada)
        converse(conversation, lambda: iter(["/forget my address", "/forget xylophones"]))
        out, err = capsys.readouterr()
        assert out.startswith("1 * ")
        assert record.id in out
        assert out.endswith("nothing is erased yet: /forget ID ... erases\n")
        assert err == "memagent: no memory has the id 'xylophones', and none fits it\n"
        assert memory.count(scope=ada) == 1
        converse(conversation, lambda: iter([f"/forget {record.id}"]))
        assert memory.count(scope=ada) == 0


def test_a_session_goes_on_where_it_was(memory: Memory) -> None:
    chat = ScriptedChat(["Hello.", "Fine."])
    monday = Scope(user="ada", session="monday")
    converse(talk(memory, chat, monday), lambda: iter(["Hi"]))
    converse(talk(memory, chat, monday), lambda: iter(["How are you?"]))
    assert [message.content for message in chat.requests[1][1:3]] == ["Hi", "Hello."]


def test_every_command_is_told_by_help_and_fits_a_narrow_terminal(
    memory: Memory, ada: Scope, capsys: pytest.CaptureFixture[str]
) -> None:
    converse(talk(memory, ScriptedChat([]), ada), lambda: iter(["/help"]))
    told = capsys.readouterr().out
    assert all(name in told for name in COMMANDS)


@pytest.mark.parametrize("line", ["/home/ada/notes is full", " /why", " /help me"])
def test_a_path_and_a_line_after_a_space_are_texts(memory: Memory, ada: Scope, line: str) -> None:
    chat = ScriptedChat(["Oh."])
    converse(talk(memory, chat, ada), lambda: iter([line]))
    assert chat.requests[0][-1].content == line.strip()


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("/sessoins 2", "did you mean /sessions?"),
        ("/co", "did you mean /correct?"),
        ("/etc", "/help lists the commands"),
        ("/", "did you mean /why or"),
    ],
)
def test_an_unknown_command_names_near_ones(
    memory: Memory, ada: Scope, capsys: pytest.CaptureFixture[str], line: str, hint: str
) -> None:
    converse(talk(memory, ScriptedChat([]), ada), lambda: iter([line]))
    assert hint in capsys.readouterr().err


def test_memories_says_so_when_nothing_fits(ada: Scope, capsys: pytest.CaptureFixture[str]) -> None:
    with Memory.in_memory(embedder=OneHotEmbedder()) as memory:
        memory.add("Tea is hot.", scope=ada)
        conversation = talk(memory, ScriptedChat([]), ada)
        converse(conversation, lambda: iter(["/memories xylophone", "/memories tea"]))
    first, second = capsys.readouterr().out.splitlines()
    assert first == "nothing that is remembered fits: 1 memory"
    assert "Tea is hot." in second


def test_sessions_are_listed_by_number_and_gone_to(
    memory: Memory, capsys: pytest.CaptureFixture[str]
) -> None:
    for session, said in (("monday", "I like tea."), ("friday", "I like figs.")):
        chat = ScriptedChat(["Noted."])
        converse(talk(memory, chat, Scope("ada", session=session)), lambda said=said: iter([said]))
    capsys.readouterr()
    chat = ScriptedChat(["Tea."])
    conversation = talk(memory, chat, Scope("ada"))
    lines = ["/sessions", "/sessions 1", "/sessions", "/sessions 3", "/sessions monday", "And now?"]
    converse(conversation, lambda: iter(lines))
    out, err = capsys.readouterr()
    listed = out.splitlines()
    assert listed[0].startswith("1  ")
    assert listed[0].endswith("  1 turn  monday  I like tea.")
    assert listed[1].endswith("  1 turn  friday  I like figs.")
    assert listed[2] == "session  I like tea. (1 turn)"
    assert re.fullmatch(r"....-..-.. ..:..  user       I like tea\.", listed[3])
    assert re.fullmatch(r"....-..-.. ..:..  assistant  Noted\.", listed[4])
    assert listed[5].startswith("1* ")
    assert err.count("/sessions lists them by number") == 2
    assert [one.content for one in chat.requests[0][1:3]] == ["I like tea.", "Noted."]


def test_an_export_never_overwrites(
    memory: Memory,
    ada: Scope,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    memory.add("Tea is hot.", scope=ada)
    monkeypatch.chdir(tmp_path)
    converse(
        talk(memory, ScriptedChat([]), ada),
        lambda: iter(["/export", "/export", "/export mine.jsonl", "/export mine.jsonl"]),
    )
    out, err = capsys.readouterr()
    files = [line.removeprefix("written to ") for line in out.splitlines()]
    assert files[1] == files[0].replace(".jsonl", "-2.jsonl")
    assert files[2] == "mine.jsonl"
    assert err == "memagent: mine.jsonl is there already: name another file\n"
    assert len({Path(file).read_text() for file in files}) == 1
    assert "Tea is hot." in Path(files[0]).read_text()


def test_the_export_and_the_model_by_command(
    memory: Memory, ada: Scope, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    memory.add("Tea is hot.", scope=ada)
    conversation = talk(memory, ScriptedChat([]), ada)
    file = tmp_path / "all.jsonl"
    said = [f"/export {file}", "/model", "/model http://127.0.0.1:1/v1", "/sessions"]
    converse(conversation, lambda: iter(said))
    assert "Tea is hot." in file.read_text()
    out = capsys.readouterr().out
    assert "model: ScriptedChat\nmodel: http://127.0.0.1:1/v1\n" in out


def test_five_hundred_turns_keep_the_prompt_small_and_the_first_fact_at_hand(
    memory: Memory, ada: Scope
) -> None:
    chat = ScriptedChat(lambda messages: "Noted.")
    conversation = talk(memory, chat, ada)
    list(conversation.say("My cat is called Otto."))
    for number in range(498):
        list(conversation.say(f"Today I counted {number} sheep on hill {number % 7}."))
    list(conversation.say("What is my cat called?"))
    assert "Otto" in str(chat.requests[-1][-1].content)
    sizes = [sum(len(str(one.content)) for one in request) for request in chat.requests]
    assert max(sizes) < 1500, "characters"


def test_the_line_below_the_prompt_names_the_model_or_says_that_it_loads() -> None:
    assert status(None, "not open") == "the model is loading"
    assert status(None, "http://127.0.0.1:1/v1") == "http://127.0.0.1:1/v1"
    answer = Answer(answer="Yes.", recollection=Recollection())
    assert status(answer, "small") == "small · 0 memories"


def test_changes_say_whose_they_are(
    memory: Memory, ada: Scope, capsys: pytest.CaptureFixture[str]
) -> None:
    chat = ScriptedChat(["In Porto."])
    lines = ["Where do I live?", "/correct I live in Faro.", "/changes"]
    converse(talk(memory, chat, ada), lambda: iter(lines))
    assert re.search(r"  ada  I live in Faro\.$", capsys.readouterr().out.strip())


def test_the_last_turns_are_shown_where_a_session_goes_on(memory: Memory) -> None:
    monday = Scope(user="ada", session="monday")
    chat = ScriptedChat([f"Reply {number}." for number in range(5)])
    conversation = talk(memory, chat, monday)
    assert list(last_turns(conversation)) == []
    converse(conversation, lambda: iter([f"Turn {number}." for number in range(5)]))
    memory.add("A note.", scope=monday)
    lines = list(last_turns(talk(memory, chat, monday)))
    assert lines[0] == "session  Turn 0. (5 turns)"
    assert [line.split("  ", 1)[1] for line in lines[1:]] == [
        text
        for number in (2, 3, 4)
        for text in (f"user       Turn {number}.", f"assistant  Reply {number}.")
    ]
