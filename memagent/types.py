"""Values that the parts exchange: frozen, compared by content."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Self, overload

from memagent.records import (
    Action,
    Event,
    Feedback,
    Ids,
    Kind,
    Marked,
    NewRecord,
    Outcome,
    Receipt,
    Record,
    Records,
    Role,
    Scope,
    ScopeLike,
    ids_of,
    line_of,
    shortened,
)

__all__ = [
    "Action",
    "Answer",
    "Call",
    "Change",
    "Checked",
    "CorrectionMode",
    "Event",
    "Example",
    "Examples",
    "Feedback",
    "Hit",
    "Hits",
    "Ids",
    "KeyedBy",
    "Kind",
    "Marked",
    "Method",
    "NewRecord",
    "Outcome",
    "PastTurn",
    "Policy",
    "Precision",
    "ProfileLine",
    "Receipt",
    "Recollection",
    "Record",
    "Records",
    "Reflected",
    "Role",
    "Scope",
    "ScopeLike",
    "StrategyName",
    "Timings",
    "Usage",
    "ids_of",
    "shortened",
]

Policy = Literal["activation", "fifo", "lru"]
Method = Literal["runs", "sentences", "notes"]
"""Compression of a text: to runs of words, to sentences, or to notes that a model writes."""
KeyedBy = Literal["source", "own"]
"""Keys of a note: those of its source, or its own text."""
Precision = Literal["auto", "float32", "bfloat16", "float16", "int8"]
"""Number format of an embedder; "auto" is the fastest that is as good as float32."""
CorrectionMode = Literal["ask", "apply", "off"]
"""Spoken corrections in a conversation: proposed, applied or ignored."""
StrategyName = Literal["ranked", "rules"]
"""Strategies of recall: by ranking alone, or by English rules."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A record that a search found.

    `score` is the relevance in [0, 1], `key` the key that matched, `why` the parts of the score.
    `excerpt` is what of the value is wanted, where not all of it is.
    """

    record: Record
    score: float
    key: str
    why: Mapping[str, float]
    excerpt: str | None = None

    @property
    def text(self) -> str:
        """Text that a model is shown: the excerpt, or the whole text after its speaker's name."""
        if self.excerpt is not None:
            return self.excerpt
        return line_of(self.record.text, speaker=self.record.speaker)

    def line(self, dated: bool = True) -> str:
        """Return the text as it stands in a prompt: after its date and its speaker, if known."""
        role, speaker = self.record.role, self.record.speaker
        label = None if speaker or role == "user" else role
        return line_of(self.text, speaker=label, day=self.record.day if dated else None)

    def to_dict(self) -> dict[str, Any]:
        """Return the hit as JSON can hold it: the record's fields, and how it was found."""
        found = {"score": self.score, "key": self.key, "why": dict(self.why)}
        return {**self.record.to_dict(), **found, "excerpt": self.excerpt}

    def __repr__(self) -> str:
        """Return the score, the record's id, and the beginning of the text."""
        return f"Hit({self.score:.3f}, {self.record.id!r}, {shortened(self.text)!r})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hits(Sequence[Hit]):
    """Hits of a search, best first, with counts of what was left out.

    `candidates` counts the records that were considered, `below_min_score` those of them that were
    too far off to count as known, and `over_budget` those that found no room in the budget of
    tokens.
    """

    hits: tuple[Hit, ...] = ()
    candidates: int = 0
    below_min_score: int = 0
    over_budget: int = 0

    @overload
    def __getitem__(self, index: int) -> Hit: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Hit, ...]: ...

    def __getitem__(self, index: int | slice) -> Hit | tuple[Hit, ...]:
        return self.hits[index]

    def __len__(self) -> int:
        return len(self.hits)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProfileLine:
    """Line of a user's profile: a lasting fact or preference, and the records it was made from.

    `by` is who chose its words: "statements" (the user's own, verbatim), "user" (who added or
    edited it), or the name of a model. `score` is the log-odds that it is lasting, and `seq` the
    order of writing.
    """

    id: str
    seq: int
    text: str
    sources: tuple[str, ...]
    by: str
    score: float = 0.0
    pinned: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Recollection:
    """Recollection for one question: the hits to show a model, and the queries that found them.

    `hits` are in time order, oldest first; `queries` are what was searched, in order. `candidates`
    counts what the search considered before it chose, `below_min_score` those
    among them that were too far off to count as known. `left_out` counts the hits that found no
    room in the model's context. `dated` says that dates tell the records apart that the hits were
    chosen from, even if those of the hits are the same; `hides_dates` that they are not shown, as
    the model reads worse with them. `relevance` is the probability that what was found answers the
    question, 1 where nothing estimates it. `profile` are the lines about the user that are shown,
    too.
    """

    hits: tuple[Hit, ...] = ()
    queries: tuple[str, ...] = ()
    candidates: int = 0
    below_min_score: int = 0
    left_out: int = 0
    dated: bool = False
    hides_dates: bool = False
    relevance: float = 1.0
    embed_seconds: float = 0.0
    search_seconds: float = 0.0
    profile: tuple[ProfileLine, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """Lines of the hits for a model: of all but those that a hop only passed by."""
        shown = [hit for hit in self.hits if "passed" not in hit.why]
        return tuple(hit.line(dated=self.shows_dates) for hit in shown)

    @property
    def about_user(self) -> tuple[ProfileLine, ...]:
        """Lines of the profile that are shown: those whose statements no hit shows anyway."""
        known = {hit.record.id for hit in self.hits if hit.excerpt is None}
        return tuple(line for line in self.profile if known.isdisjoint(line.sources))

    @property
    def shows_dates(self) -> bool:
        """True if the lines have dates: some are known, and they are not all the same."""
        if self.hides_dates:
            return False
        days = {hit.record.day for hit in self.hits}
        return len(days) > 1 or (self.dated and days not in (set(), {None}))

    @property
    def nothing_relevant(self) -> bool:
        """True if something was searched, and none of it is relevant."""
        return bool(self.candidates) and not self.hits and not self.left_out


class PastTurn(tuple[str, str]):
    """Past turn of a conversation as (said, replied), with the records (by `seq`) it became.

    A reply that was written after this turn is forgotten with these.
    """

    records: tuple[int, ...]

    def __new__(cls, said: str, replied: str, records: Iterable[int] = ()) -> Self:
        """Return a pair of texts that knows its records."""
        turn = super().__new__(cls, (said, replied))
        turn.records = tuple(records)
        return turn


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """Few-shot example: the evidence shown, the question, and the right answer.

    `record` is the record (by `seq`) that it was made from: a reply that was written after this
    example is forgotten with it. `today` is when it is asked, where its evidence has dates.
    """

    evidence: tuple[str, ...]
    question: str
    answer: str
    today: date | None = None
    record: int | None = field(default=None, compare=False)


Examples = Sequence[Example] | Callable[[str, Sequence[str]], Sequence[Example]]
"""Few-shot examples, or what chooses them for a question and the evidence shown with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Cost of model calls: tokens, and the requests that they took (more after retries).

    `cached_tokens` are those of the prompt that were answered from the server's prefix cache.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    requests: int = 0

    @property
    def hit_rate(self) -> float:
        """The share of the prompt that came from the prefix cache, in [0, 1]."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One model call: what it cost, and how long it took.

    `seconds` is the whole, of which `waited` went by until the server had room for it. `first` is
    when the first piece came (the whole answer, if it did not come in pieces).
    """

    usage: Usage = Usage(requests=1)
    seconds: float = 0.0
    first: float = 0.0
    waited: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Timings:
    """Seconds that one turn spent: embedding and searching, asking the model, writing.

    Of `model`, `waited` went by until the server had room, and `first` until its first piece came.
    """

    embed: float = 0.0
    search: float = 0.0
    model: float = 0.0
    write: float = 0.0
    waited: float = 0.0
    first: float = 0.0

    @property
    def memory(self) -> float:
        """Seconds that the memory took of the turn."""
        return self.embed + self.search + self.write


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The agent's answer to a question, with the memories it was shown and what it cost.

    `turn` holds the ids of the records that the turn itself became; `turns_left_out` counts the
    past turns, oldest first, that found no room in the model's context. `reasoning` is what the
    model thought before it answered; it is neither remembered nor graded. `cut` says in words that
    the reply was cut where the model began to repeat itself; such a reply is not remembered.
    """

    answer: str
    recollection: Recollection
    usage: Usage = Usage()
    timings: Timings = Timings()
    question: str = ""
    scope: Scope | None = None
    turn: tuple[str, ...] = ()
    turns_left_out: int = 0
    reasoning: str = field(default="", repr=False)
    cut: str = ""

    @property
    def memories(self) -> Sequence[str]:
        """Ids of the memories that were shown to the model, oldest first."""
        return [hit.record.id for hit in self.recollection.hits]

    @property
    def left_out(self) -> str:
        """Note on memories and turns that did not fit into the context window; empty if all did."""
        memories, turns = self.recollection.left_out, self.turns_left_out
        parts = [f"{memories} {'memory' if memories == 1 else 'memories'}"] if memories else []
        parts += [f"{turns} past {'turn' if turns == 1 else 'turns'}"] if turns else []
        return f"left out {' and '.join(parts)}: the model's context is too small" if parts else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Change made by feedback: a lesson, and the records it replaced.

    Its `id` is the lesson's. `said` are the words of who gave the feedback, as they were; `asked`
    and `answered` the turn they were said of. `superseded` names the record in whose place the
    lesson stands, `retired` those that were archived for it. `undone` is when it was undone, by
    somebody or by the check, and `because` why.
    """

    id: str
    at: datetime
    who: str | None
    why: str | None
    feedback: Feedback
    said: str
    asked: str
    answered: str
    lesson: str
    asks: tuple[str, ...]
    superseded: str | None = None
    retired: tuple[str, ...] = ()
    undone: datetime | None = None
    because: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """Result of a recheck: whether a change fixed the answer, and which others it broke.

    `answer` is the answer now, `asked` the number of model calls that the recheck took.
    """

    mended: bool
    answer: str
    broken: tuple[str, ...] = ()
    asked: int = 0

    @property
    def kept(self) -> bool:
        """True if the change is worth keeping."""
        return self.mended and not self.broken

    @property
    def why(self) -> str:
        """Reason against the change, in words; empty if there is none."""
        if not self.mended:
            return f"the question is still answered with {self.answer!r}"
        return f"it breaks what is answered to: {'; '.join(self.broken)}" if self.broken else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reflected:
    """Outcome of feedback: the number of memories judged, and the change, if there is one.

    With a check that failed, the change is undone already.
    """

    judged: int = 0
    lesson: Record | None = None
    change: Change | None = None
    checked: Checked | None = None
