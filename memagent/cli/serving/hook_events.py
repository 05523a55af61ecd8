"""Events of hooks: what an agent's program says on stdin, and what is answered on stdout."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from memagent.errors import InvalidInput
from memagent.server.mcp.texts import DATA, plain

PROMPT, STOP, END = "UserPromptSubmit", "Stop", "SessionEnd"
MAX_EVENT = 8 << 20
"""Bytes of an event at most."""
MAX_CONTEXT = 9_000
"""Characters that are added to a prompt at most: Claude Code shows 10,000, Codex fewer tokens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HookEvent:
    """Event of Claude Code or Codex, by the fields that both document.

    Only Codex has a `turn`, and its `reply` with it; it documents no format of its transcripts.
    """

    name: str
    session: str
    prompt: str = ""
    transcript: Path | None = None
    folder: str | None = None
    turn: str | None = None
    reply: str = ""

    @property
    def client(self) -> str:
        """Name of the program, by what it sends."""
        return "claude-code" if self.turn is None else "codex"


def read_event(stream: IO[bytes]) -> HookEvent:
    """Return the event that stands on stdin.

    Raises:
        InvalidInput: it is no JSON object with a session and an event's name.
    """
    raw = stream.read(MAX_EVENT + 1)
    if len(raw) > MAX_EVENT:
        raise InvalidInput(f"the hook's event has more than {MAX_EVENT >> 20} MiB")
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("a hook's event is wanted on stdin, as JSON") from error
    if not isinstance(fields, dict):
        raise InvalidInput("a hook's event is wanted on stdin, as a JSON object")
    name, session = _text(fields, "hook_event_name"), _text(fields, "session_id")
    if not name or not session:
        raise InvalidInput("the hook's event lacks hook_event_name or session_id")
    transcript = _text(fields, "transcript_path")
    return HookEvent(
        name=name,
        session=session,
        prompt=_text(fields, "prompt"),
        transcript=Path(transcript).expanduser() if transcript else None,
        folder=_text(fields, "cwd") or None,
        turn=_text(fields, "turn_id") or None,
        reply=_text(fields, "last_assistant_message"),
    )


def context_of(lines: Sequence[str]) -> str | None:
    """Return what to print so that lines from the memory stand before the prompt; None for none."""
    shown, length = list[str](), 0
    for line in lines:
        one_line = f"- {plain(' '.join(line.split()))}"
        length += len(one_line) + 1
        if length > MAX_CONTEXT:
            break
        shown.append(one_line)
    if not shown:
        return None
    text = "\n".join([f"From the user's long-term memory. {DATA}", "<memory>", *shown, "</memory>"])
    output = {"hookEventName": PROMPT, "additionalContext": text}
    return json.dumps({"hookSpecificOutput": output})


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    return value.strip() if isinstance(value, str) else ""
