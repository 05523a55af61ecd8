from memagent import Memory, Scope
from memagent.stores.lifecycle.sessions import session_summaries
from memagent.types import NewRecord


def test_sessions_come_in_the_order_in_which_they_began(memory: Memory) -> None:
    def say(session: str | None, text: str, role: str = "user") -> str:
        scope = Scope("ada", session=session)
        record = NewRecord(text=text, metadata={"role": role}, evidence=role == "user")
        return memory.add_many([record], scope=scope)[0].id

    say(None, "In no session.")
    say("zoo", "Hello.", "assistant")
    first = say("zoo", "I like owls.")
    say("art", "I paint.")
    say("zoo", "I like bears.")
    memory.add("A note.", scope=Scope("ada", session="notes"))
    memory.add("Not hers.", scope=Scope("bob", session="zoo"))

    found = session_summaries(memory.engine.store, Scope("ada"))
    assert [(one.number, one.session, one.turns, one.title) for one in found] == [
        (1, "zoo", 2, "I like owls."),
        (2, "art", 1, "I paint."),
        (3, "notes", 0, "A note."),
    ]
    assert all(one.started <= one.last for one in found)
    assert found[0].last > found[1].started
    memory.forget(first, scope=Scope("ada"))
    again = session_summaries(memory.engine.store, Scope("ada"))
    assert (again[0].turns, again[0].title) == (1, "I like bears.")
    assert session_summaries(memory.engine.store, Scope("nobody")) == []


def test_one_session_can_be_summarised_alone(memory: Memory) -> None:
    for session in ("a", "b"):
        memory.add(f"In {session}.", scope=Scope("ada", session=session))
    (found,) = session_summaries(memory.engine.store, Scope("ada", session="b"))
    assert (found.number, found.session) == (1, "b")
