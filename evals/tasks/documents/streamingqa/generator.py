"""Generator of a small world of dated news in StreamingQA's format.

Each town has offices that change hands now and then, and events that happen once. One article of
two passages reports each, among sentences that answer no question. In 2020 every office
changes hands twice. A question about the recent past asks who holds an office that changed hands in
the month before; one about the past names the year of what it asks for. So a memory that stopped
reading before 2020 knows the past, and is wrong about what changed since.
"""

import base64
import gzip
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from memagent.evals.tasks.documents.streamingqa.files import (
    Age,
    Article,
    Origin,
    QuestionSplit,
    article_of,
    question_file,
    sorting_key,
)

SIZES = {"small": 12, "medium": 60, "large": 360}
"""Number of towns in a world of each size; each has about eighteen articles."""
SEEDS: dict[QuestionSplit, int] = {"train": 1, "valid": 2, "eval": 3}
"""A split's world has towns and people of its own."""
RECENT = datetime(2020, 1, 1, tzinfo=UTC)
"""From here on things are recent: all questions are asked in this year."""

_HEADS = (
    "Al Ber Cas Dun El Far Gar Hol Is Kel Lan Mar Nor Os Pen Quar Ros Stan Tor Ul Ver Wil".split()
)
_MIDDLES = "a e i o en er in or um al".split()
_TAILS = "bury dale ford gate ham haven mere mouth port stead ton vale wick worth".split()
_FIRST = (
    "Ada Boris Clara Dmitri Edith Felix Greta Hugo Irma Jonas Karin Leon Mira Nils Olga Pavel Rosa"
    " Stefan Tilda Ugo Vera Walter Xenia Yusuf Zora"
).split()
_SYLLABLES = "ba co da fe gi ha jo ka li mo na pe ri so ta vu wo za bre chi dro fla gri stu".split()


@dataclass(frozen=True, kw_only=True, slots=True)
class Office:
    """An office that changes hands: its sentences and questions; `{t}` is the town, `{p}` who."""

    sentences: Sequence[str]
    recent: dict[Origin, str]
    past: dict[Origin, str]
    title: str


OFFICES = (
    Office(
        sentences=("{p} became mayor of {t} on {d}", "{p} took office as mayor of {t} on {d}"),
        recent={"written": "Who is mayor of {t} now?", "generated": "Who is the mayor of {t}?"},
        past={
            "written": "Who became mayor of {t} in {y}?",
            "generated": "Who took office as mayor of {t} in {y}?",
        },
        title="Mayor",
    ),
    Office(
        sentences=(
            "{t} Rovers named {p} as head coach on {d}",
            "{p} became head coach of {t} Rovers",
        ),
        recent={
            "written": "Who coaches {t} Rovers now?",
            "generated": "Who is the head coach of {t} Rovers?",
        },
        past={
            "written": "Whom did {t} Rovers name as head coach in {y}?",
            "generated": "Who became head coach of {t} Rovers in {y}?",
        },
        title="Coach",
    ),
    Office(
        sentences=(
            "{p} was appointed director of the {t} Museum",
            "The {t} Museum hired {p} to lead it",
        ),
        recent={
            "written": "Who leads the {t} Museum now?",
            "generated": "Who is the director of the {t} Museum?",
        },
        past={
            "written": "Whom did the {t} Museum hire to lead it in {y}?",
            "generated": "Who was appointed director of the {t} Museum in {y}?",
        },
        title="Director",
    ),
)
EVENTS = (
    Office(
        sentences=("{p} won the {t} marathon", "The {t} marathon was won by {p}"),
        recent={},
        past={
            "written": "Who won the {t} marathon in {y}?",
            "generated": "Who was the winner of the {t} marathon in {y}?",
        },
        title="Runner",
    ),
)
_FILLERS = (
    "About {n} people came to the square to hear the news",
    "Rain had been forecast for the whole week, but the day stayed dry",
    "Shops along the high street closed an hour early",
    "A spokeswoman said that more details would follow within {n} days",
    "The local paper had reported rumours for weeks",
    "Nobody could remember a busier morning at the town hall",
    "Traffic was slow on the road to the coast until the evening",
    "The band of the fire brigade played three songs",
    "Prices for bread and milk have risen by {n} percent in the region",
    "Several schools sent their older pupils",
    "The library will stay open until nine this month",
    "Volunteers had cleaned the park on the day before",
    "A second meeting is planned for the end of the month",
    "The budget of {n} thousand was approved without debate",
    "Ferries ran as usual, the harbour office said",
    "Residents have complained about the noise of the new crossing",
)
PASSAGES = 2
"""Number of passages of six sentences in an article."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """One article: when it came out, its sentences, and its facts."""

    published: datetime
    sentences: tuple[str, ...]
    town: str
    office: Office
    person: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A question about one story."""

    story: Story
    question: str
    answers: tuple[str, ...]
    asked_at: datetime
    age: Age
    origin: Origin


