"""Import of conversations from other programs into a memory."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from memagent.errors import InvalidInput, one_line
from memagent.memory.memory import Memory
from memagent.memory.messages import records_of
from memagent.transcripts.archive import Part, parts_of
from memagent.transcripts.message import DAMAGED, LeftOut, Message
from memagent.transcripts.sources import OTHER_JSON, Source, read, source_of, what_is
from memagent.types import NewRecord, Record, Scope

logger = logging.getLogger(__name__)

BATCH = 200
"""Messages that are stored in one transaction."""
MAX_TEXT = 100_000
"""Characters of a record; a longer message becomes several. The hooks keep as much of one."""
MAX_PROBLEMS = 100
"""Lines on what is damaged that a report holds for each file."""
KEY = "import"
"""Name in the metadata of every record that was imported; its value is the program."""


@dataclass(slots=True)
class FileReport:
    """Report on one file: what was found, what is new, what was there, and what is left out.

    `messages` are records: a long message is several. `edited` are new versions of records whose
    message has another text by now. `left_out` counts by reason, and `problems` are lines on what
    is damaged, `MAX_PROBLEMS` at most.
    """

    name: str
    source: Source
    conversations: int = 0
    messages: int = 0
    new: int = 0
    there: int = 0
    edited: int = 0
    first: datetime | None = None
    last: datetime | None = None
    left_out: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def leave_out(self, item: LeftOut) -> None:
        """Count something that is not imported."""
        self.left_out[item.reason] += 1
        if item.detail is not None and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(one_line(item.detail)[:500])

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON can hold it."""
        times = {"first": self.first, "last": self.last}
        return {
            "name": self.name,
            "source": self.source,
            "conversations": self.conversations,
            "messages": self.messages,
            "new": self.new,
            "there": self.there,
            "edited": self.edited,
            **{name: time and time.isoformat() for name, time in times.items()},
            "left_out": dict(sorted(self.left_out.items())),
            "problems": self.problems,
        }


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Report on an import: its files, and how many others hold no conversations."""

    files: tuple[FileReport, ...]
    others: int
    dry_run: bool


def import_transcripts(
    memory: Memory,
    path: Path,
    *,
    user: str,
    source: Source | None = None,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Store the conversations in an export, a folder of session logs, or one file of these.

    A conversation becomes a session, a message a record under an id made of its own in the source.
    What is there already stays, so that an import that was cut off is run again, and a later export
    adds what is new. `source` is recognised if it is not given. `progress` is called with the bytes
    that were read, and all there are.

    Raises:
        InvalidInput: there are no conversations in it, or it cannot be read.
        StoreError: the store cannot be written; what was stored by then stays.
    """
    parts, others = parts_of(path)
    known = list[tuple[Part, Source]]()
    for part in parts:
        found = source_of(part)
        if found is None and len(parts) == 1 and what_is(part) == OTHER_JSON:
            found = source
        if found is None or source not in (None, found):
            others += 1
        else:
            known.append((part, found))
    if not known:
        raise InvalidInput(_nothing(path, parts, source))
    total, done = sum(part.size for part, _ in known), 0

    def report_bytes(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, total)

    files, seen = list[FileReport](), set[int]()
    for part, found in known:
        report = FileReport(part.name, found)
        files.append(report)
        writer = _Writer(memory, user, report, seen if dry_run else None)
        try:
            _import_part(read(part, found, report_bytes), writer)
        except InvalidInput as error:
            report.leave_out(LeftOut(DAMAGED, str(error)))
        logger.info("%s: %d messages, %d new", part.name, report.messages, report.new)
    return ImportReport(tuple(files), others, dry_run)


def holds_transcripts(path: Path) -> bool:
    """Tell whether a path is a folder, an archive, or a file in which conversations are found."""
    parts, _ = parts_of(path)
    whole = len(parts) == 1 and parts[0].file == path and parts[0].member is None
    return not whole or source_of(parts[0]) is not None


def _nothing(path: Path, parts: Sequence[Part], source: Source | None) -> str:
    """Return why there is nothing to import, with what is there instead."""
    if len(parts) == 1 and parts[0].file == path and parts[0].member is None:
        found = source_of(parts[0])
        kind = f"of {found}" if found else what_is(parts[0])
        return f"{path} holds no conversations{f' of {source}' if source else ''}: it is {kind}"
    wanted = source or "ChatGPT, Claude, Claude Code or Codex"
    return f"{path} holds no conversations of {wanted} (of its files, {len(parts)} are JSON)"


