"""Arms of an assistant with and without tools."""

from datetime import UTC, datetime, time, timedelta
from typing import cast

from langchain_core.tools import BaseTool

from memagent.agent.agent import Agent
from memagent.agent.steps import Answered, ToolCalled
from memagent.errors import InvalidInput, NoAnswer, RunError, SandboxUnavailable
from memagent.evals.arm import ArmName, Parts, Reply
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.tool_calls.requests import Request
from memagent.tools.calculator import calculator
from memagent.tools.dates import date_tools
from memagent.tools.memory import BY_AGENT, memory_tools
from memagent.tools.python import python_tool
from memagent.types import Answer, NewRecord, Recollection, Scope

ARMS = ("tools", "no-tools")
"""A memory and memagent's own tools; and the memory alone, which bounds what tools can harm."""


class ToolArm:
    """One way of answering; each request has a memory of its own, and nothing of a turn is kept.

    `python` is the tool that runs programs, in its sandbox without one.

    Raises:
        InvalidInput: there is no such arm.
        RunError: this machine cannot build the sandbox.
    """

    def __init__(
        self, name: ArmName, task: Task, parts: Parts, python: BaseTool | None = None
    ) -> None:
        name.check(ARMS)
        if name.size is not None or name.shots:
            raise InvalidInput(f"{str(name)!r}: expected {name.kind}+0")
        self._name = name
        self._parts = parts
        try:
            python = python or python_tool()
        except SandboxUnavailable as error:
            raise RunError(f"the tool python is part of this evaluation: {error}") from error
        today = cast(Request, task.asked[0]).today
        self._tools = [calculator(), *date_tools(lambda: today), python]

    def ask(self, sample: Sample) -> Reply:
        """Answer a request; `shown` are the calls that the model made, in order."""
        request = cast(Request, sample)
        scope = Scope(user=f"{self._name}/{request.id}")
        asked_at = datetime.combine(request.today, time(12), UTC)
        self._remember(request, scope, asked_at)
        tools = [*self._tools, *memory_tools(self._parts.memory, scope)]
        agent = Agent(
            memory=self._parts.memory,
            model=self._parts.model,
            tools=tools if self._name.kind == "tools" else (),
        )
        calls, answer = list[str](), Answer(answer="", recollection=Recollection())
        try:
            for step in agent.run(request.question, scope=scope, remember=False, now=asked_at):
                if isinstance(step, ToolCalled):
                    calls.append(step.line())
                elif isinstance(step, Answered):
                    answer = step.answer
        except NoAnswer as error:  # it counts as wrong, and its calls count, too
            answer = error.answer
        return Reply(answer=answer, shown=tuple(calls))

    def _remember(self, request: Request, scope: Scope, asked_at: datetime) -> None:
        """Fill the memory of a request anew."""
        self._parts.memory.forget(scope=scope, everything=True)
        before = asked_at - timedelta(days=30)
        facts = [
            NewRecord(text=text, valid_from=before + timedelta(hours=line))
            for line, text in request.facts
        ]
        notes = [
            NewRecord(text=text, valid_from=before, evidence=False, metadata=BY_AGENT)
            for text in request.notes
        ]
        self._parts.memory.add_many([*facts, *notes], scope=scope)
