"""Where the sentences of a text are, and within them its runs of words that carry meaning."""

import re
from dataclasses import dataclass

from memagent.stores.words import FUNCTION_WORDS

_BREAK = re.compile(r"[.!?][\"')\]”’]*\s+(?=[\"'(\[“‘]?[^\W_a-z])|\s*\n\s*")  # noqa: RUF001
_SHORT = re.compile(
    r"(?:\b[A-Z]|\b(?:Dr|Mr|Mrs|Ms|Prof|St|Jr|Sr|vs|etc|cf|No|Vol|Fig|approx|e\.g|i\.e))\.\s*$"
)
"""What ends in a full stop and ends no sentence: initials, and the usual abbreviations."""
_TOKEN = re.compile(r"\S+")
_EDGES = re.compile(r"^\W+|\W+$")
_CLOSED = re.compile(r"[,;:.!?)\]]$")
_LINKS = frozenset(["of", "de"])
"""Words that stay between two capitalised ones: "Kingdom of France"."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Where a piece of a text begins and ends, in characters; the end is exclusive."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """Return the piece."""
        return text[self.start : self.end]

    def __len__(self) -> int:
        return self.end - self.start


def sentences(text: str) -> list[Span]:
    """Return the sentences of a text in order; a line break ends one as well."""
    spans, start = [], 0
    for found in _BREAK.finditer(text):
        end = start + len(text[start : found.end()].rstrip())
        if "\n" not in found.group() and _SHORT.search(text[start:end]):
            continue
        spans.append(Span(start, end))
        start = found.end()
    spans.append(Span(start, start + len(text[start:].rstrip())))
    return [span for span in (_stripped(text, one) for one in spans) if len(span)]


def runs(text: str, within: Span | None = None) -> list[Span]:
    """Return the longest runs of words without a function word or a mark between them, in order.

    A full name that holds "of" is one run.
    """
    part = within or Span(0, len(text))
    tokens = [Span(*found.span()) for found in _TOKEN.finditer(text, part.start, part.end)]
    found: list[list[Span]] = [[]]
    for number, token in enumerate(tokens):
        word = bare(token.of(text))
        if not word or word.lower() in FUNCTION_WORDS:
            after = bare(tokens[number + 1].of(text)) if number + 1 < len(tokens) else ""
            before = bare(found[-1][-1].of(text)) if found[-1] else ""
            if word in _LINKS and after[:1].isupper() and before[:1].isupper():
                found[-1].append(token)
            else:
                found.append([])
            continue
        found[-1].append(token)
        if _CLOSED.search(token.of(text)):
            found.append([])
    return [Span(run[0].start, run[-1].end) for run in found if run]


def bare(token: str) -> str:
    """Return a word without the marks around it."""
    return _EDGES.sub("", token)


def _stripped(text: str, span: Span) -> Span:
    piece = span.of(text)
    return Span(span.start + len(piece) - len(piece.lstrip()), span.end)