def _import_part(items: Iterator[Message | LeftOut], writer: "_Writer") -> None:
    """Store messages in batches, each of one session."""
    batch = list[Message]()
    for item in items:
        if isinstance(item, LeftOut):
            writer.report.leave_out(item)
            continue
        if batch and (len(batch) >= BATCH or item.session != batch[0].session):
            writer.write(batch)
            batch = []
        batch += _cut(item)
    if batch:
        writer.write(batch)


def _cut(message: Message) -> Iterator[Message]:
    """Yield a message in pieces that fit into records; one that fits is one piece."""
    if len(message.text) <= MAX_TEXT:
        yield message
        return
    for number, start in enumerate(range(0, len(message.text), MAX_TEXT), start=1):
        if text := message.text[start : start + MAX_TEXT].strip():
            id = message.id if number == 1 else f"{message.id}#{number}"
            metadata = {**message.metadata, "part": number}
            yield replace(message, id=id, text=text, metadata=metadata)


class _Writer:
    """Writer of the messages of one file: only those that the memory does not hold yet.

    With `seen`, the hashes of the ids that a dry run has seen, it only counts.
    """

    def __init__(
        self, memory: Memory, user: str, report: FileReport, seen: set[int] | None
    ) -> None:
        self.report = report
        self._memory = memory
        self._user = Scope(user=user)
        self._seen = seen
        self._sessions = set[str | None]()

    def write(self, batch: Sequence[Message]) -> None:
        """Store messages of one session, all in one transaction, where none is refused."""
        report = self.report
        self._sessions.add(batch[0].session)
        report.conversations = len(self._sessions)
        report.messages += len(batch)
        times = [message.time for message in batch if message.time is not None]
        if times:
            report.first = min([*times, *([report.first] if report.first else [])])
            report.last = max([*times, *([report.last] if report.last else [])])
        messages = {message.id: message for message in reversed(batch)}
        held = {record.id: record for record in self._held(list(messages))}
        new = [
            message
            for message in batch
            if messages[message.id] is message and message.id not in held and self._is_new(message)
        ]
        edited = [message for message in messages.values() if self._edited(message, held)]
        added = self._add(new)
        changed = sum(self._update(message) for message in edited)
        report.new += added
        report.edited += changed
        refused = len(new) - added + len(edited) - changed
        report.there += len(batch) - len(new) - len(edited)
        report.messages -= refused

    def _is_new(self, message: Message) -> bool:
        """Tell whether a dry run has not seen a message yet; what is stored is found anyway."""
        if self._seen is None:
            return True
        before = len(self._seen)
        self._seen.add(hash(message.id))
        return len(self._seen) > before

    def _held(self, ids: Sequence[str]) -> Sequence[Record]:
        return self._memory.get(ids, scope=self._user)

    def _add(self, messages: Sequence[Message]) -> int:
        """Store new messages, and return how many were; those that cannot be are reported."""
        if self._seen is not None or not messages:
            return len(messages)
        try:
            scope = replace(self._user, session=messages[0].session)
            records = [_record(message, self.report.source) for message in messages]
            self._memory.add_many(records, scope=scope, why=f"import from {self.report.source}")
        except InvalidInput as error:
            if len(messages) > 1:
                return sum(self._add([message]) for message in messages)
            self.report.leave_out(LeftOut("refused", f"{messages[0].id}: {error}"))
            return 0
        return len(messages)

    def _edited(self, message: Message, held: Mapping[str, Record]) -> bool:
        """Tell whether a message that is held says something that no version of it has said.

        Where secrets are taken out of what is stored, this cannot be told.
        """
        record = held.get(message.id)
        engine = self._memory.engine
        if record is None or record.text == message.text or engine.redactor is not None:
            return False
        versions = engine.store.read.versions(self._user, message.id)
        return all(version.text != message.text for version in versions)

    def _update(self, message: Message) -> bool:
        """Store an edited message as a new version; tell whether that was possible."""
        if self._seen is not None:
            return True
        newest = self._memory.engine.store.read.versions(self._user, message.id)[-1]
        try:
            self._memory.update(
                newest.id, message.text, scope=self._user, valid_from=message.time, why="import"
            )
        except InvalidInput as error:
            self.report.leave_out(LeftOut("refused", f"{message.id}: {error}"))
            return False
        return True


def _record(message: Message, source: Source) -> NewRecord:
    fields = {"role": message.role, "content": message.text, "id": message.id}
    if message.time is not None:
        fields["timestamp"] = message.time.isoformat()
    (record,) = records_of([fields], None, {**message.metadata, KEY: source})
    # What the user took back by editing it stands in a branch, and is no evidence.
    return replace(record, evidence=False) if "branch" in message.metadata else record
