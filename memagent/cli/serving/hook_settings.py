"""Hooks in a program's settings: put in and taken out again, and nothing else is touched."""

import json
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal

from memagent.errors import InvalidInput
from memagent.files import read_text, write_atomic

Client = Literal["claude-code", "codex"]
CLIENTS: tuple[Client, ...] = ("claude-code", "codex")
MAX_BYTES = 4 << 20
RECALL, REMEMBER = "hook recall", "hook remember"
EVENTS: Mapping[Client, Sequence[tuple[str, str, int]]] = {
    "claude-code": (
        ("UserPromptSubmit", RECALL, 10),
        ("Stop", REMEMBER, 60),
        ("SessionEnd", REMEMBER, 60),
    ),
    "codex": (
        ("UserPromptSubmit", RECALL, 10),
        ("UserPromptSubmit", REMEMBER, 60),
        ("Stop", REMEMBER, 60),
    ),
}
"""Events of a program, what runs at them, and within how many seconds."""
_OURS = re.compile(r"\bmemagent\b.*\shook (?:recall|remember)(?:\s|$)")


def settings_path(client: Client, project: Path | None) -> Path:
    """Return the file that holds a program's hooks: a project's, or the user's."""
    folder = Path.home() if project is None else project
    if client == "codex":
        return folder / ".codex" / "hooks.json"
    return folder / ".claude" / "settings.json"


def executable(project: Path | None) -> str:
    """Return how a shell runs memagent: by its name in what a project shares, else by its path."""
    if project is not None:
        return "memagent"
    found = shutil.which("memagent")
    return shlex.quote(found) if found else f"{shlex.quote(sys.executable)} -m memagent"


def read_settings(path: Path) -> dict[str, Any]:
    """Return the settings in a file, none if it is not there.

    Raises:
        InvalidInput: it is no JSON object, or its hooks have another form than the documented one.
    """
    if not path.exists():
        return {}
    text = read_text(path, MAX_BYTES)
    try:
        settings = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is not JSON ({error}): mend it first") from error
    hooks = settings.get("hooks", {}) if isinstance(settings, dict) else None
    if not isinstance(hooks, dict) or not all(map(_is_list_of_groups, hooks.values())):
        raise InvalidInput(f"{path} has hooks of another form than expected: nothing is changed")
    return settings


def with_hooks(
    settings: Mapping[str, Any], client: Client, command: str, options: Sequence[str] = ()
) -> dict[str, Any]:
    """Return settings with memagent's hooks in the place of those that it put there before."""
    changed = without_hooks(settings)
    hooks = changed.setdefault("hooks", {})
    for event, verb, seconds in EVENTS[client]:
        line = " ".join([command, verb, *map(shlex.quote, options)])
        handler = {"type": "command", "command": line, "timeout": seconds}
        hooks.setdefault(event, []).append({"hooks": [handler]})
    return changed


def without_hooks(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings without memagent's hooks; all else stays as it is and in its order."""
    changed = deepcopy(dict(settings))
    hooks = changed.get("hooks", {})
    for event in [event for event, groups in hooks.items() if any(map(_has_ours, groups))]:
        others = map(_without_ours, hooks[event])
        hooks[event] = [group for group in others if group is not None]
        if not hooks[event]:
            del hooks[event]
    if "hooks" in settings and settings["hooks"] and not hooks:
        del changed["hooks"]
    return changed


def as_text(settings: Mapping[str, Any]) -> str:
    """Return settings as the file holds them."""
    return json.dumps(settings, indent=2, ensure_ascii=False) + "\n"


def write_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Replace the file as a whole, so that a program never reads a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, as_text(settings))


def _is_list_of_groups(groups: Any) -> bool:
    return isinstance(groups, list) and all(
        isinstance(group, dict) and isinstance(group.get("hooks", []), list) for group in groups
    )


def _has_ours(group: Mapping[str, Any]) -> bool:
    return any(map(_is_ours, group.get("hooks", [])))


def _without_ours(group: dict[str, Any]) -> dict[str, Any] | None:
    """Return a group without our handlers, None where it held nothing else."""
    if not _has_ours(group):
        return group
    others = [handler for handler in group["hooks"] if not _is_ours(handler)]
    return {**group, "hooks": others} if others else None


def _is_ours(handler: Any) -> bool:
    line = handler.get("command") if isinstance(handler, dict) else None
    return isinstance(line, str) and _OURS.search(line) is not None
