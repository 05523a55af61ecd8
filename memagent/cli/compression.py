"""The commands of the compression bank: compress, gather from the notes, and go to the sources."""

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from memagent.cli.output import Home, Json, Model, Session, User, opened, record_object
from memagent.config import load_settings
from memagent.types import KeyedBy, Method

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

compress_app = typer.Typer()
UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@compress_app.command()
def compress(
    method: Annotated[
        Method, typer.Option(help="Runs of words, sentences, or notes by the model.")
    ] = "runs",
    ratio: Annotated[
        float | None, typer.Option(help="Keep at most this share of a text (0.25).")
    ] = None,
    tokens: Annotated[int | None, typer.Option(help="Keep at most so many tokens.")] = None,
    salience: Annotated[
        bool, typer.Option("--salience", help="Keep what is salient, not what is asked for.")
    ] = False,
    keys: Annotated[KeyedBy, typer.Option(help="What a note is found by.")] = "source",
    sessions: Annotated[
        bool, typer.Option("--sessions", help="Summarise old turns of sessions instead.")
    ] = False,
    older_than: Annotated[
        str | None, typer.Option(help="With --sessions: only what is older, such as 30d or 12h.")
    ] = None,
    but: Annotated[int, typer.Option(help="With --sessions: leave so many newest records.")] = 0,
    archive: Annotated[
        bool, typer.Option("--archive", help="Take what has a note out of the searches' sight.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Records at most.")] = None,
    home: Home = None,
    user: User = None,
    session: Session = None,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """Write short notes on long records; nothing is lost, and it goes on where it stopped."""
    from rich.console import Console
    from rich.progress import Progress

    from memagent.models.open_chat import chat_of

    if older_than is not None and not sessions:
        raise typer.BadParameter("it is for --sessions", param_hint="--older-than")
    before = None if older_than is None else datetime.now(UTC) - span_of(older_than)
    wanted = load_settings(home=home, user=user, model=model)
    chat: str | BaseChatModel = chat_of(wanted) if method == "notes" else "local"
    with (
        opened(home, user, session) as (memory, scope),
        Progress(console=Console(stderr=True), transient=True) as bar,
    ):
        job = bar.add_task("compressing", total=limit)

        def tell(count: int) -> None:
            bar.update(job, completed=count)

        if sessions:
            done = memory.notes.compress_sessions(
                method,
                scope=scope,
                before=before,
                but=but,
                aware=not salience,
                archive=archive,
                progress=tell,
                ratio=ratio,
                tokens=tokens,
                model=chat,
            )
        else:
            done = memory.notes.compress(
                method,
                scope=scope,
                aware=not salience,
                keys=keys,
                archive=archive,
                limit=limit,
                progress=tell,
                ratio=ratio,
                tokens=tokens,
                model=chat,
            )
    if as_json:
        print(json.dumps(asdict(done)))
        return
    print(
        f"{done.notes} notes of {done.after} tokens on {done.before} ({done.ratio:.1f}x);"
        f" {done.failed} failed, {done.dropped} claims without support,"
        f" {done.archived} records archived"
    )


@compress_app.command()
def gather(
    question: Annotated[str, typer.Argument(help="What is asked.")],
    k: Annotated[int, typer.Option(min=1, help="How many notes count.")] = 8,
    tokens: Annotated[int, typer.Option(min=1, help="At most so many tokens in all.")] = 256,
    group: Annotated[int | None, typer.Option(min=2, help="Merge so many notes at a time.")] = None,
    self_match: Annotated[
        bool,
        typer.Option(help="Compress the question as the notes are; else search by words as well."),
    ] = True,
    as_of: Annotated[datetime | None, typer.Option(help="What held at this time.")] = None,
    home: Home = None,
    user: User = None,
    session: Session = None,
    as_json: Json = False,
) -> None:
    """Show what the notes say that is nearest to a question, each line with its note's id."""
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
        print(json.dumps(asdict(found)))
        return
    for piece in found.pieces:
        print(f"{piece.weight:.2f}  {piece.note}  {piece.text}")


@compress_app.command()
def sources(
    id: Annotated[str, typer.Argument(help="The record's id.")],
    deep: Annotated[bool, typer.Option("--deep", help="Down to what is no note itself.")] = False,
    home: Home = None,
    user: User = None,
    as_json: Json = False,
) -> None:
    """Show what a record was made from, archived records too, oldest first."""
    with opened(home, user, None) as (memory, scope):
        found = memory.notes.sources(id, scope=scope, deep=deep)
    if as_json:
        print(json.dumps([record_object(record) for record in found]))
        return
    for record in found:
        print(f"{record.valid_from:%Y-%m-%d %H:%M}  {record.id}  {record.text}")


def span_of(text: str) -> timedelta:
    """Read a length of time such as 30d, 12h or 2w.

    Raises:
        BadParameter: it is none.
    """
    found = re.fullmatch(r"(\d{1,5})([hdw])", text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r}: expected such as 30d, 12h or 2w")
    return timedelta(**{UNITS[found[2]]: int(found[1])})
