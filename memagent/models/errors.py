"""Errors of a model's client, translated into ours at one boundary with the cause kept."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from memagent.errors import ContextTooLong, MemagentError, ModelUnavailable, StructuredOutputError

TOO_LONG = re.compile(
    r"context[_ ]length|context[_ ]size|context window|maximum model length|max_model_len"
    r"|prompt is too long|input tokens exceed",
    re.IGNORECASE,
)
"""Phrases for a prompt that does not fit, of vLLM, llama.cpp and hosted servers."""


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
    refused = isinstance(error, openai.APIStatusError) and error.status_code in (400, 413, 422)
    if refused and TOO_LONG.search(f"{error} {getattr(error, 'body', '')}"):
        return ContextTooLong(f"the messages do not fit into the model's context: {message}")
    if isinstance(error, openai.APITimeoutError):
        return ModelUnavailable(f"the model's server did not answer in time: {_address(error)}")
    if isinstance(error, openai.APIConnectionError):
        return ModelUnavailable(f"the connection to the model's server failed: {_address(error)}")
    return ModelUnavailable(f"the model's server failed: {message}")


def message_of(error: Exception) -> str:
    """Return the message of a server's error on one line, without the JSON around it."""
    body = getattr(error, "body", None)
    message: Any = body.get("message") if isinstance(body, dict) else None
    status = getattr(error, "status_code", None)
    text = message if isinstance(message, str) and message else str(error)
    return " ".join(f"{status}: {text}".split()) if status and message else " ".join(text.split())


def not_an_answer(error: Exception) -> ModelUnavailable:
    """Return our error for a reply that is no chat completion."""
    kind = "is not JSON" if isinstance(error, json.JSONDecodeError) else "is no chat completion"
    return ModelUnavailable(
        f"what the model's server answered {kind}: {' '.join(str(error).split())}"
    )


def _address(error: Any) -> str:
    cause = error.__cause__
    while cause is not None and not str(cause):
        cause = cause.__cause__
    reason = f" ({cause})" if cause is not None else ""
    return f"{error.request.url}{reason}"
