"""Chat models opened by name or URL, as langchain-core objects."""

import json
import logging
import time
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from memagent.config import Settings, load_settings
from memagent.errors import InvalidInput, ModelUnavailable, shown
from memagent.models import http
from memagent.models.concurrency import MAX_LIMIT, limiter_of
from memagent.models.errors import missing_v1
from memagent.models.llama_cpp import SLOTS, embedded_server
from memagent.models.retry import CHAT_RETRIES, CONNECT_SECONDS, client_options
from memagent.models.telemetry import warn_of_traces
from memagent.models.vllm import repetition
from memagent.models.weights import SMOLLM2, locate
from memagent.process import lock
from memagent.text.chat_template import named_marks
from memagent.text.template_marks import add_marks
from memagent.urls import ServerAddress, header_value, is_loopback, masked_url

if TYPE_CHECKING:
    import httpx
    from langchain_core.language_models import BaseChatModel

logger = logging.getLogger(__name__)

EMBEDDED = "embedded"
DESCRIPTIONS = ("/props", "/tokenizer_info")
"""Paths, beside /v1, where llama.cpp and vLLM describe their tokenizer."""
DESCRIPTION_SECONDS = 0.5
"""Seconds that opening a model waits for that; what comes later counts from then on."""
DESCRIPTION_TIMEOUT = 5.0
"""Seconds without a byte after which the server is given up."""
DESCRIPTION_BYTES = 16 << 20
"""The longest description that is read."""
_asked: dict[tuple[str, str], tuple[Thread, float]] = {}
"""The thread that asks a server (URL, model), and when waiting for that ends."""
_lock = lock()


def open_chat(
    spec: "str | BaseChatModel",
    *,
    model: str | None = None,
    api_key: str | None = None,
    max_tokens: int = 256,
    timeout: float = 120.0,
    connect_timeout: float = CONNECT_SECONDS,
    retries: int = CHAT_RETRIES,
    in_flight: int = MAX_LIMIT,
) -> "BaseChatModel":
    """Return a chat model: "local", "local:<path>", a URL, "vllm:<model>", or the object itself.

    A path is a GGUF file's. A URL is an OpenAI-style server's ("http://host:8000/v1"); without
    `model` its first is taken. "vllm:<model>" connects to the vLLM on this machine that serves the
    model, or starts one. Decoding is greedy. `timeout` is how many seconds the server may be
    silent, and `connect_timeout` within how many it must be reached. A request that is lost or
    refused for now is sent again up to `retries` times. This process has at most `in_flight`
    requests open to the server.

    Raises:
        WeightsMissing: the spec is "local", and the weights are not on this disk.
        ModelUnavailable: no server answers at the URL, or vLLM does not start.
        InvalidInput: the spec is none of these.
    """
    warn_of_traces()
    if not isinstance(spec, str):
        if not hasattr(spec, "invoke"):
            raise InvalidInput(f"model: a name, a URL or a chat model, not {shown(spec)}")
        return spec
    spec, server_id = spec.strip(), None
    key = header_value(api_key or "") or "none"
    if spec == "local" or spec.startswith("local:"):
        path = embedded_weights(spec)
        server = embedded_server(path)
        address, name = ServerAddress.of(server.url), path.stem
        key, server_id = server.api_key, EMBEDDED
        in_flight = min(in_flight, 2 * SLOTS)  # one batch is decoded while the next waits
    elif spec.startswith("vllm:") and spec[5:]:
        address, name = _vllm(spec[5:], api_key)
    elif spec.lower().startswith(("http://", "https://")):
        address = ServerAddress.of(spec)
        name = (model or "").strip() or _first_model(address, key, connect_timeout)
    else:
        raise InvalidInput(
            f"model {masked_url(spec)!r}: expected 'local', 'local:<path>', 'vllm:<model>'"
            " or a server's URL"
        )
    _learn_server(address, name, key)
    from pydantic import SecretStr

    from memagent.models.server_chat import ServerChat, http_async_client, http_client

    return ServerChat(
        base_url=address.url,
        model=name,
        api_key=SecretStr(key),
        temperature=0.0,
        max_completion_tokens=max_tokens,
        # The connection's read timeout bounds a stream too. LangChain's own bound waits through
        # asyncio.wait_for, which before Python 3.12 can lose a cancellation.
        stream_chunk_timeout=None,
        **client_options(retries, timeout, connect_timeout),
        stream_usage=True,
        use_responses_api=False,
        openai_proxy=None,  # not from the environment: `memagent.models.http` decides
        http_client=http_client(address),
        http_async_client=http_async_client(address),
        limiter=limiter_of(address.url, in_flight),
        address=address,
        server_id=server_id or address.url,
    )


