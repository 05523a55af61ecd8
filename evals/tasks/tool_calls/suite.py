"""Tool calls suite: 40 requests to an assistant with tools, ten of which need none.

A sample of each kind, with a call that serves it:

    none        In which city does my sister Nora live?                 Graz
    calculator  What is 47 times 83?                                    calculator("47 * 83")
    dates       Which day of the week was 20 July 1969?                 weekday("1969-07-20")
    search      Look into your own notes: what is the alarm's code?     memory_search("alarm code")
    python      Write the word perpendicular backwards. Use a program.  python("print(...)")
"""

from collections.abc import Sequence
from typing import Any

from memagent.evals.arm import ArmName
from memagent.evals.metrics.statistics import wilson
from memagent.evals.score import Score
from memagent.evals.suite import Headline, Member, Selection, Suite, refuse_files, selected_names
from memagent.evals.task import Task
from memagent.evals.tasks.tool_calls.arm import ARMS, ToolArm
from memagent.evals.tasks.tool_calls.requests import KINDS, Request, requests, tasks
from memagent.text.raw_calls import Schemas, read_call

NAME = "tool-calls"
_TOOLS: Schemas = {
    name: {}
    for name in (
        *("calculator", "today", "weekday", "date_difference", "date_add", "python"),
        *("memory_search", "memory_add", "memory_correct", "memory_forget"),
    )
}
"""Tools of the arm with tools, whose calls are no answers."""


def load(selection: Selection) -> Sequence[Task]:
    """Return the selected kinds of requests.

    Raises:
        BadOption: there is no such kind, or files are chosen.
    """
    refuse_files(selection, NAME)
    return tasks(selected_names(selection, NAME, KINDS), NAME)


def tables(
    tasks: Sequence[Task], arms: Sequence[ArmName], scores: Sequence[Score]
) -> dict[str, list[dict[str, Any]]]:
    """Return shares of all requests by arm, each with its 95% Wilson interval.

    "right" answers; the "right tool" ran, or none where none is needed; a "needless" tool ran, of
    the requests that need none; the "call as answer"; and "no answer" at all.
    """
    by_id = {request.id: request for request in requests()}
    rows = []
    for arm in map(str, arms):
        answered = [
            (by_id[score.id], score)
            for score in scores
            if score.arm == arm and not score.error and score.id in by_id
        ]
        for measure, outcomes in _outcomes(answered).items():
            low, high = wilson(sum(outcomes), len(outcomes))
            share = sum(outcomes) / len(outcomes) if outcomes else None
            counts = {"count": sum(outcomes), "n": len(outcomes)}
            interval = {"share": share, "low": low, "high": high}
            rows.append({"arm": arm, "measure": measure} | interval | counts)
    return {NAME: rows}


def _outcomes(answered: Sequence[tuple[Request, Score]]) -> dict[str, list[bool]]:
    """Return what is so of each request, by measure."""
    called = [
        (request, {line.partition("(")[0] for line in score.shown}) for request, score in answered
    ]
    return {
        "right": [score.correct for _, score in answered],
        "right tool": [
            bool(names & request.tools) if request.tools else not names for request, names in called
        ],
        "needless": [bool(names) for request, names in called if not request.tools],
        "call as answer": [
            read_call(score.prediction, _TOOLS) is not None for _, score in answered
        ],
        "no answer": [not score.prediction for _, score in answered],
    }


SUITE = Suite(
    name=NAME,
    about="requests to an assistant with memagent's own tools, ten of which need none",
    members=[Member(name=f"{NAME}/{kind}", about=about) for kind, (about, _) in KINDS.items()],
    load=load,
    arms=ARMS,
    default_arms=["tools+0", "no-tools+0"],
    make=ToolArm,
    tables=tables,
    headline=Headline(grade="contained", label="accuracy"),
)
