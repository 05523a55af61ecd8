"""How a function becomes a tool: its docstring is what the model reads of it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool, ToolException

from memagent.errors import UserError


def make_tool(name: str, function: Callable[..., str]) -> BaseTool:
    """Return a tool that calls a function; its docstring and annotations are told to the model.

    What the function raises on purpose (a `UserError`) becomes the tool's answer, marked as an
    error, in whatever loop the tool is used; anything else it raises is a bug, and propagates.
    """

    @wraps(function)
    def told(**arguments: Any) -> str:
        try:
            return function(**arguments)
        except UserError as error:
            raise ToolException(str(error)) from error

    return StructuredTool.from_function(told, name=name, handle_tool_error=True)
