"""Hops: further searches of a turn, for what the model says is missing.

After the recursive retrieval of RAM (Li et al. 2024): a model that was shown what a search found
says whether that suffices, and if not, what to search for next. A draft of the answer as a query is
Adapt-Retrieve-Revise's (Wan et al., ACL 2024).
"""

import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from memagent.agent.adaptation.budget import Budget, is_weak
from memagent.agent.adaptation.past_turns import focused, refers_back
from memagent.agent.requests import (
    HopsRequest,
    OpenRequest,
    QueryRequest,
    RecallRequest,
    Suggestion,
)
from memagent.errors import MemagentError, StructuredOutputError, UserError
from memagent.models.capabilities import checked, constrains_output
from memagent.models.errors import translated
from memagent.models.reasoning import split_message
from memagent.models.replies import CallTimer, parse, with_json_schema
from memagent.models.retry import failure_of
from memagent.prompts import draft_prompt, next_search_prompt
from memagent.recall.selection import select
from memagent.types import Call, Hit, Recollection

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import RunnableConfig

logger = logging.getLogger(__name__)

MAX_HOPS = 2
"""Further searches at most, of a model that passed the check."""
FILE = "hops.json"
RUN: "RunnableConfig" = {"tags": ["memagent:query"]}
"""Config of the requests for a query: their tag tells callbacks that the reply is no answer."""
CASES: Sequence[tuple[str, Sequence[str], str | None]] = (
    ("Where is Ada's bicycle?", ["Ada's bicycle is where Tomek works."], "tomek"),
    (
        "Where is Ada's bicycle?",
        ["Ada's bicycle is where Tomek works.", "Tomek works at the harbour."],
        None,
    ),
    ("How old is Nina's landlord?", ["Nina's landlord is Mr Okafor."], "okafor"),
)
"""Questions with notes, and a word of what is missing, None where the notes suffice."""


class NextSearch(BaseModel):
    """Whether the notes suffice, and what to search for next if they do not."""

    enough: bool
    search: str

    @property
    def query(self) -> str:
        """What to search for; empty if the notes suffice."""
        return "" if self.enough else self.search.strip()


def recalled(
    question: str,
    *,
    as_of: datetime | None,
    hops: int | None,
    draft: bool,
    give_up: bool,
    calls: list[Call],
    context: str = "",
    focus: bool = False,
) -> "Generator[RecallRequest | OpenRequest | HopsRequest | QueryRequest, Any, Recollection]":
    """Yield what takes a recall of a question with its hops, and return what to show.

    There are `hops` at most, or as many as the model is trusted with if None; they end where the
    model finds that the notes suffice, suggests nothing, or what was searched before. What the
    model was asked is added to `calls`. With `give_up` it is not asked where nothing relevant is
    known. `as_of` is when the question was asked, None in the present. `context` is what was said
    before it, which is searched for with a question that seems to refer to it; with `focus` only
    what is nearly as good as the best is shown.
    """
    shown: Recollection = yield RecallRequest(as_of=as_of, focus=focus)
    if context and refers_back(shown):
        query = f"{context}\n{question}"
        shown = yield RecallRequest(query, shown, ("turn", 1.0), as_of, focus)
    if not shown.candidates or (hops == 0 and not draft) or (give_up and shown.nothing_relevant):
        return shown
    if draft:
        yield OpenRequest()
        query = yield from _suggested(QueryRequest(draft_prompt(question), False), calls)
        if query:
            shown = yield RecallRequest(query, shown, ("draft", 1.0), as_of)
    most: int = (yield HopsRequest()) if hops != 0 else 0
    for hop in range(2, most + 2):
        messages = next_search_prompt(question, shown.texts, shown.queries[1:])
        query = yield from _suggested(QueryRequest(messages, True), calls)
        if not query or _folded(query) in map(_folded, shown.queries):
            break
        shown = yield RecallRequest(query, shown, ("hop", float(hop)), as_of)
    return shown


def _suggested(
    request: QueryRequest, calls: list[Call]
) -> Generator[QueryRequest, Suggestion, str]:
    suggestion = yield request
    if suggestion.call is not None:
        calls.append(suggestion.call)
    return suggestion.query


def _folded(query: str) -> str:
    return " ".join(query.casefold().split())


