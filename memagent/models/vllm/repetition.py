"""Repetition detection of vLLM: ends a reply that does not stream once it has fallen into a loop.

A stream is read by `memagent.text.repetition`, which closes it. A reply that comes in one piece
would be decoded to its last token, so vLLM (0.17 or later; one before ignores the parameter) gets
to watch its tokens. Sampling stays as it is, and that detector has the last word: a reply that vLLM
ended, but that is no loop, such as a matrix of zeros, is requested again without the parameter.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from memagent.models.capabilities import rejects
from memagent.models.reasoning import reasoning_of
from memagent.process import lock
from memagent.text.repetition import STREAM, without_repetition

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage

logger = logging.getLogger(__name__)

PARAMETER = "repetition_detection"
OWNER = "vllm"
"""Owner that vLLM names in its list of models."""
PERIOD = 32
"""Tokens of the shortest repetition that vLLM looks for; a shorter one repeats itself in it.

The longest is just short of twice that: the server tries all of them at each token.
"""
SETTINGS = {
    "min_pattern_size": PERIOD,
    "max_pattern_size": 2 * PERIOD - 1,
    "min_count": STREAM.times + 1,
}
LEAST_TOKENS = 2 * PERIOD * (STREAM.times + 1)
"""Setting `max_tokens` from which on it pays: a loop is found after half of that, or later."""
FINISH = "repetition"
"""Reason that vLLM gives for the end of such a reply."""

_detecting: dict[tuple[str, str], bool] = {}
"""Servers (URL, model) known to be vLLM; True for those that detect repetition."""
_lock = lock()


def recognise(url: str, name: str, listed: Any) -> None:
    """Take note of a server that is vLLM, from its list of models."""
    models = listed.get("data") if isinstance(listed, Mapping) else None
    for model in models if isinstance(models, list) else ():
        if isinstance(model, Mapping) and (model.get("id"), model.get("owned_by")) == (name, OWNER):
            with _lock:
                _detecting.setdefault((url, name), True)


def invoke(chat: "BaseChatModel", messages: "Sequence[BaseMessage]") -> "AIMessage":
    """Return a model's reply in one piece; vLLM ends it when it loops.

    Of a reply that was requested again, the usage and timings are those of the second request.
    """
    watched = _watched(chat)
    if watched is not None:
        try:
            message: AIMessage = watched.invoke(list(messages))
        except Exception as error:
            if not rejects(error, PARAMETER):
                raise
            _note_refusal(chat)
        else:
            if not _ended_too_early(message):
                return message
    return chat.invoke(list(messages))


async def ainvoke(chat: "BaseChatModel", messages: "Sequence[BaseMessage]") -> "AIMessage":
    """Return a model's reply like `invoke`."""
    watched = _watched(chat)
    if watched is not None:
        try:
            message: AIMessage = await watched.ainvoke(list(messages))
        except Exception as error:
            if not rejects(error, PARAMETER):
                raise
            _note_refusal(chat)
        else:
            if not _ended_too_early(message):
                return message
    return await chat.ainvoke(list(messages))


def _watched(chat: Any) -> Any:
    """Return the model with the parameter bound to it; None where it is unknown or does not pay."""
    if not _detecting.get(_key(chat)):
        return None
    bound = getattr(chat, "kwargs", {})  # of a model that something is bound to already
    budget = bound.get("max_completion_tokens") or chat.max_tokens
    body = bound.get("extra_body") or chat.extra_body or {}
    is_short = budget is not None and budget < LEAST_TOKENS
    if is_short or PARAMETER in body or "response_format" in bound or "tools" in bound:
        return None
    return chat.bind(extra_body={**body, PARAMETER: SETTINGS})


def _key(chat: Any) -> tuple[str, str]:
    """Return the server and the name of a chat model; empty for one that is no `ServerChat`."""
    address = getattr(chat, "address", None)
    return getattr(address, "url", ""), getattr(chat, "model_name", "")


def _note_refusal(chat: Any) -> None:
    """Take note that a server refuses the parameter, so that it is sent no more."""
    logger.info("the model server takes no %s: sending the request without", PARAMETER)
    with _lock:
        _detecting[_key(chat)] = False


def _ended_too_early(message: "AIMessage") -> bool:
    """Tell whether vLLM ended a reply that is no loop."""
    if message.response_metadata.get("finish_reason") != FINISH:
        return False
    texts = (str(message.text), reasoning_of(message))
    if any(without_repetition(text)[1] for text in texts):
        return False
    logger.info("vLLM ended a reply that is no loop: sending the request again")
    return True
