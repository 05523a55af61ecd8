"""Corrections in the chat: the question that proposes one, and the commands that make one."""

import sys
from collections.abc import Iterator

from memagent.agent.conversation import Conversation
from memagent.cli.output import notice, terminal_width, wrapped
from memagent.cli.sessions import first_words
from memagent.errors import InvalidInput, UserError
from memagent.feedback.spoken import Correction
from memagent.terminal import say
from memagent.types import Record

YES, NO = ("y", "yes"), ("n", "no")
SHOWN = 60
"""Characters of a memory that are shown."""


class Proposals:
    """The question whether to replace a memory, asked after a turn that seems to correct it.

    Whatever is typed next but a yes or a no counts as a no, and as the line that it is. In a pipe
    nobody can answer: there the line says which command replaces the memory.
    """

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._offered: Correction | None = None
        self._asked = False

    def offer(self) -> None:
        """Ask about what the last line seems to correct, or say what it replaced."""
        proposal, replaced = self._conversation.proposal, self._conversation.replaced
        if replaced is not None:
            self._conversation.replaced = None
            notice(replacement(self._conversation, replaced))
        if proposal is None or proposal is self._offered:
            return
        self._offered = proposal
        self._asked, width = sys.stdin.isatty() and sys.stdout.isatty(), terminal_width()
        if self._asked:
            for line in wrapped("", f"Replace {quoted(proposal.record)} by this? [y/n]", width):
                say(line, err=True)
        else:
            notice(f"/replace puts this in the place of {quoted(proposal.record)}")

    def settle(self, line: str) -> bool:
        """Take a line as the answer; tell whether it was one."""
        if not self._asked:
            return False
        self._asked, word = False, line.strip().casefold()
        if word in YES:
            try:
                for text in replace(self._conversation, ""):
                    notice(text)
            except UserError as error:
                notice(str(error))
        elif not word.startswith("/replace"):
            self._conversation.proposal = None
        return word in YES + NO


def replace(conversation: Conversation, _: str) -> Iterator[str]:
    """Put what was said last in the place of the memory that it corrects."""
    yield replacement(conversation, conversation.replace())


def correct(conversation: Conversation, right: str) -> Iterator[str]:
    """Remember the right answer, and say what it replaces."""
    if not right:
        raise InvalidInput("say the right answer")
    lesson = conversation.correct(right, ask=True)
    replaced = replacement(conversation, lesson)
    yield f"remembered as {lesson.id}{meant(conversation)}: {replaced}"


def meant(conversation: Conversation) -> str:
    """Return which turn feedback was about, where that is not plain: its reply broke off."""
    last = conversation.last
    return "" if last is None or last.answer else f" ({broken_off(conversation)})"


def broken_off(conversation: Conversation) -> str:
    """Return in words that the last reply broke off, and to what."""
    assert conversation.last is not None
    return f"the reply to {first_words(conversation.last.question)!r} broke off"


def replacement(conversation: Conversation, lesson: Record) -> str:
    """Return in words what a lesson took the place of."""
    memory, scope = conversation.memory, conversation.scope.across_sessions()
    change = memory.changes.get(lesson.id, scope=scope)
    old = [change.superseded] if change.superseded else []
    records = memory.get([*old, *change.retired], scope=scope)
    if not records:
        return "it replaces nothing"
    return f"it replaces {', '.join(map(quoted, records))}; /undo takes it back"


def quoted(record: Record) -> str:
    """Return the beginning of a record's text in quotes, on one line."""
    text = " ".join(record.text.split())
    return f"'{text}'" if len(text) <= SHOWN else f"'{text[: SHOWN - 1]}…'"
