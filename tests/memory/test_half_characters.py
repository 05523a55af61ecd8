"""Half of a character (a lone surrogate), anywhere: refused in one line, and nothing is stored."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memagent import Agent, Memory, NewRecord, Scope
from memagent.agent.conversation import Conversation
from memagent.errors import InvalidInput
from memagent.testing import HashEmbedder, ScriptedChat

HALVES = st.builds(
    lambda before, half, after: before + half + after,
    st.text(max_size=3),
    st.characters(categories=["Cs"]),
    st.text(max_size=3),
)
MEMORY = Memory.in_memory(embedder=HashEmbedder(), scope="ada")
KNOWN = MEMORY.add("Mary lives in Porto.").id
AGENT = Agent(memory=MEMORY, model=ScriptedChat(["x"]))
changes, notes = MEMORY.changes, MEMORY.notes
VERBS: dict[str, Callable[[str], object]] = {
    "user": lambda half: Scope(half),
    "agent": lambda half: Scope("ada", agent=half),
    "session": lambda half: Scope("ada", session=half),
    "users": lambda half: MEMORY.list(scope=half),
    "add": MEMORY.add,
    "add many": lambda half: MEMORY.add_many(["fine", half]),
    "add id": lambda half: MEMORY.add("x", id=half),
    "add keys": lambda half: MEMORY.add("x", keys=["x", half]),
    "add sources": lambda half: MEMORY.add("x", sources=[half]),
    "add supersedes": lambda half: MEMORY.add_many([NewRecord(text="x", supersedes=half)]),
    "add who": lambda half: MEMORY.add("x", who=half),
    "add why": lambda half: MEMORY.add("x", why=half),
    "messages": lambda half: MEMORY.add_messages([{"role": "user", "content": half}]),
    "search": MEMORY.search,
    "recall": MEMORY.recall,
    "get": MEMORY.get,
    "get several": lambda half: MEMORY.get([KNOWN, half]),
    "list after": lambda half: MEMORY.list(after=half),
    "list where": lambda half: MEMORY.list(where={"a": half}),
    "update id": lambda half: MEMORY.update(half, "x"),
    "update text": lambda half: MEMORY.update(KNOWN, half),
    "update who": lambda half: MEMORY.update(KNOWN, "x", who=half),
    "history": MEMORY.history,
    "forget": MEMORY.forget,
    "forget source": lambda half: MEMORY.forget(source=half),
    "pin": changes.pin,
    "pin why": lambda half: changes.pin(KNOWN, why=half),
    "archive": changes.archive,
    "restore": changes.restore,
    "judge": lambda half: changes.judge(half, "helped"),
    "judge who": lambda half: changes.judge(KNOWN, "helped", who=half),
    "change": changes.get,
    "undo": changes.undo,
    "turn": changes.turn,
    "newest": changes.newest,
    "sources": notes.sources,
    "probe": MEMORY.probes.target,
    "ask": AGENT.ask,
    "turns": lambda half: AGENT.ask("x", turns=[("x", half)]),
    "evidence": lambda half: AGENT.ask("x", evidence=[half]),
    "say": lambda half: list(Conversation(AGENT, Scope("ada")).say(half)),
    "import": lambda half: MEMORY.maintenance.import_([f'{{"text": "{half}"}}']),
}


@pytest.mark.parametrize("verb", VERBS)
@given(half=HALVES)
def test_half_a_character_is_refused(verb: str, half: str) -> None:
    before = MEMORY.maintenance.stats()
    with pytest.raises(InvalidInput) as caught:
        VERBS[verb](half)
    assert not isinstance(caught.value, UnicodeError)
    assert MEMORY.maintenance.stats() == before


def test_two_spellings_of_a_name_are_two_users_and_a_text_stays_as_it_is() -> None:
    memory = Memory.in_memory(embedder=HashEmbedder())
    composed, decomposed = "Zo\u00eb", "Zoe\u0308"
    for name in (composed, decomposed):
        memory.add(name, scope=name)
        assert [record.text for record in memory.list(scope=name)] == [name]
    assert set(memory.users()) == {composed, decomposed}
