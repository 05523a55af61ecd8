"""What the environment says of proxies, certificates and keys, and what it may not break."""

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from memagent.config import load_settings, setting_sources
from memagent.errors import ConfigError, InvalidInput, ModelUnavailable, UserError
from memagent.models import http, telemetry
from memagent.models.open_chat import open_chat
from memagent.testing import StubServer
from memagent.urls import ServerAddress, header_value, is_loopback, masked_url

LOOPBACK = ["localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "0.0.0.0"]
PROXIES = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"]


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name in http.CERTIFICATES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("host", LOOPBACK)
@pytest.mark.parametrize("name", PROXIES)
@pytest.mark.parametrize("value", ["http://127.0.0.1:9", "socks5://x:1", "nonsense://", ":", "  "])
def test_loopback_is_never_reached_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch, host: str, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    address = ServerAddress.of(f"http://{host}:8000/v1")
    assert is_loopback(address.url)
    http.client(address).close()
    assert http.proxy_for(address.url) is None


@pytest.mark.parametrize(
    ("no_proxy", "host", "proxied"),
    [
        ("localhost,[::1]", "there", True),
        ("fe80::/10,10.0.0.0/8", "10.1.2.3", False),
        ("fe80::/10", "[fe80::1]", False),
        ("[fe80::1]", "[fe80::1]", False),
        ("fe80::1", "[fe80::2]", True),
        ("example.com", "api.example.com", False),
        (".example.com", "api.example.com", False),
        ("*.example.com", "api.example.com", False),
        ("example.com", "notexample.com", True),
        ("there:8000", "there", False),
        ("there:9000", "there", True),
        ("http://there", "there", False),
        ("a, THERE ,b", "there", False),
        (" * ", "there", False),
        (",,", "there", True),
        ("[::1", "there", True),
    ],
)
def test_no_proxy_names_hosts_domains_and_networks(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, host: str, proxied: bool
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "proxy:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert http.proxy_for(f"http://{host}:8000/v1") == ("http://proxy:3128" if proxied else None)


@settings(deadline=None)
@given(st.text(max_size=12).filter(lambda text: "\0" not in text and text.isprintable()))
@example("²")
def test_any_proxy_and_no_proxy_is_used_or_refused(value: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        try:
            patch.setenv("NO_PROXY", value)
            patch.setenv("ALL_PROXY", value)
        except UnicodeEncodeError:
            return
        http.client(ServerAddress.of("http://127.0.0.1:1/v1")).close()
        with suppress(ConfigError):
            http.proxy_for("http://there:8000/v1")


@pytest.mark.parametrize("value", ["ftp://p:1", "socks4://p:1", "http://", "http://p:port"])
def test_a_proxy_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    with pytest.raises(ConfigError, match="ALL_PROXY is"):
        http.proxy_for("http://there:8000/v1")


def test_a_socks_proxy_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://user:secret@p:1")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install socksio, or put there into") as caught:
        http.proxy_for("http://there:8000/v1")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("variable", http.CERTIFICATES)
def test_missing_certificates_are_named_and_only_where_they_are_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "nope.pem"))
    http.client(ServerAddress.of("http://127.0.0.1:1/v1")).close()
    with pytest.raises(ConfigError, match=rf"{variable} names .*nope\.pem, which is not there"):
        http.client(ServerAddress.of("https://there/v1"))
    (tmp_path / "nope.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match="holds no certificates"):
        http.client(ServerAddress.of("https://there/v1"))


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (" HTTP://There:8000/v1/\n", "http://there:8000/v1"),
        ("http://there/v1/chat/completions", "http://there/v1"),
        ("https://[::1]:8000/v1", "https://[::1]:8000/v1"),
        ("http://user:p%40ss@there/v1", "http://there/v1"),
        ("http://bücher.example/v1", "http://xn--bcher-kva.example/v1"),
    ],
)
def test_an_address_is_read(text: str, url: str) -> None:
    address = ServerAddress.of(text)
    assert address.url == url
    assert address.auth == (("user", "p@ss") if "user" in text else None)
    assert "p@ss" not in repr(address)


