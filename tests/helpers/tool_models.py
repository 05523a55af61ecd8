"""Models that call tools in the form of a family, by a script of calls and answers."""

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from typing import Annotated, Any

from call_families import Writer
from langchain_core.tools import BaseTool

from memagent.tools.base import make_tool

Call = tuple[str, Mapping[str, Any]]
Script = Mapping[str, tuple[Sequence[Call], str]]
"""By a question: the calls that serve it, in order, and what to say before the last result."""


def reply(question: str, results: Sequence[str], script: Script, write: Writer) -> str:
    """Return the next reply of a model that follows a script, after results of its calls."""
    calls, answer = script[question]
    if len(results) < len(calls):
        return write(*calls[len(results)])
    return f"{answer} {results[-1]}".strip() if results else answer


def question_of(text: str) -> str:
    """Return the question of a prompt with notes, or a prompt without any as it is."""
    return text.rpartition("Question: ")[2]


def python() -> BaseTool:
    """Return a tool `python` that runs its program in this process: for programs of these tests."""

    def run(code: Annotated[str, "a whole program; print what you want to see"]) -> str:
        """Run a Python program."""
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(code, {})
        return printed.getvalue()

    return make_tool("python", run)
