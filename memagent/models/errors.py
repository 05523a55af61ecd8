"""Errors of a model's client, translated into ours at one boundary with the cause kept."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from memagent.errors import ContextTooLong, MemagentError, ModelUnavailable, StructuredOutputError
from memagent.urls import masked_url

TOO_LONG = re.compile(
    r"context[_ ]?length|context[_ ]size|context[_ ]?window|maximum context|max(imum)? model length"
    r"|max_(model|seq|input|total)_(len|length|tokens)|n_ctx"
    r"|maximum (input|allowed|sequence) length"
    r"|(prompt|input|request|messages?) (is|are) too (long|large)|input tokens exceed"
    r"|exceeds? the (model'?s? )?(available )?(context|max(imum)? (number of )?(input )?tokens)"
    r"|(prompt|input) (length|tokens?)[^.]{0,40}(exceed|greater|longer|more) "
    r"|too many (input |prompt )?tokens|reduce the length of",
    re.IGNORECASE,
)
"""Phrases for a prompt that does not fit, of vLLM, llama.cpp and hosted servers."""


MAX_MESSAGE = 500
"""Characters of a server's message that are shown: some answer with a whole page."""


@contextmanager
def translated() -> Iterator[None]:
    """Translate errors of the OpenAI client or LangChain within the block.

    Raises:
        ContextTooLong: the messages do not fit into the model's context.
        StructuredOutputError: the answer to a JSON schema was cut off.
        ModelUnavailable: any other failure of the server or the connection.
    """
    try:
        yield
    except MemagentError:
        raise
    except Exception as error:
        ours = translation(error)
        if ours is None:
            raise
        raise ours from error


def translation(error: Exception) -> MemagentError | None:
    """Return our error for one of a model's client, or None if the server did not cause it."""
    from langchain_core import exceptions

    openai = sys.modules.get("openai")
    if isinstance(error, getattr(exceptions, "ContextOverflowError", ())):
        return ContextTooLong(f"the messages do not fit into the model's context: {error}")
    if openai is None or not isinstance(error, openai.OpenAIError):
        return None
    if isinstance(error, openai.LengthFinishReasonError):
        choices = error.completion.choices
        return StructuredOutputError(
            "truncated", (choices[0].message.content or "") if choices else ""
        )
    message = message_of(error)
    # Some servers report it with status 500, and some inside a stream, where there is none.
    refused = getattr(error, "status_code", None) in (400, 413, 422, 500, None)
    if (
        refused
        and not isinstance(error, openai.APIConnectionError)
        and TOO_LONG.search(f"{error} {getattr(error, 'body', '')}")
    ):
        return ContextTooLong(f"the messages do not fit into the model's context: {message}")
    if isinstance(error, openai.APITimeoutError):
        return ModelUnavailable(f"the model's server did not answer in time: {_address(error)}")
    if isinstance(error, openai.APIConnectionError):
        return ModelUnavailable(f"the connection to the model's server failed: {_address(error)}")
    if isinstance(error, openai.NotFoundError):
        message += missing_v1(str(error.request.url).partition("/chat/completions")[0])
    return ModelUnavailable(f"the model's server failed: {message}")


def reported(message: str) -> MemagentError:
    """Return our error for one that a server reported in words alone."""
    text = " ".join(message.split())[:MAX_MESSAGE]
    if TOO_LONG.search(text):
        return ContextTooLong(f"the messages do not fit into the model's context: {text}")
    return ModelUnavailable(f"the model's server failed: {text}")


def message_of(error: Exception) -> str:
    """Return the message of a server's error on one line, without the JSON around it."""
    body = getattr(error, "body", None)
    message: Any = body
    if isinstance(body, dict):
        message = next((body[key] for key in ("message", "detail", "error") if body.get(key)), None)
    if message is not None and not isinstance(message, str):
        message = json.dumps(message)
    status = getattr(error, "status_code", None)
    text = f"{status}: {message}" if status and message else message or str(error)
    text = masked_url(" ".join(text.split()))
    return text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]}..."


def missing_v1(url: str) -> str:
    """Return a hint at the usual end of a server's base URL, empty if it is there."""
    return "" if url.rstrip("/").endswith("/v1") else f": does the URL end in /v1 ({url}/v1)?"


def not_an_answer(error: Exception) -> ModelUnavailable:
    """Return our error for a reply that is no chat completion."""
    kind = "is not JSON" if isinstance(error, json.JSONDecodeError) else "is no chat completion"
    return ModelUnavailable(
        f"what the model's server answered {kind}: {' '.join(str(error).split())[:MAX_MESSAGE]}"
    )


def _address(error: Any) -> str:
    cause = error.__cause__
    while cause is not None and not str(cause):
        cause = cause.__cause__
    reason = f" ({cause})" if cause is not None else ""
    return masked_url(f"{error.request.url}{reason}")
