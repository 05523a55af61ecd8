"""`memagent learn` and `memagent rationales`: what right solutions teach."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from memagent.cli.output import (
    Because,
    DryRun,
    Home,
    Json,
    Model,
    User,
    opened,
    print_tables,
    record_object,
)
from memagent.config import Settings, load_settings
from memagent.errors import InvalidInput
from memagent.files import read_text

if TYPE_CHECKING:
    from memagent.learning.learn import CostEstimate, Learned, LearningOptions
    from memagent.learning.problems import Check, Problem
    from memagent.learning.rationales import Rationales

learn_app = typer.Typer()
rationales_app = typer.Typer(help="Worked solutions that were kept.", no_args_is_help=True)
CheckName = Literal["number", "mention", "none"]
Ids = Annotated[list[str], typer.Argument(help="Ids of rationales.")]


@learn_app.command("learn")
def learn_(
    source: Annotated[str, typer.Argument(help="gsm8k, or a file of JSON lines.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Problems at most.")] = None,
    check: Annotated[
        CheckName, typer.Option(help="The last number, words mentioned, or by a vote alone.")
    ] = "number",
    samples: Annotated[int, typer.Option(min=1, help="Solutions a problem.")] = 5,
    temperature: Annotated[float, typer.Option(min=0.0, help="How much chance.")] = 0.7,
    seed: Annotated[int, typer.Option(help="Which chance.")] = 0,
    gate: Annotated[float, typer.Option(help="Without a check: the share needed.")] = 0.7,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before it starts.")] = False,
    dry_run: DryRun = False,
    home: Home = None,
    user: User = None,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """Solve problems, and remember what was right; goes on where it stopped."""
    from memagent.learning.learn import LearningOptions, estimate_cost

    settings = load_settings(home=home, user=user, model=model)
    how = LearningOptions(samples=samples, temperature=temperature, seed=seed, min_share=gate)
    problems = _problems(source, settings)[:limit]
    if check == "none" and samples < 2:
        raise InvalidInput("--check none: it takes at least two samples to agree")
    _answered(problems, check)
    with opened(home, user, None) as (memory, scope):
        from memagent.learning.rationales import Rationales

        rationales = Rationales(memory, scope)
        price = estimate_cost(problems, rationales, how)
        if dry_run:
            print(json.dumps(asdict(price)) if as_json else _price(price))
            return
        print(_price(price), file=sys.stderr)
        if not yes and price.requests:
            typer.confirm("Start?", abort=True, err=True)
        learned = _learnt(settings, rationales, problems, _check(check), how)
    if as_json:
        print(json.dumps(asdict(learned)))
        return
    print(
        f"{learned.problems} problems, {learned.solved} solved: {learned.kept} rationales and"
        f" {learned.warnings} warnings kept; {learned.skipped} were done before,"
        f" {learned.failed} requests refused"
    )


@rationales_app.command("list")
def list_(
    everything: Annotated[
        bool, typer.Option("--all", help="Also what is never shown: warnings, and retired ones.")
    ] = False,
    home: Home = None,
    user: User = None,
    as_json: Json = False,
) -> None:
    """List rationales with how often each helped and hurt."""
    from memagent.learning.rationales import Rationales, win_rate

    with opened(home, user, None) as (memory, scope):
        found = Rationales(memory, scope).list(everything=everything)
    if as_json:
        print(json.dumps([record_object(one) | {"win_rate": win_rate(one)} for one in found]))
        return
    for one in found:
        told = one.metadata
        state = "retired" if one.archived else str(told["solution"])
        print(
            f"{one.id}  {state:<14} {win_rate(one):.2f} ({one.helped}+ {one.hurt}-)"
            f"  {str(told['question'])[:60]}"
        )


@rationales_app.command()
def show(
    id: Annotated[str, typer.Argument(help="Id of a rationale.")],
    home: Home = None,
    user: User = None,
) -> None:
    """Print one rationale, and what happened to it."""
    with opened(home, user, None) as (memory, scope):
        found = memory.get([id], scope=scope)
        if not found or "solution" not in found[0].metadata:
            raise InvalidInput(f"there is no rationale {id!r}")
        events = memory.history(id, scope=scope)
    (one,) = found
    print(one.text)
    print(f"\n{one.metadata['solution']}, helped {one.helped}, hurt {one.hurt}")
    for event in events:
        print(f"{event.at:%Y-%m-%d %H:%M}  {event.action}  {event.why or ''}")


@rationales_app.command("try")
def try_(
    source: Annotated[str, typer.Argument(help="gsm8k, or a file of JSON lines.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Problems at most.")] = None,
    skip: Annotated[int, typer.Option(min=0, help="Problems to pass over first.")] = 0,
    check: Annotated[CheckName, typer.Option(help="The last number, or words.")] = "number",
    k: Annotated[int, typer.Option(min=1, help="Rationales shown at most.")] = 3,
    obfuscate: Annotated[bool, typer.Option("--obfuscate", help="Match by structure.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before it starts.")] = False,
    home: Home = None,
    user: User = None,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """Solve problems with similar rationales and without, and count for them what differs."""
    from rich.console import Console
    from rich.progress import Progress

    from memagent.learning.ablation import ablate
    from memagent.learning.rationales import Rationales
    from memagent.models.open_chat import chat_of

    settings = load_settings(home=home, user=user, model=model)
    checked = _check(check)
    if checked is None:
        raise typer.BadParameter("a trial needs a check", param_hint="--check")
    problems = _problems(source, settings)[skip:][:limit]
    _answered(problems, check)
    print(f"{len(problems)} problems: at most {2 * len(problems)} requests", file=sys.stderr)
    if not yes and problems:
        typer.confirm("Start?", abort=True, err=True)
    with (
        opened(home, user, None) as (memory, scope),
        Progress(console=Console(stderr=True), transient=True) as bar,
    ):
        job = bar.add_task("solving", total=len(problems))
        trial = ablate(
            chat_of(settings),
            Rationales(memory, scope),
            problems,
            checked,
            k=k,
            obfuscate=obfuscate,
            progress=lambda done: bar.update(job, completed=done),
        )
    if as_json:
        print(json.dumps(asdict(trial)))
        return
    print(
        f"{trial.problems} problems: {trial.right} right with rationales,"
        f" {trial.right_without} without; they helped {trial.helped} and hurt {trial.hurt}"
    )


@rationales_app.command()
def retire(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids; without, all that hurt.")] = None,
    shown: Annotated[int, typer.Option(min=1, help="Without ids: judged so often.")] = 5,
    below: Annotated[float, typer.Option(help="Without ids: with a lower win rate.")] = 0.4,
    dry_run: DryRun = False,
    because: Because = None,
    home: Home = None,
    user: User = None,
) -> None:
    """Show these no more, or those that hurt; `restore` undoes it."""
    from memagent.learning.rationales import Rationales

    with opened(home, user, None) as (memory, scope):
        rationales = Rationales(memory, scope)
        chosen = ids or [one.id for one in rationales.harmful(shown=shown, below=below)]
        if dry_run:
            print(f"would retire {len(chosen)}")
            print("".join(f"{one}\n" for one in chosen), end="")
            return
        why = because or (None if ids else f"win rate below {below} after {shown} outcomes")
        print(f"{rationales.retire(chosen, why=why)} rationales retired")


@rationales_app.command()
def restore(ids: Ids, because: Because = None, home: Home = None, user: User = None) -> None:
    """Show retired rationales again."""
    from memagent.learning.rationales import Rationales

    with opened(home, user, None) as (memory, scope):
        print(f"{Rationales(memory, scope).restore(ids, why=because)} rationales restored")


@rationales_app.command()
def curve(home: Home = None, user: User = None, as_json: Json = False) -> None:
    """Tell how many checked answers each share of agreement keeps, and how many are right."""
    from memagent.evals.metrics.coverage import curve, votes_of
    from memagent.learning.rationales import Rationales

    with opened(home, user, None) as (memory, scope):
        rows = curve(votes_of(Rationales(memory, scope).list(everything=True)))
    if as_json:
        print(json.dumps(rows))
        return
    from memagent.evals.report.measures import as_tables

    print_tables(as_tables({"self-consistency": rows}))


def _problems(source: str, settings: Settings) -> "list[Problem]":
    """Read the problems of a file, or of the released file that a name stands for."""
    from memagent.learning.problems import read_problems

    path = Path(source)
    if source == "gsm8k":
        found = sorted((settings.data / "gsm8k").glob("train*.jsonl")) if settings.data else []
        if not found:
            raise InvalidInput("gsm8k: set MEMAGENT_DATA to a folder with gsm8k/train*.jsonl")
        path = found[0]
    return list(read_problems(read_text(path).split("\n"), path.name))


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
        f"{price.problems} problems ({price.done} done before): {price.requests} requests, about"
        f" {price.prompt_tokens} tokens to read and {price.completion_tokens} to write"
    )


def _learnt(
    settings: Settings,
    rationales: "Rationales",
    problems: "list[Problem]",
    check: "Check | None",
    how: "LearningOptions",
) -> "Learned":
    from rich.console import Console
    from rich.progress import Progress

    from memagent.learning.learn import learn, pending
    from memagent.models.open_chat import chat_of

    chat = chat_of(settings)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        job = bar.add_task("solving", total=len(pending(problems, rationales)))

        def tell(done: int, kept: int) -> None:
            bar.update(job, completed=done, description=f"{kept} kept")

        return learn(chat, rationales, problems, check, how, progress=tell)
