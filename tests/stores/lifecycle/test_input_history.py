"""Lines typed in chats: kept per user, and forgotten with what they say."""

from pathlib import Path

import pytest
from erasing import held

from memagent import Memory, Scope
from memagent.stores.lifecycle.input_history import SHARED, InputHistory
from memagent.testing import HashEmbedder

LINES = [
    "Zoe has leukaemia.",
    "/remember Zoe  has Leukaemia.",
    "/correct it is leukaemia",
    "/forget secret@example.org",
    "How is Zoe?",
    "half \ud800 a character\nand a line",
    "/hint ask her",
]


def typed(folder: Path, user: str = "ada") -> InputHistory:
    history = InputHistory(folder, user)
    for line in LINES:
        history.append(line)
    return history


def test_lines_come_back_in_order_and_are_the_owners_alone(tmp_path: Path) -> None:
    assert typed(tmp_path).lines() == LINES
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert "ada" not in file.name
    assert InputHistory(tmp_path, "bob").lines() == []
    with file.open("a") as more:
        more.write("not JSON\n3\n" + "[" * 10_000 + "\n")
    assert InputHistory(tmp_path, "ada").lines() == LINES
    InputHistory(tmp_path / "not there", "ada").append("x")  # no reason to stop a chat


def test_lines_go_with_the_records_that_they_became(tmp_path: Path, ada: Scope) -> None:
    history, bobs = typed(tmp_path), typed(tmp_path, "bob")
    (tmp_path / SHARED).write_text("+Zoe has leukaemia.\n")  # of 0.1
    unfinished = tmp_path / f".{SHARED}-0123"
    unfinished.write_text("Zoe has leukaemia.")  # by a process that was killed
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        memory.add("Zoe has leukaemia.", scope=ada, id="secret@example.org")
        memory.add("hint", scope=ada, metadata={"change": {"said": "it is leukaemia"}})
        kept = memory.add("Ask her.", scope=ada)
        memory.add("Zoe has leukaemia.", scope=Scope("bob"))
        memory.forget(["secret@example.org"], scope=ada, dry_run=True)
        assert history.lines() == LINES
        memory.forget(["secret@example.org"], scope=ada)
        assert history.lines() == [LINES[2], *LINES[4:]]
        assert not unfinished.exists()
        memory.forget(where={"change": {"exists": True}}, scope=ada)
        assert history.lines() == LINES[4:]
        assert bobs.lines() == LINES
        memory.forget([kept.id], scope=ada)  # the last one: everything goes
        assert history.lines() == []
        memory.forget(everything=True, scope=Scope("bob"))
    assert b"eukaemia" not in held(tmp_path)
    assert not list(tmp_path.glob(f"*{SHARED}*"))


def test_too_many_pairs_to_compare_lose_every_line(
    tmp_path: Path, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memagent.stores.lifecycle.input_history.MAX_COMPARED", 3)
    history = typed(tmp_path)
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        memory.add("tea", scope=ada)
        memory.forget([memory.add("a secret", scope=ada).id], scope=ada)
    assert history.lines() == []
