"""Commands that judge turns and records, and show or undo what feedback changed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memagent.cli.input import lines_of
from memagent.cli.options import (
    Home,
    Ids,
    Json,
    Model,
    User,
    Why,
    full_id,
    full_ids,
    opened,
    settings_of,
)
from memagent.cli.output import (
    change_object,
    counted,
    minute,
    one_line,
    print_marked,
    terminal_width,
    wrapped,
)
from memagent.errors import InvalidInput, UserError
from memagent.terminal import say
from memagent.types import Answer, Hit, Outcome, Recollection, Reflected, Scope

if TYPE_CHECKING:
    from memagent.agent.agent import Agent
    from memagent.memory.memory import Memory

FIELDS = frozenset({"turn", "verdict", "hint", "correct", "why", "who"})
"""Fields of a line of `feedback --file`."""
Lines = list[tuple[int, dict[str, Any]]]
"""Feedback with the number of the line that it stands on."""

changes_app = typer.Typer(help="List, show and undo what feedback changed.", no_args_is_help=True)


def feedback(
    turn: Annotated[
        str | None,
        typer.Argument(
            help="The turn: the id of its question or answer (`list`, `ask --json`), or the id's"
            " first characters.",
            show_default=False,
        ),
    ] = None,
    good: Annotated[bool, typer.Option("--good", help="The answer was good.")] = False,
    bad: Annotated[bool, typer.Option("--bad", help="The answer was bad.")] = False,
    hint: Annotated[
        str | None, typer.Option(help="What to think of, not the answer.", show_default=False)
    ] = None,
    correct: Annotated[str | None, typer.Option(help="What is right.", show_default=False)] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            help="Read feedback, one JSON object a line: turn, verdict, hint, correct, why, who.",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check/--no-check",
            help="Ask the question again, and undo a change that does not help.",
        ),
    ] = True,
    write: Annotated[bool, typer.Option("--write", help="Let the model word the lesson.")] = False,
    why: Why = None,
    who: Annotated[
        str | None, typer.Option(help="Who says so, if not the user.", show_default=False)
    ] = None,
    home: Home = None,
    user: User = None,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """Tell whether a turn was good or bad, what is right, or what to think of."""
    if (turn is None) == (file is None):
        raise typer.BadParameter("give a turn or --file")
    if good and bad:
        raise typer.BadParameter("an answer is good or bad, not both")
    verdict = "good" if good else "bad" if bad else None
    one: dict[str, Any] = {"turn": turn, "verdict": verdict, "hint": hint, "correct": correct}
    given = [(1, one | {"why": why, "who": who})] if file is None else _lines(file)
    if file is None and not (verdict or hint or correct):
        raise typer.BadParameter("say --good, --bad, --hint or --correct")
    settings = settings_of(home=home, user=user, model=model)
    from memagent.agent.agent import Agent
    from memagent.feedback.rate_limit import RateLimit
    from memagent.models.open_chat import chat_of

    with opened(home, user) as (memory, scope):
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
                line["turn"] = full_id(memory, scope, line["turn"], "turn")
                memory.changes.turn(line["turn"], scope=scope)
        for number, line in given:
            with _at(file, number):
                _print(_given(agent, memory, scope, line, check=check, write=write), as_json)


def judge(
    ids: Ids,
    outcome: Annotated[
        Outcome, typer.Argument(help="What came of showing them.", show_default=False)
    ],
    turn: Annotated[
        str | None,
        typer.Option(
            help="The turn that they were shown in: the id of its question or answer.",
            show_default=False,
        ),
    ] = None,
    why: Why = None,
    home: Home = None,
    user: User = None,
) -> None:
    """Count that records helped or hurt; a record that hurt is trusted less, as is its source.

    With --turn, `memagent ranking learn` can learn from it.
    """
    with opened(home, user) as (memory, scope):
        marked = memory.changes.judge(
            full_ids(memory, scope, ids),
            outcome,
            turn=full_id(memory, scope, turn, "turn") if turn else None,
            scope=scope,
            who=scope.user,
            why=why,
        )
    print_marked(marked, "judged")


def separate(
    query: Annotated[
        str, typer.Argument(help="The query that found the wrong record.", show_default=False)
    ],
    wanted: Annotated[
        str, typer.Option(help="Id of the record it should have found.", show_default=False)
    ],
    found: Annotated[str, typer.Option(help="Id of the record it found.", show_default=False)],
    steps: Annotated[int, typer.Option(min=1, help="Small moves at most.")] = 1,
    why: Why = None,
    home: Home = None,
    user: User = None,
) -> None:
    """Move apart the keys of two records that a query confuses."""
    with opened(home, user) as (memory, scope):
        done = memory.changes.separate(
            query,
            wanted=full_id(memory, scope, wanted),
            found=full_id(memory, scope, found),
            scope=scope,
            steps=steps,
            who=scope.user,
            why=why,
        )
    say(
        f"wanted {done.wanted_before:.3f} -> {done.wanted_after:.3f},"
        f" found {done.found_before:.3f} -> {done.found_after:.3f}:"
        f" {'apart' if done.apart else 'still confused'}"
    )


def move_back(ids: Ids, why: Why = None, home: Home = None, user: User = None) -> None:
    """Undo `separate`: give keys the vectors they had at first."""
    with opened(home, user) as (memory, scope):
        whole = full_ids(memory, scope, ids)
        marked = memory.changes.move_back(whole, scope=scope, why=why)
    print_marked(marked, "moved back", "key")


@changes_app.command(name="list")
def list_changes(
    limit: Annotated[int, typer.Option(min=1, help="Changes at most.")] = 100,
    home: Home = None,
    user: User = None,
    as_json: Json = False,
) -> None:
    """List what feedback changed, newest first."""
    with opened(home, user) as (memory, scope):
        found = memory.changes.list(scope=scope, limit=limit)
    if as_json:
        say(json.dumps([change_object(change) for change in found]))
        return
    for change in found:
        state = "undone" if change.undone else "kept"
        who = one_line(change.who or "-")
        head = f"{minute(change.at)}  {change.id}  {state:>6}  {change.feedback:10}  {who}  "
        for line in wrapped(head, change.lesson, terminal_width()):
            say(line)


ChangeId = Annotated[
    str, typer.Argument(help="Id of a change, or its first characters.", show_default=False)
]


@changes_app.command()
def show(id: ChangeId, home: Home = None, user: User = None, as_json: Json = False) -> None:
    """Show a change as a diff: what went and what came, and by whom, when and why."""
    with opened(home, user) as (memory, scope):
        change = memory.changes.get(full_id(memory, scope, id, "change"), scope=scope)
        gone = [*([change.superseded] if change.superseded else []), *change.retired]
        old = memory.get(gone, scope=scope)
    if as_json:
        say(json.dumps(change_object(change)))
        return
    by = " ".join(part for part in (change.who and f"by {change.who}", change.why) if part)
    say(f"change {change.id}  {change.at.astimezone():%Y-%m-%d %H:%M:%S}  {by}".rstrip())
    if change.asked:
        say(f"asked     {change.asked}")
        say(f"answered  {change.answered}")
    say(f"{change.feedback}  {change.said}".rstrip())
    for one in old:
        say(f"- {one.id}  {one.text}")
    say(f"+ {change.id}  {change.lesson}")
    for ask in change.asks:
        say(f"  found by  {ask}")
    if change.undone:
        at = f"{change.undone.astimezone():%Y-%m-%d %H:%M:%S}"
        say(f"undone {at}  {change.because or ''}".rstrip())


@changes_app.command()
def undo(id: ChangeId, why: Why = None, home: Home = None, user: User = None) -> None:
    """Undo a change: the records that it replaced come back."""
    with opened(home, user) as (memory, scope):
        whole = full_id(memory, scope, id, "change")
        change = memory.changes.undo(whole, scope=scope, who=scope.user, why=why)
    say(f"undone: {change.lesson}")


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
        report: dict[str, Any] = {"judged": done.judged, "change": None, "checked": None}
        report |= {"change": change_object(done.change)} if done.change else {}
        report |= {"checked": asdict(done.checked)} if done.checked else {}
        say(json.dumps(report))
    elif done.change is None:
        say(f"{counted(done.judged, 'memory')} judged")
    elif done.change.undone:
        say(f"not kept: {done.change.because}")
    else:
        say(f"kept as {done.change.id}: {done.change.lesson}")


def _lines(file: Path) -> Lines:
    """Read feedback, one JSON object a line, with the numbers of the lines.

    Raises:
        InvalidInput: a line is no such object, or says nothing.
    """
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