@pytest.mark.parametrize(
    "text",
    [
        *("", "there", "ftp://there", "http://", "http://h:abc/v1", "http://h:99999", "http://h:0"),
        *("http://h/v1?key=s3cret", "http://h/v1#s3cret", "http://a b/v1", "http://[::1/v1"),
    ],
)
def test_what_is_no_address_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        ServerAddress.of(text)
    assert len(str(caught.value).splitlines()) == 1


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for given_text in (text, f"http://{text}", f"http://u:pw@h/{text}"):
        try:
            url = ServerAddress.of(given_text).url
        except InvalidInput:
            continue
        assert ServerAddress.of(url).url == url


def test_passwords_in_urls_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "http://user:sk-very-secret@127.0.0.1:9/v1"
    assert masked_url(f"at {secret} and {secret}").count("http://***@127.0.0.1:9/v1") == 2
    monkeypatch.setenv("MEMAGENT_MODEL", secret)
    monkeypatch.setenv("MEMAGENT_EMBEDDER", f"server:{secret}")
    monkeypatch.setenv("MEMAGENT_VLLM_URL", secret)
    assert "sk-very-secret" not in repr(setting_sources())
    chat = open_chat(secret, model="m")
    assert "sk-very-secret" not in f"{chat!r} {chat.model_dump()} {chat.server_id}"  # type: ignore[attr-defined]
    for spec in (f"x{secret}", secret.replace("9/", "port/")):
        with pytest.raises(InvalidInput) as caught:
            open_chat(spec)
        assert "sk-very-secret" not in str(caught.value)


@pytest.mark.wire
def test_a_password_in_the_url_is_sent_and_not_told() -> None:
    with StubServer(api_key="x") as server, pytest.raises(ModelUnavailable) as caught:
        open_chat(server.url.replace("//", "//user:sk-very-secret@"))
    assert "401" in str(caught.value)
    assert "sk-very-secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["clé", "a\nb", "a\x00b", "日本"])
def test_a_key_that_no_header_can_hold_is_refused(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    with pytest.raises(InvalidInput, match="copy it again"):
        header_value(key)
    with pytest.raises(UserError, match="copy it again"):
        open_chat("http://127.0.0.1:9/v1", model="m", api_key=key)
    with pytest.raises(ConfigError, match="copy it again"):
        load_settings(api_key=key)
    assert header_value(" abc\r\n") == "abc"


@pytest.mark.parametrize("value", ["", "  ", "\n"])
def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    for name in ("TIMEOUT", "MODEL", "API_KEY", "HOME", "EMBEDDER_PRECISION", "DATA"):
        monkeypatch.setenv(f"MEMAGENT_{name}", value)
    loaded = load_settings()
    assert (loaded.timeout, loaded.model, loaded.api_key) == (120.0, "local", None)
    assert {row.source for row in setting_sources() if row.name == "timeout"} == {"default"}


@pytest.mark.parametrize("value", ["0", "-1", "inf", "nan", "1e300", "ten"])
def test_a_time_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("MEMAGENT_TIMEOUT", value)
    with pytest.raises(ConfigError, match="setting 'timeout'"):
        load_settings()
    if value != "ten":
        with pytest.raises(InvalidInput, match="timeout"):
            open_chat("http://127.0.0.1:9/v1", model="m", timeout=float(value))


def test_values_are_trimmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMAGENT_MODEL", " http://there/v1\n")
    monkeypatch.setenv("MEMAGENT_API_KEY", "abc\n")
    monkeypatch.setenv("MEMAGENT_TIMEOUT", " 7 ")
    loaded = load_settings()
    assert (loaded.model, loaded.timeout) == ("http://there/v1", 7.0)
    assert loaded.api_key is not None
    assert loaded.api_key.get_secret_value() == "abc"


@pytest.mark.wire
def test_a_url_without_v1_and_a_server_without_models_say_so() -> None:
    with StubServer() as server, pytest.raises(ModelUnavailable, match=r"end in /v1 \(http"):
        open_chat(server.url.removesuffix("/v1"))
    with StubServer(models=()) as server, pytest.raises(ModelUnavailable, match="lists no model"):
        open_chat(server.url)


def test_what_sends_prompts_away_is_told_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (*telemetry.LANGSMITH, *telemetry.OTHERS):
        monkeypatch.delenv(name, raising=False)
    assert telemetry.traces() == []
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("LANGCHAIN_TRACING_V2", "false")
    telemetry.warn_of_traces.cache_clear()
    for _ in range(2):
        open_chat("http://127.0.0.1:9/v1", model="m")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("memagent: LANGSMITH_TRACING is set: LangChain sends prompts")
    telemetry.warn_of_traces.cache_clear()
