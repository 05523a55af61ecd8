"""Every kind of probe is shown a forget that is broken in its own way, and has to notice."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from probing import SECRET, forgotten, known

from memagent import Memory, Receipt, Record, Scope
from memagent.memory import deletion_probes
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.rows import packed
from memagent.stores.lifecycle.erasure import Eraser
from memagent.testing import HashEmbedder


def test_every_probe_knows_a_record_before_it_is_forgotten_and_none_after(
    disk: Memory, secret: Record, ada: Scope
) -> None:
    findings = forgotten(disk, secret, ada, paraphrases=["how is the safe opened"])
    assert all(probe.before for probe in findings.probes)
    assert {probe.kind for probe in findings.probes} == {*deletion_probes.ProbeKind.__args__}
    assert (findings.known, findings.lost) == (False, ())
    assert [one.found for one in findings.probes] == [()] * 5


def test_every_probe_knows_a_record_that_is_still_there(
    disk: Memory, secret: Record, ada: Scope
) -> None:
    findings = disk.probes.check(disk.probes.target([secret.id], scope=ada))
    assert known(findings) == {"direct", "paraphrase", "cue", "vector", "bytes"}
    assert all(probe.after == probe.before for probe in findings.probes)
    assert f"record {secret.id} is still there" in findings.probes[0].found
    (key,) = disk.engine.store.query("SELECT id FROM keys WHERE record = ?", (secret.seq,))
    assert f"key {key['id']} holds its vector" in findings.probes[3].found


def test_a_forget_that_does_nothing_is_noticed_by_every_probe(
    disk: Memory, secret: Record, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = disk.forget([secret.id], scope=ada, dry_run=True)
    monkeypatch.setattr(Eraser, "_erase", lambda *_: None)
    findings = forgotten(disk, secret, ada)
    assert known(findings) == {"direct", "paraphrase", "cue", "vector", "bytes"}
    assert receipt.records == 1


def broken(
    monkeypatch: pytest.MonkeyPatch, after: Callable[[Memory], object], memory: Memory
) -> None:
    """Let something happen after each real erasure."""
    whole = Eraser.forget

    def forget(self: Eraser, *args: object, dry_run: bool) -> Receipt:
        receipt = whole(self, *args, dry_run=dry_run)  # type: ignore[arg-type]
        if not dry_run:
            after(memory)
        return receipt

    monkeypatch.setattr(Eraser, "forget", forget)


def test_direct_notices_a_row_that_no_search_finds(
    disk: Memory, secret: Record, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    def erase(self: Eraser, *_: object) -> None:
        with disk.engine.store.transaction() as db:
            db.execute("DELETE FROM keys WHERE record = ?", (secret.seq,))
            db.execute("UPDATE users SET removals = removals + 1, rewrites = rewrites + 1")
            db.execute("UPDATE records SET value = 'gone' WHERE id = ?", (secret.id,))

    monkeypatch.setattr(Eraser, "_erase", erase)
    what = disk.probes.target([secret.id], scope=ada)
    disk.forget([secret.id], scope=ada)
    direct = disk.probes.check(what).probes[0]
    assert (direct.after, direct.found) == (1, (f"record {secret.id} is still there",))


def test_paraphrase_notices_a_copy_that_only_other_words_find(
    disk: Memory, secret: Record, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(memory: Memory) -> None:
        memory.add(f"Somebody said: {SECRET}", scope=ada, keys=["melody of the safe"])
        memory.add_many([f"The vault opens with key {n}." for n in range(20)], scope=ada)

    broken(monkeypatch, copy, disk)
    plain = disk.probes.target([secret.id], scope=ada)
    findings = forgotten(disk, secret, ada, paraphrases=["melody of the safe"])
    assert known(findings) == {"paraphrase"}
    assert known(disk.probes.check(plain)) == set()


def test_cue_notices_a_copy_that_only_a_neighbour_leads_to(
    disk: Memory, secret: Record, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = "The vault is in the cellar."
    broken(monkeypatch, lambda memory: memory.add(SECRET, scope=ada, keys=["cellar"]), disk)
    assert near in {text for _, text in disk.probes.target([secret.id], scope=ada).neighbours}
    disk.add_many([f"The vault opens with key {n}." for n in range(20)], scope=ada)
    assert known(forgotten(disk, secret, ada)) == {"cue"}


def test_cue_notices_a_copy_that_only_one_of_its_words_leads_to(
    disk: Memory, secret: Record, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch, lambda memory: memory.add(SECRET, scope=ada, keys=["xylophone"]), disk)
    disk.add_many([f"The vault opens with seventeen {n}." for n in range(20)], scope=ada)
    assert known(forgotten(disk, secret, ada)) == {"cue"}


def test_vector_notices_an_old_vector_under_another_key(
    disk: Memory, secret: Record, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    (old,) = packed(np.array([HashEmbedder().embed_query(SECRET)]))

    def leave(memory: Memory) -> None:
        with memory.engine.store.transaction() as db:
            db.execute("UPDATE keys SET vector = ? WHERE id = 1", (old,))

    broken(monkeypatch, leave, disk)
    findings = forgotten(disk, secret, ada)
    assert known(findings) == {"vector"}
    assert findings.probes[3].found == ("key 1 holds its vector",)


def test_a_key_that_was_moved_away_from_another_is_no_trace_and_its_first_vector_is_one(
    disk: Memory, secret: Record, ada: Scope
) -> None:
    other = disk.add("xylophone seventeen with opens vault The", scope=ada)
    disk.changes.separate("vault vault", wanted=other.id, found=secret.id, scope=ada)
    what = disk.probes.target([secret.id], scope=ada)
    assert packed(np.array([HashEmbedder().embed_query(SECRET)]))[0] in what.vectors
    assert len(what.vectors) == 2
    disk.forget([secret.id], scope=ada)
    assert not disk.probes.check(what).known
    with disk.engine.store.transaction() as db:
        db.execute("UPDATE keys SET text = 'another' WHERE record = ?", (other.seq,))
    (vector,) = [one for one in disk.probes.check(what).probes if one.after]
    assert (vector.kind, len(vector.found)) == ("vector", 1)


def test_vector_notices_what_only_the_index_in_ram_still_has(
    disk: Memory, secret: Record, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.search("vault", scope=ada)
    state = disk.engine.store.state("ada")
    monkeypatch.setattr(SqliteStore, "state", lambda *_: state)
    findings = forgotten(disk, secret, ada)
    assert known(findings) == {"vector"}
    assert findings.probes[3].found[0].startswith("the index in RAM holds key")


def test_a_vector_that_another_living_text_explains_is_no_trace(
    disk: Memory, secret: Record, ada: Scope
) -> None:
    disk.add("seventeen xylophone WITH opens vault the", scope=ada)
    disk.add(SECRET, scope=Scope(user="bob"))
    assert not forgotten(disk, secret, ada).known


def test_another_record_that_says_the_same_is_told(
    disk: Memory, secret: Record, ada: Scope
) -> None:
    other = disk.add(f"I heard that the vault: {SECRET.lower()}", scope=ada)
    findings = forgotten(disk, secret, ada)
    assert findings.probes[0].found == (f"record {other.id} says the same",)


def test_an_old_version_that_was_left_is_found_by_its_time(
    disk: Memory, secret: Record, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.update(secret.id, "The vault opens with a key.", scope=ada)
    monkeypatch.setattr(Eraser, "_erase", lambda *_: None)
    what = disk.probes.target([secret.id], scope=ada)
    only_old = [piece for piece in what.pieces if piece.text == SECRET]
    assert len(what.pieces) == 2
    found = deletion_probes._searched(disk, what, only_old[0].text, only_old[0].moment)
    assert f"record {secret.id} is still there" in found


def add_leaning(folder: Path, scope: Scope) -> Record:
    """Write a record that is keyed together with the one before it."""
    with Memory.open(folder, embedder=HashEmbedder(), recall="rules") as memory:
        return memory.add("She wrote it down.", scope=scope)


def test_a_record_that_was_keyed_together_with_it_is_watched_too(
    tmp_path: Path, disk: Memory, secret: Record, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaning = add_leaning(tmp_path, ada)
    (joint,) = packed(np.array([HashEmbedder().embed_query(leaning.keys[0])]))
    what = disk.probes.target([secret.id], scope=ada)
    assert joint in what.vectors
    assert not forgotten(disk, secret, ada).known
    (key,) = disk.engine.store.query("SELECT id FROM keys WHERE record = ?", (leaning.seq,))
    with disk.engine.store.transaction() as db:
        db.execute("UPDATE keys SET vector = ? WHERE id = ?", (joint, key["id"]))
    findings = disk.probes.check(what)
    assert findings.probes[3].found == (f"key {key['id']} holds its vector",)


def test_a_key_that_still_quotes_it_is_told(
    tmp_path: Path, disk: Memory, secret: Record, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaning = add_leaning(tmp_path, ada)
    plan = Eraser._plan
    monkeypatch.setattr(Eraser, "_plan", lambda *of: replace(plan(*of), rekeyed=[]))
    findings = forgotten(disk, secret, ada)
    assert findings.probes[0].found == (f"record {leaning.id} says the same",)


def test_a_neighbour_that_went_too_is_named(
    disk: Memory, secret: Record, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = disk.probes.target([secret.id], scope=ada)
    lost, text = what.neighbours[0]
    broken(monkeypatch, lambda memory: memory.engine.bank and drop(memory, lost), disk)
    disk.forget([secret.id], scope=ada)
    findings = disk.probes.check(what)
    assert (findings.known, findings.lost) == (False, (lost,)), text


def drop(memory: Memory, id: str) -> None:
    with memory.engine.store.transaction() as db:
        db.execute("DELETE FROM records WHERE id = ?", (id,))
        db.execute("UPDATE users SET removals = removals + 1, rewrites = rewrites + 1")


def test_texts_can_be_asked_for_that_no_record_holds_any_more(
    disk: Memory, secret: Record, ada: Scope
) -> None:
    disk.forget([secret.id], scope=ada)
    findings = disk.probes.check(disk.probes.target(scope=ada, texts=[SECRET]))
    assert not findings.known
    assert all(probe.asked for probe in findings.probes)
    again = disk.add(SECRET, scope=ada)
    what = disk.probes.target(scope=ada, texts=[SECRET])
    assert what.ids[0] == again.id
    assert known(disk.probes.check(what)) >= {
        "direct",
        "paraphrase",
        "cue",
        "vector",
    }


def test_of_many_texts_some_are_asked_for(memory: Memory, ada: Scope) -> None:
    memory.add_many([f"note {n}" for n in range(200)], scope=ada)
    ids = [one.id for one in memory.list(scope=ada, limit=200)]
    assert len(memory.probes.target(ids, scope=ada).pieces) == deletion_probes.PIECES
