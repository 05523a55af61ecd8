"""Command `import`: records of other stores, and conversations of other programs."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memagent.cli.input import lines_of
from memagent.cli.options import DryRun, Home, Json, memory_of, settings_of
from memagent.cli.output import counted, progress_bar
from memagent.terminal import say
from memagent.transcripts.sources import SOURCES, Source

if TYPE_CHECKING:
    from memagent.transcripts.importer import FileReport, ImportReport

SHOWN = 10
"""Lines on what is damaged that are printed for each file."""


def import_records(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A file, a folder or a zip archive; stdin if left out.",
            metavar="PATH",
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        str,
        typer.Option(
            "--from", help=f"Whose conversations they are: {', '.join(SOURCES)}, or auto."
        ),
    ] = "auto",
    format: Annotated[
        str, typer.Option(help="What wrote the records: memagent, mem0, langgraph, or auto.")
    ] = "auto",
    user: Annotated[
        str | None,
        typer.Option(help="Whose memory it becomes, whomever it names.", show_default=False),
    ] = None,
    dry_run: DryRun = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Import records or conversations that other programs hold; what is there already is kept.

    Records: what memagent, mem0 or LangGraph exported.
    Conversations: exports of ChatGPT and Claude, session logs of Claude Code and Codex.
    """
    from memagent.stores.transfer.lines import FORMATS

    if format not in FORMATS:
        raise typer.BadParameter(f"expected one of {', '.join(FORMATS)}", param_hint="--format")
    wanted = _source(source)
    if wanted is not None and format != "auto":
        raise typer.BadParameter("--from and --format exclude each other", param_hint="--from")
    if file is None and wanted is not None:
        raise typer.BadParameter("give the file or folder that holds them", param_hint="--from")
    if file is None and sys.stdin.isatty():
        raise typer.BadParameter("give a file, or lines on stdin")
    if file is not None and format == "auto" and (wanted is not None or _holds_transcripts(file)):
        _import_conversations(file, wanted, user, home, dry_run, as_json)
        return
    if dry_run:
        raise typer.BadParameter("only conversations can be tried", param_hint="--dry-run")
    settings = settings_of(home=home)
    with ExitStack() as stack:
        memory = memory_of(settings, stack)
        count = memory.maintenance.import_(lines_of(file), format=format, user=user)
    say(json.dumps({"new": count}) if as_json else counted(count, "new record"))


def _source(name: str) -> Source | None:
    for known in ("chatgpt", "claude", "claude-code", "codex"):
        if name == known:
            return known
    if name != "auto":
        raise typer.BadParameter(
            f"expected auto or one of {', '.join(SOURCES)}", param_hint="--from"
        )
    return None


def _holds_transcripts(path: Path) -> bool:
    from memagent.transcripts.importer import holds_transcripts

    if path.exists() and not (path.is_file() or path.is_dir()):
        return False  # a pipe is read once
    return holds_transcripts(path)


def _import_conversations(
    path: Path, source: Source | None, user: str | None, home: Path | None, dry: bool, js: bool
) -> None:
    from memagent.transcripts.importer import import_transcripts

    settings = settings_of(home=home, user=user)
    with ExitStack() as stack:
        memory = memory_of(settings, stack)
        with progress_bar("reading" if dry else "importing") as update:
            report = import_transcripts(
                memory,
                path,
                user=settings.user,
                source=source,
                dry_run=dry,
                progress=lambda done, total: update(completed=done, total=total),
            )
    if js:
        say(json.dumps(_object(report)))
        return
    for found in report.files:
        for line in _lines(found):
            say(line)
    say(_summary(report))


def _object(report: "ImportReport") -> dict[str, Any]:
    """Return a report as JSON holds it."""
    files = [found.to_dict() for found in report.files]
    return {"dry_run": report.dry_run, "files": files, "others": report.others}


def _lines(found: "FileReport") -> list[str]:
    """Return the lines on one file: what it holds, what is left out, and what is damaged."""
    spans = [time.date().isoformat() for time in (found.first, found.last) if time is not None]
    dates = f", {' to '.join(dict.fromkeys(spans))}" if spans else ""
    holds = f"{counted(found.conversations, 'conversation')}, {counted(found.messages, 'message')}"
    lines = [f"{found.name} ({found.source}): {holds}{dates}"]
    if found.left_out:
        reasons = ", ".join(f"{count} {reason}" for reason, count in found.left_out.most_common())
        lines.append(f"  left out: {reasons}")
    lines += [f"  {problem}" for problem in found.problems[:SHOWN]]
    if len(found.problems) > SHOWN:
        lines.append(f"  and {len(found.problems) - SHOWN} more lines like these (--json)")
    return lines


def _summary(report: "ImportReport") -> str:
    """Return the line that ends a report: what is new, and how to take it back."""
    new, there, edited = (
        sum(getattr(found, name) for found in report.files) for name in ("new", "there", "edited")
    )
    would = "would add " if report.dry_run else ""
    parts = [f"{would}{counted(new, 'new record')}"]
    parts += [f"{counted(edited, 'edited message')} as a new version"] if edited else []
    parts += [f"{there} there already"] if there else []
    parts += [f"{counted(report.others, 'other file')} not read"] if report.others else []
    line = ", ".join(parts)
    if report.dry_run or not new:
        return line
    sources = sorted({found.source for found in report.files})
    filters = [f"""memagent forget --where '{{"import": "{source}"}}'""" for source in sources]
    return f"{line}; to take them back: {' && '.join(filters)}"
