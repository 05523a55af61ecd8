"""Simulated user whose verdicts teach a ranking: what the learned one finds beside the shipped one.

A user has chats, and the same statements as notes. Which of the two is right is the user's hidden
preference. The user asks, is shown what `Memory.search` finds, and judges each record: the
preferred ones that hold the answer helped, the others hurt. After some judged questions other ones
are asked with the shipped ranking, which knows the outcomes of each record already, and with one
that is learned, if the check lets it. A control judges at random.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal, get_args

from langchain_core.embeddings import Embeddings

from memagent.evals.metrics.bootstrap import mean_intervals
from memagent.evals.tasks.conversations.generator.generate import generate
from memagent.evals.tasks.conversations.ingestion import messages_of
from memagent.memory.memory import Memory
from memagent.text.questions import asks
from memagent.types import NewRecord, Scope

Preference = Literal["turns", "notes", "either", "none"]
"""Records that the user takes for right: turns, notes, both, or any (the control)."""
PREFERENCES: tuple[Preference, ...] = get_args(Preference)
FIRST = 201
"""Seed of the first user's chats; sets to train on have others."""
JUDGED = (10, 20, 40)
HELD_BACK = 60
"""Questions that are never judged."""
SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """Held-back question of one user after some judged ones: found first, and among five."""

    preference: Preference
    judged: int
    user: int
    kept: bool
    first: tuple[bool, bool]
    among: tuple[bool, bool]


def simulate(
    embedder: str | Embeddings | None = None,
    *,
    users: Sequence[int] = range(FIRST, FIRST + 3),
    preferences: Sequence[Preference] = PREFERENCES,
    language: str = "en",
    progress: Callable[[str], None] = lambda name: None,
) -> list[Observed]:
    """Return what users find with the shipped ranking and with the one they taught, in pairs.

    `users` are the seeds of their chats.
    """
    observed = []
    for user in users:
        for preference in preferences:
            progress(f"user {user}, {preference}")
            with Memory.in_memory(embedder=embedder) as memory:
                observed += list(_observe(memory, user, preference, language))
    return observed


def tables(observed: Sequence[Observed]) -> list[dict[str, Any]]:
    """Return the shares found with 95% bootstrap intervals of the differences."""
    rows = []
    for preference in dict.fromkeys(one.preference for one in observed):
        for judged in JUDGED:
            own = [one for one in observed if (one.preference, one.judged) == (preference, judged)]
            if own:
                rows.append(_row(preference, judged, own))
    return rows


def _row(preference: Preference, judged: int, own: Sequence[Observed]) -> dict[str, Any]:
    users = {one.user: one.kept for one in own}
    values = [
        [
            *map(float, one.first + one.among),
            one.first[1] - one.first[0],
            one.among[1] - one.among[0],
        ]
        for one in own
    ]
    first, first_learned, among, among_learned, first_gain, among_gain = mean_intervals(values)
    return {
        "right": preference,
        "judged": judged,
        "n": len(own),
        "kept": f"{sum(users.values())} of {len(users)}",
        "hit@1": first.value,
        "hit@1, learned": first_learned.value,
        "hit@1, gain": _interval(first_gain),
        f"any@{SHOWN}": among.value,
        f"any@{SHOWN}, learned": among_learned.value,
        f"any@{SHOWN}, gain": _interval(among_gain),
    }


def _interval(estimate: Any) -> Mapping[str, Any]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _observe(
    memory: Memory, user: int, preference: Preference, language: str
) -> Iterator[Observed]:
    scope, rng = Scope(f"user {user}"), random.Random(user)
    asked = _told(memory, scope, user, preference, language)
    rng.shuffle(asked)
    test, rest = asked[:HELD_BACK], iter(asked[HELD_BACK:])
    judged, change = 0, None
    for goal in JUDGED:
        for text, gold in islice(rest, goal - judged):
            _judge(memory, scope, text, gold, rng if preference == "none" else None)
        judged = goal
        if change is not None:
            memory.changes.undo(change.id, scope=scope)
        before = [_found(memory, scope, *question) for question in test]
        change = memory.changes.learn_ranking(scope=scope).change
        after = [_found(memory, scope, *question) for question in test]
        for old, new in zip(before, after, strict=True):
            yield Observed(
                preference=preference,
                judged=goal,
                user=user,
                kept=change is not None,
                first=(old[0], new[0]),
                among=(old[1], new[1]),
            )


def _told(
    memory: Memory, scope: Scope, user: int, preference: Preference, language: str
) -> list[tuple[str, set[str]]]:
    """Write a user's chats and notes, and return questions with the ids of the right records."""
    data = generate(name="user", style="people", language=language, seed=user)
    asked = []
    for talk in data.conversations:
        ids: dict[str, set[str]] = {}
        for session, said in talk.sessions().items():
            messages = [{**message, "id": None} for message in messages_of(said)]
            where = replace(scope, session=f"{talk.id}/{session}")
            turns = memory.add_messages(messages, scope=where)
            stated = [turn for turn in said if not asks(turn.text)]
            notes = memory.add_many(
                [NewRecord(text=turn.shown, valid_from=turn.when) for turn in stated], scope=scope
            )
            for turn, record in zip(said, turns, strict=True):
                ids[turn.id] = {record.id} if preference != "notes" else set()
            for turn, record in zip(stated, notes, strict=True):
                ids[turn.id] |= {record.id} if preference != "turns" else set()
        for question in data.questions:
            if question.story == talk.id and question.evidence and not question.unanswerable:
                gold = set().union(*(ids[turn] for turn in question.evidence))
                asked += [(question.question, gold)] if gold else []
    return asked


def _judge(
    memory: Memory, scope: Scope, text: str, gold: Set[str], rng: random.Random | None
) -> None:
    """Ask a question, and judge what is shown; by chance, if there are random numbers."""
    shown = [hit.record.id for hit in memory.search(text, scope=scope, k=SHOWN)]
    (said,) = memory.add_messages([{"role": "user", "content": text}], scope=scope)
    right = {rng.choice(shown)} if rng else gold
    helped = [id for id in shown if id in right]
    memory.changes.judge(helped, "helped", turn=said.id, scope=scope)
    hurt = [id for id in shown if id not in right]
    memory.changes.judge(hurt, "hurt", turn=said.id, scope=scope)


def _found(memory: Memory, scope: Scope, text: str, gold: Set[str]) -> tuple[bool, bool]:
    """Return whether a right record is found first, and whether among those that are shown."""
    hits = [hit.record.id in gold for hit in memory.search(text, scope=scope, k=SHOWN)]
    return any(hits[:1]), any(hits)
