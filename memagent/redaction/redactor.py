"""Redactor of new records: a note takes the place of every secret before anything is stored."""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from memagent.errors import InvalidInput, shown
from memagent.records import NewRecord

logger = logging.getLogger(__name__)

KEY = "redacted"
"""The key of the metadata that says how many of each kind were taken out of a record."""
MIN_REPEATED = 6
"""Characters from which on a secret is also taken out where nothing marks it as one."""
NAMES = {"card": "card number", "token": "access token"}
"""Kinds whose name in a note is another."""

NOTE = re.compile(r"\[[^][\n]{1,40} removed\]")
"""The note in the place of a secret, which a detector may take for one."""

Span = tuple[int, int, str]
"""A secret in a text: where it begins, where it ends, and its kind."""
Detector = Callable[[str], Iterable[Span]]
"""Finder of the secrets in a text; the spans may overlap."""
Report = Callable[[Mapping[str, int]], None]
"""Receiver of how many secrets of each kind were just taken out."""
_Text = tuple[str, str]
"""A text, after the key of the metadata that it stands under."""
_Secret = tuple[str, str]
"""A secret, after its kind."""
_Found = dict[_Text, list[Span]]


def summary(counts: Mapping[str, int]) -> str:
    """Return what was taken out in words, such as "a card number and 2 passwords were"."""
    parts = list[str]()
    for kind, count in sorted(counts.items()):
        name = NAMES.get(kind, kind)
        article = "an" if name[:1] in "aeiou" else "a"
        parts.append(f"{count} {name}s" if count > 1 else f"{article} {name}")
    were = "was" if sum(counts.values()) == 1 else "were"
    return f"{' and '.join([*filter(None, [', '.join(parts[:-1])]), parts[-1]])} {were}"


def _warn(counts: Mapping[str, int]) -> None:
    logger.warning("%s removed before this was stored", summary(counts))


@dataclass(slots=True)
class Redactor:
    """Redactor with a detector of secrets; each write that loses some is reported once.

    A secret that was found in one text of a write is taken out of all its texts: a reply that
    repeats a password does not say that it is one.
    """

    detect: Detector
    report: Report = _warn

    def records(self, records: Sequence[NewRecord]) -> list[NewRecord]:
        """Return records without secrets; those without any are returned as they are.

        Texts, keys, sources and metadata are searched. `metadata["redacted"]` counts the secrets
        that a record lost, by kind.

        Raises:
            InvalidInput: an id holds a secret, or the detector's spans do not fit its text.
        """
        for record in records:
            self.refuse("id", record.id)
        found = self._find(text for record in records for text in _texts_of(record))
        if not any(found.values()):
            return list(records)
        repeated = _repeated(found)
        cuts = [_Cut(found, repeated) for _ in records]
        clean = [cut.record(record) for cut, record in zip(cuts, records, strict=True)]
        self.report(_counts({secret for cut in cuts for secret in cut.removed}))
        return clean

    def texts(self, texts: Sequence[str]) -> list[str]:
        """Return texts without secrets, and report nothing: what is written is reported."""
        found = self._find(("", text) for text in texts)
        cut = _Cut(found, _repeated(found))
        return [cut.text("", text) for text in texts]

    def text(self, text: str | None) -> str | None:
        """Return a text without secrets, and report what was taken out."""
        if text is None:
            return None
        found = self._find([("", text)])
        cut = _Cut(found, _repeated(found))
        clean = cut.text("", text)
        if cut.removed:
            self.report(_counts(cut.removed))
        return clean

    def refuse(self, name: str, value: str | None) -> None:
        """Refuse a name that holds a secret: without it, it would name something else.

        Raises:
            InvalidInput: it does.
        """
        if value is not None and (spans := self._spans("", value)):
            kind = summary({spans[0][2]: 1}).removesuffix(" was")
            raise InvalidInput(f"{name}: it holds {kind}, and is written as it is; choose another")

    def _find(self, texts: Iterable[_Text]) -> _Found:
        found: _Found = {}
        for key, text in texts:
            if (key, text) not in found:
                found[key, text] = self._spans(key, text)
        return found

    def _spans(self, key: str, text: str) -> list[Span]:
        """Return the spans of a text in order, without overlaps; its key says what it is."""
        lead = f"{key}: " if key else ""
        notes = [note.span() for note in NOTE.finditer(text)]
        spans: list[Span] = []
        for start, end, kind in sorted(self.detect(lead + text)):
            start, end = max(start - len(lead), 0), end - len(lead)
            if end > len(text) or not isinstance(kind, str):
                raise InvalidInput(f"redaction: no span of the text: {shown((start, end, kind))}")
            if end <= start or any(start < last and first < end for first, last in notes):
                continue
            if spans and start < spans[-1][1]:
                first = spans.pop()
                start, end, kind = first[0], max(first[1], end), first[2]
            spans.append((start, end, kind))
        return spans


class _Cut:
    """Cut through the texts of one record: `removed` are the secrets that it lost."""

    def __init__(self, found: _Found, repeated: Sequence[_Secret]) -> None:
        self._found = found
        self._repeated = repeated
        self.removed = set[_Secret]()

    def record(self, record: NewRecord) -> NewRecord:
        metadata = self._value("", record.metadata)
        clean = replace(
            record,
            text=self.text("", record.text),
            keys=self._all(record.keys),
            sources=self._all(record.sources),
        )
        if not self.removed:
            return record
        before = record.metadata.get(KEY)
        counts = _counts(self.removed)
        if isinstance(before, Mapping):
            counts.update({kind: count for kind, count in before.items() if type(count) is int})
        return replace(clean, metadata={**metadata, KEY: dict(counts)})

    def text(self, key: str, text: str) -> str:
        """Return a text without its own secrets, and without those of the others."""
        parts, last = list[str](), 0
        for start, end, kind in self._found[key, text]:
            self.removed.add((kind, text[start:end]))
            parts += [self._without_repeated(text[last:start]), _note(kind)]
            last = end
        return "".join([*parts, self._without_repeated(text[last:])])

    def _without_repeated(self, text: str) -> str:
        for kind, secret in self._repeated:
            if secret in text:
                self.removed.add((kind, secret))
                text = text.replace(secret, _note(kind))
        return text

    def _all(self, texts: Sequence[str]) -> tuple[str, ...]:
        return tuple(self.text("", text) for text in texts)

    def _value(self, key: str, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(key, value)
        if isinstance(value, Mapping):
            items = value.items()
            return {self.text("", name): self._value(name, item) for name, item in items}
        if isinstance(value, list | tuple):
            return [self._value(key, item) for item in value]
        return value


def _repeated(found: _Found) -> list[_Secret]:
    """Return the secrets of a write that are long enough to be known anywhere, longest first."""
    secrets = {
        (kind, text[start:end])
        for (_, text), spans in found.items()
        for start, end, kind in spans
        if end - start >= MIN_REPEATED
    }
    return sorted(secrets, key=lambda secret: (-len(secret[1]), secret))


def _counts(removed: Set[_Secret]) -> Counter[str]:
    return Counter(kind for kind, _ in removed)


def _texts_of(record: NewRecord) -> Iterator[_Text]:
    """Yield the texts of a record."""
    for text in (record.text, *record.keys, *record.sources):
        yield "", text
    yield from _strings("", record.metadata)


def _strings(key: str, value: Any) -> Iterator[_Text]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield "", name
            yield from _strings(name, item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(key, item)


def _note(kind: str) -> str:
    return f"[{NAMES.get(kind, kind)} removed]"