class World:
    """Towns, people and what was reported of them from 2007 to 2020, the same for the same seed."""

    def __init__(self, seed: int, towns: int) -> None:
        self._random = random.Random(seed)
        self._people: set[str] = set()
        self.towns = self._names(towns)
        stories = [story for town in self.towns for story in self._of(town)]
        self.stories = sorted(stories, key=lambda story: (story.published, story.sentences))

    def questions(self) -> Iterator[Asked]:
        """Yield a question about each change of 2020, and as many about the years before.

        One about the recent past is asked within a month of what it asks about.
        """
        recent = [story for story in self.stories if story.published >= RECENT]
        past = [story for story in self.stories if story.published < RECENT]
        for story in recent:
            later = timedelta(days=self._random.randint(1, 30), hours=self._random.randrange(24))
            yield self._ask(story, story.published + later, "recent")
        for story in self._random.sample(past, min(len(recent), len(past))):
            yield self._ask(story, RECENT + timedelta(days=self._random.randrange(366)), "past")

    def _of(self, town: str) -> Iterator[Story]:
        """Yield the stories of a town: each office changes hands several times, in 2020 twice."""
        for office in OFFICES:
            years = self._random.sample(range(2007, 2020), self._random.randint(2, 4))
            for year in years:
                yield self._story(town, office, year)
            yield self._story(town, office, 2020, 0, 120)
            yield self._story(town, office, 2020, 180, 335)
        for event in EVENTS:
            for year in self._random.sample(range(2007, 2020), 3):
                yield self._story(town, event, year)

    def _story(self, town: str, office: Office, year: int, first: int = 0, end: int = 335) -> Story:
        """Return a story of a day of a year, from the `first` (0) to before the `end`."""
        begin = datetime(year, 1, 1, tzinfo=UTC)
        published = begin + timedelta(days=self._random.randrange(first, end))
        person = self._person()
        day = f"{published:%B} {published.day}"
        fact = self._random.choice(office.sentences).format(p=person, t=town, d=day)
        size = 6 * PASSAGES
        sentences = [
            filler.format(n=self._random.randint(2, 90))
            for filler in self._random.sample(_FILLERS, size)
        ]
        sentences[self._random.randrange(size)] = fact
        return Story(
            published=published,
            sentences=tuple(sentences),
            town=town,
            office=office,
            person=person,
        )

    def _ask(self, story: Story, asked_at: datetime, age: Age) -> Asked:
        origin: Origin = self._random.choice(("written", "generated"))
        form = story.office.recent[origin] if age == "recent" else story.office.past[origin]
        last = story.person.split()[-1]
        return Asked(
            story=story,
            question=form.format(t=story.town, y=story.published.year),
            answers=(story.person, last, f"{story.office.title} {last}"),
            asked_at=asked_at,
            age=age,
            origin=origin,
        )

    def _names(self, count: int) -> list[str]:
        every = [head + middle + tail for head in _HEADS for middle in _MIDDLES for tail in _TAILS]
        return self._random.sample(every, count)

    def _person(self) -> str:
        """Return a name that no person had before, neither in whole nor its last part."""
        while True:
            parts = self._random.choices(_SYLLABLES, k=3)
            last = "".join(parts).capitalize()
            if last not in self._people:
                self._people.add(last)
                return f"{self._random.choice(_FIRST)} {last}"


