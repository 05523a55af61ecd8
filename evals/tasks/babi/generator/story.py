"""Story under construction, and the words of the released and of harder stories."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

QUESTIONS = 5
"""Questions a story, of most tasks."""


@dataclass(kw_only=True, slots=True)
class Story:
    """Lines of a story so far, and how hard they are to be.

    `length` is the least number of statements, or None for as many as in the released files;
    `distractors` is how many asides come with every question, or with all the facts of a story that
    is written in one go.
    """

    rng: random.Random
    length: int | None = None
    distractors: int = 0
    lines: list[str] = field(default_factory=list)

    def add(self, text: str) -> int:
        """Add a line, and return its number."""
        self.lines.append(f"{len(self.lines) + 1} {text}")
        return len(self.lines)

    def ask(self, question: str, answer: str, supports: Iterable[int]) -> None:
        """Add a question with its answer and the lines that the answer follows from."""
        self.add(f"{question}\t{answer}\t{' '.join(str(line) for line in supports)}")

    def recent(self, last_lines: Mapping[str, int], share: float = 0.6) -> str:
        """Draw a name: each is `share` times as likely as the next later one."""
        names = sorted(last_lines, key=lambda name: (-last_lines[name], name))
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
                self.add(aside())
            if index < len(units):
                units[index]()

    def mix(self, texts: Sequence[str], aside: Callable[[], str]) -> list[int]:
        """Tell all facts of a story in order, with asides in between, and return their lines."""
        lines: list[int] = []

        def unit(text: str) -> Callable[[], None]:
            return lambda: lines.append(self.add(text))

        self.block([unit(text) for text in texts], aside)
        return lines


PEOPLE = ("Daniel", "John", "Mary", "Sandra")
WOMEN = ("Mary", "Sandra")
GIVERS = ("Bill", "Fred", "Jeff", "Mary")
DOUBTFUL = ("Bill", "Fred", "Julie", "Mary")
FEARFUL = ("Emily", "Gertrude", "Jessica", "Winona")
COLOURED = ("Bernhard", "Brian", "Greg", "Julius", "Lily")
MOVED = ("Antoine", "Jason", "Sumit", "Yann")
MORE_PEOPLE = tuple(
    "Alice Clara Edgar Flora Henry Hugo Irene Laura Martin Nina Olivia Oscar Paul Peter Ruth"
    " Simon".split()
)
"""People of longer stories."""
BYSTANDERS = ("Beatrice", "Eva", "Gloria", "Harold", "Leo", "Stella", "Victor", "Walter")
"""People of asides, whom nobody asks about."""
PLACES = ("bathroom", "bedroom", "garden", "hallway", "kitchen", "office")
TOWN = ("bedroom", "cinema", "kitchen", "office", "park", "school")
MORE_PLACES = tuple("bakery cinema library museum park school station theatre".split())
"""Places of longer stories."""
ELSEWHERE = ("attic", "balcony", "cellar", "garage", "laundry", "pantry", "porch", "study")
"""Places of asides, from west to east."""
THINGS = ("apple", "football", "milk")
TRINKETS = ("candle", "lamp", "newspaper", "pencil", "scarf", "spoon", "towel", "umbrella")
"""Things of asides: one for every bystander."""
TIMES = ("yesterday", "this morning", "this afternoon", "this evening")
"""Times, in order."""
GO = ("went to", "went back to", "travelled to", "journeyed to", "moved to")
GET = ("got", "took", "grabbed", "picked up")
DROP = ("left", "dropped", "discarded", "put down")
GIVE = ("gave", "passed", "handed")
AFTER = ("Then", "Afterwards", "After that", "Following that")
OPPOSITE = {
    "north": "south",
    "south": "north",
    "east": "west",
    "west": "east",
    "above": "below",
    "below": "above",
    "to the left of": "to the right of",
    "to the right of": "to the left of",
}


def move_text(rng: random.Random, who: str, place: str) -> str:
    """Return a sentence in which somebody goes somewhere, without the full stop."""
    return f"{who} {rng.choice(GO)} the {place}"


def walkers(rng: random.Random) -> Callable[[], str]:
    """Return asides in which bystanders move."""
    return lambda: f"{move_text(rng, rng.choice(BYSTANDERS), rng.choice(PLACES))}."


def handlers(rng: random.Random) -> Callable[[], str]:
    """Return asides in which bystanders move, and get and drop things of their own."""
    holding: set[str] = set()
    walk = walkers(rng)

    def aside() -> str:
        if rng.random() < 0.5:
            return walk()
        who, thing = rng.choice(list(zip(BYSTANDERS, TRINKETS, strict=True)))
        holding.symmetric_difference_update({who})
        verb = rng.choice(GET if who in holding else DROP)
        return f"{who} {verb} the {thing} there."

    return aside


def neighbours(rng: random.Random) -> Callable[[], str]:
    """Return asides about places that nobody asks about."""

    def aside() -> str:
        index = rng.randrange(len(ELSEWHERE) - 1)
        west, east = ELSEWHERE[index : index + 2]
        return rng.choice(
            (f"The {west} is west of the {east}.", f"The {east} is east of the {west}.")
        )

    return aside
