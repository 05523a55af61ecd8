"""Examples of statements, each with the record that it corrects, or none, in several languages.

A file of `data/` has facts of one language, with what corrects each, what brings it up to date, and
what an ordinary conversation says beside it. Generated conversations give more ordinary turns.
"""

import random
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from memagent.evals.tasks.conversations.generator.phrases import LANGUAGES, load
from memagent.evals.tasks.conversations.generator.telling import tell
from memagent.evals.tasks.conversations.generator.world import SIZES, Fact, build
from memagent.feedback.correction_features import Candidate, Utterance
from memagent.text.questions import asks

DATA = Path(__file__).parent / "data"
SEED = 101
NEWEST = 6
"""Statements of the user before a generated turn that it is compared with."""
DRAWN = 3
"""Lead-ins that are drawn for a statement."""
WHOLE = 2
"""The first so many corrections of a fact are understood without the turn before."""
AGREE = (0, 6)
"""Places of the lead-ins that agree."""
AT_ONCE, ASKED, LATER, ELSEWHERE = CONTEXTS = range(4)
"""Turns before a statement: the fact; a question about it; another fact; only other facts."""
AGO = {AT_ONCE: 1, ASKED: 2, LATER: 2, ELSEWHERE: 0}
"""Turns from the statement back to the fact; 0 if the fact is not among the newest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A statement, the records that it may correct, and the place of the one it does; or None."""

    utterance: Utterance
    candidates: Sequence[Candidate]
    gold: int | None
    language: str


@cache
def languages() -> dict[str, dict[str, Any]]:
    """Return the files of `data/` by the code of their language."""
    return {
        file.stem: tomllib.loads(file.read_text(encoding="utf-8"))
        for file in sorted(DATA.glob("*.toml"))
    }


def lead_ins(name: str) -> list[tuple[str, str]]:
    """Return the lead-ins of a kind, "corrects" or "goes_on", as (language, text)."""
    return [
        (language, template.replace("{}", "").strip(" ,:，：、"))  # noqa: RUF001
        for language, data in languages().items()
        for template in data[name]
    ]


def written() -> Iterator[Example]:
    """Yield the examples of the files."""
    for language, data in languages().items():
        rng = random.Random(f"{SEED} {language}")
        for number, fact in enumerate(data["facts"]):
            yield from _Facts(language, data, number, rng).examples(fact)


class _Facts:
    """Examples about one fact of a language, among its others."""

    def __init__(
        self, language: str, data: dict[str, Any], number: int, rng: random.Random
    ) -> None:
        self.language, self.data, self.rng = language, data, rng
        self.elsewhere = [
            fact["said"] for place, fact in enumerate(data["facts"]) if place != number
        ]

    def examples(self, fact: dict[str, Any]) -> Iterator[Example]:
        """Yield the examples."""
        for number, text in enumerate(fact["corrected"]):
            whole = number < WHOLE
            for led in self._led("corrects", text):
                for context in (AT_ONCE, ASKED, *((LATER,) if whole else ())):
                    yield self._example(fact, led, context, 0)
            if whole:
                yield self._example(fact, _capitalised(text), ASKED, 0)
        for text in fact["updated"]:
            for context in CONTEXTS:
                yield self._example(fact, text, context, 0)
        for text in (*fact["continued"], *fact["others"], *self.elsewhere):
            small = _small(text, self.language)
            for led in (text, *self._led("goes_on", small, slice(1, None))):
                yield self._example(fact, led, self.rng.choice(CONTEXTS), None)
        for text in fact["continued"]:  # as in "Actually, it has eight gears."
            led = self.data["corrects"][1].format(_small(text, self.language))
            yield self._example(fact, led, AT_ONCE, None)
        for text in fact["agreed"]:
            for led in (_capitalised(text), *(self.data["goes_on"][n].format(text) for n in AGREE)):
                yield self._example(fact, led, ASKED, None)
        for text in self.data["small_talk"]:
            yield self._example(fact, text, self.rng.choice(CONTEXTS), None)
        for reply, text in fact["asked"]:
            for context in (AT_ONCE, ASKED):
                yield self._example(fact, text, context, None, reply)

    def _led(self, name: str, text: str, part: slice = slice(None)) -> list[str]:
        return [template.format(text) for template in self.rng.sample(self.data[name][part], DRAWN)]

    def _example(
        self, fact: dict[str, Any], text: str, context: int, gold: int | None, reply: str = ""
    ) -> Example:
        said, before = fact["said"], self.rng.sample(self.elsewhere, 3)
        acknowledged = self.rng.choice(self.data["acknowledged"])
        turns = {
            AT_ONCE: Utterance(text=text, said=said, reply=reply or acknowledged),
            ASKED: Utterance(text=text, said=fact["question"], reply=reply or fact["reply"]),
            LATER: Utterance(text=text, said=before[0], reply=reply or acknowledged),
            ELSEWHERE: Utterance(text=text, said=before[0], reply=reply or acknowledged),
        }
        others = [
            Candidate(text=before[0], ago=1 if context in (LATER, ELSEWHERE) else 3),
            Candidate(text=before[1], ago=4),
            Candidate(text=before[2]),
        ]
        if text not in fact["others"]:
            others.append(Candidate(text=self.rng.choice(fact["others"])))
        return Example(
            utterance=turns[context],
            candidates=[
                Candidate(text=said, ago=AGO[context], shown=context == ASKED),
                *(other for other in others if other.text not in text),
            ],
            gold=gold,
            language=self.language,
        )


