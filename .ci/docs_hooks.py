"""Hooks of the documentation's build: the source tree for the reference, and the command line."""

import re
from pathlib import Path
from typing import Any

import typer
from mkdocs.exceptions import PluginError

from memagent.cli.app import app

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "build" / "docs" / "memagent"
COMMANDS = "<!-- commands -->"
FOREIGN = re.compile(r"""<(?:script|link|img)[^>]+(?:src|href)=["']https?://[^"']+""")


def on_startup(**kwargs: Any) -> None:
    """Link the folders of the package together, as an installation lays them out."""
    SOURCE.mkdir(parents=True, exist_ok=True)
    for link in SOURCE.iterdir():
        link.unlink()
    for path in [*(ROOT / "memagent").iterdir(), *map(ROOT.joinpath, ("stores", "tools", "evals"))]:
        if path.suffix != ".pyi" and path.name != "__pycache__":
            (SOURCE / path.name).symlink_to(path)


def on_page_markdown(markdown: str, **kwargs: Any) -> str:
    """Put the commands with their options in the place of the marker."""
    if COMMANDS not in markdown:
        return markdown
    return markdown.replace(COMMANDS, "\n".join(described(typer.main.get_command(app), "memagent")))


def on_post_page(output: str, page: Any, **kwargs: Any) -> str:
    """Refuse a page that would fetch a script, a style or an image from another host."""
    if foreign := FOREIGN.search(output):
        raise PluginError(f"{page.file.src_path} fetches from another host: {foreign[0]}")
    return output


def described(command: Any, path: str) -> list[str]:
    """Return the Markdown lines of a command and of those below it."""
    below = getattr(command, "commands", {})
    if below:
        return [line for name, one in below.items() for line in described(one, f"{path} {name}")]
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    usage = " ".join([path, *map(placeholder, arguments)])
    lines = [f"## {path}", "", command.help or "", "", "```", usage, "```", ""]
    rows = [
        f"| `{', '.join([*one.opts, *one.secondary_opts])}` | {cell(one.help)} | {default(one)} |"
        for one in command.params
        if one.param_type_name == "option" and one.name != "help"
    ]
    return [*lines, *(["| option | | default |", "|---|---|---|", *rows, ""] if rows else [])]


def placeholder(argument: Any) -> str:
    """Return an argument as a line of usage shows it."""
    name = argument.name.upper() + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def cell(text: str | None) -> str:
    """Return a text that fits into a cell of a table."""
    return (text or "").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def default(option: Any) -> str:
    """Return the default of an option, empty where there is none to tell."""
    value = option.default
    return "" if value in (None, False, "", ()) or callable(value) else f"`{value}`"
