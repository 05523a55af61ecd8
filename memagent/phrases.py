"""The things that an English sentence names: "the box of nails", "my sister", "Zoe"."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from memagent.relations import is_relation
from memagent.text.english import FUNCTION_WORDS, lemma

Phrase = tuple[str, ...]
"""The lemmas of the words of a thing's name, in order."""

_TOKEN = re.compile(r"\w+|[^\w\s]")
_DETERMINERS = frozenset("the a an my your his her its our their this that".split())
_LINKS = frozenset("is are am was were has have had and or than".split())
"""What may follow a thing, and is never a part of its name or the verb after it."""
_PREPOSITIONS = frozenset(
    "inside near behind beside toward towards onto outside within across around along past".split()
)


@dataclass(frozen=True, slots=True)
class _Run:
    """Words after a determiner; the last may be a verb unless they are surely `whole`."""

    words: Phrase
    whole: bool


def surely(text: str) -> set[Phrase]:
    """Return the things in a text whose names end for sure where they seem to."""
    return {run.words for run in _runs(text) if run.whole}


def phrases(text: str, known: Collection[Phrase]) -> list[Phrase]:
    """Return the things that a text names, each once, in order; `known` ones are told from verbs.

    "The cat sleeps" may name a cat or a cat sleep: it is a cat if one is known, and if neither is.
    """
    return list(dict.fromkeys(_named(run, known) for run in _runs(text)))


def _named(run: _Run, known: Collection[Phrase]) -> Phrase:
    if run.whole:
        return run.words
    starts = (run.words[:end] for end in range(len(run.words), 0, -1))
    return next((one for one in starts if one in known), run.words[:-1] or run.words)


def _runs(text: str) -> Iterator[_Run]:
    tokens: Sequence[str] = [*_TOKEN.findall(text), "."]
    at = 0
    while at < len(tokens) - 1:
        word = tokens[at]
        at += 1
        if word.lower() in ("i", "me"):
            yield _Run(("i",), True)
        if word[0].isupper() and word.lower() not in FUNCTION_WORDS:
            yield _Run((lemma(word),), True)
        if word.lower() not in _DETERMINERS:
            continue
        start = at
        while _goes_on(tokens, at):
            at += 1
        run = tuple(lemma(one) for one in tokens[start:at])
        if run:
            ends = tokens[at].lower()
            yield _Run(run, not ends[0].isalnum() or ends in _LINKS or is_relation(ends))


def _goes_on(tokens: Sequence[str], at: int) -> bool:
    """Tell whether the token there still belongs to a thing's name."""
    word = tokens[at].lower()
    if word == "of":
        return _means(tokens[at + 1].lower())
    return _means(word)


def _means(word: str) -> bool:
    ends = word in FUNCTION_WORDS or word in _PREPOSITIONS or is_relation(word)
    return word[0].isalnum() and not ends
