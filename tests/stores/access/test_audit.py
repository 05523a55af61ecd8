from datetime import UTC, datetime, timedelta
from pathlib import Path

from memagent import Memory
from memagent.stores.access.audit import AuditLog, Entry
from memagent.testing import HashEmbedder

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def entry(verb: str, user: str, *ids: str, at: datetime = NOW, key: str | None = "k1") -> Entry:
    return Entry(at=at, key=key, verb=verb, user=user, ids=ids)


def test_entries_say_who_did_what_when_to_which_records(memory: Memory) -> None:
    log = AuditLog(memory.engine.store)
    ada, bob = memory.add("one", scope="ada"), memory.add("two", scope="bob")
    log.write([entry("add", "ada", ada.id), entry("search", "bob", bob.id, ada.id, key=None)])
    newest, oldest = log.list()
    assert (oldest.verb, oldest.user, oldest.ids, oldest.at) == ("add", "ada", (ada.id,), NOW)
    assert (newest.key, newest.user, newest.records) == (None, "bob", 2)
    assert newest.ids == (bob.id,), "a record of another user is not named"
    assert [one.verb for one in log.list(user="ada")] == ["add"]
    assert [one.verb for one in log.list(key="k1")] == ["add"]
    assert [one.verb for one in log.list(verb="search", since=NOW)] == ["search"]
    assert log.list(since=NOW + timedelta(seconds=1)) == []
    assert len(log.list(limit=1)) == 1


def test_what_is_forgotten_is_named_no_more(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "m", embedder=HashEmbedder()) as memory:
        log = AuditLog(memory.engine.store)
        record = memory.add("a note", scope="somebody-unusual", id="id-unusual")
        log.write([entry("add", "somebody-unusual", record.id)])
        memory.forget(record.id, scope="somebody-unusual")
        (left,) = log.list()
        assert (left.user, left.ids, left.records, left.verb) == (None, (), 1, "add")
        memory.maintenance.compact()
    held = b"".join(path.read_bytes() for path in (tmp_path / "m").rglob("*") if path.is_file())
    assert b"unusual" not in held


def test_the_log_tells_when_a_key_was_last_used(memory: Memory) -> None:
    log, later = AuditLog(memory.engine.store), NOW + timedelta(days=3)
    log.write([entry("get", "ada"), entry("get", "ada", at=later), entry("get", "ada", key=None)])
    log.write([entry("add", "bob", key="k2")])
    assert log.last_used() == {"k1": later, "k2": NOW}


def test_old_entries_are_pruned(memory: Memory) -> None:
    log = AuditLog(memory.engine.store)
    now = datetime.now(UTC)
    log.write([entry("add", "ada", at=now - timedelta(days=40)), entry("get", "ada", at=now)])
    assert log.prune(timedelta(days=30)) == 1
    assert [one.verb for one in log.list()] == ["get"]
