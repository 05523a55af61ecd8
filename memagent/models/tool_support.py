"""Capability check for tool calling, made once for each server and model and then stored."""

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from memagent.config import load_settings
from memagent.errors import ModelUnavailable
from memagent.files import write_atomic
from memagent.models.errors import translated
from memagent.process import lock

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

logger = logging.getLogger(__name__)

FILE = "tool-calling.json"
REPORT = {
    "name": "report",
    "description": "Report a status.",
    "parameters": {
        "type": "object",
        "properties": {"status": {"type": "string"}},
        "required": ["status"],
    },
}
REQUEST = "Call the tool report with the status ok. Say nothing else."

_known: dict[tuple[Path, str], bool] = {}
_lock = lock()


def supports_tools(chat: "BaseChatModel") -> bool:
    """Tell whether a model calls tools natively; the first call asks the model to do so.

    The result is stored in `tool-calling.json` in the home folder, for each server and model;
    delete the file to repeat the check.

    Raises:
        ModelUnavailable: the server does not answer.
    """
    from langchain_core.language_models import BaseChatModel

    if type(chat).bind_tools is BaseChatModel.bind_tools:
        return False  # LangChain's own, which only raises
    with _lock:
        name = _name(chat)
        supported = _stored(name)
        if supported is None:
            supported = _check(chat)
            logger.info("%s calls tools natively: %s", name, supported)
            _store(name, supported)
        return supported


def store_tool_support(chat: "BaseChatModel", supported: bool) -> None:
    """Store whether a model calls tools natively, where that showed in another way."""
    with _lock:
        _store(_name(chat), supported)


def rejects_tools(error: BaseException) -> bool:
    """Tell whether an error says that the server takes no tools, as vLLM without a parser does.

    401, 403, 404, 429 and a lost connection have other causes.
    """
    openai = sys.modules.get("openai")
    cause = error.__cause__ if isinstance(error, ModelUnavailable) else error
    return (
        openai is not None
        and isinstance(cause, openai.APIStatusError)
        and cause.status_code in (400, 422, 500, 501)
        and "tool" in str(cause).lower()
    )


def _check(chat: "BaseChatModel") -> bool:
    from langchain_core.messages import HumanMessage

    try:
        with translated():
            message = chat.bind_tools([REPORT]).invoke([HumanMessage(REQUEST)])
    except ModelUnavailable as error:
        if rejects_tools(error):
            return False
        raise
    calls = message.tool_calls
    return len(calls) == 1 and calls[0]["name"] == "report" and set(calls[0]["args"]) == {"status"}


def _name(chat: "BaseChatModel") -> str:
    """Return the key of a model in the file: its server, or else its class, and its name."""
    server = getattr(chat, "server_id", None) or getattr(chat, "openai_api_base", None)
    model = getattr(chat, "model_name", None) or getattr(chat, "model", None)
    return f"{server or type(chat).__name__} {model}"


def _stored(name: str) -> bool | None:
    path = _path()
    if (path, name) not in _known:
        _known.update({(path, model): supported for model, supported in _read(path).items()})
    return _known.get((path, name))


def _store(name: str, supported: bool) -> None:
    path = _path()
    _known[path, name] = supported
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(_read(path) | {name: supported}, indent=2) + "\n")
    except OSError as error:  # this process still knows it
        logger.debug("the result of the tool check is not stored: %s", error)


def _read(path: Path) -> dict[str, bool]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    rows = content.items() if isinstance(content, dict) else ()
    return {name: supported for name, supported in rows if isinstance(supported, bool)}


def _path() -> Path:
    return load_settings().home / FILE
