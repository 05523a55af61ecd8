from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from memagent import Memory, NewRecord, Scope
from memagent.errors import InvalidInput, StoreError
from memagent.integrations.upsert import Upsert, entry_id, find, upsert


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
    assert entry_id("item", Scope(user="bob"), "1") == entry_id("item", scopes[0], "1")


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
