"""Telling of a world as the turns of a conversation."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from memagent.evals.tasks.conversations.conversation import Conversation, Role, Turn
from memagent.evals.tasks.conversations.generator.assistant import USER, assistant_session
from memagent.evals.tasks.conversations.generator.chat import chat_session
from memagent.evals.tasks.conversations.generator.phrases import Phrases
from memagent.evals.tasks.conversations.generator.wording import Wording
from memagent.evals.tasks.conversations.generator.world import Fact, World


@dataclass(frozen=True, slots=True)
class Telling:
    """A conversation, and by fact the id of the turn that states its value."""

    conversation: Conversation
    stated: Mapping[Fact, str]


def tell(id: str, world: World, phrases: Phrases, rng: random.Random) -> Telling:
    """Return a world as a conversation: of its two speakers, or of the one with an assistant."""
    people = len(world.speakers) > 1
    wording = Wording(world.speakers, phrases, rng)
    turns = []
    stated = {}
    for number, when in enumerate(world.starts):
        facts = [fact for fact in world.facts if fact.session == number]
        lines = chat_session(facts, wording) if people else assistant_session(facts, wording)
        for place, line in enumerate(lines, start=1):
            role: Role = "user" if people or line.speaker == USER else "assistant"
            turn = Turn(
                id=f"{number + 1}:{place}",
                session=str(number + 1),
                role=role,
                text=line.text,
                name=world.speakers[line.speaker] if people else "",
                when=when,
            )
            turns.append(turn)
            when += timedelta(seconds=rng.randint(40, 170))
            if line.fact is not None:
                stated[line.fact] = turn.id
    return Telling(Conversation(id=id, turns=tuple(turns)), stated)
