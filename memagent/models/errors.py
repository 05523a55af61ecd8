"""What a model's client raises, turned into our own errors at one boundary, the cause kept."""

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
"""How servers say that a prompt does not fit: vLLM, llama.cpp, and the hosted ones."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the OpenAI client or LangChain raises for a server into an error of ours.

    Raises:
        ContextTooLong: the messages do not fit into the model's context.
        StructuredOutputError: the answer to a JSON schema was cut off.
        ModelUnavailable: anything else that the server or the way to it got wrong.
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
    """Return our error for one of a model's client, None for what is not the server's doing."""
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
    said = message_of(error)
    refused = isinstance(error, openai.APIStatusError) and error.status_code in (400, 413, 422)
    if refused and TOO_LONG.search(f"{error} {getattr(error, 'body', '')}"):
        return ContextTooLong(f"the messages do not fit into the model's context: {said}")
    if isinstance(error, openai.APITimeoutError):
        return ModelUnavailable(f"the model's server did not answer in time: {_place(error)}")
    if isinstance(error, openai.APIConnectionError):
        return ModelUnavailable(f"the connection to the model's server failed: {_place(error)}")
    return ModelUnavailable(f"the model's server failed: {said}")


def message_of(error: Exception) -> str:
    """Return what a server said in its error, on one line, without the JSON around it."""
    body = getattr(error, "body", None)
    said: Any = body.get("message") if isinstance(body, dict) else None
    status = getattr(error, "status_code", None)
    text = said if isinstance(said, str) and said else str(error)
    return " ".join(f"{status}: {text}".split()) if status and said else " ".join(text.split())


def not_an_answer(error: Exception) -> ModelUnavailable:
    """Return our error for a reply that came but is no chat completion."""
    kind = "is not JSON" if isinstance(error, json.JSONDecodeError) else "is no chat completion"
    return ModelUnavailable(
        f"what the model's server answered {kind}: {' '.join(str(error).split())}"
    )


def _place(error: Any) -> str:
    cause = error.__cause__
    while cause is not None and not str(cause):
        cause = cause.__cause__
    why = f" ({cause})" if cause is not None else ""
    return f"{error.request.url}{why}"
