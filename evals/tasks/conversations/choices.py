"""Multiple choice: the question with its lettered options, and the letter of an answer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from memagent.evals.metrics.answers import exact
from memagent.evals.tasks.conversations.abstention import abstains
from memagent.types import Example

OPTIONS = 4
"""Number of options of a few-shot example."""


def lettered(question: str, options: Mapping[str, str]) -> str:
    """Return a question with its options, one on each line, and what to answer with."""
    lines = [f"({letter}) {text}" for letter, text in options.items()]
    return "\n".join([question, *lines, "Answer with the letter."])


def letter_of(answer: str, options: Mapping[str, str]) -> str | None:
    """Return the letter that an answer gives, or None where it gives none, or several.

    It is the one in brackets, or the one that the answer begins with ("b", "B. In Graz"), or that
    of the option whose words the whole answer has.
    """
    letters = "".join(map(re.escape, options))
    named = set(re.findall(rf"\(([{letters}])\)", answer, re.IGNORECASE))
    if not named:
        first = re.match(rf"\W*([{letters}])(?=\s*$|\s*[).:,\]*])", answer, re.IGNORECASE)
        named = {first[1]} if first else set()
    found = {letter for letter in options if letter.lower() in map(str.lower, named)}
    found = found or {letter for letter, text in options.items() if exact(answer, [text])}
    return found.pop() if len(found) == 1 else None


def as_choices(examples: Sequence[Example]) -> list[Example]:
    """Return few-shot examples as multiple choice, among the answers of one another.

    Those whose answer is that nothing is known are left out.
    """
    answered = [example for example in examples if not abstains(example.answer)]
    answers = list(dict.fromkeys(example.answer for example in answered))
    chosen = []
    for number, example in enumerate(answered):
        others = [text for text in answers if text != example.answer]
        texts = (others[number:] + others[:number])[: OPTIONS - 1]
        place = number % OPTIONS if len(texts) == OPTIONS - 1 else 0
        texts.insert(place, example.answer)
        options = dict(zip("abcd", texts, strict=False))
        question = lettered(example.question, options)
        chosen.append(replace(example, question=question, answer=f"({'abcd'[place]})"))
    return chosen
