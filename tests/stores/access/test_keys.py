from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memagent import Memory
from memagent.errors import InvalidInput
from memagent.stores.access.keys import Keys
from memagent.testing import HashEmbedder

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def test_a_key_is_found_by_its_whole_token_alone(memory: Memory) -> None:
    keys = Keys(memory.engine.store)
    token, key = keys.make("app", ["ada", "bob", "ada"], read_only=True, rate="5/minute")
    assert key.users == ("ada", "bob")
    assert keys.find(token) == key
    wrong = [token[:-1], token + "x", token.upper(), "", "ma_", f"ma_{key.id}_", f"mb{token[2:]}"]
    assert [keys.find(text) for text in [*wrong, "é" + token, token.replace(key.id, "0")]] == [
        None
    ] * (len(wrong) + 2)


def test_the_secret_is_nowhere_in_the_files(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "m", embedder=HashEmbedder()) as memory:
        token, _ = Keys(memory.engine.store).make("app", None)
        secret = token.split("_", 2)[2].encode()  # which may hold a "_" itself
        held = [path for path in (tmp_path / "m").rglob("*") if path.is_file()]
        assert held
        assert not [path for path in held if secret in path.read_bytes()]


def test_what_another_process_revokes_counts_at_once(tmp_path: Path) -> None:
    with (
        Memory.open(tmp_path / "m", embedder=HashEmbedder()) as one,
        Memory.open(tmp_path / "m", embedder=HashEmbedder()) as other,
    ):
        keys = Keys(one.engine.store)
        token, key = keys.make("app", ["ada"])
        assert keys.find(token) == key
        Keys(other.engine.store).revoke("app")
        assert keys.find(token) is None
        assert keys.any()
        Keys(other.engine.store).remove(key.id)
        assert not keys.any()


def test_a_key_expires(memory: Memory) -> None:
    now = [NOW]
    keys = Keys(memory.engine.store, clock=lambda: now[0])
    token, key = keys.make("app", ["ada"], expires=NOW + timedelta(hours=1))
    assert keys.find(token) == key
    assert keys.any_usable()
    now[0] += timedelta(hours=1)
    assert keys.find(token) is None
    assert not keys.any_usable()


def test_what_is_no_key_is_refused(memory: Memory) -> None:
    keys = Keys(memory.engine.store)
    _, key = keys.make("app", None)
    for name, users in (
        ("app", ["ada"]),
        (key.id, ["ada"]),
        ("", ["ada"]),
        ("x\n", ["ada"]),
        ("y", []),
        ("z", [" "]),
    ):
        with pytest.raises(InvalidInput):
            keys.make(name, users)
    with pytest.raises(InvalidInput):
        keys.revoke("nothing")
    with pytest.raises(InvalidInput):
        keys.remove("app")  # not revoked
    assert [key.name for key in keys.list()] == ["app"]


@pytest.mark.parametrize("rate", ["", "often", "0/minute", "5/minute;2/second", "5/fortnight"])
def test_a_rate_that_is_none_is_refused_before_it_is_stored(memory: Memory, rate: str) -> None:
    keys = Keys(memory.engine.store)
    with pytest.raises(InvalidInput, match="600/minute"):
        keys.make("app", ["ada"], rate=rate)
    assert keys.list() == []
