"""Compression job: writes notes on the records of a scope, one at a time, and is resumable."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from memagent.compression.base import Budget, Compressed, Compressor
from memagent.compression.extractive import cloze_answered
from memagent.stores.banks.compression import CompressionBank
from memagent.stores.database.derived import COMPRESSED_KEY
from memagent.stores.database.writer import Trace
from memagent.stores.ranking import tokens_of
from memagent.types import KeyedBy, NewRecord, Record, Scope

logger = logging.getLogger(__name__)

MIN_CHARS = 200
"""A text with at most this many characters is short enough already and gets no note."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CompressionReport:
    """Report of a compression job: the notes written, and the records that got none as `failed`.

    `dropped` counts a model's claims without support, `archived` the records archived, and `before`
    and `after` the tokens of the records that got notes, and of the notes. `asked` counts the cloze
    questions about these records, one for each name and number, and `answered` those of them that
    the notes still answer.
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
        """The compression ratio: tokens before by tokens after, 1 if there are no notes."""
        return self.before / self.after if self.after else 1.0

    def plus(
        self,
        before: int,
        compressed: Compressed | None,
        *,
        kept: bool,
        cloze: tuple[int, int] = (0, 0),
    ) -> "CompressionReport":
        """Return the report with one more record, of `before` tokens.

        `cloze` holds the number of cloze questions that its note answers, and of all of them.
        """
        useful = compressed is not None and bool(compressed.text)
        written = useful and kept
        return CompressionReport(
            notes=self.notes + written,
            failed=self.failed + (not useful),
            dropped=self.dropped + (compressed.dropped if compressed else 0),
            archived=self.archived,
            before=self.before + (before if written else 0),
            after=self.after + (compressed.tokens if compressed and written else 0),
            asked=self.asked + (cloze[1] if written else 0),
            answered=self.answered + (cloze[0] if written else 0),
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
    """Write a note on every record of a scope that has none; `progress` receives the number done.

    A record without a useful note (a model failed, or made no claim that the text supports) stays
    as it is, and the next call tries it again.

    Raises:
        ModelUnavailable: the compressor's model cannot be reached.
    """
    report, by = CompressionReport(), f"{compressor.name}, {budget}, {keys} keys"
    for number, (record, stale) in enumerate(bank.due(scope, by, MIN_CHARS)):
        if limit is not None and number >= limit:
            break
        questions = [key for key in record.keys if key.endswith("?")]
        compressed = compressor.compress(record.text, budget, questions)
        kept = None
        if compressed is not None and compressed.text:
            note = _note(record, compressed, by, stale)
            kept = bank.keep(note, record.scope, Trace(why=by), keys)
        cloze = cloze_answered(record.text, compressed.text) if compressed else (0, 0)
        size = tokens_of(len(record.text))
        report = report.plus(size, compressed, kept=kept is not None, cloze=cloze)
        progress(number + 1)
    logger.info("wrote %d notes, %d failed", report.notes, report.failed)
    return report


def _note(record: Record, compressed: Compressed, by: str, stale: str | None) -> NewRecord:
    """Return a note that is valid for as long as its source."""
    mark = {
        "by": by,
        "spans": [[span.start, span.end] for span in compressed.spans],
        "dropped": compressed.dropped,
        **(compressed.details or {}),
    }
    return NewRecord(
        text=compressed.text,
        kind="note",
        valid_from=record.valid_from,
        valid_to=record.valid_to,
        supersedes=stale,
        sources=(record.id,),
        metadata={COMPRESSED_KEY: mark},
    )
