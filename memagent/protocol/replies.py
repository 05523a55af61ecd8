"""Replies of the REST interface, built on the library's own values."""

from pydantic import BaseModel

from memagent.types import Change, Checked, Event, Hit, ProfileLine, Record, Records


class RecordList(BaseModel):
    """Records, in order."""

    records: list[Record]


class RecordPage(BaseModel):
    """Page of records, newest first; `next` is the cursor of the next page, null on the last."""

    records: list[Record]
    next: str | None = None


class FoundRecords(BaseModel):
    """Records by id, and the ids that are not there."""

    records: list[Record]
    missing: list[str] = []

    def to_records(self) -> Records:
        """Return them as `Memory.get` does."""
        return Records(self.records, missing=self.missing)


class History(BaseModel):
    """Events of a record and its other versions, in order."""

    events: list[Event]


class Provenance(BaseModel):
    """Where a record comes from, and what came of it.

    `versions` are all of it, oldest first; `sources` what it was made from, `derived` what was made
    from it.
    """

    record: Record
    versions: list[Record]
    events: list[Event]
    sources: list[Record]
    derived: list[Record]


class SearchHits(BaseModel):
    """Hits of a search, best first, with counts of what was left out."""

    hits: list[Hit]
    candidates: int = 0
    below_min_score: int = 0
    over_budget: int = 0


class ForgettableRecords(BaseModel):
    """Records that a request to forget seems to mean; nothing is erased yet."""

    words: str
    hits: list[Hit]


class Count(BaseModel):
    """Number of records."""

    count: int


class Names(BaseModel):
    """Names, in order."""

    names: list[str]


class Stats(BaseModel):
    """Numbers of the whole store."""

    stats: dict[str, int]


class Changes(BaseModel):
    """Changes made by feedback, newest first."""

    changes: list[Change]


class Lines(BaseModel):
    """Lines of a profile."""

    lines: list[ProfileLine]


class Imported(BaseModel):
    """Number of records that were new."""

    imported: int


class FeedbackReply(BaseModel):
    """Outcome of feedback: memories judged, and the lesson and change, if there are any."""

    judged: int = 0
    lesson: Record | None = None
    change: Change | None = None
    checked: Checked | None = None


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    error: str | None = None
