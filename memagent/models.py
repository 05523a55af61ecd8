"""Chat models, by name or URL, as langchain-core objects."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from memagent.config import Settings, load_settings
from memagent.errors import InvalidInput, ModelUnavailable
from memagent.server import embedded_server
from memagent.types import Usage
from memagent.weights import SMOLLM2, locate

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage

CONNECT_SECONDS = 5.0
M = TypeVar("M", bound=BaseModel)


def open_chat(
    spec: "str | BaseChatModel",
    *,
    model: str | None = None,
    api_key: str | None = None,
    max_tokens: int = 256,
    timeout: float = 120.0,
) -> "BaseChatModel":
    """Return a chat model: "local", "local:<GGUF path>", a server's URL, or the object given.

    A URL is an OpenAI-style server's ("http://host:8000/v1"); without `model` its first is taken.
    Decoding is greedy. `timeout` is in seconds.

    Raises:
        WeightsMissing: "local", and the weights are not on this disk.
        ModelUnavailable: nobody answers at the URL.
        InvalidInput: the spec is none of these.
    """
    if not isinstance(spec, str):
        return spec
    if spec == "local" or spec.startswith("local:"):
        path = Path(spec[6:]).expanduser() if spec[6:] else locate(SMOLLM2, _folder())
        if not path.is_file():
            raise ModelUnavailable(f"no weights at {path}")
        server = embedded_server(path)
        url, name, key = server.url, path.stem, server.api_key
    elif spec.startswith(("http://", "https://")):
        url, key = spec.rstrip("/"), api_key or "none"
        name = model or _first_model(url, key)
    else:
        raise InvalidInput(f"model {spec!r}: expected 'local', 'local:<path>' or a server's URL")
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    return ChatOpenAI(
        base_url=url,
        model=name,
        api_key=SecretStr(key),
        temperature=0.0,
        max_completion_tokens=max_tokens,
        timeout=timeout,
        stream_usage=True,
        use_responses_api=False,
    )


def chat_of(settings: Settings) -> "BaseChatModel":
    """Return the chat model that the settings name."""
    return open_chat(
        settings.model,
        model=settings.model_name,
        api_key=settings.api_key.get_secret_value() if settings.api_key else None,
        max_tokens=settings.max_tokens,
        timeout=settings.timeout,
    )


def reply(
    chat: "BaseChatModel", messages: "Sequence[BaseMessage]", *, stream: bool = False
) -> Iterator[tuple[str, Usage | None]]:
    """Ask once, and yield the text, whole or in pieces as they come, with the tokens where told.

    Raises:
        ModelUnavailable: the server does not answer, or refuses.
    """
    with _translated():
        pieces = chat.stream(list(messages)) if stream else [chat.invoke(list(messages))]
        for piece in pieces:
            yield str(piece.text), _usage(piece) if piece.usage_metadata else None


def structured(
    chat: "BaseChatModel", messages: "Sequence[BaseMessage]", schema: type[M]
) -> M | None:
    """Ask for a reply of a given shape, decoded by the server's JSON schema where it can.

    None stands for a reply that does not fit, which a small model's may not.

    Raises:
        ModelUnavailable: the server does not answer, or refuses.
    """
    shape = {"name": schema.__name__, "schema": schema.model_json_schema(), "strict": True}
    asked = chat.bind(response_format={"type": "json_schema", "json_schema": shape})
    try:
        with _translated():
            message = asked.invoke(list(messages))
    except ModelUnavailable as error:
        openai = sys.modules.get("openai")
        if openai is not None and isinstance(error.__cause__, openai.LengthFinishReasonError):
            return None  # it went on until its tokens ran out
        raise
    try:
        return schema.model_validate_json(str(message.text))
    except ValidationError:
        return None


def _folder() -> Path:
    return load_settings().home / "models"


def _first_model(url: str, key: str) -> str:
    import httpx

    try:
        headers = {"Authorization": f"Bearer {key}"}
        reply = httpx.get(f"{url}/models", headers=headers, timeout=CONNECT_SECONDS)
        reply.raise_for_status()
        return str(reply.json()["data"][0]["id"])
    except httpx.HTTPStatusError as error:
        raise ModelUnavailable(
            f"{url} answers {error.response.status_code} when asked for its models"
        ) from error
    except httpx.HTTPError as error:
        raise ModelUnavailable(f"nobody answers at {url}: {error}") from error
    except (ValueError, LookupError, TypeError) as error:
        raise ModelUnavailable(f"{url} does not speak the OpenAI-style API") from error


def _usage(message: "AIMessage") -> Usage:
    counts: Any = message.usage_metadata or {}
    details = counts.get("input_token_details", {})
    return Usage(
        prompt_tokens=counts.get("input_tokens", 0),
        completion_tokens=counts.get("output_tokens", 0),
        cached_tokens=details.get("cache_read", 0) or 0,
    )


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what the OpenAI client raises into our own errors, the cause kept."""
    try:
        yield
    except Exception as error:
        openai = sys.modules.get("openai")
        if openai is None or not isinstance(error, openai.OpenAIError):
            raise
        raise ModelUnavailable(f"the model's server failed: {error}") from error
