"""Arms of document tasks that show compressed notes alone: `notes:4` keeps a quarter of a passage.

The passages are read as in the arm `memory`, and each gets a note and is archived. The best note of
a search is shown, or what its name says of it: a compression is measured alone here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from memagent.compression.job import CompressionReport
from memagent.errors import InvalidInput
from memagent.evals.arm import Arm, ArmName, Parts
from memagent.evals.task import Task
from memagent.evals.tasks.documents.arms import DOCUMENT_ARMS, DocumentArm, Shown
from memagent.evals.tasks.documents.corpus import corpus_of
from memagent.evals.tasks.documents.documents import DocumentQuestion, StreamTask
from memagent.text.english import content_words, stem
from memagent.text.sentences import sentences
from memagent.types import Hit, KeyedBy, Method, Recollection, Record

POOL = 32
"""Number of notes, and of the passages behind them, that are searched."""
RATIO = 4
"""Compression ratio of notes where a name does not say."""
GATHERED_TOKENS = 160
"""Number of tokens that are gathered from notes: about one passage."""
MANY, GROUP = 64, 4
"""Number of notes that are aggregated in groups, and the size of a group."""
ALL = 1_000_000
"""More notes than any stream has: all are weighed, as in MAC, instead of the best eight."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """Way of compressing passages, and the part of the notes that is shown.

    That is the best note, its line that is left of the sentence found, the lines gathered from
    several notes (with the arguments `how`), or the sentence behind the note.
    """

    method: Method = "runs"
    aware: bool = True
    keys: KeyedBy = "source"
    show: Literal["note", "line", "gathered", "expanded"] = "note"
    how: Mapping[str, Any] = field(default_factory=lambda: {"self_match": False})

    def way(self, ratio: int) -> str:
        """Return the name of notes written in this way; arms of one way share them."""
        return f"{self.method}-{'aware' if self.aware else 'salience'}-{self.keys}:{ratio}"


NOTES: dict[str, Kept] = {
    "notes": Kept(),
    "notes-salience": Kept(aware=False),
    "notes-sentences": Kept(method="sentences"),
    "notes-sentences-salience": Kept(method="sentences", aware=False),
    "notes-written": Kept(method="notes"),
    "notes-own-keys": Kept(keys="own"),
    "notes-line": Kept(show="line"),
    "notes-gathered": Kept(show="gathered"),
    "notes-gathered-self": Kept(show="gathered", how={"self_match": True}),
    "notes-gathered-groups": Kept(
        show="gathered", how={"self_match": False, "k": MANY, "group": GROUP}
    ),
    "notes-gathered-all": Kept(show="gathered", how={"self_match": False, "k": ALL}),
    "notes-drilled": Kept(show="expanded"),
}
NOTE_ARMS = (*DOCUMENT_ARMS, *NOTES)


def way_of(name: ArmName) -> str | None:
    """Return the name of the way in which an arm's notes are written, None without notes."""
    kept = NOTES.get(name.kind)
    return None if kept is None else kept.way(RATIO if name.size is None else name.size)


class NoteArm(DocumentArm):
    """Arm that answers from the notes on the passages; the size in its name is the ratio.

    Raises:
        InvalidInput: there is no such arm, the ratio is less than 1, or the task is no stream.
    """

    def __init__(self, name: ArmName, task: Task, parts: Parts) -> None:
        name.check(NOTES)
        super().__init__(ArmName("dense", None, name.shots), task, parts)
        self._kept = NOTES[name.kind]
        self._ratio = RATIO if name.size is None else name.size
        if self._ratio < 1:
            raise InvalidInput(f"a ratio is at least 1, not {self._ratio}")
        self._model = parts.model
        self._written_as = self._kept.way(self._ratio)
        stream = f"{cast(StreamTask, task).stream}/{self._written_as}"
        self._corpus = corpus_of(parts.memory, stream, parts.folder)

    def prepare(self) -> None:
        """Read the documents and write the notes on them, unless that was done."""
        super().prepare()
        self._corpus.compress(self._memory, self._written_as, self._compress)

    def _compress(self) -> CompressionReport:
        return self._memory.notes.compress(
            self._kept.method,
            scope=self._corpus.scope,
            ratio=1 / self._ratio,
            aware=self._kept.aware,
            keys=self._kept.keys,
            model=self._model,
            archive=True,
        )

    def find(self, question: DocumentQuestion) -> list[Shown]:
        """Return the texts shown for a question, with the numbers of their passages.

        A passage that got no note, because it is short or a model failed, is shown as it is.
        """
        if self._kept.show == "gathered":
            return self._gathered(question)
        return [
            (_passage(hit.record), text)
            for hit in self._hits(question)[:1]
            for text in self._texts(question.question, hit)
        ]

    def _hits(self, question: DocumentQuestion) -> list[Hit]:
        """Return the notes found, and the passages that have none, best first.

        In a search as of a time, records that are archived now are found again.
        """
        hits = self._memory.search(
            question.question, scope=self._corpus.scope, k=POOL, **self._bounds(question)
        )
        return [hit for hit in hits if hit.record.archived is None]

    def _gathered(self, question: DocumentQuestion) -> list[Shown]:
        """Return lines gathered from several notes, each with the number of its passage."""
        as_of, scope = self._bounds(question).get("as_of"), self._corpus.scope
        found = self._memory.notes.gather(
            question.question, scope=scope, tokens=GATHERED_TOKENS, as_of=as_of, **self._kept.how
        )
        names = {piece.note for piece in found.pieces}
        passage = {
            record.id: _passage(record) for record in self._memory.get(sorted(names), scope=scope)
        }
        return [(passage[piece.note], piece.text) for piece in found.pieces]

    def _texts(self, question: str, hit: Hit) -> Sequence[str]:
        show = self._kept.show
        if show == "expanded":
            found = Recollection(hits=(hit,))
            return self._memory.notes.expand(question, found, scope=self._corpus.scope).texts
        if show == "line":
            return [line_of(hit)]
        return [hit.record.text]


def _passage(record: Record) -> int:
    """Return the number of the passage that a note is on, or that a record is."""
    return int(record.sources[0] if record.kind == "note" else record.id)


def line_of(hit: Hit) -> str:
    """Return the line of a note that is left of the sentence by which it was found.

    Of no such line, the first; a line's words are all of one sentence.
    """
    key = {stem(word) for word in content_words(hit.key)}

    def share(line: str) -> float:
        own = {stem(word) for word in content_words(line)}
        return len(own & key) / len(own) if own else 0.0

    return max((span.of(hit.record.text) for span in sentences(hit.record.text)), key=share)


def make(name: ArmName, task: Task, parts: Parts) -> Arm:
    """Make an arm over documents, or over the notes on them, that has read them.

    Raises:
        InvalidInput: there is no such arm, or the task is no stream.
        ModelUnavailable: a model that is to write notes cannot be reached.
    """
    kind = NoteArm if name.kind in NOTES else DocumentArm
    arm = kind(name, task, parts)
    arm.prepare()
    return arm
