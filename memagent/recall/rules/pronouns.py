"""English rules, made on bAbI's training stories: pronouns, and the records they lean on.

A text such as "Then she left." is written with keys that hold the record before it, too: the name
in that record leads to it. Such a text is shown together with that record.
"""

import re
from collections.abc import Sequence

from memagent.stores.database.connection import SqliteStore
from memagent.text.english import names, words
from memagent.types import Hit, Scope

PERSONAL_PRONOUNS = frozenset("he him his she her hers they them their theirs it its".split())
"""Third-person pronouns: a text with no other subject needs its context."""
_PRONOUN = re.compile(rf"\b(?:{'|'.join(sorted(PERSONAL_PRONOUNS))})\b", re.IGNORECASE)


def needs_context(text: str) -> bool:
    """Tell whether a text refers to somebody by a pronoun with no name before it."""
    if _PRONOUN.search(text) is None:  # the fast way out for most texts
        return False
    for word in words(text):
        if word.lower() in PERSONAL_PRONOUNS:
            return True
        if names(word):
            return False
    return False


def with_context(store: SqliteStore, hits: Sequence[Hit], scope: Scope) -> list[Hit]:
    """Return the hits, and the records that were written as their context, each record once."""
    by_id: dict[str, Hit] = {}
    for hit in hits:
        by_id.setdefault(hit.record.id, hit)
    for hit in sorted(hits, key=lambda hit: "passed" in hit.why):
        why = {"context": 1.0} | {name: 1.0 for name in hit.why if name == "passed"}
        for record in store.read.get(scope, hit.record.context):
            context = Hit(record=record, key=record.keys[0], score=hit.score, why=why)
            by_id.setdefault(record.id, context)
    return list(by_id.values())
