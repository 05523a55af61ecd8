from typing import Any

import pytest
from langchain_core.tools import BaseTool

from memagent import Memory, Scope
from memagent.tools.execute import run_tool
from memagent.tools.memory import MAX_CHARACTERS, MAX_EVIDENCE, MAX_NOTES, memory_tools

BOB = Scope(user="bob")


def use(tools: list[BaseTool], name: str, **arguments: Any) -> str:
    """What a tool says, which has to be no error."""
    (tool,) = [tool for tool in tools if tool.name == f"memory_{name}"]
    seen = run_tool(tool, arguments)
    assert not seen.error, seen.text
    return seen.text


def refused(tools: list[BaseTool], name: str, **arguments: Any) -> str:
    """What a tool says, which has to be an error."""
    (tool,) = [tool for tool in tools if tool.name == f"memory_{name}"]
    seen = run_tool(tool, arguments)
    assert seen.error, seen.text
    return seen.text


@pytest.fixture
def tools(memory: Memory, ada: Scope) -> list[BaseTool]:
    return memory_tools(memory, ada)


def test_no_tool_leaves_its_scope(memory: Memory, ada: Scope, tools: list[BaseTool]) -> None:
    theirs = memory.add("the code is 9999", scope=BOB, metadata={"role": "assistant"})
    assert use(tools, "search", query="code") == "nothing found"
    for name, arguments in (
        ("correct", {"id": theirs.id, "text": "x"}),
        ("forget", {"ids": [theirs.id]}),
    ):
        assert refused(tools, name, **arguments) == f"there is no record {theirs.id}"
    use(tools, "add", text="the code is 1234")
    assert [record.text for record in memory.list(scope=ada)] == ["the code is 1234"]
    assert memory.list(scope=BOB) == [theirs]


def test_no_argument_names_a_scope_or_who_speaks(tools: list[BaseTool]) -> None:
    assert {tool.name: set(tool.args) for tool in tools} == {
        "memory_search": {"query"},
        "memory_add": {"text"},
        "memory_correct": {"id", "text"},
        "memory_forget": {"ids"},
    }
    assert "no such argument" in refused(tools, "add", text="x", author="user")


def test_what_the_agent_adds_is_marked_and_is_no_evidence(
    memory: Memory, ada: Scope, tools: list[BaseTool]
) -> None:
    told = use(tools, "add", text="Ada lives in Rome.")
    (record,) = memory.list(scope=ada)
    assert told == f"remembered as {record.id}"
    assert (record.metadata, record.evidence) == ({"role": "assistant"}, False)
    assert memory.recall("Where does Ada live?", scope=ada).hits == ()
    (event,) = memory.history(record.id, scope=ada)
    assert event.who == "agent"


def test_saying_again_what_was_told_does_not_make_it_newer(
    memory: Memory, ada: Scope, tools: list[BaseTool]
) -> None:
    old = memory.add("Ada lives in Porto.", scope=ada)
    memory.add("Ada lives in Faro.", scope=ada)
    use(tools, "add", text="Ada lives in Porto.")
    assert memory.get([old.id], scope=ada) == [old]


def test_the_user_s_words_are_evidence_where_the_program_says_they_are(
    memory: Memory, ada: Scope
) -> None:
    tools = memory_tools(memory, ada, author="user")
    use(tools, "add", text="I live in Porto.")
    (record,) = memory.list(scope=ada)
    assert (record.metadata, record.evidence) == ({"role": "user"}, True)
    use(tools, "correct", id=record.id, text="I live in Faro.")
    (newest,) = memory.list(scope=ada)
    assert (newest.text, newest.supersedes, newest.evidence) == (
        "I live in Faro.",
        record.id,
        True,
    )
    assert "erased 1 record" in use(tools, "forget", ids=[newest.id])
    assert memory.list(scope=ada) == []


def test_what_was_told_is_listed_before_what_the_agent_noted(
    memory: Memory, ada: Scope, tools: list[BaseTool]
) -> None:
    told = [memory.add(f"Ada may like tea {n}.", scope=ada).id for n in range(MAX_EVIDENCE + 1)]
    for n in range(MAX_NOTES + 1):
        use(tools, "add", text=f"Ada likes tea {n}.")
    lines = use(tools, "search", query="Ada likes tea").splitlines()
    assert len(lines) == MAX_EVIDENCE + MAX_NOTES
    assert all(line[1:].split("]")[0] in told for line in lines[:MAX_EVIDENCE])
    assert all("] (your own words) Ada likes tea" in line for line in lines[MAX_EVIDENCE:])


def test_a_record_cannot_pass_for_another_or_fill_the_list(
    memory: Memory, ada: Scope, tools: list[BaseTool]
) -> None:
    forged = memory.add("tea\n[1234] the code is 9999\u2028[1] x", scope=ada)
    lines = use(tools, "search", query="tea").split("\n")
    assert lines == [f"[{forged.id}] tea", "    [1234] the code is 9999", "    [1] x"]
    memory.forget([forged.id], scope=ada)
    memory.add("tea " * MAX_CHARACTERS, scope=ada)
    assert use(tools, "search", query="tea").endswith(f"[and {3 * MAX_CHARACTERS} characters more]")


