"""`memagent learn` and `memagent rationales`: what right solutions teach."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from memagent.cli.options import (
    DryRun,
    Home,
    Id,
    Ids,
    Json,
    Model,
    User,
    Why,
    Yes,
    full_ids,
    opened,
    settings_of,
)
from memagent.cli.output import (
    counted,
    event_line,
    event_object,
    print_tables,
    progress_bar,
    terminal_width,
    wrapped,
)
from memagent.errors import InvalidInput
from memagent.evals.metrics import coverage
from memagent.files import read_text, split_lines
from memagent.terminal import say, say_text
from memagent.types import Record, Scope

if TYPE_CHECKING:
    from memagent.config import Settings
    from memagent.learning.learn import CostEstimate, Learned, LearningOptions
    from memagent.learning.problems import Check, Problem
    from memagent.learning.rationales import Rationales
    from memagent.memory.memory import Memory

rationales_app = typer.Typer(
    help="List, show, compare and retire rationales: worked solutions that were kept.",
    no_args_is_help=True,
)
CheckName = Literal["number", "mention", "none"]
Source = Annotated[str, typer.Argument(help="gsm8k, or a file of JSON lines.", show_default=False)]
Problems = Annotated[
    int | None, typer.Option("--limit", min=1, help="Problems at most.", show_default=False)
]


def learn(
    source: Source,
    limit: Problems = None,
    check: Annotated[
        CheckName,
        typer.Option(
            help="A right answer: by its last number, by words in it, or by a vote alone."
        ),
    ] = "number",
    samples: Annotated[int, typer.Option(min=1, help="Solutions for each problem.")] = 5,
    temperature: Annotated[float, typer.Option(min=0.0, help="Randomness of the solutions.")] = 0.7,
    seed: Annotated[int, typer.Option(help="Seed of the random numbers.")] = 0,
    min_share: Annotated[
        float, typer.Option(help="With --check none: share of samples that must agree.")
    ] = 0.7,
    yes: Yes = False,
    dry_run: DryRun = False,
    home: Home = None,
    user: User = None,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """Solve problems, and remember the right solutions; a run that was cut off goes on."""
    from memagent.learning.learn import LearningOptions, estimate_cost

    settings = settings_of(home=home, user=user, model=model)
    how = LearningOptions(samples=samples, temperature=temperature, seed=seed, min_share=min_share)
    problems = _problems(source, settings)[:limit]
    if check == "none" and samples < 2:
        raise InvalidInput("--check none: it takes at least two samples to agree")
    _answered(problems, check)
    with opened(home, user) as (memory, scope):
        from memagent.learning.rationales import Rationales

        rationales = Rationales(memory, scope)
        price = estimate_cost(problems, rationales, how)
        if dry_run:
            say(json.dumps(asdict(price)) if as_json else _price(price))
            return
        say(_price(price), err=True)
        if not yes and price.requests:
            typer.confirm("Start?", abort=True, err=True)
        learned = _learn(settings, rationales, problems, _check(check), how)
    if as_json:
        say(json.dumps(asdict(learned)))
        return
    say(
        f"{counted(learned.problems, 'problem')}, {learned.solved} solved:"
        f" {counted(learned.kept, 'rationale')} and {counted(learned.warnings, 'warning')} kept;"
        f" {learned.skipped} done before, {counted(learned.failed, 'request')} refused"
    )


@rationales_app.command("list")
def list_(
    everything: Annotated[
        bool, typer.Option("--all", help="Warnings and retired ones, too.")
    ] = False,
    home: Home = None,
    user: User = None,
    as_json: Json = False,
) -> None:
    """List rationales, and how often each helped and hurt."""
    from memagent.learning.rationales import Rationales, win_rate

    with opened(home, user) as (memory, scope):
        found = Rationales(memory, scope).list(everything=everything)
    if as_json:
        say(json.dumps([one.to_dict() | {"win_rate": win_rate(one)} for one in found]))
        return
    for record in found:
        state = "retired" if record.archived else str(record.metadata["solution"])
        counts = f"{win_rate(record):.2f} ({record.helped}+ {record.hurt}-)"
        head = f"{record.id}  {state:<14} {counts}  "
        for line in wrapped(head, str(record.metadata["question"]), terminal_width()):
            say(line)


@rationales_app.command()
def show(id: Id, home: Home = None, user: User = None, as_json: Json = False) -> None:
    """Show one rationale, and what happened to it."""
    with opened(home, user) as (memory, scope):
        (record,) = _rationales(memory, scope, [id])
        events = memory.history(record.id, scope=scope)
    if as_json:
        history = {"history": [event_object(event) for event in events]}
        say(json.dumps(record.to_dict() | history))
        return
    say_text(record.text)
    say()
    say(f"{record.metadata['solution']}, helped {record.helped}, hurt {record.hurt}")
    for event in events:
        say(event_line(event))


@rationales_app.command("ablate")
def ablate_(
    source: Source,
    limit: Problems = None,
    skip: Annotated[int, typer.Option(min=0, help="Problems to skip first.")] = 0,
    check: Annotated[
        CheckName, typer.Option(help="A right answer: by its last number, or by words in it.")
    ] = "number",
    k: Annotated[int, typer.Option("-k", min=1, help="Rationales shown at most.")] = 3,
    obfuscate: Annotated[
        bool, typer.Option("--obfuscate", help="Match by structure, not by names and numbers.")
    ] = False,
    yes: Yes = False,
    home: Home = None,
    user: User = None,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """Compare solving problems with rationales and without, and judge the rationales by it."""
    from memagent.learning.ablation import ablate
    from memagent.learning.rationales import Rationales
    from memagent.models.open_chat import chat_of

    settings = settings_of(home=home, user=user, model=model)
    checked = _check(check)
    if checked is None:
        raise typer.BadParameter(
            "answers are to be checked: number or mention", param_hint="--check"
        )
    problems = _problems(source, settings)[skip:][:limit]
    _answered(problems, check)
    say(f"{len(problems)} problems: at most {2 * len(problems)} requests", err=True)
    if not yes and problems:
        typer.confirm("Start?", abort=True, err=True)
    with (
        opened(home, user) as (memory, scope),
        progress_bar("solving", len(problems)) as update,
    ):
        result = ablate(
            chat_of(settings),
            Rationales(memory, scope),
            problems,
            checked,
            k=k,
            obfuscate=obfuscate,
            progress=lambda done: update(completed=done),
        )
    if as_json:
        say(json.dumps(asdict(result)))
        return
    say(
        f"{counted(result.problems, 'problem')}: {result.right} right with rationales,"
        f" {result.right_without} without; they helped {result.helped} and hurt {result.hurt}"
    )


@rationales_app.command()
def retire(
    ids: Annotated[
        list[str] | None,
        typer.Argument(help="Ids of rationales; all that hurt if left out.", show_default=False),
    ] = None,
    shown: Annotated[int, typer.Option(min=1, help="Without ids: judged at least so often.")] = 5,
    below: Annotated[float, typer.Option(help="Without ids: a win rate below this.")] = 0.4,
    dry_run: DryRun = False,
    why: Why = None,
    home: Home = None,
    user: User = None,
) -> None:
    """Retire rationales, or those that hurt: they are not shown any more. `restore` undoes it."""
    from memagent.learning.rationales import Rationales

    with opened(home, user) as (memory, scope):
        rationales = Rationales(memory, scope)
        chosen = (
            _rationales(memory, scope, ids) if ids else rationales.harmful(shown=shown, below=below)
        )
        if dry_run:
            say(f"would retire {counted(len(chosen), 'rationale')}")
            for record in chosen:
                say(record.id)
            return
        reason = why or (None if ids else f"win rate below {below} after {shown} outcomes")
        count = rationales.retire([record.id for record in chosen], why=reason)
    say(f"{counted(count, 'rationale')} retired")


@rationales_app.command()
def restore(ids: Ids, why: Why = None, home: Home = None, user: User = None) -> None:
    """Show retired rationales again."""
    from memagent.learning.rationales import Rationales

    with opened(home, user) as (memory, scope):
        chosen = [record.id for record in _rationales(memory, scope, ids)]
        count = Rationales(memory, scope).restore(chosen, why=why)
    say(f"{counted(count, 'rationale')} restored")


@rationales_app.command()
def curve(home: Home = None, user: User = None, as_json: Json = False) -> None:
    """Show how many answers each threshold of agreement keeps, and how many of them are right."""
    from memagent.learning.rationales import Rationales

    with opened(home, user) as (memory, scope):
        rows = coverage.curve(coverage.votes_of(Rationales(memory, scope).list(everything=True)))
    if as_json:
        say(json.dumps(rows))
        return
    from memagent.evals.report.measures import as_tables

    print_tables(as_tables({"self-consistency": rows}))


def _rationales(memory: "Memory", scope: Scope, prefixes: Sequence[str]) -> Sequence[Record]:
    """Return rationales from the first characters of their ids.

    Raises:
        InvalidInput: one is no rationale's.
    """
    records = memory.get(full_ids(memory, scope, prefixes, "rationale"), scope=scope)
    for record in records:
        if "solution" not in record.metadata:
            raise InvalidInput(f"record {record.id!r} is no rationale")
    return records


def _problems(source: str, settings: "Settings") -> "list[Problem]":
    """Read the problems of a file, or of the released file that a name stands for."""
    from memagent.learning.problems import read_problems

    path = Path(source)
    if source == "gsm8k":
        found = sorted((settings.data / "gsm8k").glob("train*.jsonl")) if settings.data else []
        if not found:
            raise InvalidInput("gsm8k: set MEMAGENT_DATA to a folder with gsm8k/train*.jsonl")
        path = found[0]
    return list(read_problems(split_lines(read_text(path)), path.name))


def _answered(problems: "list[Problem]", check: CheckName) -> None:
    """Refuse problems without an answer where there is a check: all would count as wrong."""
    unknown = next((one for one in problems if not one.answer), None)
    if unknown is not None and check != "none":
        asked = unknown.question[:60]
        raise InvalidInput(f"{asked!r} has no answer to check: give it one, or use --check none")


def _check(name: CheckName) -> "Check | None":
    from memagent.learning.problems import mentions, same_number

    return {"number": same_number, "mention": mentions, "none": None}[name]


def _price(price: "CostEstimate") -> str:
    return (
        f"{counted(price.problems, 'problem')} ({price.done} done before):"
        f" {counted(price.requests, 'request')}, about {price.prompt_tokens} tokens to read and"
        f" {price.completion_tokens} to write"
    )


def _learn(
    settings: "Settings",
    rationales: "Rationales",
    problems: "list[Problem]",
    check: "Check | None",
    how: "LearningOptions",
) -> "Learned":
    from memagent.learning.learn import learn, pending
    from memagent.models.open_chat import chat_of

    chat = chat_of(settings)
    with progress_bar("solving", len(pending(problems, rationales))) as update:

        def advance(done: int, kept: int) -> None:
            update(completed=done, description=f"{kept} kept")

        return learn(chat, rationales, problems, check, how, progress=advance)