KEYS_FILE = "wmt_sorting_key_ids.txt.gz"
TOXICITY = (
    "toxicity_identity_attack",
    "toxicity_insult",
    "toxicity_profanity",
    "toxicity_severe_toxicity",
    "toxicity_sexually_explicit",
    "toxicity_threat",
)


def archive_file(year: int) -> str:
    """Return what a year's archive of articles is called."""
    return f"news-docs.{year}.en.filtered.gz"


def write_world(folder: Path, split: QuestionSplit, size: str = "small", seed: int = 0) -> None:
    """Write a split's questions, the archives it is about, and the list of keys to keep.

    Every twelfth article stands twice in its archive, the second time under another key that the
    list does not have, as the released list leaves repeats out.
    """
    world = World(SEEDS[split] + 10 * seed, SIZES[size])
    (folder / "wmt").mkdir(parents=True, exist_ok=True)
    years: defaultdict[int, list[bytes]] = defaultdict(list)
    keys = []
    for number, story in enumerate(world.stories):
        line = archive_line(story)
        years[story.published.year].append(line)
        keys.append(key_of(story))
        if number % 12 == 0:
            years[story.published.year].append(_repeated(story))
    for year, lines in years.items():
        _pack(folder / "wmt" / archive_file(year), b"".join(lines))
    _pack(folder / KEYS_FILE, "".join(f"{key}\n" for key in keys).encode())
    rows = [
        json.dumps(_row(asked, f"{split}-{number}", split)) + "\n"
        for number, asked in enumerate(world.questions())
    ]
    _pack(folder / question_file(split), "".join(rows).encode())


def archive_line(story: Story) -> bytes:
    """Return a story as a line of an archive."""
    split = ".\n".join(story.sentences) + ".\n"
    return _line(story, split, _unsplit(story))


def key_of(story: Story) -> str:
    """Return the sorting key of a story."""
    return sorting_key(story.published, base64.b64encode(_unsplit(story).encode()))


def article(story: Story) -> Article:
    """Return a story as it is read back from an archive."""
    return article_of(archive_line(story), "generated")


def _unsplit(story: Story) -> str:
    return ". ".join(story.sentences) + "."


def _repeated(story: Story) -> bytes:
    split = ".\n".join(story.sentences) + ".\n"
    return _line(story, split, _unsplit(story) + " ")


def _line(story: Story, split: str, unsplit: str) -> bytes:
    day = story.published.strftime("%Y%m%d").encode()
    fields = [day, base64.b64encode(split.encode()), base64.b64encode(unsplit.encode())]
    return b"\t".join(fields) + b"\n"


def _row(asked: Asked, id: str, split: QuestionSplit) -> dict[str, object]:
    """Return a question in the released schema; only of `eval` three references are known."""
    many = split == "eval"
    return {
        "qa_id": id,
        "question": asked.question,
        "answers": list(asked.answers if many else asked.answers[:1]),
        "answers_additional": list(asked.answers[:1] if many else ()),
        "question_ts": int(asked.asked_at.timestamp()),
        "evidence_ts": int(asked.story.published.timestamp()),
        "evidence_id": key_of(asked.story),
        "recent_or_past": asked.age,
        "written_or_generated": asked.origin,
        **dict.fromkeys(TOXICITY, 0.0),
    }


def _pack(path: Path, content: bytes) -> None:
    """Write a packed file that is the same for the same content, whenever it is written."""
    path.write_bytes(gzip.compress(content, mtime=0))
