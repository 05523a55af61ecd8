"""Streams of episodes for interference within a session (Coleman, Hurtado and Lomonaco 2023).

After each episode come the questions about it and every earlier one. A sample, asked after the
second of two episodes about the first, whose fact still holds:

    1 Mary went to the garden.      episode 1
    2 John moved to the cellar.
    3 Fred travelled to the attic.  episode 2
    4 John went to the library.
    Where is Mary? garden

The paper's abstract confirms the purpose; episodes, conditions and questions are ours. No place is
in two facts of a stream, so that a wrong answer shows where it comes from.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from memagent.evals.task import Sample

LINES = 40
"""The greatest number of facts in a stream: there are no more names and places."""

GO = ("went to", "went back to", "travelled to", "journeyed to", "moved to")
NAMES = tuple(
    "Mary John Sandra Daniel Fred Jeff Bill Julie Emma Oscar Nina Paul Clara Hugo Ruth Simon Alice"
    " Victor Laura Peter Irene Walter Diana Martin Helen Arthur Sophie Henry Judith Leo Marta Felix"
    " Agnes Conrad Edith Robert Vera Gustav Paula Stefan".split()
)
PLACES = tuple(
    "kitchen bathroom bedroom garden hallway office cellar attic library garage balcony stable"
    " chapel bakery harbour market museum theatre station school hospital castle tower bridge"
    " forest meadow beach island airport factory prison cinema hotel bank barn tavern temple"
    " workshop laundry pharmacy".split()
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial(Sample):
    """The question of `episode`, asked after `insertion` episodes (both from 1).

    `subjects` are the persons of the facts. `competing` are the answers that other facts about the
    same person give, `told` the answers that all facts of the stream so far give. The names of the
    fields are in the digest of a task.
    """

    insertion: int
    episode: int
    subjects: tuple[str, ...]
    competing: tuple[str, ...]
    told: tuple[str, ...]

    @property
    def lag(self) -> int:
        """Number of episodes since."""
        return self.insertion - self.episode


@dataclass(frozen=True, slots=True)
class Fact:
    """A move of a person to a place in an episode (from 1), in words."""

    episode: int
    person: str
    place: str
    text: str


def stream(condition: str, sizes: Mapping[str, int], seed: str) -> list[list[Fact]]:
    """Return the facts of each episode of a stream, the one that is asked about first."""
    rng = random.Random(f"interference-{seed}")
    names, places = rng.sample(NAMES, len(NAMES)), rng.sample(PLACES, len(PLACES))
    cast = names[: sizes["cast"]]
    episodes: list[list[Fact]] = []
    for episode in range(1, sizes["episodes"] + 1):
        people = names[: sizes["people"]]
        if condition == "no-conflict":
            names = names[sizes["people"] :]
        else:
            people = rng.sample(cast, sizes["people"])
        day = f"On day {episode} " if condition == "dated" else ""
        gone = [(person, places.pop(), rng.choice(GO)) for person in people]
        episodes.append(
            [
                Fact(episode, person, place, f"{day}{person} {verb} the {place}.")
                for person, place, verb in gone
            ]
        )
    return episodes


def trials(story: str, condition: str, sizes: Mapping[str, int], seed: str) -> Iterator[Trial]:
    """Yield after each insertion the questions about all episodes so far whose facts still hold.

    In "conflict", a fact that a newer one replaces is not asked about: the newer episode asks it.
    """
    episodes = stream(condition, sizes, seed)
    # Which of an episode's lines is asked about must not show in the order of its lines.
    shuffled = random.Random(f"order-{seed}")
    so_far: list[Fact] = []
    for insertion, facts in enumerate(episodes, start=1):
        so_far += shuffled.sample(facts, len(facts))
        for episode in range(1, insertion + 1):
            asked = episodes[episode - 1][0]
            same = [fact for fact in so_far if fact.person == asked.person and fact != asked]
            if condition == "conflict" and any(fact.episode > episode for fact in same):
                continue
            on = f"was {asked.person} on day {episode}" if condition == "dated" else None
            yield Trial(
                id=f"{story}/{insertion}/{episode}",
                story=story,
                facts=tuple((line, fact.text) for line, fact in enumerate(so_far, start=1)),
                question=f"Where {on or f'is {asked.person}'}?",
                gold=(asked.place,),
                supports=(so_far.index(asked) + 1,),
                insertion=insertion,
                episode=episode,
                subjects=tuple(fact.person for fact in so_far),
                competing=tuple(fact.place for fact in same),
                told=tuple(fact.place for fact in so_far),
            )
