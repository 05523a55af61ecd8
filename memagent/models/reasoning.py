"""Reasoning of a model, kept apart from its answer, whole or while it streams.

The rule: a block of reasoning is one that the reply opens with, such as <think>...</think>, or
several of them. One that is never closed is reasoning to its end. A closing tag without an opening
one ends reasoning that the server's template opened in the prompt, unless it stands in code or
quotes. A tag anywhere else is part of the answer, which may be about such tags.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from memagent.text.raw_calls import is_cited

TAGS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<thoughts>", "</thoughts>"),
    ("<reasoning>", "</reasoning>"),
    ("<reason>", "</reason>"),
    ("<seed:think>", "</seed:think>"),
    ("[think]", "[/think]"),
    ("◁think▷", "◁/think▷"),
    ("<|thinking|>", "<|/thinking|>"),
    ("<|start_thinking|>", "<|end_thinking|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("<|channel>thought", "<channel|>"),
    ("<|channel|>analysis<|message|>", "<|end|>"),
    ("<|channel|>commentary<|message|>", "<|end|>"),
)
"""Tags around reasoning, of the model families that write them into their text; in lower case."""
SKIPPED = ("<|start|>assistant", "<|channel|>final<|message|>")
"""Marks of the harmony format that stand before the answer."""
ENDS = ("<|return|>", "<|end|>")
"""Marks of the harmony format after the answer."""
_STARTS = tuple(sorted((*dict(TAGS), *SKIPPED), key=len, reverse=True))
_CLOSINGS = {start: re.compile(re.escape(closing), re.IGNORECASE) for start, closing in TAGS}
_ANY_CLOSING = re.compile("|".join(re.escape(end) for _, end in TAGS[:-2]), re.IGNORECASE)
_OPENING = {closing: start for start, closing in TAGS}


@dataclass(frozen=True, slots=True)
class Split:
    """A reply's reasoning and its answer, each without the white space around it."""

    reasoning: str
    answer: str


def split_reasoning(text: str) -> Split:
    """Return the reasoning and the answer of a whole reply."""
    splitter = ReasoningSplitter()
    splitter.feed(text)
    return splitter.end()


def reasoning_of(message: Any) -> str:
    """Return the reasoning that a message carries beside its text."""
    separate = message.additional_kwargs.get("reasoning_content")
    parts = [separate] if isinstance(separate, str) else []
    if isinstance(message.content, list):
        for block in message.content:
            if isinstance(block, dict) and block.get("type") in ("reasoning", "thinking"):
                text = block.get("reasoning") or block.get("thinking") or ""
                parts.append(text if isinstance(text, str) else "")
    return "".join(parts)


def split_message(message: Any) -> Split:
    """Return the reasoning and the answer of a chat message."""
    split = split_reasoning(storable(str(message.text)))
    beside = storable(reasoning_of(message)).strip()
    return Split(joined((beside, split.reasoning)), split.answer)


def joined(parts: Sequence[str]) -> str:
    """Return the parts that are not empty, on lines of their own."""
    return "\n".join(part for part in parts if part)


def storable(text: str) -> str:
    """Return a text without what cannot be stored: NUL goes, half characters become U+FFFD."""
    text = text.replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:  # the halves of a character may stand side by side
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


class ReasoningSplitter:
    """Splits a reply that comes in pieces, with the same result however it is cut.

    `feed` returns what can be shown of the answer so far. `end` returns the whole; where only a
    closing tag showed that there was reasoning, what was shown before it was no answer.
    """

    def __init__(self) -> None:
        self._half = ""
        """The first half of a character whose second is still to come."""
        self._rest = ""
        """Text that is not decided on yet."""
        self._closing: re.Pattern[str] | None = None
        self._answering = False
        self._reasoning = [""]
        self._answer: list[str] = []

    def feed(self, piece: str) -> str:
        """Take a piece, and return what can be shown of the answer."""
        piece, self._half = self._half + piece, ""
        if "\ud800" <= piece[-1:] <= "\udbff":
            piece, self._half = piece[:-1], piece[-1]
        return self._take(storable(piece), last=False)

    def end(self) -> Split:
        """Return the reasoning and the answer of the whole reply."""
        self._take(storable(self._half), last=True)
        reasoning = joined([block.strip() for block in self._reasoning])
        answer = _trimmed("".join(self._answer))
        if not reasoning and (cut := _orphan(answer)) is not None:
            rest = split_reasoning(answer[cut[1] :])
            return Split(joined((answer[: cut[0]].strip(), rest.reasoning)), rest.answer)
        return Split(reasoning, answer)

    def _take(self, text: str, last: bool) -> str:
        self._rest += text
        while not self._answering and (self._closed(last) if self._closing else self._opened(last)):
            pass
        if not self._answering:
            return ""
        rest, self._rest = self._rest, ""
        self._answer.append(rest)
        return rest

    def _opened(self, last: bool) -> bool:
        """Look for a tag at the start; return False if it takes more text to decide."""
        self._rest = self._rest.lstrip("\ufeff \t\r\n")
        head = self._rest[: len(_STARTS[0])].lower()
        for start in _STARTS:
            if head.startswith(start):
                self._rest = self._rest[len(start) :]
                self._closing = _CLOSINGS.get(start)
                return True
        if not last and any(start.startswith(head) for start in _STARTS):
            return False
        self._answering = True
        return True

    def _closed(self, last: bool) -> bool:
        """Look for the end of the reasoning; return False if it has not come yet."""
        assert self._closing is not None
        found = self._closing.search(self._rest)
        # The beginning of a closing tag may have come, and the rest of it not.
        keep = 0 if found or last else len(self._closing.pattern)
        cut = found.start() if found else max(len(self._rest) - keep, 0)
        self._reasoning[-1] += self._rest[:cut]
        self._rest = self._rest[found.end() if found else cut :]
        if found:
            self._reasoning.append("")
            self._closing = None
        self._answering = last and not found
        return found is not None or last


def _trimmed(answer: str) -> str:
    """Return an answer without white space and marks of the harmony format at its end."""
    before, answer = "", answer.strip()
    while before != answer:
        before = answer
        for mark in ENDS:
            answer = answer.removesuffix(mark).rstrip()
    return answer


def _orphan(text: str) -> tuple[int, int] | None:
    """Return where a closing tag without an opening one begins and ends; None if there is none."""
    for found in _ANY_CLOSING.finditer(text):
        opened = _OPENING[found.group().lower()] in text[: found.start()].lower()
        if not opened and not is_cited(text, *found.span()):
            return found.span()
    return None
