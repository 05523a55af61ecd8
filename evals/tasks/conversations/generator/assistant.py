"""Talk of a user with an assistant: short requests that tell about the user, and long replies."""

from collections.abc import Sequence

from memagent.evals.tasks.conversations.generator.phrases import Topic, fill, said
from memagent.evals.tasks.conversations.generator.wording import Block, Line, Wording
from memagent.evals.tasks.conversations.generator.world import Fact

USER, ASSISTANT = 0, 1
FEWEST, MOST = 10, 20
"""Turns of a session that has few facts."""


def assistant_session(facts: Sequence[Fact], wording: Wording) -> list[Line]:
    """Return the lines of one session in which a user says these facts."""
    rng = wording.rng
    blocks = [_statement(fact, wording) for fact in facts]
    lines = sum(map(len, blocks))
    length = rng.randint(FEWEST, MOST)
    while lines < length or len(blocks) == len(facts):
        blocks.append(_small_talk(wording))
        lines += 2
    rng.shuffle(blocks)
    return [line for block in blocks for line in block]


def _statement(fact: Fact, wording: Wording) -> Block:
    """Return the lines in which a fact is said, by the user or as the assistant's advice."""
    phrases = wording.phrases
    if fact.kind == "advice":
        advice = phrases.advice[int(fact.slots["number"])]
        reply = fill(advice.reply, wording.rng, v=said(fact.value))
        return [Line(USER, advice.request), Line(ASSISTANT, reply, fact)]
    *before, last = wording.parts(fact)
    if fact.form == "aside":
        topic = wording.topic()
        text = phrases.digression.format(aside=last, request=wording.pick(topic.requests))
    else:
        own = phrases.attributes[fact.kind].topic
        topic = phrases.relative_topic if fact.form == "other" else own
        text = last + phrases.space + wording.pick(topic.requests)
    block = []
    for part in before:
        block.append(Line(USER, part))
        block.append(Line(ASSISTANT, wording.pick(phrases.assistant_prompts)))
    return [*block, Line(USER, text, fact), _reply(topic, wording)]


def _small_talk(wording: Wording) -> Block:
    """Return a request that tells nothing about the user, and the reply."""
    topic = wording.topic()
    return [Line(USER, wording.pick(topic.requests)), _reply(topic, wording)]


def _reply(topic: Topic, wording: Wording) -> Line:
    """Return a reply of the assistant: some tips in some order."""
    rng, phrases = wording.rng, wording.phrases
    tips = rng.sample(list(topic.tips), rng.randint(3, len(topic.tips)))
    numbered = [f"{number}. {tip}" for number, tip in enumerate(tips, start=1)]
    reply = [wording.pick(phrases.openers), *numbered, wording.pick(phrases.closers)]
    return Line(ASSISTANT, "\n".join(reply))
