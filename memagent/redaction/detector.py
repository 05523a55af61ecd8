"""Detector of secrets and card numbers: Kingfisher's rules, some more, and Luhn's check."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from memagent.errors import ConfigError, InvalidInput, shown
from memagent.process import lock
from memagent.redaction.cards import card_numbers
from memagent.redaction.redactor import Detector, Redactor, Span

if TYPE_CHECKING:
    from kingfisher_sdk import Scanner

RULES = Path(__file__).with_name("rules.yaml")
PASSWORDS = ("memagent.named-value", "memagent.url-password", "betterleaks.generic-credential-uri")
PRIVATE_KEY = "betterleaks.private-key"
INSTALL = "redaction needs Kingfisher: pip install 'memagent[redaction]'"
_lock = lock()


def open_redactor(redaction: str | Detector) -> Redactor | None:
    """Return a redactor: None for "off", the detector of this module for "on", or of one's own.

    A detector is a function of a text that returns (start, end, kind) for each secret.

    Raises:
        InvalidInput: it is neither "on", "off" nor a function.
        ConfigError: it is "on", and the extra `redaction` is not installed.
    """
    if redaction == "off":
        return None
    if redaction == "on":
        _scanner()
        return Redactor(find_secrets)
    if isinstance(redaction, str) or not callable(redaction):
        raise InvalidInput(f"redaction: 'on', 'off' or a function, not {shown(redaction)}")
    return Redactor(redaction)


def find_secrets(text: str) -> Iterator[Span]:
    """Yield the secrets and card numbers in a text, as (start, end, kind).

    Raises:
        ConfigError: the extra `redaction` is not installed.
    """
    yield from card_numbers(text)
    raw = text.encode("utf-8", "surrogatepass")
    for finding in _scanner().scan(raw):
        if not finding.visible:
            continue
        first, last = finding.location["start_offset"], finding.location["end_offset"]
        start = len(raw[:first].decode("utf-8", "surrogatepass"))
        end = start + len(raw[first:last].decode("utf-8", "surrogatepass"))
        yield start, end, _kind(finding.rule_id)


def _kind(rule: str) -> str:
    if rule in PASSWORDS:
        return "password"
    return "private key" if rule == PRIVATE_KEY else "token"


def _scanner() -> "Scanner":
    with _lock:
        return _loaded()


@cache
def _loaded() -> "Scanner":
    """Load the rules, once a process; Kingfisher keeps them compiled in the user's cache folder."""
    try:
        import pydantic_extra_types.payment  # noqa: F401
        from kingfisher_sdk import Rules, Scanner
    except ImportError as error:
        raise ConfigError(INSTALL) from error
    return Scanner(Rules([RULES]), base64=False)
