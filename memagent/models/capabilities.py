"""Capabilities of chat models: each is checked once for each server and model, and then stored."""

import json
import logging
import sys
from collections.abc import Callable
from contextvars import Context
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

TOOLS = "tool-calling.json"
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


def checked(chat: "BaseChatModel", file: str, check: "Callable[[BaseChatModel], bool]") -> bool:
    """Tell whether a model is capable of something; the first call checks it.

    The result is stored in `file` in the home folder, for each server and model; delete the file to
    repeat the check. A check that raises is not stored.
    """
    with _lock:
        name, path = _name(chat), load_settings().home / file
        capable = _stored(path, name)
        if capable is None:
            capable = Context().run(check, chat)  # the callbacks of a turn do not see it
            logger.info("%s: %s of %s", path.stem, "capable" if capable else "not capable", name)
            _store(path, name, capable)
        return capable


def constrains_output(chat: "BaseChatModel") -> bool:
    """Tell whether a chat model has what it takes to call tools, or to keep to a JSON schema."""
    from langchain_core.language_models import BaseChatModel

    return type(chat).bind_tools is not BaseChatModel.bind_tools  # LangChain's own only raises


def supports_tools(chat: "BaseChatModel") -> bool:
    """Tell whether a model calls tools natively; the first call asks the model to do so.

    Raises:
        ModelUnavailable: the server does not answer.
    """
    return constrains_output(chat) and checked(chat, TOOLS, _calls_a_tool)


def store_tool_support(chat: "BaseChatModel", supported: bool) -> None:
    """Store whether a model calls tools natively, where that showed in another way."""
    with _lock:
        _store(load_settings().home / TOOLS, _name(chat), supported)


def rejects_tools(error: BaseException) -> bool:
    """Tell whether an error says that the server takes no tools, as vLLM without a parser does."""
    return rejects(error, "tool")


def rejects(error: BaseException, word: str) -> bool:
    """Tell whether an error says that the server refuses what a word names.

    401, 403, 404, 429 and a lost connection have other causes.
    """
    openai = sys.modules.get("openai")
    cause = error.__cause__ if isinstance(error, ModelUnavailable) else error
    return (
        openai is not None
        and isinstance(cause, openai.APIStatusError)
        and cause.status_code in (400, 422, 500, 501)
        and word in str(cause).lower()
    )


def _calls_a_tool(chat: "BaseChatModel") -> bool:
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


def _stored(path: Path, name: str) -> bool | None:
    if (path, name) not in _known:
        _known.update({(path, model): capable for model, capable in _read(path).items()})
    return _known.get((path, name))


def _store(path: Path, name: str, capable: bool) -> None:
    _known[path, name] = capable
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(_read(path) | {name: capable}, indent=2) + "\n")
    except OSError as error:  # this process still knows it
        logger.debug("the result of a capability check is not stored: %s", error)


def _read(path: Path) -> dict[str, bool]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    rows = content.items() if isinstance(content, dict) else ()
    return {name: capable for name, capable in rows if isinstance(capable, bool)}
