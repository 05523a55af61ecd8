"""Addresses of servers: parsed, checked, and shown without their passwords."""

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from memagent.errors import InvalidInput

SCHEMES = ("http", "https")
SERVER = "server:"
ENDPOINTS = ("/chat/completions", "/completions", "/embeddings", "/models", "/rerank", "/score")
"""Paths below an OpenAI-style server's base URL, which some paste along with it."""
_USERINFO = re.compile(r"(?<=://)[^/\s'\"]*@")
_FORBIDDEN = re.compile(r"[\s\x00-\x1f\x7f\\<>\"{}|^`]")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Base URL of a server, without what is secret in it.

    `auth` is the user and password that stood in the URL, and goes into the Authorization header.
    """

    url: str
    auth: tuple[str, str] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, text: str) -> "ServerAddress":
        """Parse a base URL; white space and slashes around it are dropped.

        Raises:
            InvalidInput: it is no http or https URL of a host, or has a query or a fragment.
        """
        text = text.strip()
        shown = masked_url(text)
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise InvalidInput(f"{shown!r} is no URL: {_reason(error)}") from error
        scheme = parts.scheme.lower()
        if scheme not in SCHEMES or not host:
            raise InvalidInput(f"{shown!r}: expected a URL such as http://localhost:8000/v1")
        if _FORBIDDEN.search(text) or port == 0:
            wrong = "port 0" if port == 0 else "a character that no URL may have"
            raise InvalidInput(f"{shown!r} has {wrong}")
        if parts.query or parts.fragment:
            extra = "a query (?...)" if parts.query else "a fragment (#...)"
            raise InvalidInput(f"{shown!r} has {extra}: give the base URL alone, up to /v1")
        path = parts.path.rstrip("/")
        for endpoint in ENDPOINTS:
            path = path.removesuffix(endpoint)
        host = _ascii(f"[{host}]" if ":" in host else host, shown)
        if _FORBIDDEN.search(host) or not urlsplit(f"//{host}").hostname:
            raise InvalidInput(f"{shown!r}: there can be no such host")
        netloc = host if port is None else f"{host}:{port}"
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(f"{scheme}://{netloc}{path}", (user, password) if user or password else None)


def server_spec(spec: str, kind: str) -> tuple[str, str | None] | None:
    """Return the URL and the model's name, if any, of "server:<url>#<name>"; None if it is no such.

    Raises:
        InvalidInput: "server:" is not followed by a URL; the message names the `kind` of model.
    """
    if not spec.startswith(SERVER):
        return None
    url, _, model = spec.removeprefix(SERVER).partition("#")
    if not url.lower().startswith(tuple(f"{scheme}://" for scheme in SCHEMES)):
        raise InvalidInput(
            f"{kind} {masked_url(spec)!r}: expected 'server:<url>' or 'server:<url>#name'"
        )
    return url, model or None


def header_value(key: str) -> str:
    """Return an API key as a header takes it, without the white space around it.

    Raises:
        InvalidInput: it holds a character that no header can.
    """
    key = key.strip()
    wrong = next((character for character in key if not " " <= character <= "~"), None)
    if wrong is not None:
        raise InvalidInput(f"the API key holds {wrong!r}, which no key can: copy it again")
    return key


def is_loopback(url: str) -> bool:
    """Tell whether a URL names this machine: localhost, 127.0.0.0/8, ::1, 0.0.0.0 or ::."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.is_loopback or mapped.is_unspecified


def masked_url(text: str) -> str:
    """Return a text with the user and password of every URL in it replaced by asterisks."""
    return _USERINFO.sub("***@", text)


def _ascii(host: str, shown: str) -> str:
    """Return a host name as the wire takes it: of other scripts in Punycode."""
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise InvalidInput(f"{shown!r}: there can be no such host") from error


def _reason(error: ValueError) -> str:
    text = str(error)
    if "port" in text.lower():
        return "the port is no number from 1 to 65535"
    return text[:1].lower() + text[1:]
