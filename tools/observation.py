"""What came of using a tool, as a model is told it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.tools import BaseTool, Tool
from pydantic import BaseModel, ValidationError

MOST_CHARACTERS = 4000
"""How much of a tool's output is told unless asked otherwise, about a thousand tokens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """What came of using a tool: a text for the model, whether it is an error, and the seconds."""

    text: str
    error: bool = False
    seconds: float = field(default=0.0, compare=False)


def shortened(text: str, most: int) -> str:
    """Return at most `most` characters of a text; what was cut off is said in a line of its own."""
    text = text.encode("utf-8", "replace").decode()
    if len(text) <= most:
        return text
    return f"{text[:most]}\n[cut: these are the first {most} of {len(text)} characters]"


def misfit(tool: BaseTool, arguments: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the arguments for a tool, and what it expects; None if they fit.

    A name that the tool does not know is wrong, too: LangChain would drop it without a word. A
    schema that is no pydantic model is left to the tool.
    """
    schema = tool.tool_call_schema
    if isinstance(tool, Tool):  # takes one text, under whatever name
        return None
    if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
        return None
    wrong = []
    try:
        schema.model_validate(dict(arguments))
    except ValidationError as error:
        for one in error.errors(include_url=False):
            where = ".".join(str(part) for part in one["loc"]) or "arguments"
            wrong.append(f"{where}: {one['msg'].lower()}")
    wrong += [f"{name}: there is no such argument" for name in _unknown(tool, arguments)]
    if not wrong:
        return None
    return f"the arguments do not fit ({'; '.join(wrong)}). {tool.name} takes {_expected(schema)}"


def _unknown(tool: BaseTool, arguments: Mapping[str, Any]) -> list[str]:
    full = tool.args_schema
    if not (isinstance(full, type) and issubclass(full, BaseModel)):
        return []
    if full.model_config.get("extra") == "allow" or "kwargs" in full.model_fields:
        return []
    known = set(full.model_fields)
    for one in full.model_fields.values():
        if one.validation_alias is not None and not isinstance(one.validation_alias, str):
            return []
        known |= {name for name in (one.alias, one.validation_alias) if isinstance(name, str)}
    return sorted(set(arguments) - known)


def _expected(schema: type[BaseModel]) -> str:
    shape = schema.model_json_schema()
    needed = shape.get("required", [])
    told = [
        f"{name} ({one.get('type', 'any')}{'' if name in needed else ', optional'})"
        for name, one in shape.get("properties", {}).items()
    ]
    return ", ".join(told) or "no arguments"
