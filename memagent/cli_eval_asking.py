"""How `memagent eval run` has its questions asked: by which servers, and by how many workers."""

from collections import Counter
from typing import TYPE_CHECKING

import typer

from memagent.config import Settings

if TYPE_CHECKING:
    from memagent.evals.run import Run
    from memagent.evals.runner import Progress
    from memagent.evals.suite import Suite


def together(one: "Suite", settings: Settings, servers: str | None, workers: str | None) -> int:
    """Return how many stories are asked side by side when nobody says.

    Raises:
        BadParameter: `workers` is neither "ray" nor "ray:4", or is given where no model is asked.
    """
    if workers and not one.model:
        raise typer.BadParameter(f"{one.name} asks no model", param_hint="--workers")
    several = len(_urls(settings, servers))
    if workers:
        several = max(several, _ray_workers(workers) or 1)
    embedded = settings.model.startswith("local") and not servers
    return several * (4 if embedded else 64)


def _urls(settings: Settings, servers: str | None) -> list[str]:
    return [one.strip() for one in servers.split(",")] if servers else [settings.model]


def _ray_workers(workers: str) -> int | None:
    """Read "ray" or "ray:4".

    Raises:
        BadParameter: it is neither.
    """
    kind, _, number = workers.partition(":")
    if kind != "ray" or (number and (not number.isdigit() or int(number) < 1)):
        raise typer.BadParameter(f"{workers!r} is not ray or ray:N", param_hint="--workers")
    return int(number) if number else None


def _asked(
    whole: "Run",
    settings: Settings,
    one: "Suite",
    tell: "Progress",
    servers: str | None,
    workers: str | None,
) -> None:
    """Have the questions asked: in this process, or by workers on a cluster."""
    from memagent.evals.runner import ask_all, go
    from memagent.models.open_chat import open_chat, options_of
    from memagent.testing import ScriptedChat

    urls, options = _urls(settings, servers), options_of(settings)
    if workers is None:
        from memagent.embedding.open_embedder import open_embedder

        chats = [open_chat(url, **options) if one.model else ScriptedChat([]) for url in urls]
        go(whole, chats, open_embedder(settings.embedder), tell, one.make)
        return
    from memagent.evals.distributed import Recipe, ray_crew

    number = _ray_workers(workers) or len(urls)
    recipes = [
        Recipe(
            make=one.make,
            model=urls[place % len(urls)],
            embedder=settings.embedder,
            seed=whole.plan.seed,
            options=options,
        )
        for place in range(number)
    ]
    with ray_crew(recipes, whole.plan.concurrency) as crew:
        ask_all(whole, crew, tell)


def ask(
    whole: "Run", settings: Settings, one: "Suite", servers: str | None, workers: str | None
) -> None:
    """Ask what is still to be asked, with a bar on stderr that tells the accuracy so far."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from memagent.evals.score import Score

    todo = sum(len(whole.todo(task, arm)) for task in whole.tasks for arm in whole.plan.arms)
    todo += len(whole.failed)
    if not todo:
        whole.put_in_order()  # a run that ended at its last answer had not come to it
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        job = bar.add_task("loading the models", total=todo)
        counts: Counter[tuple[str, str, bool]] = Counter(
            (score.task, score.arm, score.correct) for score in whole.scores if not score.error
        )

        def tell(score: Score) -> None:
            counts[score.task, score.arm, score.correct] += not score.error
            right, wrong = (counts[score.task, score.arm, way] for way in (True, False))
            part = right / max(1, right + wrong)
            described = f"{score.task} {score.arm}: {part:.0%} right"
            bar.update(job, advance=1, description=described)

        _asked(whole, settings, one, tell, servers, workers)
