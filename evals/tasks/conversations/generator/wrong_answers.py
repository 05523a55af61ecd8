"""Wrong answers to generated questions, on which the leniency of a judge is measured."""

import random
from collections.abc import Iterator

from memagent.evals.tasks.conversations.conversation import ConversationQuestion, DataSet
from memagent.evals.tasks.conversations.generator.phrases import Phrases, load, said


def wrong_answers(question: ConversationQuestion, data: DataSet, seed: int) -> tuple[str, str]:
    """Return two wrong answers to a question of a generated data set, the same for the same seed.

    The first is specific: another value of the same kind, such as another city, or the trap where
    the question is unanswerable. The second is vague: it commits to no value, such as "a city that
    feels like home". Both are in the language of the question, and texts where it has options.
    """
    phrases = load(question.story.split("-")[0])
    kind = _kind(question)
    specific = question.trap
    if not specific:
        pool = dict.fromkeys(_others(question, kind, data, phrases))
        specific = random.Random(f"{seed}/{question.id}").choice(list(pool))
    return specific, _vague(kind, phrases)


def _kind(question: ConversationQuestion) -> str:
    """Return the kind of the answer, which the id of a question names."""
    return question.id.split("/")[1]


def _others(
    question: ConversationQuestion, kind: str, data: DataSet, phrases: Phrases
) -> Iterator[str]:
    """Yield answers of the same kind that are wrong, from the options where there are any."""
    if question.options:
        right = {question.options[letter] for letter in question.gold} | {phrases.never_said}
        yield from (text for text in question.options.values() if text not in right)
        return
    found = [other.gold[0] for other in data.questions if other.gold and _kind(other) == kind]
    if kind in phrases.attributes:
        found += map(said, phrases.attributes[kind].values)
    elif kind.startswith("advice"):
        found += map(said, phrases.advice[_number(kind)].values)
    for text in found:
        if not any(_alike(text, gold) for gold in question.gold):
            yield text


def _alike(text: str, gold: str) -> bool:
    """Say whether one of two answers is part of the other, or a list in another order."""
    text, gold = text.casefold(), gold.casefold()
    return text in gold or gold in text or sorted(text) == sorted(gold)


def _vague(kind: str, phrases: Phrases) -> str:
    """Return an answer of a kind that commits to nothing."""
    if kind.startswith("advice"):
        return phrases.advice[_number(kind)].vague
    attribute = phrases.attributes.get(kind)
    return attribute.vague if attribute else phrases.vague[kind]


def _number(kind: str) -> int:
    """Return the number of a piece of advice from its kind."""
    return int(kind.removeprefix("advice"))