def generated(seed: int = SEED) -> Iterator[Example]:
    """Yield the ordinary statements of generated conversations; changes of facts are left out."""
    for language in LANGUAGES:
        phrases = load(language)
        for speakers in (1, 2):
            rng = random.Random(f"{language} {speakers} {seed}")
            world = build(phrases, SIZES["small"], speakers, rng)
            telling = tell("", world, phrases, rng)
            yield from _turns(telling.conversation.turns, _changed(telling.stated), language)


def _changed(stated: Any) -> set[str]:
    """Return the turns that say something else of what was said before."""
    known: set[tuple[str, int]] = set()
    changed = set()
    for fact, turn in stated.items():
        if _repeats(fact, known):
            changed.add(turn)
        known.add((fact.kind, fact.speaker))
    return changed


def _repeats(fact: Fact, known: set[tuple[str, int]]) -> bool:
    again = (fact.kind, fact.speaker) in known
    return fact.form == "change" or (fact.kind in ("event", "day", "date") and again)


def _turns(turns: Sequence[Any], changed: set[str], language: str) -> Iterator[Example]:
    mine = turns[0].name
    said: list[str] = []
    for before, reply, turn in zip(turns, turns[1:], turns[2:], strict=False):
        if not _is_mine(before, mine) or _is_mine(reply, mine) or not _is_mine(turn, mine):
            continue
        if not asks(before.text):
            said.append(before.text)
        if not asks(turn.text) and turn.id not in changed and said:
            newest = list(dict.fromkeys(reversed(said)))[:NEWEST]
            yield Example(
                utterance=Utterance(text=turn.text, said=before.text, reply=reply.text),
                candidates=[
                    Candidate(text=text, ago=ago) for ago, text in enumerate(newest, start=1)
                ],
                gold=None,
                language=language,
            )


def _is_mine(turn: Any, name: str) -> bool:
    return bool(turn.role == "user" and turn.name == name)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _small(text: str, language: str) -> str:
    """Return a sentence as it stands behind a lead-in; German writes nouns and names large."""
    first, _, rest = text.partition(" ")
    return f"{first.lower()} {rest}" if first in _SMALL.get(language, ()) else text


_SMALL = {
    "en": ("She", "He", "It", "My", "The", "They"),
    "de": ("Sie", "Er", "Es", "Mein", "Meine", "Der", "Die", "Das"),
    "es": ("El", "La", "Los", "Las", "Mi", "Mis"),
    "fr": ("Elle", "Il", "Le", "La", "Les", "Mon", "Ma", "Mes"),
    "ru": ("Он", "Она", "Мой", "Моя", "Мои"),
}
"""Words that are written small behind a lead-in."""
