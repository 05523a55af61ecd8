"""The rationale bank: ways of looking that led to a right answer, told apart by similar cases."""

import re
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from memagent.stores.banks.episodic import EpisodicBank, Given
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import Filter
from memagent.stores.lifecycle.erasure import quoting
from memagent.stores.ranking import Ranking
from memagent.text.english import FUNCTION_WORDS, content_words, names, stem
from memagent.types import Hit, Note, Scope

_TOKEN = re.compile(
    r"[^\W\d_]+(?:['’][^\W\d_]+)*|\$?\d[\d,]*(?:\.\d+)?%?|\S"  # noqa: RUF001
)
_BEFORE_THINGS = frozenset(
    "a an the of his her their its my our your each every some many several few another".split()
)
"""After one of these, or a number, the last content word of a run names a thing."""
_OPERATIONS = frozenset(
    """add added altogether average bigger both buy buys bought combined cost costs cut day days
    difference dollar dollars double doubled earn earns earned equal equally fewer first fourth
    fraction gave get gets give gives got half hour hours increase increased decrease decreased
    left less longer lose loses lost many minute minutes month months much need needs next number
    old older paid pay pays per percent percentage price profit quarter ratio remain remaining rest
    save saved sell sells second share shared shorter sold spend spends spent split sum take takes
    tax third times took total triple twice week weeks went work worked year years younger
    """.split()
)
"""Words that say what happens to amounts; they are the structure, and stay."""


def obfuscated(text: str) -> str:
    """Return a text with "someone" for names, "some" for numbers and "something" for things.

    After ARM-RAG (Melz 2023), which had a language model list names and nouns; here rules do. A
    name is a capitalised word that is no function word and does not only open a sentence; a thing
    is the last content word of a run after an article, a possessive, "of" or a number.
    """
    tokens = _TOKEN.findall(text)
    names = {
        _base(token)
        for before, token in zip([".", *tokens], tokens, strict=False)
        if token[0].isupper() and before not in '.?!"' and token.lower() not in FUNCTION_WORDS
    }
    shown = []
    for at, token in enumerate(tokens):
        lowered = token.lower()
        if token.strip("$")[:1].isdigit():
            shown.append("some")
        elif _base(token) in names or _is_opening_name(tokens, at):
            shown.append("someone")
        elif token.isalpha() and _names_thing(tokens, at):
            shown.append("something")
        else:
            shown.append(lowered)
    told = re.sub(r"\b(something|someone)(?: \1)+\b", r"\1", " ".join(shown))
    return re.sub(r"\s+([,.?!;:])", r"\1", told)


def _base(token: str) -> str:
    return re.split("['’]", token)[0]  # noqa: RUF001


def _is_content(token: str) -> bool:
    lowered = token.lower()
    return token.isalpha() and lowered not in FUNCTION_WORDS | _OPERATIONS


def _is_opening_name(tokens: list[str], at: int) -> bool:
    """Tell whether a capitalised word that opens a sentence is a name: a verb or "'s" follows."""
    token = tokens[at]
    if not token[0].isupper() or _base(token).lower() in FUNCTION_WORDS | _OPERATIONS:
        return False
    following = tokens[at + 1].lower() if at + 1 < len(tokens) else ""
    verb = following in ("is", "has", "had", "was", "and") or following in _OPERATIONS
    return verb or following.endswith(("s", "ed")) or token != _base(token)


def _names_thing(tokens: list[str], at: int) -> bool:
    """Tell whether a word ends a run of content words that opens like a noun phrase."""
    if not _is_content(tokens[at]):
        return False
    if at + 1 < len(tokens) and _is_content(tokens[at + 1]) and tokens[at + 1][0].islower():
        following = tokens[at + 1]
        if not following.endswith(("ed", "ing", "s")) or following.endswith("ss"):
            return False
    start = at
    while start and _is_content(tokens[start - 1]):
        start -= 1
    before = tokens[start - 1] if start else ""
    return before.lower() in _BEFORE_THINGS or before.strip("$")[:1].isdigit()


Direction = Literal["before", "after"]
NEIGHBOURS = 5
MIN_COSINE = 0.5
WAYS = {"direction": {"exists": True}}
"""What tells a way of looking from a worked solution, which is a rationale too."""


class RationaleBank:
    """Remembers on which side in time, looking on from what was found, the answer lay.

    After ARM-RAG (Melz 2023): only what led to a checked answer is kept, and similar problems share
    it. What is kept here is the step of the search, not the model's words.
    """

    def __init__(
        self,
        store: SqliteStore,
        episodes: EpisodicBank,
        embed: Callable[[Sequence[str]], NDArray[np.float32]],
    ) -> None:
        self._store = store
        self._episodes = episodes
        self._embed = embed

    def keep(self, question: str, found: Hit, direction: Direction, scope: Scope) -> bool:
        """Remember that, having found a hit, looking `direction` it led to the right answer.

        What is kept in `scope` quotes the key that was found, so it is forgotten with the record
        and with what that was keyed together with. Returns False, and keeps nothing, if one of
        these was forgotten meanwhile.
        """
        record = found.record
        note = Note(
            text=f"Asked {question!r} and having found {found.key!r}, look {direction} it.",
            keys=(_case(question, found.key),),
            kind="rationale",
            evidence=False,
            sources=(record.id, *record.context),
            metadata={"direction": direction} | quoting(record.scope.user, scope),
        )
        made_for = self._store.meta("embedder") or ""
        given = Given(self._embed(note.keys), made_for)
        owner = Scope(user=record.scope.user)
        with self._store.transaction():
            if len(self._store.get(owner, note.sources)) < len(note.sources):
                return False
            self._episodes.write([note], scope, self._embed, given=given)
        return True

    def advise(self, question: str, found: str, scope: Scope) -> Direction | None:
        """Return the direction that worked in the most similar cases, or None without any."""
        hits = self._similar(question, found, scope)
        votes: dict[Direction, float] = {"before": 0.0, "after": 0.0}
        for hit in hits:
            if hit.why["cosine"] >= MIN_COSINE:
                votes[_direction(hit)] += hit.why["cosine"]
        if votes["before"] == votes["after"]:
            return None
        return "before" if votes["before"] > votes["after"] else "after"

    def match(self, question: str, found: str, scope: Scope) -> float:
        """Return the cosine of the most similar case, -1 without any: is this case known?"""
        hits = self._similar(question, found, scope)
        return max((hit.why["cosine"] for hit in hits), default=-1.0)

    def _similar(self, question: str, found: str, scope: Scope) -> Sequence[Hit]:
        case = _case(question, found)
        where = Filter(scope=scope, kind="rationale", metadata=WAYS)
        return self._episodes.search(case, self._embed([case])[0], where, Ranking(k=NEIGHBOURS))


def _case(question: str, found: str) -> str:
    """Return what a case is matched by: its structure, with names and what is asked of masked.

    ARM-RAG's obfuscation: cases are to be alike in what happens, not in whom they speak of.
    """
    topics = {stem(word) for word in content_words(question)}
    people = set(names(found)) | set(names(question))

    def masked(match: re.Match[str]) -> str:
        word = match.group()
        if stem(word.lower()) in topics:
            return "something"
        return "someone" if word in people else word

    return re.sub(r"\w+", masked, f"{found} {question}")


def _direction(hit: Hit) -> Direction:
    return "before" if hit.record.metadata["direction"] == "before" else "after"
