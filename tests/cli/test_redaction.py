"""What the command line says of what it took out."""

from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., tuple[int, str, str]]
CARD = "4111 1111 1111 1111"
TOLD = "memagent: a card number was removed before this was stored\n"


@pytest.fixture(autouse=True)
def _redacting(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("kingfisher_sdk")
    monkeypatch.setenv("MEMAGENT_REDACTION", "on")


def test_add_tells_in_one_line(memagent: Command) -> None:
    code, out, err = memagent("add", f"My card is {CARD}.")
    assert (code, err) == (0, TOLD)
    assert "My card is [card number removed]." in memagent("show", out.strip())[1]
    assert memagent("add", "My bike is red.")[2] == ""


def test_import_and_chat_tell_too(memagent: Command, tmp_path: Path) -> None:
    file = tmp_path / "mem0.json"
    file.write_text(f'{{"results": [{{"id": "m", "memory": "Card {CARD}", "user_id": "me"}}]}}')
    assert memagent("import", str(file))[2] == TOLD
    code, out, err = memagent("chat", stdin=f"My card is {CARD}.\n".encode())
    assert (code, err.count(TOLD)) == (0, 1)
    assert "In the bathroom." in out


def test_a_value_of_the_setting_that_is_neither_is_refused(
    memagent: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMAGENT_REDACTION", "maybe")
    code, _, err = memagent("list")
    assert code == 1
    assert "redaction" in err