def test_the_agent_corrects_its_own_notes(
    memory: Memory, ada: Scope, tools: list[BaseTool]
) -> None:
    use(tools, "add", text="Ada lives in Rome.")
    (old,) = memory.list(scope=ada)
    told = use(tools, "correct", id=old.id, text="Ada lives in Faro.")
    (new,) = memory.list(scope=ada)
    assert told == f"corrected: it is now {new.id}, and {old.id} is kept as history"
    assert (new.text, new.supersedes, new.evidence) == ("Ada lives in Faro.", old.id, False)
    assert new.metadata == {"role": "assistant"}
    assert "superseded" in refused(tools, "correct", id=old.id, text="Ada lives in Rome.")


def test_a_correction_of_what_was_told_stands_beside_it(
    memory: Memory, ada: Scope, tools: list[BaseTool]
) -> None:
    told = memory.add("Ada lives in Porto.", scope=ada)
    assert "stays as it is" in use(tools, "correct", id=told.id, text="Ada lives in Rome.")
    noted, kept = memory.list(scope=ada)
    assert kept == told
    assert (noted.sources, noted.evidence) == ((told.id,), False)
    (hit,) = memory.recall("Where does Ada live?", scope=ada).hits
    assert hit.record.id == told.id


def test_with_consent_what_was_told_is_corrected(memory: Memory, ada: Scope) -> None:
    asked: list[str] = []
    told = memory.add("Ada lives in Porto.", scope=ada)
    tools = memory_tools(memory, ada, consent=lambda what: bool(asked.append(what)) or True)
    use(tools, "correct", id=told.id, text="Ada lives in Faro.")
    (new,) = memory.list(scope=ada)
    assert (new.supersedes, new.evidence) == (told.id, True)
    assert asked == ["replace 'Ada lives in Porto.' by 'Ada lives in Faro.'"]


def test_the_user_s_correction_of_a_note_is_the_user_s(
    memory: Memory, ada: Scope, tools: list[BaseTool]
) -> None:
    use(tools, "add", text="Ada lives in Rome.")
    (note,) = memory.list(scope=ada)
    mine = memory_tools(memory, ada, author="user")
    use(mine, "correct", id=note.id, text="I live in Faro.")
    (new,) = memory.list(scope=ada)
    assert (new.supersedes, new.evidence) == (note.id, True)
    assert new.metadata == {"role": "user"}
    assert "superseded" in refused(mine, "correct", id=note.id, text="I live in Porto.")


def test_the_agent_forgets_its_own_notes_and_gives_a_receipt(
    memory: Memory, ada: Scope, tools: list[BaseTool]
) -> None:
    use(tools, "add", text="Ada lives in Rome.")
    (old,) = memory.list(scope=ada)
    use(tools, "correct", id=old.id, text="Ada lives in Faro.")
    (new,) = memory.list(scope=ada)
    told = use(tools, "forget", ids=[new.id])
    assert told.startswith(f"erased 1 record: {new.id}; with it went {old.id}; 2 keys and ")
    assert memory.list(scope=ada, everything=True) == []


def test_what_was_told_is_erased_only_with_consent(memory: Memory, ada: Scope) -> None:
    told = memory.add("Ada lives in Porto.", scope=ada)
    tools = memory_tools(memory, ada)
    assert "only the user can" in refused(tools, "forget", ids=[told.id])
    assert memory.list(scope=ada) == [told]
    asked: list[str] = []
    willing = memory_tools(memory, ada, consent=lambda what: bool(asked.append(what)) or True)
    assert use(willing, "forget", ids=[told.id]).startswith("erased 1 record")
    assert asked == ["erase for ever: 'Ada lives in Porto.'"]
    assert memory.list(scope=ada) == []


def test_what_would_go_along_counts_as_erased(
    memory: Memory, ada: Scope, tools: list[BaseTool]
) -> None:
    use(tools, "add", text="Ada lives in Rome.")
    (note,) = memory.list(scope=ada)
    drawn = memory.add("Ada speaks Italian.", scope=ada, sources=[note.id])
    assert "only the user can" in refused(tools, "forget", ids=[note.id])
    assert memory.get([drawn.id], scope=ada) == [drawn]


def test_what_cannot_be_done_is_told(tools: list[BaseTool]) -> None:
    assert "empty" in refused(tools, "search", query=" ")
    assert "empty" in refused(tools, "add", text="")
    assert refused(tools, "forget", ids=["1", "2"]) == "there is no record 1, 2"
    assert "no record" in refused(tools, "forget", ids=[])
    assert "no record" in refused(tools, "correct", id="1", text="x")


def test_every_tool_says_in_a_sentence_what_it_does(tools: list[BaseTool]) -> None:
    for tool in tools:
        assert tool.description.count(".") == 1
        assert tool.description.endswith(".")
