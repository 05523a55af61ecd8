"""Chat of two people: facts about both of them among small talk."""

from collections.abc import Sequence

from memagent.evals.tasks.conversations.generator.wording import Block, Line, Wording
from memagent.evals.tasks.conversations.generator.world import Fact

FEWEST, MOST = 12, 22
"""Turns of a session that has few facts."""
BRIEF = 5
"""Number of facts from which on the listener only speaks where it is needed."""


def chat_session(facts: Sequence[Fact], wording: Wording) -> list[Line]:
    """Return the lines of one session in which two speakers say these facts."""
    rng, phrases = wording.rng, wording.phrases
    brief = len(facts) >= BRIEF
    greeting = _exchange(phrases.greetings, wording)
    closing = _exchange(phrases.closings, wording)
    blocks = [_statement(fact, wording, brief) for fact in facts]
    lines = len(greeting) + len(closing) + sum(map(len, blocks))
    length = rng.randint(FEWEST, MOST)
    while lines < length or len(blocks) == len(facts):
        block = _exchange(phrases.small_talk, wording)
        lines += len(block)
        blocks.append(block)
    rng.shuffle(blocks)
    return [line for block in (greeting, *blocks, closing) for line in block]


def _exchange(phrases: Sequence[str], wording: Wording) -> Block:
    """Return an exchange of small talk, whoever begins it."""
    first = wording.rng.randrange(2)
    texts = wording.pick(phrases, you=wording.speakers[1 - first]).split("\n")
    return [Line((first + number) % 2, text) for number, text in enumerate(texts)]


def _statement(fact: Fact, wording: Wording, brief: bool) -> Block:
    """Return the lines in which a fact is said, with what the listener says before and after."""
    listener = 1 - fact.speaker
    lead = wording.phrases.attributes[fact.kind].lead if fact.form == "tell" else ()
    block = []
    if lead and not brief and wording.rng.random() < 0.5:
        block.append(Line(listener, wording.pick(lead)))
    *before, last = wording.parts(fact)
    for text in before:
        block.append(Line(fact.speaker, text))
        block.append(Line(listener, wording.pick(wording.phrases.prompts)))
    block.append(Line(fact.speaker, last, fact))
    if not brief and wording.rng.random() < 0.5:
        block.append(Line(listener, wording.pick(wording.phrases.reactions)))
    return block
