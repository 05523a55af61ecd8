"""The job that writes notes on records: resumable, in the background, one record at a time."""

from collections.abc import Callable
from dataclasses import dataclass

from memagent.compression.base import Budget, Compressed, Compressor
from memagent.compression.extractive import cloze_answered
from memagent.stores.banks.compression import CompressionBank
from memagent.stores.database.derived import COMPRESSED_KEY
from memagent.stores.database.writer import Trace
from memagent.stores.ranking import tokens_of
from memagent.types import KeyedBy, NewRecord, Record, Scope

SHORTEST = 200
"""A text of at most so many characters is short enough already: it gets no note."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CompressionReport:
    """What the job did: notes written, and records that nothing of use came of.

    `dropped` counts what a model claimed without support, `archived` the records put away, and
    `before` and `after` the tokens of the records that got notes, and of the notes. Of the `asked`
    held-back questions about these records, which ask for each name and number, the notes still
    answer so many as `answered`.
    """

    notes: int = 0
    failed: int = 0
    dropped: int = 0
    archived: int = 0
    before: int = 0
    after: int = 0
    asked: int = 0
    answered: int = 0

    @property
    def ratio(self) -> float:
        """How many times shorter the notes are, 1 if there are none."""
        return self.before / self.after if self.after else 1.0

    def plus(
        self, before: int, made: Compressed | None, *, kept: bool, helped: tuple[int, int] = (0, 0)
    ) -> "CompressionReport":
        """Return the counts after one record more, of `before` tokens.

        `helped` has how many held-back questions its note answers, and how many there are.
        """
        useful = made is not None and bool(made.text)
        written = useful and kept
        return CompressionReport(
            notes=self.notes + written,
            failed=self.failed + (not useful),
            dropped=self.dropped + (made.dropped if made else 0),
            archived=self.archived,
            before=self.before + (before if written else 0),
            after=self.after + (made.tokens if made and written else 0),
            asked=self.asked + (helped[1] if written else 0),
            answered=self.answered + (helped[0] if written else 0),
        )


def compress(
    bank: CompressionBank,
    compressor: Compressor,
    scope: Scope,
    budget: Budget,
    *,
    keys: KeyedBy,
    limit: int | None,
    progress: Callable[[int], None],
) -> CompressionReport:
    """Write a note on every record of a scope that has none; `progress` is told how many are done.

    A record that nothing comes of (a model failed, or said nothing that the text supports) is left
    as it is, and is tried again by the next call.
    """
    done, by = CompressionReport(), f"{compressor.name}, {budget}, {keys} keys"
    for number, (record, stale) in enumerate(bank.due(scope, by, SHORTEST)):
        if limit is not None and number >= limit:
            break
        asked = [key for key in record.keys if key.endswith("?")]
        made = compressor.compress(record.text, budget, asked)
        kept = None
        if made is not None and made.text:
            note = _note(record, made, by, stale)
            kept = bank.keep(note, record.scope, Trace(why=by), keys)
        helped = cloze_answered(record.text, made.text) if made else (0, 0)
        size = tokens_of(len(record.text))
        done = done.plus(size, made, kept=kept is not None, helped=helped)
        progress(number + 1)
    return done


def _note(record: Record, made: Compressed, by: str, stale: str | None) -> NewRecord:
    """Return a note that holds as long as its source."""
    told = {
        "by": by,
        "spans": [[span.start, span.end] for span in made.spans],
        "dropped": made.dropped,
        **(made.details or {}),
    }
    return NewRecord(
        text=made.text,
        kind="note",
        valid_from=record.valid_from,
        valid_to=record.valid_to,
        supersedes=stale,
        sources=(record.id,),
        metadata={COMPRESSED_KEY: told},
    )
