"""HTTP clients of this process: what the environment says of proxies and certificates, checked.

Requests to this machine go through no proxy, whatever the environment says. Every client that
memagent makes gets its options from here.
"""

import ipaddress
import os
import ssl
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from memagent.errors import ConfigError
from memagent.urls import ServerAddress, is_loopback, masked_url

if TYPE_CHECKING:
    import httpx

PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
"""Variables that name certificates to trust, as curl, requests and OpenSSL know them."""


def client(address: ServerAddress, **options: Any) -> "httpx.Client":
    """Return an HTTP client for a server; the options are httpx's.

    Raises:
        ConfigError: a variable of the environment names a proxy or certificates that cannot be
            used.
    """
    import httpx

    return httpx.Client(**client_options(address), **options)


def client_options(address: ServerAddress) -> dict[str, Any]:
    """Return the options of an HTTP client for a server, of httpx or of the OpenAI client.

    Raises:
        ConfigError: as `client`.
    """
    proxy = proxy_for(address.url)
    secure = address.url.startswith("https://") or (proxy or "").startswith("https://")
    options: dict[str, Any] = {"trust_env": False, "proxy": proxy}
    if secure and (context := _tls()) is not None:
        options["verify"] = context
    if address.auth is not None:
        options["auth"] = address.auth
    return options


def proxy_for(url: str) -> str | None:
    """Return the proxy of a URL by HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY.

    NO_PROXY lists hosts, domains, addresses and networks (10.0.0.0/8, fe80::/10), IPv6 ones in
    brackets or not; "*" stands for all.

    Raises:
        ConfigError: the proxy is no URL, or of a kind that cannot be used.
    """
    if is_loopback(url):
        return None
    parts, proxies = urlsplit(url), getproxies()
    name = next((each for each in (parts.scheme, "all") if proxies.get(each, "").strip()), None)
    if name is None or _bypassed(parts.hostname or "", parts.port, proxies.get("no", "")):
        return None
    proxy = proxies[name].strip()
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    variable, shown = f"{name.upper()}_PROXY", masked_url(proxy)
    try:
        split = urlsplit(proxy)
        scheme, host, _ = split.scheme.lower(), split.hostname, split.port
    except ValueError as error:
        raise ConfigError(f"{variable} is no URL: {shown!r}") from error
    if scheme not in PROXY_SCHEMES or not host:
        kinds = ", ".join(PROXY_SCHEMES)
        raise ConfigError(f"{variable} is {shown!r}: expected a proxy's URL ({kinds})")
    if scheme.startswith("socks"):
        _require_socks(variable, shown, parts.hostname or "")
    return proxy


def _bypassed(host: str, port: int | None, no_proxy: str) -> bool:
    """Tell whether NO_PROXY exempts a host."""
    host = host.lower().rstrip(".")
    for entry in no_proxy.lower().split(","):
        entry = entry.strip().rpartition("://")[2].rstrip("/" if "/" not in entry[:-1] else "")
        if entry == "*":
            return True
        name, _, its_port = entry.rpartition(":")
        if its_port.isdecimal() and (":" not in name or name.endswith("]")):
            if port is not None and int(its_port) != port:
                continue
            entry = name
        entry = entry.replace("[", "").replace("]", "").removeprefix("*").strip(".")
        if entry and (host == entry or host.endswith(f".{entry}") or _in_network(host, entry)):
            return True
    return False


def _in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _require_socks(variable: str, shown: str, host: str) -> None:
    import importlib.util

    if importlib.util.find_spec("socksio") is None:
        raise ConfigError(
            f"{variable} is {shown!r}, and a SOCKS proxy needs socksio: pip install socksio,"
            f" or put {host} into NO_PROXY"
        )


def _tls() -> ssl.SSLContext | None:
    """Return the certificates that the environment names, None where it names none."""
    for variable in CERTIFICATES:
        path = os.environ.get(variable, "").strip()
        if path:
            return _context(variable, path)
    return None


@cache
def _context(variable: str, path: str) -> ssl.SSLContext:
    folder = path if Path(path).is_dir() else None
    try:
        return ssl.create_default_context(cafile=None if folder else path, capath=folder)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        problem = "is not there" if not Path(path).exists() else "holds no certificates"
        raise ConfigError(
            f"{variable} names {path}, which {problem}: mend it, or unset {variable}"
        ) from error
