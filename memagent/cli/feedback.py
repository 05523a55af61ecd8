"""The commands that say of a turn what was right, and show or undo what came of that."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memagent.cli.output import Because, Home, Json, Model, User, change_object, opened
from memagent.config import load_settings
from memagent.errors import InvalidInput, UserError
from memagent.types import Answer, Hit, Recollection, Reflected, Scope

if TYPE_CHECKING:
    from memagent.agent.agent import Agent
    from memagent.memory.memory import Memory

FIELDS = frozenset({"turn", "verdict", "hint", "correct", "why", "who"})
"""What a line of `feedback --file` may hold."""
Lines = list[tuple[int, dict[str, Any]]]
"""Feedback with the number of the line that it stands on."""

feedback_app = typer.Typer()
changes_app = typer.Typer(help="What feedback changed: list, show, undo.", no_args_is_help=True)
feedback_app.add_typer(changes_app, name="changes")
Id = Annotated[str, typer.Argument(help="The change's id.")]


@feedback_app.command()
def feedback(
    turn: Annotated[str | None, typer.Argument(help="The turn: an id of `ask --json`.")] = None,
    good: Annotated[bool, typer.Option("--good", help="The answer was good.")] = False,
    bad: Annotated[bool, typer.Option("--bad", help="The answer was bad.")] = False,
    hint: Annotated[str | None, typer.Option(help="What to think of, not the answer.")] = None,
    correct: Annotated[str | None, typer.Option(help="What is right.")] = None,
    file: Annotated[Path | None, typer.Option(help="One feedback a line, as JSON.")] = None,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Ask again, and undo what does not mend.")
    ] = True,
    write: Annotated[bool, typer.Option("--write", help="Let the model word the lesson.")] = False,
    because: Because = None,
    who: Annotated[str | None, typer.Option(help="Who says so, if not the user.")] = None,
    home: Home = None,
    user: User = None,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """Say of a turn that it was good or bad, what is right, or what to think of."""
    if (turn is None) == (file is None):
        raise typer.BadParameter("give a turn or --file")
    if good and bad:
        raise typer.BadParameter("an answer is good or bad, not both")
    verdict = "good" if good else "bad" if bad else None
    one: dict[str, Any] = {"turn": turn, "verdict": verdict, "hint": hint, "correct": correct}
    given = [(1, one | {"why": because, "who": who})] if file is None else _lines(file)
    if file is None and not (verdict or hint or correct):
        raise typer.BadParameter("say --good, --bad, --hint or --correct")
    settings = load_settings(home=home, user=user, model=model)
    from memagent.agent.agent import Agent
    from memagent.feedback.rate_limit import RateLimit
    from memagent.models.open_chat import chat_of

    with opened(home, user, None) as (memory, scope):
        # Who sits here may say as much as there is to say.
        rate_limit = RateLimit(None)
        agent = Agent(
            memory=memory,
            model=lambda: chat_of(settings),
            k=settings.recall_k,
            rate_limit=rate_limit,
        )
        for number, line in given:
            with _at(file, number):
                memory.changes.turn(line["turn"], scope=scope)
        for number, line in given:
            with _at(file, number):
                _print(_given(agent, memory, scope, line, check=check, write=write), as_json)


@changes_app.command(name="list")
def list_changes(
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    home: Home = None,
    user: User = None,
    as_json: Json = False,
) -> None:
    """Show what feedback changed, newest first."""
    with opened(home, user, None) as (memory, scope):
        found = memory.changes.list(scope=scope, limit=limit)
    if as_json:
        print(json.dumps([change_object(one) for one in found]))
    for one in [] if as_json else found:
        state = "undone" if one.undone else "kept"
        lesson = " ".join(one.lesson.split())
        print(f"{one.at:%Y-%m-%d %H:%M}  {one.id}  {state:>6}  {one.feedback:10}  {lesson}")


@changes_app.command()
def show(id: Id, home: Home = None, user: User = None, as_json: Json = False) -> None:
    """Show a change as a diff: what went, what came, by whom, why and when."""
    with opened(home, user, None) as (memory, scope):
        change = memory.changes.get(id, scope=scope)
        gone = [*([change.superseded] if change.superseded else []), *change.retired]
        old = memory.get(gone, scope=scope)
    if as_json:
        print(json.dumps(change_object(change)))
        return
    by = " ".join(part for part in (change.who and f"by {change.who}", change.why) if part)
    print(f"change {change.id}  {change.at:%Y-%m-%d %H:%M:%S}  {by}".rstrip())
    print(
        f"asked     {change.asked}\nanswered  {change.answered}\n{change.feedback}  {change.said}"
    )
    for one in old:
        print(f"- {one.id}  {one.text}")
    print(f"+ {change.id}  {change.lesson}")
    for ask in change.asks:
        print(f"  found by  {ask}")
    if change.undone:
        print(f"undone {change.undone:%Y-%m-%d %H:%M:%S}  {change.because or ''}".rstrip())


@changes_app.command()
def undo(id: Id, because: Because = None, home: Home = None, user: User = None) -> None:
    """Undo a change: what it took the place of comes back."""
    with opened(home, user, None) as (memory, scope):
        change = memory.changes.undo(id, scope=scope, who=scope.user, why=because)
    print(f"undone: {change.lesson}")


def _given(
    agent: "Agent",
    memory: "Memory",
    scope: Scope,
    line: dict[str, Any],
    *,
    check: bool,
    write: bool,
) -> Reflected:
    said, replied = memory.changes.turn(line["turn"], scope=scope)
    shown = memory.get(replied.sources, scope=scope)
    hits = tuple(Hit(record=one, score=1.0, key=one.keys[0], why={}) for one in shown)
    answer = Answer(
        answer=replied.text,
        recollection=Recollection(hits=hits),
        question=said.text,
        scope=scope,
        turn=(said.id, replied.id),
    )
    return agent.feedback(
        answer,
        scope=said.scope,
        verdict=line.get("verdict"),
        correction=line.get("correct"),
        hint=line.get("hint"),
        who=line.get("who"),
        why=line.get("why"),
        check=check,
        write=write,
    )


def _print(done: Reflected, as_json: bool) -> None:
    if as_json:
        told: dict[str, Any] = {"judged": done.judged, "change": None, "checked": None}
        told |= {"change": change_object(done.change)} if done.change else {}
        told |= {"checked": asdict(done.checked)} if done.checked else {}
        print(json.dumps(told))
    elif done.change is None:
        print(f"{done.judged} memories judged")
    elif done.change.undone:
        print(f"not kept: {done.change.because}")
    else:
        print(f"kept as {done.change.id}: {done.change.lesson}")


def _lines(file: Path) -> Lines:
    """Read feedback, one JSON object a line, with the numbers of the lines.

    Raises:
        InvalidInput: a line is no such object, or says nothing.
    """
    from memagent.cli.input import lines_of

    found = []
    for number, line in enumerate(lines_of(file), start=1):
        if not line.strip():
            continue
        with _at(file, number):
            found.append((number, _read(line)))
    return found


def _read(line: str) -> dict[str, Any]:
    """Read one line of a file of feedback.

    Raises:
        InvalidInput: it is no such object, or says nothing.
    """
    from memagent.agent.record_turn import outcome_of
    from memagent.feedback.request import feedback_of

    try:
        one = json.loads(line)
    except ValueError as error:
        raise InvalidInput(f"not JSON: {error}") from error
    if not isinstance(one, dict) or not isinstance(one.get("turn"), str):
        raise InvalidInput("expected an object with a turn's id")
    if unknown := set(one) - FIELDS:
        raise InvalidInput(f"unknown {', '.join(sorted(unknown))}")
    given = {name: value for name, value in one.items() if value is not None}
    for name, value in given.items():
        if not isinstance(value, str) or (name == "who" and not value.strip()):
            raise InvalidInput(f"{name}: expected a text, found {value!r}")
    words = feedback_of(given.get("correct"), given.get("hint"))
    if "verdict" in given:
        outcome_of(given["verdict"])
    elif words is None:
        raise InvalidInput("expected a verdict, a hint or what is correct")
    return given


@contextmanager
def _at(file: Path | None, number: int) -> Iterator[None]:
    """Say of an error at which line of the file it is."""
    try:
        yield
    except UserError as error:
        where = f"{file}, line {number}: " if file else ""
        raise InvalidInput(f"{where}{error}") from error
