"""Detector: secrets of services, keys and passwords; needs the extra `redaction`."""

import random
import string
import sys

import pytest

from memagent.errors import ConfigError, InvalidInput
from memagent.redaction import detector
from memagent.redaction.detector import find_secrets, open_redactor

LETTERS = string.ascii_letters + string.digits


@pytest.fixture(autouse=True)
def _installed(request: pytest.FixtureRequest) -> None:
    if "missing" not in request.node.name and "neither" not in request.node.name:
        pytest.importorskip("kingfisher_sdk")


def drawn(length: int, alphabet: str = LETTERS) -> str:
    return "".join(random.Random(length).choices(alphabet, k=length))


def clean(text: str) -> str:
    redactor = open_redactor("on")
    assert redactor is not None
    return redactor.texts([text])[0]


@pytest.mark.parametrize(
    ("text", "secret", "note"),
    [
        ("My GitHub token is {}.", "ghp_" + drawn(36), "[access token removed]"),
        ("xäöü {} später", "sk_live_" + drawn(24), "[access token removed]"),
        ("aws {}", "AKIA" + drawn(16, "ABCDEFGHJKLMNPQR2347"), "[access token removed]"),
        ("DB_PASSWORD={}", drawn(9) + "7", "[password removed]"),
        ('{{"user": "ada", "password": "{}"}}', drawn(9) + "7", "[password removed]"),
        ("пароль: {}", drawn(9) + "7", "[password removed]"),
        ("postgres://ada:{}@db.lan:5432/prod", drawn(16), "[password removed]"),
        ("{}", "4111 1111 1111 1111", "[card number removed]"),
    ],
)
def test_a_secret_alone_is_taken_out(text: str, secret: str, note: str) -> None:
    assert clean(text.format(secret)) == text.format(note)


@pytest.mark.parametrize("name", ["RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PRIVATE KEY"])
@pytest.mark.parametrize("end", ["\n", "\\n"])
def test_a_private_key_goes_whole(name: str, end: str) -> None:
    lines = [drawn(64 - number) + "A" * number for number in range(12)]
    block = end.join([f"-----BEGIN {name}-----", *lines, f"-----END {name}-----"])
    assert clean(f"Key: {block} ok") == "Key: [private key removed] ok"


@pytest.mark.parametrize(
    "text",
    [
        "I forgot my password again, so reset the password: click here.",
        "The secret: use butter. My token is expired.",
        "def check(password): return hash(password) == stored",
        "hashed_password = argon2.hash_password(password)",
        "commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12 of 2026-05-01T14:30:22",
        "id 123e4567-e89b-12d3-a456-426614174000, phone +49 170 1234567",
        "https://user@git.lan/team/repo.git?x=1",
        "",
    ],
)
def test_an_ordinary_text_stays(text: str) -> None:
    assert list(find_secrets(text)) == []


def test_a_missing_library_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    detector._loaded.cache_clear()
    monkeypatch.setitem(sys.modules, "kingfisher_sdk", None)
    with pytest.raises(ConfigError, match=r"pip install 'memagent\[redaction\]'"):
        open_redactor("on")
    assert open_redactor("off") is None
    detector._loaded.cache_clear()


@pytest.mark.parametrize("redaction", ["yes", "", 3])
def test_what_is_neither_is_refused(redaction: str) -> None:
    with pytest.raises(InvalidInput, match="redaction: 'on', 'off' or a function"):
        open_redactor(redaction)
