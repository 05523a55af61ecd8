"""The probe that reads the files: what was left there is noticed, and what belongs there is not."""

import random
import re
from pathlib import Path

import pytest
from probing import SECRET, forgotten, known

from memagent import Memory, Record, Scope
from memagent.errors import StoreError
from memagent.stores.database import word_index
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.schema import STEPS
from memagent.stores.lifecycle import residue
from memagent.stores.lifecycle.erasure import Eraser
from memagent.testing import HashEmbedder

SCHEMA = sorted(set(re.findall(r"[a-z]{3,}", "".join(STEPS).lower())))
WORDS = (
    "garden kitchen umbrella yesterday version optimize rationale supersede format sqlite".split()
)
"""Words of everyday, and such that the database file holds by itself."""


def test_bytes_notices_a_snapshot_of_the_index_that_was_left(
    disk: Memory, secret: Record, ada: Scope, tmp_path: Path
) -> None:
    what = disk.probes.target([secret.id], scope=ada)
    disk.forget([secret.id], scope=ada)
    (tmp_path / "index").mkdir(exist_ok=True)
    (tmp_path / "index" / "u1.snapshot").write_bytes(b"\0" * 64 + what.vectors[0])
    (found,) = [one for one in disk.probes.check(what).probes if one.after]
    assert found.found == ("u1.snapshot holds bytes of its vector",)


def test_files_that_cannot_be_searched_are_an_error(
    disk: Memory, secret: Record, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> None:
        raise OSError("no entry")

    monkeypatch.setattr(residue, "scan", unreadable)
    with pytest.raises(StoreError, match="cannot be searched: no entry"):
        disk.probes.target([secret.id], scope=ada)


def test_bytes_notices_a_log_that_was_not_emptied(
    disk: Memory, secret: Record, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SqliteStore, "checkpoint", lambda _: False)
    findings = forgotten(disk, secret, ada)
    assert known(findings) == {"bytes"}
    assert findings.probes[4].found == tuple(
        f"memory.db-wal holds bytes of its {part}" for part in ("id", "text", "vector", "word")
    )


def test_bytes_notices_words_that_the_word_index_keeps(
    disk: Memory, secret: Record, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_index, "BLOCK", 2)
    disk.add_many(["one", "two"], scope=ada)

    def erase(self: Eraser, *_: object) -> None:
        with disk.engine.store.transaction() as db:
            db.execute("DELETE FROM records WHERE id = ?", (secret.id,))
            db.execute("UPDATE users SET removals = removals + 1, rewrites = 1")
        disk.engine.store.checkpoint()

    monkeypatch.setattr(Eraser, "_erase", erase)
    findings = forgotten(disk, secret, ada)
    assert known(findings) == {"bytes"}
    assert findings.probes[4].found == (
        "cache.db holds bytes of its vector",
        "memory.db holds bytes of its word",
    )


@pytest.mark.parametrize("held", [SECRET, SECRET[10:], "asked for it", "over dinner"])
def test_bytes_notices_a_file_that_was_left_beside_the_database(
    disk: Memory, secret: Record, ada: Scope, tmp_path: Path, held: str
) -> None:
    (tmp_path / "snapshot.idx").write_bytes(b"\0" * 100 + held.encode() + b"\0")
    findings = forgotten(disk, secret, ada)
    assert known(findings) == {"bytes"}
    assert findings.probes[4].found[0].startswith("snapshot.idx holds bytes of its")


def test_a_store_in_ram_has_no_files_to_look_into(memory: Memory, ada: Scope) -> None:
    findings = forgotten(memory, memory.add(SECRET, scope=ada), ada)
    assert [(one.kind, one.asked) for one in findings.probes if not one.asked] == [("bytes", 0)]


@pytest.mark.parametrize("seed", range(3))
def test_words_that_others_use_too_raise_no_alarm(tmp_path: Path, ada: Scope, seed: int) -> None:
    rng = random.Random(seed)
    texts = [" ".join(rng.choices(WORDS + SCHEMA, k=rng.randint(1, 12))) for _ in range(80)]
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        records = memory.add_many(texts, scope=ada)
        for record in records[::10]:
            assert not forgotten(memory, record, ada).known, record.text
        assert memory.maintenance.verify() == ()


def test_words_that_the_file_holds_by_itself_raise_no_alarm(disk: Memory, ada: Scope) -> None:
    old = disk.add("The door is red.", scope=ada, kind="rationale")
    new = disk.update(old.id, "The door is blue.", scope=ada)
    disk.changes.separate("red", wanted=old.id, found=new.id, scope=ada)
    disk.changes.move_back([old.id, new.id], scope=ada)
    assert not forgotten(disk, disk.add("move back", scope=ada), ada).known
    assert not forgotten(disk, disk.add(" ".join([*WORDS, *SCHEMA]), scope=ada), ada).known
    assert not forgotten(disk, disk.add("SQLite format 3", scope=ada), ada).known
