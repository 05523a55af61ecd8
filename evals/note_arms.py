"""Arms that know a stream by its compressed notes alone: `notes:4` keeps a quarter of a passage.

The passages are read and found as in the arm `memory`; each then gets a note, and is archived.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from memagent.errors import InvalidInput
from memagent.evals.arm import Arm, ArmName, Parts, Reply
from memagent.evals.document_arms import DOCUMENT_ARMS, DocumentArm
from memagent.evals.documents import DocumentQuestion, StreamTask
from memagent.evals.shelf import shelf_of
from memagent.evals.task import Sample, Task
from memagent.extracts import sentences
from memagent.stores.words import content_words, stem
from memagent.types import Hit, KeyedBy, Method, Recollection

RATIO = 4
"""How many times shorter notes are where a name does not say."""
ROOM = 160
"""How many tokens are gathered from notes: about those of one passage."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """How passages are compressed, and what is shown.

    That is the best note, the line of it that is left of the sentence found, what several notes
    say, or the sentence behind the note.
    """

    method: Method = "runs"
    aware: bool = True
    keys: KeyedBy = "source"
    show: Literal["note", "line", "gathered", "drilled"] = "note"


NOTES: dict[str, Kept] = {
    "notes": Kept(),
    "notes-salience": Kept(aware=False),
    "notes-sentences": Kept(method="sentences"),
    "notes-sentences-salience": Kept(method="sentences", aware=False),
    "notes-own-keys": Kept(keys="own"),
    "notes-line": Kept(show="line"),
    "notes-gathered": Kept(show="gathered"),
    "notes-drilled": Kept(show="drilled"),
}
NOTE_ARMS = (*DOCUMENT_ARMS, *NOTES)
_COMPRESSING = threading.Lock()


class NoteArm(DocumentArm):
    """Answers questions about a stream by the notes on its passages; the name's size is the ratio.

    Raises:
        InvalidInput: there is no such arm, the ratio is less than 1, or the task is no stream.
    """

    def __init__(self, name: ArmName, task: Task, parts: Parts) -> None:
        if name.kind not in NOTES:
            raise InvalidInput(f"{name.kind!r} is not one of {', '.join(NOTES)}")
        super().__init__(ArmName("memory", None, name.shots), task, parts)
        self._kept = NOTES[name.kind]
        self._ratio = RATIO if name.size is None else name.size
        if self._ratio < 1:
            raise InvalidInput(f"a ratio is at least 1, not {self._ratio}")
        stream = cast(StreamTask, task).stream
        kept = self._kept
        way = f"{kept.method}-{'aware' if kept.aware else 'salience'}-{kept.keys}:{self._ratio}"
        self._shelf = shelf_of(parts.memory, f"{stream}/{way}", parts.folder)
        self._compressed = False

    def ask(self, sample: Sample) -> Reply:
        """Answer a question by what the notes say."""
        with _COMPRESSING:
            if not self._compressed:
                self._shelf.fill(self._memory, self._task.documents, self._way.writing)
                self._memory.compress(
                    self._kept.method,
                    scope=self._shelf.scope,
                    ratio=1 / self._ratio,
                    aware=self._kept.aware,
                    keys=self._kept.keys,
                    archive=True,
                )
                self._compressed = True
        return super().ask(sample)

    def find(self, asked: DocumentQuestion) -> list[tuple[int, str]]:
        """Return what is shown for a question: the number of the passage, and what is left of it.

        A passage that was too short to get a note is shown as it is.
        """
        hits = self._hits(asked)[:1]
        if not hits:
            return []
        (hit,) = hits
        number = int(next(iter(hit.record.sources), hit.record.id))
        return [(number, text) for text in self._texts(asked.question, hit)]

    def _seen(self, asked: DocumentQuestion) -> dict[str, Any]:
        """Return the filter of what may be seen, of which only notes are.

        As of a time, what is archived now is in sight again.
        """
        return super()._seen(asked) | {"kind": "note"}

    def _texts(self, question: str, hit: Hit) -> Sequence[str]:
        show = self._kept.show
        if show == "gathered":
            scope = self._shelf.scope
            return self._memory.gather(question, scope=scope, tokens=ROOM, self_match=False).lines
        if show == "drilled":
            found = Recollection(hits=(hit,))
            return self._memory.drill(question, found, scope=self._shelf.scope).shown
        if show == "line":
            return [line_of(hit)]
        return [hit.record.value]


def line_of(hit: Hit) -> str:
    """Return the line of a note that is left of the sentence by which it was found.

    Of no such line, the first; a line's words are all of one sentence.
    """
    key = {stem(word) for word in content_words(hit.key)}

    def share(line: str) -> float:
        own = {stem(word) for word in content_words(line)}
        return len(own & key) / len(own) if own else 0.0

    return max((span.of(hit.record.value) for span in sentences(hit.record.value)), key=share)


def make(name: ArmName, task: Task, parts: Parts) -> Arm:
    """Make an arm over documents, or over the notes on them."""
    kind = NoteArm if name.kind in NOTES else DocumentArm
    return kind(name, task, parts)