def embedded_weights(spec: str) -> Path:
    """Return the GGUF file that "local" or "local:<path>" names.

    Raises:
        WeightsMissing: "local", and the weights are not on this disk.
        ModelUnavailable: there is no such file.
    """
    path = Path(spec[6:]).expanduser() if spec[6:] else locate(SMOLLM2, _folder())
    if not path.is_file():
        raise ModelUnavailable(f"no weights at {path}")
    return path


def chat_of(settings: Settings) -> "BaseChatModel":
    """Return the chat model that the settings name."""
    return open_chat(settings.model, **options_of(settings))


def options_of(settings: Settings) -> dict[str, Any]:
    """Return the settings of the chat model as keyword arguments of `open_chat`."""
    return {
        "model": settings.model_name,
        "api_key": settings.api_key.get_secret_value() if settings.api_key else None,
        "max_tokens": settings.max_tokens,
        "timeout": settings.timeout,
        "connect_timeout": settings.connect_timeout,
        "retries": settings.retries,
        "in_flight": settings.in_flight,
    }


def _folder() -> Path:
    return load_settings().home / "models"


def _vllm(model: str, api_key: str | None) -> tuple[ServerAddress, str]:
    """Return the address and name under which vLLM serves a model, starting it if need be."""
    from memagent.models.vllm.launch import connect_or_start

    served = connect_or_start(model, api_key=api_key)
    return served.address or ServerAddress.of(served.url), served.name


def _first_model(address: ServerAddress, key: str, seconds: float) -> str:
    """Return the name of the first model that a server lists.

    Raises:
        ModelUnavailable: it does not answer, refuses, or lists none.
    """
    import httpx

    url = address.url
    try:
        with http.client(address, headers={"Authorization": f"Bearer {key}"}) as client:
            reply = client.get(f"{url}/models", timeout=seconds, follow_redirects=True)
        reply.raise_for_status()
        models = reply.json()["data"]
        if not models:
            raise ModelUnavailable(f"{url} lists no model: load one there, or set model_name")
        return str(models[0]["id"])
    except httpx.HTTPStatusError as error:
        status, hint = error.response.status_code, ""
        if status in (404, 405):
            hint = missing_v1(url)
        elif status in (401, 403):
            hint = ": set api_key to the server's key"
        raise ModelUnavailable(f"{url} answers {status} when asked for its models{hint}") from error
    except httpx.HTTPError as error:
        hint = "; `memagent doctor` finds those on this machine" if is_loopback(url) else ""
        raise ModelUnavailable(
            f"no server answers at {url}: {masked_url(str(error))}{hint}"
        ) from error
    except (ValueError, LookupError, TypeError) as error:
        raise ModelUnavailable(
            f"{url} does not speak the OpenAI-style API{missing_v1(url)}"
        ) from error


def _learn_server(address: ServerAddress, name: str, key: str) -> None:
    """Ask a server, once, for its template marks and whether it is vLLM."""
    with _lock:
        if (address.url, name) not in _asked:
            thread = Thread(target=_describe, args=(address, name, key), daemon=True)
            _asked[address.url, name] = thread, time.monotonic() + DESCRIPTION_SECONDS
            thread.start()
        thread, until = _asked[address.url, name]
    thread.join(max(0.0, until - time.monotonic()))


def _describe(address: ServerAddress, name: str, key: str) -> None:
    """Ask a server for what it tells of itself; whatever goes wrong, the model works without."""
    import httpx

    try:
        with http.client(address, headers={"Authorization": f"Bearer {key}"}) as client:
            _add_named(client, address, name)
            repetition.recognise(address.url, name, _json(client, f"{address.url}/models"))
    except (httpx.ConnectError, httpx.HTTPStatusError):  # not yet: the next opening asks again
        _asked.pop((address.url, name), None)
    except Exception as error:
        logger.info("what the server of %s can do is unknown: %s", name, type(error).__name__)


def _add_named(client: "httpx.Client", address: ServerAddress, name: str) -> None:
    """Add the template marks that a server names to those that prompts break up."""
    for path in DESCRIPTIONS:
        url = address.url.removesuffix("/v1") + path
        if marks := named_marks(_json(client, url)):
            logger.info("%s names %d more template marks", name, add_marks(marks))
            return


def _json(client: "httpx.Client", url: str) -> Any:
    """Return the JSON at a URL, None if there is none.

    Raises:
        HTTPStatusError: the server has an error, or is still loading its model.
    """
    body = bytearray()
    with client.stream("GET", url, timeout=DESCRIPTION_TIMEOUT) as reply:
        if reply.is_server_error:
            reply.raise_for_status()
        for piece in reply.iter_bytes() if reply.is_success else ():
            body += piece
            if len(body) > DESCRIPTION_BYTES:
                return None
    try:
        return json.loads(body)
    except ValueError:
        return None
