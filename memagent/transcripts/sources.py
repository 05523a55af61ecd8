"""Programs whose conversations can be imported, and how their files are told apart."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import IO, Any, Literal, get_args

from memagent.transcripts import chatgpt, claude, claude_code, codex
from memagent.transcripts.archive import Part
from memagent.transcripts.json_array import Damaged, elements
from memagent.transcripts.message import DAMAGED, LeftOut, Message

Source = Literal["chatgpt", "claude", "claude-code", "codex"]
SOURCES: tuple[str, ...] = get_args(Source)
Items = Iterator[Message | LeftOut]
HEAD = 1 << 20
"""Bytes of a file by which it is recognised."""
MAX_LINE = 64 << 20
"""Bytes that a line of a log may have."""
_FIELD = re.compile(
    rb'(?<!\\)"(mapping|chat_messages|conversations_memory|project_memories|prompt_template)"\s*:'
)
"""Fields that only conversations of ChatGPT, and conversations, memories and projects of Claude
have; within a text, their quotation marks would stand after backslashes."""
_Reader = Callable[[Any], Items]
_BY_FIELD: dict[bytes, tuple[Source, _Reader, str]] = {
    b"mapping": ("chatgpt", chatgpt.messages_in, "conversation"),
    b"chat_messages": ("claude", claude.messages_in, "conversation"),
    b"conversations_memory": ("claude", claude.memories_in, "entry"),
    b"project_memories": ("claude", claude.memories_in, "entry"),
    b"prompt_template": ("claude", claude.project_in, "project"),
}
OTHER_JSON = "JSON of another sort"
_KINDS = (
    (b"%PDF", "a PDF"),
    (b"SQLite format 3\0", "a database of SQLite"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8", "an image"),
    (b"\x1f\x8b", "packed by gzip: unpack it first"),
    (b"7z\xbc\xaf", "packed by 7-Zip: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd: unpack it first"),
)
"""Kinds of files by their first bytes."""
_WRAPPED = ("session_meta", "response_item", "event_msg", "turn_context")


def source_of(part: Part) -> Source | None:
    """Return the program that wrote a file, by the beginning of its content; None if unknown.

    Raises:
        InvalidInput: it cannot be read.
    """
    with part.open() as file:
        head = file.read(HEAD)
    if PurePosixPath(part.name).suffix.lower() == ".jsonl" or _first_line_is_object(head):
        found = _source_of_lines(head)
        if found is not None:
            return found
    field = _FIELD.search(head)
    return _BY_FIELD[field.group(1)][0] if field else None


class _Counted:
    """File that reports how many bytes are read from it."""

    def __init__(self, file: IO[bytes], report: Callable[[int], None]) -> None:
        self._file = file
        self._report = report

    def read(self, size: int) -> bytes:
        return self._reported(self._file.read(size))

    def readline(self, size: int) -> bytes:
        return self._reported(self._file.readline(size))

    def _reported(self, data: bytes) -> bytes:
        self._report(len(data))
        return data


def read(part: Part, source: Source, report: Callable[[int], None] = lambda _: None) -> Items:
    """Yield the messages in a file of a program, and what of it is left out.

    `report` is told how many bytes were read, again and again.

    Raises:
        InvalidInput: it cannot be read.
    """
    with part.open() as file:
        counted, name = _Counted(file, report), PurePosixPath(part.name).stem
        if source == "codex":
            yield from codex.entries_in(_entries(counted), name)
        elif source == "claude-code":
            yield from _claude_code(counted, name)
        else:
            yield from _array(part, counted, source)


def _array(part: Part, file: _Counted, source: Source) -> Items:
    """Yield the messages in an array of conversations, or of Claude's projects and memories."""
    with part.open() as beginning:
        field = _FIELD.search(beginning.read(HEAD))
    known = _BY_FIELD[field.group(1)] if field else None
    if known is None or known[0] != source:
        known = _BY_FIELD[b"mapping" if source == "chatgpt" else b"chat_messages"]
    _, reader, noun = known
    for number, element in enumerate(elements(file), start=1):
        if isinstance(element, Damaged):
            yield LeftOut(DAMAGED, f"{noun} {number}: {element.why}")
            continue
        for item in reader(element):
            detail = item.detail if isinstance(item, LeftOut) else None
            yield item if detail is None else LeftOut(DAMAGED, f"{noun} {number}: {detail}")


def _claude_code(file: _Counted, name: str) -> Items:
    """Yield the messages in a session's log; those without a session get the file's name."""
    for number, entry in _entries(file):
        if not isinstance(entry, dict):
            yield LeftOut(DAMAGED, f"line {number} is no JSON object")
            continue
        found = claude_code.message_of(entry)
        if isinstance(found, Message):
            id = f"{claude_code.SOURCE}:{found.id}"
            found = replace(found, id=id, session=found.session or name)
        yield found


def _entries(file: _Counted) -> Iterator[tuple[int, Any]]:
    """Yield the lines of a log with their numbers, from 1: what they hold, or None if damaged."""
    number = 0
    while line := file.readline(MAX_LINE):
        number += 1
        whole = rest = line
        while len(rest) == MAX_LINE and not rest.endswith(b"\n"):  # the line is too long
            whole, rest = b"", file.readline(MAX_LINE)
        try:
            if not whole or whole.strip():
                yield number, json.loads(whole.decode("utf-8-sig", "replace"))
        except (ValueError, RecursionError):
            yield number, None


def _first_line_is_object(head: bytes) -> bool:
    first, _, rest = head.strip().partition(b"\n")
    return first.startswith(b"{") and first.rstrip().endswith(b"}") and rest.startswith(b"{")


def _source_of_lines(head: bytes) -> Source | None:
    for line in head.split(b"\n")[:50]:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(entry, dict):
            continue
        if isinstance(entry.get("payload"), dict) and entry.get("type") in _WRAPPED:
            return "codex"
        if "sessionId" in entry and ("uuid" in entry or entry.get("type") is not None):
            return "claude-code"
        if entry.get("type") in ("summary", "file-history-snapshot"):
            return "claude-code"
        if entry.get("record_type") or {"id", "timestamp", "instructions"} <= entry.keys():
            return "codex"
    return None


def what_is(part: Part) -> str:
    """Return what a file is that holds no conversations, as well as its beginning tells."""
    with part.open() as file:
        head = file.read(4096)
    for start, name in _KINDS:
        if head.startswith(start):
            return name
    if not head.strip():
        return "an empty file"
    if b"<html" in head.lower() or b"<!doctype" in head.lower():
        return "a page; the conversations are in conversations.json beside it"
    if b"\0" in head:
        return "binary data"
    if head.strip() in (b"[]", b"{}"):
        return "JSON that holds nothing"
    return OTHER_JSON if head.strip()[:1] in (b"[", b"{") else "text"
