"""Tools made of functions, and the validation of a tool's arguments."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool, Tool, ToolException
from pydantic import BaseModel, ValidationError

from memagent.errors import UserError

Problem = tuple[str, str]
"""Place where the arguments do not fit the schema, and the reason."""


def make_tool(name: str, function: Callable[..., str]) -> BaseTool:
    """Return a tool that calls a function; the model reads its docstring and annotations.

    A `UserError` of the function becomes the tool's answer, marked as an error, in whatever loop
    the tool is used. Any other exception is a bug, and propagates.
    """

    @wraps(function)
    def call(**arguments: Any) -> str:
        try:
            return function(**arguments)
        except UserError as error:
            raise ToolException(str(error)) from error

    return StructuredTool.from_function(call, name=name, handle_tool_error=True)


def schema_problems(tool: BaseTool, arguments: Mapping[str, Any]) -> list[Problem]:
    """Validate arguments against a tool's schema; empty if they fit.

    A schema that is no pydantic model is left to the tool itself.
    """
    schema = tool.tool_call_schema
    if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
        return []
    try:
        schema.model_validate(dict(arguments))
    except ValidationError as error:
        return [
            (".".join(str(part) for part in detail["loc"]), detail["msg"].lower())
            for detail in error.errors(include_url=False)
        ]
    return []


def argument_error(tool: BaseTool, arguments: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a tool's arguments and what it takes, or None if they fit.

    An unknown name is wrong, too: LangChain would drop it silently.
    """
    schema = tool.tool_call_schema
    if isinstance(tool, Tool):  # takes one text, under whatever name
        return None
    if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
        return None
    wrong = [f"{where or 'arguments'}: {why}" for where, why in schema_problems(tool, arguments)]
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
    for field in full.model_fields.values():
        if field.validation_alias is not None and not isinstance(field.validation_alias, str):
            return []
        known |= {name for name in (field.alias, field.validation_alias) if isinstance(name, str)}
    return sorted(set(arguments) - known)


def _expected(schema: type[BaseModel]) -> str:
    described = schema.model_json_schema()
    required = described.get("required", [])
    parameters = [
        f"{name} ({property.get('type', 'any')}{'' if name in required else ', optional'})"
        for name, property in described.get("properties", {}).items()
    ]
    return ", ".join(parameters) or "no arguments"
