"""Requests of a turn: what whoever runs it does for it, and sends back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from memagent.agent.tool_calling import Action
from memagent.tools.execute import Observation
from memagent.types import Answer, Call, Example, PastTurn, Recollection

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from langchain_core.tools import BaseTool


@dataclass(slots=True)
class Origin:
    """Records (by `seq`) whose words stood in the prompts that a reply was written from.

    `written` are those that its tools wrote, each with what was shown before.
    """

    shown: set[int] = field(default_factory=set)
    written: dict[int, frozenset[int]] = field(default_factory=dict)

    def show(
        self,
        recollection: Recollection,
        turns: Sequence[tuple[str, str]] = (),
        examples: Sequence[Example] = (),
    ) -> None:
        """Take the parts of a prompt over: memories, past turns and few-shot examples."""
        self.shown |= {hit.record.seq for hit in recollection.hits}
        self.shown |= {line.seq for line in recollection.about_user}
        for turn in turns:
            self.shown |= set(turn.records) if isinstance(turn, PastTurn) else set()
        self.shown |= {example.record for example in examples if example.record is not None}

    def observe(self, seen: Observation) -> None:
        """Take the result of a tool over: what it told of, and what it wrote."""
        self.written |= dict.fromkeys(seen.written, frozenset(self.shown))
        self.shown |= seen.read | seen.written


@dataclass(frozen=True, slots=True)
class RecallRequest:
    """To be done: recall what to show for the question; the outcome is a `Recollection`.

    With a `query`, that is searched for instead, and what is new joins what was `shown` before,
    with `mark` (a name and a number) in each new hit's `why`. `as_of` is when the question was
    asked, None in the present. With `focus` only what is nearly as good as the best is shown.
    """

    query: str | None = None
    shown: Recollection = field(default_factory=Recollection)
    mark: tuple[str, float] = ("hop", 1.0)
    as_of: datetime | None = None
    focus: bool = False


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """To be done: open the model, which may name the marks of its template; without an outcome.

    It comes before the first prompt is written, as those marks are broken up in it.
    """


@dataclass(frozen=True, slots=True)
class PastTurnsRequest:
    """To be done: open the model; the outcome is whether it reads past turns without copying.

    `any_turns` tells whether there are some yet.
    """

    any_turns: bool


@dataclass(frozen=True, slots=True)
class HopsRequest:
    """To be done: open the model; the outcome is how many hops it is trusted with at most."""


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """To be done: ask the model what to search for; the outcome is a `Suggestion`.

    With `structured` the reply is a `NextSearch` in JSON, without it the query itself.
    """

    messages: "list[BaseMessage]"
    structured: bool


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Query that a model suggests: empty if there is nothing to search for, or it failed.

    `call` is None if the model did not reply.
    """

    query: str = ""
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """To be done: ask the model for its next step; the outcome is a `Decision`.

    `last` says that nothing is left to leave out: then it is asked, whether that seems to fit or
    not. With `conclude` it has to answer: the tools are not offered, and a call of one is a
    mistake. `heard` are earlier replies of a model that copies them; none of their sentences comes
    more than twice. None of a model that does not.
    """

    messages: "list[BaseMessage]"
    tools: "Sequence[BaseTool]"
    last: bool = False
    heard: Sequence[str] | None = None
    conclude: bool = False

    @property
    def offered(self) -> "Sequence[BaseTool]":
        """The tools that the model may use."""
        return () if self.conclude else self.tools


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """To be done: use a tool; the outcome is an `Observation`."""

    action: Action


@dataclass(frozen=True, slots=True)
class SaveRequest:
    """To be done: remember the turn; the outcome is the answer with what it was written as.

    `origin` holds what stood in its prompts. In a `chat` the user may have stated something.
    Without `turn`, only what its tools wrote is linked to that.
    """

    answer: Answer
    steps: Sequence[dict[str, Any]]
    origin: Origin
    chat: bool = False
    turn: bool = True


REQUESTS = (
    RecallRequest,
    OpenRequest,
    PastTurnsRequest,
    HopsRequest,
    QueryRequest,
    ModelRequest,
    ToolRequest,
    SaveRequest,
)
Request = (
    RecallRequest
    | OpenRequest
    | PastTurnsRequest
    | HopsRequest
    | QueryRequest
    | ModelRequest
    | ToolRequest
    | SaveRequest
)
