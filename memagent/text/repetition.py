"""Repetition detector: finds the loop that a model falls into, while its text streams.

A loop is text that repeats what stands before it, over and over, up to the last character: a word,
a sentence, a cycle of sentences, or one line under growing numbers. Characters alone decide, in any
language. Lists, tables, refrains and laughter repeat themselves, too, so a loop must be long and
come often before it counts.
"""

import logging
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from memagent.text.sentences import sentences

logger = logging.getLogger(__name__)

CUT = "the model began to repeat itself; the reply was cut"
"""Note for the reader of a reply that was cut."""
LONGEST_PERIOD = 600
"""Characters of the longest text whose repetition is found."""
STEP = 16
"""Characters from one check to the next. What is found does not depend on how the text is cut."""
SUSPECT = 16
"""Characters that repeat the text before them, from which on it is held back."""
DIGITS = 6
"""Digits of the longest number of an item."""
LEAST = 40
"""Symbols that a loop repeats at least."""
BLANKS = 24
"""Blanks in a row that are one symbol; where there are more, nothing else may come."""
LISTED = ".):\u3001\uff0e\uff09"
"""Characters after the number of an item of a list."""
NUMBER = "\ufdd0"
"""Symbol that stands for the number of an item."""
JOINERS = " \t\r\n,;:-\u2013\u2014\u3001\uff0c\uff1b\uff1a\u060c"
"""Blanks, commas and dashes: a text that was cut does not end with them."""
LOOK_AHEAD = 40
"""Characters behind the end of a sentence that show that it is one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Least size of a loop: how often a text is said again, and the characters that this takes.

    `drawn` is for text without letters, such as a ruler or rows of zeros, and `counted` for the
    same text under the growing numbers of a list, which must come twice as often. Where any other
    number grows, there is a purpose: rows of data are no loop.
    """

    times: int
    length: int
    drawn: int
    counted: int

    def reached(self, run: "Run") -> bool:
        """Tell whether a repetition is a loop."""
        if run.grows:
            enough = run.size >= 2 * self.times * len(run.unit) and run.length >= self.counted
            return enough and not run.counts
        least = self.length if run.has_letters else self.drawn
        return run.size >= self.times * len(run.unit) and run.length >= least


STREAM = Limits(times=4, length=200, drawn=400, counted=400)
RAN_OUT = Limits(times=2, length=120, drawn=400, counted=240)
"""Limits for a text whose tokens ran out: hardly anything but a loop ends in this way."""
WINDOW = (2 * STREAM.times + 2) * LONGEST_PERIOD
"""Characters that are looked back on."""


