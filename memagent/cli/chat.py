"""Slash commands: what can be asked of a conversation beside talking."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from memagent.agent.conversation import Conversation
from memagent.agent.steps import Answered, Step, TextChunk, ToolCalled, ToolReturned
from memagent.cli.input import write_lines
from memagent.errors import InvalidInput, UserError
from memagent.types import Answer, Scope

SHOWN = 10
"""How many memories and sessions are listed."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command: how it is written, what it does, and what does it."""

    usage: str
    help: str
    run: Callable[[Conversation, str], Iterator[str]]


def answer(conversation: Conversation, line: str) -> Iterator[str]:
    """Yield what a line that begins with a slash gives, line by line.

    Raises:
        InvalidInput: there is no such command, or it misses something.
    """
    name, _, argument = line.partition(" ")
    if name not in COMMANDS:
        near = [one for one in COMMANDS if one.startswith(name)]
        hint = f"did you mean {near[0]}?" if near else "/help lists them"
        raise InvalidInput(f"there is no {name}: {hint}")
    yield from COMMANDS[name].run(conversation, argument.strip())


def _why(conversation: Conversation, _: str) -> Iterator[str]:
    if conversation.last is None:
        raise InvalidInput("there is no answer yet")
    recollection = conversation.last.recollection
    for hit in recollection.hits:
        yield f"{hit.score:.2f}  {hit.record.id}  {hit.record.text}"
    if not recollection.hits:
        yield f"no memory was shown; {recollection.candidates} were looked at"


def _memories(conversation: Conversation, query: str) -> Iterator[str]:
    scope = conversation.scope.across_sessions()
    if query:
        hits = conversation.memory.search(query, scope=scope, k=SHOWN)
        yield from (f"{hit.score:.2f}  {hit.record.id}  {hit.record.text}" for hit in hits)
    else:
        records = conversation.memory.list(scope=scope, limit=SHOWN)
        yield from (f"{one.valid_from:%Y-%m-%d}  {one.id}  {one.text}" for one in records)


def _remember(conversation: Conversation, text: str) -> Iterator[str]:
    wanted(text, "what to remember")
    record = conversation.memory.add(text, scope=conversation.scope, who="chat")
    yield f"remembered as {record.id}"


def _forget(conversation: Conversation, named: str) -> Iterator[str]:
    wanted(named, "the id of a memory (/memories lists them)")
    scope = conversation.scope.across_sessions()
    receipt = conversation.memory.forget(named.split(), scope=scope)
    yield f"forgotten: {receipt.records} records, {receipt.keys} keys"


def _good(conversation: Conversation, why: str) -> Iterator[str]:
    yield f"counted for {conversation.judge('good', why or None)} memories"


def _bad(conversation: Conversation, why: str) -> Iterator[str]:
    yield f"counted against {conversation.judge('bad', why or None)} memories"


def _correct(conversation: Conversation, right: str) -> Iterator[str]:
    wanted(right, "the right answer")
    yield f"remembered as {conversation.correct(right).id}"


def _hint(conversation: Conversation, words: str) -> Iterator[str]:
    wanted(words, "what to think of")
    yield f"remembered as {conversation.hint(words).id}"


def _changes(conversation: Conversation, _: str) -> Iterator[str]:
    scope = conversation.scope.across_sessions()
    for one in conversation.memory.changes.list(scope=scope, limit=SHOWN):
        yield f"{one.id}  {'undone  ' if one.undone else ''}{' '.join(one.lesson.split())}"


def _undo(conversation: Conversation, named: str) -> Iterator[str]:
    scope = conversation.scope.across_sessions()
    if not named:
        kept = [one for one in conversation.memory.changes.list(scope=scope) if not one.undone]
        if not kept:
            raise InvalidInput("there is no change to undo")
        named = kept[0].id
    change = conversation.memory.changes.undo(named, scope=scope, who=scope.user)
    yield f"undone: {change.lesson}"


def _model(conversation: Conversation, spec: str) -> Iterator[str]:
    if spec:
        conversation.agent.use(spec)
    yield f"model: {conversation.agent.model_name}"


def _sessions(conversation: Conversation, _: str) -> Iterator[str]:
    yield from conversation.memory.sessions(scope=Scope(user=conversation.scope.user))[-SHOWN:]


def _export(conversation: Conversation, file: str) -> Iterator[str]:
    lines = conversation.memory.maintenance.export(scope=conversation.scope.across_sessions())
    if file:
        write_lines(Path(file).expanduser(), lines)
        yield f"written to {file}"
    else:
        yield from lines


