"""Whether a model calls tools by itself: asked once, and remembered for each server and model."""

import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from memagent.config import load_settings
from memagent.errors import ModelUnavailable
from memagent.models.errors import translated

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

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
ASKED = "Call the tool report with the status ok. Say nothing else."

_known: dict[tuple[Path, str], bool] = {}
_lock = threading.Lock()


def calls(chat: "BaseChatModel") -> bool:
    """Tell whether a model calls tools by itself; the first time, by asking it to.

    What was found is kept in `tool-calling.json` in the home folder, for each server and model;
    delete the file to have them asked again.

    Raises:
        ModelUnavailable: the server does not answer.
    """
    from langchain_core.language_models import BaseChatModel

    if type(chat).bind_tools is BaseChatModel.bind_tools:
        return False  # LangChain's own, which only raises
    with _lock:
        name = _name(chat)
        found = _recalled(name)
        if found is None:
            found = _asked(chat)
            _keep(name, found)
        return found


def remember(chat: "BaseChatModel", found: bool) -> None:
    """Keep what was found out about a model otherwise."""
    with _lock:
        _keep(_name(chat), found)


def no_tools(error: BaseException) -> bool:
    """Tell whether an error says that the server takes no tools (vLLM without a parser for them).

    401, 403, 404 and 429 say something else, and so does a server that is not there.
    """
    openai = sys.modules.get("openai")
    cause = error.__cause__ if isinstance(error, ModelUnavailable) else error
    return (
        openai is not None
        and isinstance(cause, openai.APIStatusError)
        and cause.status_code in (400, 422, 500, 501)
        and "tool" in str(cause).lower()
    )


def _asked(chat: "BaseChatModel") -> bool:
    from langchain_core.messages import HumanMessage

    try:
        with translated():
            said = chat.bind_tools([REPORT]).invoke([HumanMessage(ASKED)])
    except ModelUnavailable as error:
        if no_tools(error):
            return False
        raise
    made = said.tool_calls
    return len(made) == 1 and made[0]["name"] == "report" and set(made[0]["args"]) == {"status"}


def _name(chat: "BaseChatModel") -> str:
    """Return what a model is remembered by: its server (or its class), and its name."""
    place = getattr(chat, "place", None) or getattr(chat, "openai_api_base", None)
    model = getattr(chat, "model_name", None) or getattr(chat, "model", None)
    return f"{place or type(chat).__name__} {model}"


def _recalled(name: str) -> bool | None:
    path = _path()
    if (path, name) not in _known:
        _known.update({(path, one): found for one, found in _read(path).items()})
    return _known.get((path, name))


def _keep(name: str, found: bool) -> None:
    path = _path()
    _known[path, name] = found
    arriving = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        arriving.write_text(json.dumps(_read(path) | {name: found}, indent=2) + "\n")
        arriving.replace(path)
    except OSError:
        return  # a home that cannot be written: this process remembers


def _read(path: Path) -> dict[str, bool]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    known = held.items() if isinstance(held, dict) else ()
    return {name: found for name, found in known if isinstance(found, bool)}


def _path() -> Path:
    return load_settings().home / FILE
