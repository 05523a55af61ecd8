"""Generated data set: conversations of one style and language with questions about them."""

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal

from memagent.errors import InvalidInput
from memagent.evals.tasks.conversations.conversation import (
    Conversation,
    ConversationQuestion,
    DataSet,
    question,
)
from memagent.evals.tasks.conversations.generator.phrases import LANGUAGES, Phrases, load
from memagent.evals.tasks.conversations.generator.questions import Draft, ask
from memagent.evals.tasks.conversations.generator.telling import Telling, tell
from memagent.evals.tasks.conversations.generator.world import SIZES, build

Style = Literal["people", "assistant", "choice"]
STYLES: tuple[Style, ...] = ("people", "assistant", "choice")
CONVERSATIONS = 4
"""Conversations of a data set of any size."""
LETTERS = "abcd"
NEVER_SAID = 0.25
"""Share of the answerable multiple-choice questions whose options say that it was never said."""


def generate(
    *, name: str, style: Style, language: str = "en", seed: int = 0, size: str = "small"
) -> DataSet:
    """Return generated conversations and the questions about them, the same for the same arguments.

    In the style "people" two speakers chat; in "assistant" a user, whose questions these are, talks
    with an assistant; "choice" is the same with multiple-choice questions. Each question has four
    options there, of which one says that nothing is known where it is unanswerable: the right one
    is its `gold`. `size` is small (6 sessions a conversation), medium (20) or large (60).

    Raises:
        InvalidInput: there is no such style, language or size.
    """
    _check("style", style, STYLES)
    _check("language", language, LANGUAGES)
    _check("size", size, tuple(SIZES))
    phrases = load(language)
    conversations: list[Conversation] = []
    questions: list[ConversationQuestion] = []
    for number in range(1, CONVERSATIONS + 1):
        id = f"{language}-{style}-{size}-{seed}-{number}"
        rng = random.Random(id)
        world = build(phrases, SIZES[size], 2 if style == "people" else 1, rng)
        telling = tell(id, world, phrases, rng)
        drafts = ask(world, phrases, rng)
        places = _places(len(drafts), rng)
        for count, (draft, place) in enumerate(zip(drafts, places, strict=True), start=1):
            options = _options(draft, place, phrases, rng) if style == "choice" else {}
            gold = (LETTERS[place],) if options else draft.gold
            name_of = f"{id}/{draft.kind}/{count}"
            questions.append(_question(name_of, draft, telling, gold, options))
        conversations.append(telling.conversation)
    return DataSet(name=name, source="generated", conversations=conversations, questions=questions)


def _check(option: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise InvalidInput(f"{option} {value!r}: expected {', '.join(known)}")


def _question(
    id: str,
    draft: Draft,
    telling: Telling,
    gold: tuple[str, ...],
    options: Mapping[str, str],
) -> ConversationQuestion:
    """Return a draft as a question about its conversation."""
    last = telling.conversation.turns[-1].when
    people = bool(telling.conversation.turns[0].name)
    return question(
        id=id,
        conversation=telling.conversation,
        text=draft.text,
        gold=gold,
        category=draft.category,
        evidence=sorted({telling.stated[fact] for fact in draft.facts}, key=_order),
        unanswerable=not draft.gold,
        trap=draft.trap,
        options=options,
        rubric=() if people or options else draft.nuggets,
        asked_at=None if last is None else last + timedelta(days=1),
    )


def _order(turn: str) -> tuple[int, ...]:
    """Return the place of a turn by its id: its session, and its place there."""
    return tuple(map(int, turn.split(":")))


def _places(n: int, rng: random.Random) -> list[int]:
    """Draw the place of the right option for n questions, each place as often as any other."""
    places = [number % len(LETTERS) for number in range(n)]
    rng.shuffle(places)
    return places


def _options(draft: Draft, place: int, phrases: Phrases, rng: random.Random) -> dict[str, str]:
    """Return the options of a question by letter, the right one at its place."""
    right = draft.gold[0] if draft.gold else phrases.never_said
    wrong = list(draft.wrong[: len(LETTERS) - 1])
    if draft.gold and rng.random() < NEVER_SAID:
        wrong[-1] = phrases.never_said
    rng.shuffle(wrong)
    texts = [*wrong[:place], right, *wrong[place:]]
    return dict(zip(LETTERS, texts, strict=True))
