from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from memagent import Memory, NewRecord, Scope
from memagent.errors import InvalidInput, StoreError
from memagent.integrations.chat_history import MemagentChatMessageHistory
from memagent.integrations.langgraph import MemagentStore
from memagent.integrations.upsert import Upsert, entry_id, find, former_id, upsert
from memagent.integrations.vectorstore import MemagentVectorStore


def tell(memory: Memory, scope: Scope, **texts: str) -> None:
    upserts = [
        Upsert(id=name, note=NewRecord(text=text), scope=scope) for name, text in texts.items()
    ]
    upsert(memory, upserts, within=scope)


def standing(memory: Memory, scope: Scope, *names: str) -> dict[str, str]:
    return {name: one.newest.text for name, one in find(memory, names, scope).items()}


class Clock:
    """Stands in for the memory's clock: the same instant a few times over."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.start = datetime.now(UTC)

    def now(self, *, scope: Scope) -> datetime:
        self.times -= 1
        return self.start if self.times >= 0 else self.start + timedelta(seconds=-self.times)


@pytest.mark.parametrize("there", [True, False])
def test_who_is_slower_writes_the_next_version(
    memory: Memory, ada: Scope, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    if there:
        tell(memory, ada, k="first")
    look, raced = memory.changes.newest, list[bool]()

    def looked(*args: Any, **kwargs: Any) -> Any:
        found = look(*args, **kwargs)
        if not raced:
            raced.append(True)
            tell(memory, ada, k="quicker")
        return found

    monkeypatch.setattr(memory.changes, "newest", looked)
    tell(memory, ada, k="slower", other="thing")
    assert raced
    assert standing(memory, ada, "k", "other") == {"k": "slower", "other": "thing"}
    (entry,) = find(memory, ["k"], ada).values()
    events = memory.history(entry.newest.id, scope=ada)
    upserts = [memory.get([one.record], scope=ada)[0].text for one in events if one.action == "add"]
    assert upserts == ["first", "quicker", "slower"][not there :]
    assert memory.maintenance.stats()["records"] == len(upserts) + 1


def test_one_text_told_at_one_instant_under_two_ids_is_two_records(
    memory: Memory, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory.maintenance, "now", Clock(2).now)
    tell(memory, ada, a="same")
    tell(memory, ada, b="same")
    assert standing(memory, ada, "a", "b") == {"a": "same", "b": "same"}


def test_it_does_not_try_for_ever(
    memory: Memory, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory.maintenance, "now", Clock(100).now)
    tell(memory, ada, a="same")
    with pytest.raises(StoreError, match="write again"):
        tell(memory, ada, b="same")


def test_a_version_holds_from_after_the_one_before_it(
    memory: Memory, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory.maintenance, "now", Clock(100).now)
    for text in ("one", "two", "three"):
        tell(memory, ada, k=text)
    (entry,) = find(memory, ["k"], ada).values()
    versions = sorted(
        {event.record for event in memory.history(entry.newest.id, scope=ada)},
        key=lambda name: memory.get([name], scope=ada)[0].seq,
    )
    spans = [(one.valid_from, one.valid_to) for one in memory.get(versions, scope=ada)]
    assert spans[0][1] == spans[1][0] > spans[0][0]
    assert spans[1][1] == spans[2][0] > spans[1][0]
    assert spans[2][1] is None


def test_an_id_of_any_version_leads_to_the_newest(memory: Memory, ada: Scope) -> None:
    tell(memory, ada, k="one", other="thing")
    (middle,) = find(memory, ["k"], ada).values()
    tell(memory, ada, k="two")
    newest = memory.changes.newest(["k", "other", "unknown"], scope=ada)
    assert {name: one.text for name, one in newest.items()} == {"k": "two", "other": "thing"}
    version = newest["k"].id
    tell(memory, ada, k="three")
    assert memory.changes.newest([version], scope=ada)[version].text == "three"
    assert find(memory, ["k"], ada)["k"].first.id == middle.first.id == "k"
    assert memory.changes.newest(["k"], scope=Scope(user="bob")) == {}
    assert memory.changes.newest(["k"], scope=Scope(user="ada", session="s")) == {}
    assert memory.changes.newest([], scope=ada) == {}


def test_a_note_that_cannot_be_kept_stops_all_of_them(memory: Memory, ada: Scope) -> None:
    with pytest.raises(InvalidInput, match="empty"):
        tell(memory, ada, a="good", b=" ")
    assert memory.maintenance.stats()["records"] == 0


def test_a_name_means_another_record_in_every_scope_and_for_every_sort() -> None:
    scopes = [
        Scope(user="ada"),
        Scope(user="ada", agent="x"),
        Scope(user="ada", session="x"),
        Scope(user="ada", agent="x", session="x"),
    ]
    made = {entry_id(sort, scope, "1") for sort in ("item", "document") for scope in scopes}
    assert len(made) == 8
    assert entry_id("item", Scope(user="bob"), "1") not in made
    assert former_id("item", Scope(user="bob"), "1") == former_id("item", scopes[0], "1")


def test_what_earlier_versions_wrote_is_found_overwritten_and_deleted(
    memory: Memory, ada: Scope
) -> None:
    store, namespace = MemagentStore(memory, scope=ada), ("users", "bob")
    place = Scope(user="ada", agent="langgraph", session="langgraph.users.bob")
    store.put(namespace, "new", {"likes": "tea"})
    own = {"memagent.namespace": "users.bob.", "memagent.key": "k", "memagent.indexed": True}
    first = memory.add(
        '{"likes": "tea"}',
        scope=place,
        id=former_id("item", place, "k"),
        metadata={"likes": "tea", **own},
    )
    item = store.get(namespace, "k")
    assert item is not None
    assert item.value == {"likes": "tea"}
    store.put(namespace, "k", {"likes": "coffee"})
    (found,) = [one for one in store.search(namespace) if one.key == "k"]
    assert (found.value, found.created_at) == ({"likes": "coffee"}, first.created)
    assert len(store.search(namespace)) == 2
    store.delete(namespace, "k")
    assert store.get(namespace, "k") is None
    assert memory.count(scope=place, everything=True) == 1


def test_a_document_of_an_earlier_version_keeps_its_id(memory: Memory, ada: Scope) -> None:
    store = MemagentVectorStore(memory, scope=ada)
    text_id = former_id("text", ada, '["Tea is hot.", {}]')
    for name in (text_id, "given"):
        memory.add(
            "Tea is hot.",
            scope=ada,
            id=former_id("document", ada, name),
            valid_from=datetime(2026, 1, 2 if name == "given" else 1, tzinfo=UTC),
            metadata={"memagent.document": name},
        )
    assert store.add_texts(["Tea is hot."]) == [text_id]
    assert store.add_texts(["Tea is cold."], ids=["given"]) == ["given"]
    assert [one.page_content for one in store.get_by_ids(["given"])] == ["Tea is cold."]
    store.delete([text_id, "given"])
    assert memory.count(scope=ada, everything=True) == 0
    assert store.add_texts(["Tea is hot."]) != [text_id]


@pytest.mark.parametrize("value", [5, None, {"data": 1}, {"type": "human", "data": {"x": []}}])
def test_metadata_that_only_look_like_an_adapters_are_passed_over(
    memory: Memory, ada: Scope, value: Any
) -> None:
    whose = Scope(user="ada", session="s")
    history = MemagentChatMessageHistory(memory, scope=whose)
    history.add_user_message("Hello.")
    memory.add("x", scope=whose, metadata={"memagent.message": value, "memagent.document": value})
    assert "Hello." in [message.content for message in history.messages]
    place = Scope(user="ada", agent="langgraph", session="langgraph.a")
    memory.add("y", scope=place, metadata={"memagent.namespace": "a.", "memagent.key": value})
    store = MemagentStore(memory, scope=ada)
    store.put(("a",), "k", {"x": 1})
    assert [item.key for item in store.search(("a",))] == ["k"]
    assert len(MemagentVectorStore(memory, scope=whose).similarity_search("x")) > 0


def test_the_sessions_of_a_scope_are_listed_by_their_beginning(memory: Memory, ada: Scope) -> None:
    for name in ("a.b", "a.c", "ab", "b"):
        memory.add("x", scope=Scope(user="ada", agent="one", session=name))
    memory.add("x", scope=Scope(user="ada", agent="two", session="a.d"))
    memory.add("x", scope=ada)
    memory.add("x", scope=Scope(user="bob", session="a.e"))
    assert memory.sessions(scope=ada) == ("a.b", "a.c", "a.d", "ab", "b")
    assert memory.sessions(scope=ada, start="a.") == ("a.b", "a.c", "a.d")
    assert memory.sessions(scope=Scope(user="ada", agent="two")) == ("a.d",)
    assert memory.sessions(scope=Scope(user="nobody")) == ()
    assert memory.sessions(scope=ada, start="é") == ()
