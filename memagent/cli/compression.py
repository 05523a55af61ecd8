"""Commands on notes and keys: compress, gather, sources, generate-queries."""

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from memagent.cli.options import (
    AsOf,
    Home,
    Id,
    Json,
    Limit,
    Model,
    Session,
    User,
    full_id,
    opened,
    settings_of,
)
from memagent.cli.output import counted, print_records, progress_bar, terminal_width, wrapped
from memagent.terminal import say
from memagent.types import KeyedBy, Method

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def compress(
    method: Annotated[
        Method,
        typer.Argument(help="Keep runs of words, or sentences; or let the model write notes."),
    ] = "runs",
    ratio: Annotated[
        float | None,
        typer.Option(
            help="Keep at most this share of a text; 0.25 if neither it nor --tokens is given.",
            show_default=False,
        ),
    ] = None,
    tokens: Annotated[
        int | None, typer.Option(help="Keep at most so many tokens.", show_default=False)
    ] = None,
    aware: Annotated[
        bool,
        typer.Option("--aware/--no-aware", help="Keep what questions ask for, or what is salient."),
    ] = True,
    keys: Annotated[
        KeyedBy, typer.Option(help="A note is found by its source's keys or its own text.")
    ] = "source",
    sessions: Annotated[
        bool, typer.Option("--sessions", help="Summarise old turns of sessions instead.")
    ] = False,
    older_than: Annotated[
        str | None,
        typer.Option(
            help="With --sessions: only turns that are older, such as 30d, 12h or 2w.",
            show_default=False,
        ),
    ] = None,
    but: Annotated[
        int, typer.Option(help="With --sessions: leave out so many of the newest records.")
    ] = 0,
    archive: Annotated[
        bool, typer.Option("--archive", help="Archive the records that have a note.")
    ] = False,
    limit: Limit = None,
    home: Home = None,
    user: User = None,
    session: Session = None,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """Compress long records to short notes; nothing is lost, and a run that was cut off goes on."""
    from memagent.models.open_chat import chat_of

    if older_than is not None and not sessions:
        raise typer.BadParameter("it is for --sessions", param_hint="--older-than")
    before = None if older_than is None else datetime.now(UTC) - span_of(older_than)
    settings = settings_of(home=home, user=user, model=model)
    chat: str | BaseChatModel = chat_of(settings) if method == "notes" else "local"
    with (
        opened(home, user, session) as (memory, scope),
        progress_bar("compressing", limit) as update,
    ):

        def advance(count: int) -> None:
            update(completed=count)

        if sessions:
            done = memory.notes.compress_sessions(
                method,
                scope=scope,
                before=before,
                but=but,
                aware=aware,
                archive=archive,
                progress=advance,
                ratio=ratio,
                tokens=tokens,
                model=chat,
            )
        else:
            done = memory.notes.compress(
                method,
                scope=scope,
                aware=aware,
                keys=keys,
                archive=archive,
                limit=limit,
                progress=advance,
                ratio=ratio,
                tokens=tokens,
                model=chat,
            )
    if as_json:
        say(json.dumps(asdict(done)))
        return
    say(
        f"{counted(done.notes, 'note')} of {done.after} tokens for {done.before}"
        f" ({done.ratio:.1f}x);"
        f" {done.failed} failed, {counted(done.dropped, 'claim')} without support,"
        f" {counted(done.archived)} archived"
    )


def gather(
    question: Annotated[str, typer.Argument(help="A question.", show_default=False)],
    k: Annotated[int, typer.Option("-k", min=1, help="Notes at most.")] = 8,
    tokens: Annotated[int, typer.Option(min=1, help="Tokens at most.")] = 256,
    group: Annotated[
        int | None, typer.Option(min=2, help="Merge so many notes at a time.", show_default=False)
    ] = None,
    self_match: Annotated[
        bool,
        typer.Option(help="Compress the question as the notes are, or search by words as well."),
    ] = True,
    as_of: AsOf = None,
    home: Home = None,
    user: User = None,
    session: Session = None,
    as_json: Json = False,
) -> None:
    """Gather what the notes say about a question; each line has its note's id."""
    with opened(home, user, session) as (memory, scope):
        found = memory.notes.gather(
            question,
            scope=scope,
            k=k,
            tokens=tokens,
            group=group,
            self_match=self_match,
            as_of=as_of,
        )
    if as_json:
        say(json.dumps(asdict(found)))
        return
    for piece in found.pieces:
        for line in wrapped(f"{piece.weight:.2f}  {piece.note}  ", piece.text, terminal_width()):
            say(line)


def sources(
    id: Id,
    deep: Annotated[
        bool, typer.Option("--deep", help="Replace notes on notes by what these were made from.")
    ] = False,
    home: Home = None,
    user: User = None,
    as_json: Json = False,
) -> None:
    """Show the records that a record was made from, oldest first; archived ones, too."""
    with opened(home, user) as (memory, scope):
        found = memory.notes.sources(full_id(memory, scope, id), scope=scope, deep=deep)
        print_records(memory, scope, found, as_json)


def generate_queries(
    limit: Limit = None,
    home: Home = None,
    user: User = None,
    session: Session = None,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """Generate questions that records answer, with the chat model; records are found by them, too.

    A run that was cut off goes on.
    """
    from memagent.models.open_chat import chat_of

    chat = chat_of(settings_of(home=home, user=user, model=model))
    with (
        opened(home, user, session) as (memory, scope),
        progress_bar("asking", limit) as update,
    ):
        done = memory.notes.generate_queries(
            chat, scope=scope, limit=limit, progress=lambda count: update(completed=count)
        )
    if as_json:
        say(json.dumps(asdict(done)))
        return
    say(
        f"{counted(done.records)} got {counted(done.keys, 'key')};"
        f" the model failed on {done.failed}"
    )


def span_of(text: str) -> timedelta:
    """Read a length of time such as 30d, 12h or 2w.

    Raises:
        BadParameter: it is none.
    """
    found = re.fullmatch(r"(\d{1,5})([hdw])", text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r}: expected such as 30d, 12h or 2w")
    return timedelta(**{UNITS[found[2]]: int(found[1])})
