"""The profile in a chat: /profile shows and edits it, and the end of the chat updates it."""

from collections.abc import Callable, Iterator

from memagent.agent.conversation import Conversation
from memagent.cli.options import full_id
from memagent.cli.output import counted, notice, one_line
from memagent.cli.profile import profile_lines
from memagent.errors import InvalidInput, UserError
from memagent.memory.memory import Memory
from memagent.types import Scope

SECONDS = 5.0
"""Seconds that the update at the end of a chat takes at most; the next one goes on."""


def profile(conversation: Conversation, argument: str) -> Iterator[str]:
    """Show the profile, or add, edit or remove a line, or look for new ones.

    Raises:
        InvalidInput: the word is none of these, or something is missing.
    """
    word, _, rest = argument.partition(" ")
    if word not in VERBS:
        raise InvalidInput(f"/profile {word}: one of {', '.join(filter(None, VERBS))} is wanted")
    yield from VERBS[word](conversation.memory, conversation.scope.across_sessions(), rest.strip())


def update_at_end(memory: Memory, scope: Scope) -> None:
    """Look through what was said, for a few seconds; what stops it is left for the next time."""
    try:
        found = memory.profile.update(scope=scope, seconds=SECONDS)
    except (UserError, KeyboardInterrupt):
        return
    if found.lines:
        lines = counted(found.lines, "line")
        notice(f"{lines} more about you: `memagent profile` shows and edits them")


def _show(memory: Memory, scope: Scope, _: str) -> Iterator[str]:
    lines = memory.profile.lines(scope=scope, tokens=None)
    yield from profile_lines(memory, scope, lines)
    if not lines:
        yield "nothing yet: /profile update looks for what is lasting, /profile add TEXT adds it"


def _update(memory: Memory, scope: Scope, _: str) -> Iterator[str]:
    found = memory.profile.update(scope=scope)
    yield (
        found.why or f"looked through {counted(found.records)}: {counted(found.lines, 'new line')}"
    )


def _add(memory: Memory, scope: Scope, text: str) -> Iterator[str]:
    if not text:
        raise InvalidInput("say what is lasting: /profile add TEXT")
    yield f"added: {one_line(memory.profile.add(text, scope=scope, who=scope.user).text)}"


def _edit(memory: Memory, scope: Scope, argument: str) -> Iterator[str]:
    id, _, text = argument.partition(" ")
    if not text.strip():
        raise InvalidInput("say which line, and its new words: /profile edit ID TEXT")
    whole = full_id(memory, scope, id, "line")
    line = memory.profile.edit(whole, text.strip(), scope=scope, who=scope.user)
    yield f"edited: {one_line(line.text)}"


def _remove(memory: Memory, scope: Scope, id: str) -> Iterator[str]:
    if not id:
        raise InvalidInput("say which line: /profile remove ID")
    whole = full_id(memory, scope, id, "line")
    change = memory.profile.remove(whole, scope=scope, who=scope.user)
    yield f"removed: {one_line(change.lesson)} (/undo takes it back)"


VERBS: dict[str, Callable[[Memory, Scope, str], Iterator[str]]] = {
    "": _show,
    "update": _update,
    "add": _add,
    "edit": _edit,
    "remove": _remove,
}
