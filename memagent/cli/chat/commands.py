"""Slash commands of the chat."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

from memagent.agent.conversation import Conversation
from memagent.cli.chat import corrections
from memagent.cli.chat.greeting import last_turns
from memagent.cli.chat.profile import profile
from memagent.cli.input import write_lines
from memagent.cli.options import full_id, full_ids
from memagent.cli.output import (
    candidate_lines,
    counted,
    hit_lines,
    minute,
    one_line,
    record_lines,
    terminal_width,
    wrapped,
)
from memagent.cli.profile import profile_lines
from memagent.cli.sessions import session_lines
from memagent.errors import InvalidInput
from memagent.recall.relevance import knows
from memagent.stores.lifecycle.sessions import session_summaries

SHOWN = 10
"""Memories and sessions that a list shows."""
FITS = 0.05
"""Least score of a memory that a search lists: it is the probability that the memory fits."""


@dataclass(frozen=True, slots=True)
class Command:
    """Slash command: its usage, its help, and the function that runs it."""

    usage: str
    help: str
    run: Callable[[Conversation, str], Iterator[str]]


def is_command(line: str) -> bool:
    """Tell whether a line is a command: it begins with a slash, and not with a path or a space."""
    return line.startswith("/") and "/" not in line.split(maxsplit=1)[0][1:]


def run_command(conversation: Conversation, line: str) -> Iterator[str]:
    """Run a line that begins with a slash, and yield the lines to print.

    Raises:
        InvalidInput: there is no such command, or it misses something.
    """
    name, _, argument = line.partition(" ")
    if name not in COMMANDS:
        near = [command for command in COMMANDS if command.startswith(name)]
        near = near or get_close_matches(name, COMMANDS)
        hint = f"did you mean {' or '.join(near)}?" if near else "/help lists the commands"
        raise InvalidInput(f"there is no {name}: {hint} (a space before it says it as a text)")
    yield from COMMANDS[name].run(conversation, argument.strip())


def _why(conversation: Conversation, _: str) -> Iterator[str]:
    conversation.drop_forgotten()
    if conversation.last is None:
        raise InvalidInput("there is no answer yet")
    if not conversation.last.answer:
        yield f"{corrections.broken_off(conversation)}; for it the model was shown:"
    if conversation.last.reasoning:
        yield from wrapped("thought  ", conversation.last.reasoning, terminal_width())
    recollection = conversation.last.recollection
    scope = conversation.scope.across_sessions()
    if recollection.about_user:
        yield "always shown about the user:"
        yield from profile_lines(conversation.memory, scope, recollection.about_user)
    yield from hit_lines(conversation.memory, scope, recollection.hits, width=terminal_width())
    if not recollection.hits:
        yield f"no memory was shown; there were {recollection.candidates} candidates"


def _memories(conversation: Conversation, query: str) -> Iterator[str]:
    scope = conversation.scope.across_sessions()
    memory, width = conversation.memory, terminal_width()
    if query:
        found = memory.search(query, scope=scope, k=SHOWN)
        hits = [hit for hit in found if hit.score >= FITS]
        if not hits or not knows(found, memory.engine.encoder.name):
            yield f"nothing that is remembered fits: {counted(memory.count(scope=scope), 'memory')}"
            return
        yield from hit_lines(memory, scope, hits, width=width)
    else:
        records = memory.list(scope=scope, limit=SHOWN)
        yield from record_lines(memory, scope, records, width=width)


def _remember(conversation: Conversation, text: str) -> Iterator[str]:
    require(text, "what to remember")
    record = conversation.memory.add(text, scope=conversation.scope, who="chat")
    yield f"remembered as {record.id}"


def _forget(conversation: Conversation, meant: str) -> Iterator[str]:
    """Erase memories by id; list those that a request in words means, with their ids."""
    require(meant, "what to forget, or the ids of memories (/memories lists them)")
    memory, scope = conversation.memory, conversation.scope.across_sessions()
    if not any(memory.engine.store.read.ids_with_prefix(scope, word) for word in meant.split()):
        found = memory.probes.forgettable(meant, scope=scope)
        if not found.candidates:
            raise InvalidInput(f"no memory has the id {meant!r}, and none fits it")
        yield from candidate_lines(memory, scope, found, width=terminal_width())
        yield "nothing is erased yet: /forget ID ... erases"
        return
    receipt = memory.forget(full_ids(memory, scope, meant.split()), scope=scope)
    yield f"forgotten: {counted(receipt.records)}, {counted(receipt.keys, 'key')}"


def _good(conversation: Conversation, why: str) -> Iterator[str]:
    judged = counted(conversation.judge("good", why or None), "memory")
    yield f"counted for {judged}"


def _bad(conversation: Conversation, why: str) -> Iterator[str]:
    judged = counted(conversation.judge("bad", why or None), "memory")
    yield f"counted against {judged}{corrections.meant(conversation)}"


def _hint(conversation: Conversation, words: str) -> Iterator[str]:
    require(words, "what to think of")
    yield f"remembered as {conversation.hint(words).id}{corrections.meant(conversation)}"


def _changes(conversation: Conversation, _: str) -> Iterator[str]:
    scope = conversation.scope.across_sessions()
    for change in conversation.memory.changes.list(scope=scope, limit=SHOWN):
        who = one_line(change.who or "-")
        head = f"{change.id}  {minute(change.at)}  {who}  {'undone  ' if change.undone else ''}"
        yield from wrapped(head, change.lesson, terminal_width())


def _undo(conversation: Conversation, id: str) -> Iterator[str]:
    memory, scope = conversation.memory, conversation.scope.across_sessions()
    if id:
        meant = full_id(memory, scope, id, "change")
    else:
        kept = [change for change in memory.changes.list(scope=scope) if not change.undone]
        if not kept:
            raise InvalidInput("there is no change to undo")
        meant = kept[0].id
    change = memory.changes.undo(meant, scope=scope, who=scope.user)
    yield f"undone: {change.lesson}"


def _model(conversation: Conversation, spec: str) -> Iterator[str]:
    if spec:
        conversation.agent.use(spec)
    yield f"model: {conversation.agent.model_name}"


def _sessions(conversation: Conversation, number: str) -> Iterator[str]:
    """List the last sessions, or go on in the one with a number."""
    memory, scope = conversation.memory, conversation.scope.across_sessions()
    found = session_summaries(memory.engine.store, scope)
    if not number:
        yield from session_lines(found[-SHOWN:], terminal_width(), conversation.scope.session)
        return
    if not number.isdecimal() or not 0 < int(number) <= len(found):
        raise InvalidInput(f"there is no session {number!r}: /sessions lists them by number")
    conversation.resume(found[int(number) - 1].session)
    yield from last_turns(conversation)


def _export(conversation: Conversation, file: str) -> Iterator[str]:
    """Write all memories to a new file; a file that is there is not overwritten."""
    path = Path(file).expanduser() if file else _new_file()
    if path.is_file():
        raise InvalidInput(f"{path} is there already: name another file")
    scope = conversation.scope.across_sessions()
    write_lines(path, conversation.memory.maintenance.export(scope=scope))
    yield f"written to {path}"


def _new_file() -> Path:
    """Return the name of a file that is not there, in the current folder."""
    stem = f"memagent-{datetime.now():%Y-%m-%d}"
    names = (f"{stem}.jsonl", *(f"{stem}-{number}.jsonl" for number in range(2, 1000)))
    return next(path for path in map(Path, names) if not path.exists())


def _help(_: Conversation, __: str) -> Iterator[str]:
    width = max(len(command.usage) for command in COMMANDS.values())
    for command in COMMANDS.values():
        yield from wrapped(f"{command.usage:{width}}  ", command.help, terminal_width())
    yield from wrapped(f"{'/quit':{width}}  ", "leave; so does Ctrl-D", terminal_width())


def require(argument: str, what: str) -> None:
    """Refuse an empty argument.

    Raises:
        InvalidInput: it is.
    """
    if not argument:
        raise InvalidInput(f"say {what}")


COMMANDS = {
    "/why": Command("/why", "show the memories and the reasoning behind the last answer", _why),
    "/memories": Command("/memories [QUERY]", "list what is remembered, or search it", _memories),
    "/remember": Command("/remember TEXT", "remember a text", _remember),
    "/forget": Command(
        "/forget WHAT", "list what is meant (my old address); erase by ID ...", _forget
    ),
    "/good": Command("/good", "say that the last answer was good", _good),
    "/bad": Command("/bad [WHY]", "say that the last answer was bad", _bad),
    "/correct": Command("/correct ANSWER", "say the right answer", corrections.correct),
    "/replace": Command(
        "/replace", "put what you just said in the place of what it corrects", corrections.replace
    ),
    "/hint": Command("/hint TEXT", "say what to think of, not the answer", _hint),
    "/changes": Command("/changes", "list what your feedback changed", _changes),
    "/undo": Command("/undo [ID]", "undo a change, the last one without an id", _undo),
    "/profile": Command(
        "/profile [VERB ...]", "show what is always shown about you; add, edit, remove", profile
    ),
    "/model": Command("/model [MODEL]", "show the model, or use another one", _model),
    "/sessions": Command("/sessions [NUMBER]", "list the last sessions, or go to one", _sessions),
    "/export": Command("/export [FILE]", "write all memories to a new file", _export),
    "/help": Command("/help", "show this list", _help),
}
