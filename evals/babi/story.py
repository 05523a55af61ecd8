"""A story in the making: its lines in the released format, and the asides that are no use to it."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

QUESTIONS = 5
"""Questions a story, of most tasks."""


@dataclass(kw_only=True, slots=True)
class Story:
    """The lines told so far, and how hard they are to be.

    `length` is how many statements are told at least, or None for as many as in the released files;
    `distractors` is how many asides come with every question, or with all the facts of a story that
    is told at one go.
    """

    rng: random.Random
    length: int | None = None
    distractors: int = 0
    lines: list[str] = field(default_factory=list)

    def tell(self, text: str) -> int:
        """Add a line, and return its number."""
        self.lines.append(f"{len(self.lines) + 1} {text}")
        return len(self.lines)

    def ask(self, question: str, answer: str, supports: Iterable[int]) -> None:
        """Add a question with its answer and the lines that the answer follows from."""
        self.tell(f"{question}\t{answer}\t{' '.join(str(line) for line in supports)}")

    def recent(self, told: Mapping[str, int], share: float = 0.6) -> str:
        """Draw a name: each is `share` times as likely as the one that was told of next later."""
        names = sorted(told, key=lambda name: (-told[name], name))
        (name,) = self.rng.choices(names, weights=[share**rank for rank in range(len(names))])
        return name

    def pace(self, usual: int) -> int:
        """Return how many statements come before each of the usual number of questions."""
        return usual if self.length is None else -(-self.length // QUESTIONS)

    def block(self, units: Sequence[Callable[[], None]], aside: Callable[[], str]) -> None:
        """Tell what comes before a question: the units in order, and asides in between them."""
        places = [self.rng.randrange(len(units) + 1) for _ in range(self.distractors)]
        for index in range(len(units) + 1):
            for _ in range(places.count(index)):
                self.tell(aside())
            if index < len(units):
                units[index]()

    def mix(self, texts: Sequence[str], aside: Callable[[], str]) -> list[int]:
        """Tell all facts of a story in order, with asides in between, and return their lines."""
        lines: list[int] = []

        def unit(text: str) -> Callable[[], None]:
            return lambda: lines.append(self.tell(text))

        self.block([unit(text) for text in texts], aside)
        return lines
