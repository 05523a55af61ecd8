"""`memagent eval retrieval`: how well arms find the turns that a question is about; no model."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memagent.cli.evals.run import ProgressBar, asking
from memagent.cli.options import Json
from memagent.cli.output import print_tables
from memagent.terminal import say

if TYPE_CHECKING:
    from memagent.evals import Result

SHOWN = {
    "turns found": ("turns", ("any@5", "any@10", "any@20", "recall@5", "recall@10", "recall@20")),
    "turns in order": ("turns", ("n", "shown", "mrr", "ndcg@10", "ms, median", "ms, p95")),
    "sessions found": ("sessions", ("any@1", "any@5", "recall@5", "recall@10", "mrr")),
    "by category": ("measures by category", ("category", "n", "any@10", "recall@5", "recall@10")),
    "against search": (
        "against search",
        ("measure", "n", "value", "search", "difference", "p", "Holm"),
    ),
}
"""The printed tables, each some columns of a table that the run keeps."""
EQUAL_N = "at equal n"


def add_to(app: typer.Typer) -> None:
    """Add the command to `memagent eval`."""
    app.command()(retrieval)


def retrieval(
    data: Annotated[
        str,
        typer.Argument(help="locomo, longmemeval, beam, or conversations (generated)."),
    ],
    file: Annotated[
        Path | None, typer.Option(help="Its released file or folder.", show_default=False)
    ] = None,
    arms: Annotated[
        str | None,
        typer.Option(help="Such as search,recall:20,dense,bm25,oracle,recent, or a peer's name."),
    ] = None,
    at_equal_n: Annotated[
        bool,
        typer.Option(
            "--at-equal-n",
            help="Also compare arms that choose how many turns they show, such as recall, with"
            " search cut to as many.",
        ),
    ] = False,
    corrections: Annotated[
        Path | None, typer.Option(help="A file of corrected labels, of LoCoMo's questions.")
    ] = None,
    variant: Annotated[
        str | None, typer.Option(help="Of released files, such as 100K of beam.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Questions a task.")] = None,
    seed: Annotated[int, typer.Option(help="Draws questions, and generates.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    as_json: Json = False,
) -> None:
    """Rank the turns of conversations for questions about them; print any@k, recall@k and more.

    The same as `eval run retrieval --tasks DATA`, which prints every measure at every k; no model
    is asked. `eval report` writes the page with what was shown for each question.
    """
    from memagent import evals

    bar = ProgressBar()
    with asking(bar, tasks="DATA"):
        result = evals.run(
            "retrieval",
            _with_search(arms) if at_equal_n else arms,
            tasks=data,
            limit=limit,
            seed=seed,
            out=out,
            resume=resume,
            options=evals.Options(file=file, corrections=corrections, variant=variant, shots=0),
            progress=bar,
        )
    if as_json:
        say(json.dumps(result.to_dict()))
        return
    _print(result, at_equal_n)


def _with_search(arms: str | None) -> str | None:
    """Return the arms with `search` among them, which the others are compared with."""
    if arms is None or "search" in (arm.strip() for arm in arms.split(",")):
        return arms
    return f"search,{arms}"


def _print(result: "Result", at_equal_n: bool) -> None:
    from memagent.evals.report import measures

    shown: dict[str, Sequence[Mapping[str, Any]]] = {
        title: _columns(result.tables.get(table, []), columns)
        for title, (table, columns) in SHOWN.items()
    }
    shown |= {EQUAL_N: result.tables.get(EQUAL_N, [])} if at_equal_n else {}
    shown |= {"writing": result.tables.get("writing", [])}
    print_tables(measures.as_tables({title: rows for title, rows in shown.items() if rows}))
    if at_equal_n and not shown[EQUAL_N]:
        say("no arm here chooses how many turns it shows, as recall does", err=True)
    say(f"every question: {result.folder / 'samples.jsonl'}", err=True)


def _columns(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    return [{name: row[name] for name in ("task", "arm", *names)} for row in rows]