def joined(request: RecallRequest, found: Recollection, budget: Budget) -> Recollection:
    """Return what was shown before together with what a further search found, oldest first.

    The best of the new have up to half of the records (of two at least) and of the tokens for
    themselves. With focus, the best of both are shown.
    """
    k = max(budget.k, 2)
    known = {hit.record.seq for hit in request.shown.hits}
    name, number = request.mark
    new = [
        replace(hit, why={**hit.why, name: number})
        for hit in _best_first(found.hits)
        if hit.record.seq not in known
    ]
    if request.focus:
        again = {hit.record.seq for hit in found.hits}
        rest = [hit for hit in request.shown.hits if hit.record.seq not in again]
        chosen = focused(replace(found, hits=(*found.hits, *rest)), budget).hits
    else:
        first = select(new, k // 2, max(1, budget.tokens // 2), 0.0)
        rest = [hit for hit in new if not any(hit is one for one in first)]
        best = [*first, *_best_first([*request.shown.hits, *rest])]
        chosen = tuple(select(best, k, budget.tokens, 0.0))
    return replace(
        request.shown,
        hits=tuple(sorted(chosen, key=lambda hit: hit.record.moment)),
        queries=tuple(dict.fromkeys([*request.shown.queries, *found.queries])),
        dated=request.shown.dated or found.dated,
        candidates=max(request.shown.candidates, found.candidates),
        embed_seconds=request.shown.embed_seconds + found.embed_seconds,
        search_seconds=request.shown.search_seconds + found.search_seconds,
    )


def _best_first(hits: Sequence[Hit]) -> list[Hit]:
    """Return hits by score; lessons come before all, and what a hop passed by after all."""
    return sorted(
        hits,
        key=lambda hit: (hit.record.kind == "lesson", "passed" not in hit.why, hit.score),
        reverse=True,
    )


def suggest(chat: "BaseChatModel", request: QueryRequest) -> Suggestion:
    """Ask a model what to search for; a failure is logged, and suggests nothing."""
    timer = CallTimer()
    call: Call | None = None
    with _failures():
        bound = _bound(chat, request)
        with translated():
            message = bound.invoke(list(request.messages), RUN)
        call = timer.call(message)
        return Suggestion(_query(message, request), call)
    return Suggestion(call=call)


async def asuggest(chat: "BaseChatModel", request: QueryRequest) -> Suggestion:
    """Ask a model what to search for, like `suggest`."""
    timer = CallTimer()
    call: Call | None = None
    with _failures():
        bound = _bound(chat, request)
        with translated():
            message = await bound.ainvoke(list(request.messages), RUN)
        call = timer.call(message)
        return Suggestion(_query(message, request), call)
    return Suggestion(call=call)


@contextmanager
def _failures() -> Iterator[None]:
    """Let a turn go on with what it has when the model cannot be asked for more."""
    try:
        yield
    except MemagentError as error:
        logger.warning("no further search: %s", error)


def _bound(chat: "BaseChatModel", request: QueryRequest) -> Any:
    if not request.structured:
        return chat
    return with_json_schema(chat, NextSearch.__name__, NextSearch.model_json_schema())


def _query(message: Any, request: QueryRequest) -> str:
    if request.structured:
        return parse(message, NextSearch).query
    return split_message(message).answer.strip()


def hops_of(chat: "BaseChatModel") -> int:
    """Return how many hops a model is trusted with: `MAX_HOPS`, or 0 if it fails the check.

    The embedded model is never trusted, and not checked. The result is stored in `hops.json` in the
    home folder.
    """
    if not constrains_output(chat) or is_weak(chat):
        return 0
    try:
        return MAX_HOPS if checked(chat, FILE, _passes) else 0
    except UserError as error:  # the next turn checks again
        logger.warning("whether the model can name what is missing is unknown: %s", error)
        return 0


def _passes(chat: "BaseChatModel") -> bool:
    """Check that a model names what is missing, and sees where nothing is.

    Raises:
        ModelUnavailable: the server does not answer.
    """
    return all(_passes_case(chat, *case) for case in CASES)


def _passes_case(
    chat: "BaseChatModel", question: str, notes: Sequence[str], missing: str | None
) -> bool:
    request = QueryRequest(next_search_prompt(question, notes, ()), True)
    try:
        with translated():
            message = _bound(chat, request).invoke(request.messages)
        query = _query(message, request)
    except StructuredOutputError:
        return False
    except UserError as error:
        if failure_of(error) == "refused":  # it takes no JSON schema
            return False
        raise
    return query == "" if missing is None else missing in query.casefold()
