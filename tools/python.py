"""A tool that runs Python code in the sandbox: made only when asked for by name."""

from typing import Annotated

from langchain_core.tools import BaseTool, ToolException

from memagent.tools.base import make_tool
from memagent.tools.sandbox import Limits, require_walls, run_python


def python_tool(*, limits: Limits | None = None, walled: bool = True) -> BaseTool:
    """Return the tool `python`; see `memagent.tools.sandbox` for what it keeps off and what not.

    With `walled` False, only the limits hold: the network and all files are within reach.

    Raises:
        SandboxUnavailable: this machine cannot keep the code from the network and from files.
    """
    if walled:
        require_walls()

    def python(code: Annotated[str, "a whole program; print what you want to see"]) -> str:
        """Run a Python program that has the standard library but no network and no files."""
        ran = run_python(code, limits=limits, walled=walled)
        if ran.problem is not None:
            raise ToolException(f"{ran.problem}\n{ran.output}".strip())
        return ran.output or "it ran, and printed nothing"

    return make_tool("python", python)