def _help(_: Conversation, __: str) -> Iterator[str]:
    width = max(len(one.usage) for one in COMMANDS.values())
    yield from (f"{one.usage:{width}}  {one.help}" for one in COMMANDS.values())
    yield f"{'/quit':{width}}  leave; so does Ctrl-D"


def wanted(argument: str, what: str) -> None:
    """Refuse an empty argument.

    Raises:
        InvalidInput: it is.
    """
    if not argument:
        raise InvalidInput(f"say {what}")


COMMANDS = {
    "/why": Command("/why", "the memories behind the last answer", _why),
    "/memories": Command("/memories [QUERY]", "what is remembered, or found", _memories),
    "/remember": Command("/remember TEXT", "remember something", _remember),
    "/forget": Command("/forget ID ...", "forget for good", _forget),
    "/good": Command("/good", "the last answer was good", _good),
    "/bad": Command("/bad [WHY]", "the last answer was bad", _bad),
    "/correct": Command("/correct ANSWER", "say the right answer", _correct),
    "/hint": Command("/hint TEXT", "say what to think of, not the answer", _hint),
    "/changes": Command("/changes", "what your feedback changed", _changes),
    "/undo": Command("/undo [ID]", "undo a change, the last one", _undo),
    "/model": Command("/model [MODEL]", "which model, or another one", _model),
    "/sessions": Command("/sessions", "the sessions there are", _sessions),
    "/export": Command("/export [FILE]", "all memories as JSON lines", _export),
    "/help": Command("/help", "this list", _help),
}


PROMPT = "> "


def lines(status: Callable[[], str], history: Path | None = None) -> Iterator[str]:
    """Yield what is typed, until Ctrl-D, or Ctrl-C twice.

    At a terminal there is editing, a `history` file, completion of commands, and `status` below the
    line; in a pipe there is neither a prompt nor colour.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield from (line.rstrip("\n") for line in sys.stdin)
        return
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import FileHistory, InMemoryHistory
    from prompt_toolkit.styles import Style

    session: PromptSession[str] = PromptSession(
        PROMPT,
        history=FileHistory(str(history)) if history else InMemoryHistory(),
        completer=WordCompleter(list(COMMANDS), sentence=True),
        complete_while_typing=False,
        bottom_toolbar=lambda: status(),
        style=Style.from_dict({"bottom-toolbar": "noreverse fg:ansibrightblack"}),
    )
    warned = False
    while True:
        try:
            line = session.prompt()
        except EOFError:
            return
        except KeyboardInterrupt:  # it may have been meant for an answer that was just done
            if warned:
                return
            warned = True
            print("(Ctrl-D, or Ctrl-C again, leaves)", file=sys.stderr)
        else:
            warned = False
            yield line


LEAVE = ("/quit", "/exit")


def converse(conversation: Conversation, read: Callable[[], Iterator[str]]) -> None:
    """Answer every line that `read` yields until one says /quit; answers go to stdout as they come.

    Ctrl-C stops an answer; a turn that was cut short is not remembered.
    """
    try:
        for line in read():
            said = line.strip()
            if said in LEAVE:
                break
            if said:
                _respond(conversation, said)
    except KeyboardInterrupt:
        print()


def status(answer: Answer | None, model: str) -> str:
    """Return the quiet line under the prompt: the model, memories used, tokens a second."""
    if answer is None:
        return model
    spent, tokens = answer.timings.model - answer.timings.waited, answer.usage.completion_tokens
    speed = f"{tokens / spent:.0f} tokens/s" if spent and tokens else ""
    parts = (model, f"{len(answer.memories)} memories", speed, answer.left_out)
    return " · ".join(part for part in parts if part)


def _respond(conversation: Conversation, said: str) -> None:
    try:
        if said.startswith("/"):
            for line in answer(conversation, said):
                print(line)
        else:
            for step in conversation.say(said, stream=True):
                _show(step)
    except UserError as error:
        print(f"memagent: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print()
        print("memagent: stopped; this turn is not remembered", file=sys.stderr)


def _show(step: Step) -> None:
    if isinstance(step, TextChunk):
        print(step.text, end="", flush=True)
    elif isinstance(step, ToolCalled | ToolReturned):
        print(f"memagent: {step.line()}", file=sys.stderr)
    elif isinstance(step, Answered):
        print()
        if step.answer.left_out:
            print(f"memagent: {step.answer.left_out}", file=sys.stderr)