class RepetitionFilter:
    """Filter of one streamed text: passes it on up to the loop that it falls into.

    Text that may be the beginning of a loop is held back until it goes on in another way. `found`
    says that it is a loop: what follows is dropped, and `kept` is the text with what it repeats
    said once. The time is linear in the length of the text.
    """

    def __init__(self) -> None:
        self.found = False
        self.kept = ""
        self._pieces: list[str] = []
        self._held = ""
        self._length = 0
        self._symbols = Symbols()
        self._due = STEP

    def feed(self, piece: str) -> str:
        """Take a piece, and return what can be shown of the text."""
        if self.found or not piece:
            return ""
        self._pieces.append(piece)
        self._held += piece
        before = self._length
        for place, character in enumerate(piece, start=before + 1):
            self._symbols.take(character, place)
            if self._symbols.count >= self._due:
                self._due = self._symbols.count + STEP
                if self._loops(STREAM):
                    break
        self._length = before + len(piece)
        return self._release(len(self.kept) if self.found else self._trusted())

    def end(self, *, ran_out: bool = False) -> str:
        """Return what was held back; `ran_out` if the model did not end the text by itself."""
        if self.found:
            return ""
        self._symbols.end_number(self._length)
        if not self._loops(RAN_OUT if ran_out else STREAM):
            self.kept = "".join(self._pieces)
        return self._release(len(self.kept))

    def _release(self, end: int) -> str:
        """Return what is held of the text up to a place."""
        size = max(end - self._length + len(self._held), 0)
        piece, self._held = self._held[:size], self._held[size:]
        return piece

    def _trusted(self) -> int:
        """Return where the text ends that no loop begins in, as far as can be told."""
        runs = self._symbols.runs(0.5, SUSPECT)
        return next((run.start for run in runs if not run.counts), self._length)

    def _loops(self, limits: Limits) -> bool:
        """Tell whether the text ends with a loop, and keep what stands before it."""
        run = next(filter(limits.reached, self._symbols.runs(limits.times, LEAST)), None)
        if run is not None:
            self.found = True
            self.kept = cut("".join(self._pieces), run)
            logger.info("a reply repeats %d characters: cut", len(run.unit))
        return self.found


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Repetition at the end of a text: the `size` symbols that come after the first `unit`.

    They take `length` characters of the text, from `start` on, and have come once at `stop`.
    `grows` says that they come under the growing numbers of a list.
    """

    unit: str
    size: int
    length: int
    start: int
    stop: int
    grows: bool

    @property
    def has_letters(self) -> bool:
        """True if it is more than a drawing or a number."""
        return any(map(str.isalpha, self.unit))

    @property
    def counts(self) -> bool:
        """True if it is nothing but growing numbers."""
        return self.grows and not self.has_letters


def without_repetition(text: str, *, ran_out: bool = False) -> tuple[str, str]:
    """Return a whole text without the loop at its end, and a note on it; empty if there is none."""
    repetition = RepetitionFilter()
    repetition.feed(text)
    repetition.end(ran_out=ran_out)
    return repetition.kept, CUT if repetition.found else ""


class Symbols:
    """Symbols of a text: small letters, and one symbol for blanks or for the number of an item.

    Where nothing but blanks comes, each of them is a symbol.
    """

    def __init__(self) -> None:
        self.count = 0
        """Symbols so far; the window holds the last."""
        self._window = ""
        self._fresh: list[str] = []
        self._ends: list[int] = []
        """Where in the text each symbol of the window ends."""
        self._values: list[int] = []
        """Value of each symbol of the window that is an item's number; 0 of the others."""
        self._digits = ""
        """Digits of a number that may be an item's."""
        self._blanks = 0
        self._begins = True
        """True where an item of a list can begin."""

    def take(self, character: str, place: int) -> None:
        """Take a character, which ends at a place of the text."""
        self._blanks = self._blanks + 1 if character.isspace() else 0
        if 1 < self._blanks <= BLANKS:
            self._ends[-1] = place
        elif self._blanks:
            self.end_number(place - 1)
            self._add(" ", place)
        elif character.isdecimal() and (self._digits or self._begins):
            self._digits += character
            if len(self._digits) > DIGITS:
                self.end_number(place)
        else:
            self.end_number(place - 1, listed=character in LISTED)
            small = character.lower()
            self._add(small if len(small) == 1 else character, place)
        self._begins = self._blanks > 0

    def end_number(self, place: int, *, listed: bool = False) -> None:
        """Take note that a number has ended, if one has; `listed` if an item comes after it."""
        if listed and self._digits:
            self._add(NUMBER, place, int(self._digits))
        else:
            for end, digit in enumerate(self._digits, start=place - len(self._digits) + 1):
                self._add(digit, end)
        self._digits = ""

    def runs(self, times: float, least: int) -> Iterator[Run]:
        """Yield the repetitions that the text ends with, shortest period first.

        They say a text again so many times, and take so many symbols, at least. A period that a
        shorter one explains is left out.
        """
        window, seen = self._filled(), list[tuple[int, int]]()
        size = len(window)
        tail, at, first = window[-least:], size - least, max(size - least - LONGEST_PERIOD, 0)
        while at > first and (at := window.rfind(tail, first, at + least - 1)) >= 0:
            period = size - least - at
            need = max(least, round(times * period))
            if any(period % shorter == 0 and run >= period for shorter, run in seen):
                continue
            run, grows = self._numbered(self._repeated(period, need), period)
            if run >= need:
                seen.append((period, run))
                start = self._ends[size - run - 1]
                yield Run(
                    unit=window[-period:],
                    size=run,
                    length=self._ends[-1] - start,
                    start=start,
                    stop=self._ends[min(size - run + period, size) - 1],
                    grows=grows,
                )

    def _repeated(self, period: int, least: int) -> int:
        """Return how many symbols at the end are those of a period before; 0 if fewer."""
        window, size = self._window, len(self._window)

        def differs(length: int) -> bool:
            return window[size - length :] != window[size - length - period : size - period]

        if least > size - period or differs(least):
            return 0
        return bisect_left(range(size - period + 1), True, lo=least, key=differs) - 1

    def _numbered(self, size: int, period: int) -> tuple[int, bool]:
        """Return how much of a run has numbers that stay or grow by one, and whether one grows."""
        at, end, grows = len(self._window), len(self._window), False
        while (at := self._window.rfind(NUMBER, end - size, at)) >= 0:
            step = self._values[at] - self._values[at - period]
            if step not in (0, 1):
                return end - at - 1, grows
            grows = grows or step == 1
        return size, grows

    def _add(self, symbol: str, end: int, value: int = 0) -> None:
        self._fresh.append(symbol)
        self._ends.append(end)
        self._values.append(value)
        self.count += 1

    def _filled(self) -> str:
        """Return the window with the fresh symbols at its end."""
        self._window += "".join(self._fresh)
        self._fresh.clear()
        if len(self._window) > 2 * WINDOW:
            self._window = self._window[-WINDOW:]
            self._ends, self._values = self._ends[-WINDOW:], self._values[-WINDOW:]
        return self._window


def cut(text: str, run: Run) -> str:
    """Return a text up to where it begins to repeat itself, at the end of a sentence or a word."""
    head, least = text[: run.stop + LOOK_AHEAD], len(text[: run.start].rstrip())
    ends = [span.end for span in sentences(head)]
    words = (
        end
        for end in range(run.start, run.stop)
        if not (head[end - 1].isalnum() and head[end].isalnum())
    )
    end = next((end for end in ends if least <= end <= run.stop), next(words, run.start))
    return text[:end].rstrip(JOINERS)
