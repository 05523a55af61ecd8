"""Records that mention names, before or after a record: the index in RAM against the database."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from memagent import Memory, Record, Scope
from memagent.stores.banks import episodic
from memagent.stores.database import word_index
from memagent.stores.database.filters import Filter
from memagent.stores.index import lexical, word_keys
from memagent.testing import HashEmbedder
from memagent.types import NewRecord

WORDS = ["ant", "bee", "cat"]
START = datetime(2024, 1, 1, tzinfo=UTC)
ADA = Scope(user="ada")
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
hours = st.none() | st.integers(0, 5)


@dataclass(frozen=True, kw_only=True)
class Written:
    """A record to write: its text, user, session, validity, and whether it is evidence."""

    text: str
    user: str
    session: str | None
    since: int | None
    lasting: int | None
    evidence: bool

    @property
    def scope(self) -> Scope:
        return Scope(user=self.user, session=self.session)

    @property
    def note(self) -> NewRecord:
        since = None if self.since is None else START + timedelta(hours=self.since)
        ends = since is not None and self.lasting is not None
        until = since + timedelta(hours=self.lasting) if ends else None
        return NewRecord(text=self.text, valid_from=since, valid_to=until, evidence=self.evidence)


written = st.builds(
    Written,
    text=texts,
    user=st.sampled_from(["ada", "ada", "bob"]),
    session=st.sampled_from([None, "monday"]),
    since=hours,
    lasting=hours,
    evidence=st.booleans(),
)
wheres = st.builds(
    Filter,
    scope=st.sampled_from([ADA, Scope(user="ada", session="monday")]),
    evidence=st.booleans(),
    as_of=st.sampled_from([None, START + timedelta(hours=3)]),
    everything=st.booleans(),
    metadata=st.sampled_from([None, {"colour": "red"}]),
)
names = st.lists(st.sampled_from(WORDS), min_size=1, max_size=2, unique=True)


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    """Bounds so small that a handful of records reaches them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(episodic, "CANDIDATES", 3)
        patch.setattr(word_keys, "STEP", 1)
        patch.setattr(lexical, "MAX_MATCHES", 4)
        patch.setattr(word_index, "BLOCK", 4)
        yield


def sides(records: Sequence[Record]) -> list[tuple[Record | None, Record | None]]:
    """Return (before, after): none of both, each record as either, and each two as both."""
    alone = [(one, None) for one in records] + [(None, one) for one in records]
    return [(None, None), *alone, *pairwise(records)]


def change(memory: Memory, which: int, text: str, how: int) -> None:
    """Update, forget, archive, enrich or add again one of Ada's records."""
    held = memory.list(scope=ADA)
    if not held:
        return
    record = held[which % len(held)]
    if how == 0 and not record.superseded and record.text != text:
        memory.update(record.id, f"{text} new", scope=record.scope)
    elif how == 1:
        memory.forget([record.id], scope=ADA)
    elif how == 2:
        memory.maintenance.retain(max(1, len(held) - 1), scope=ADA)
    else:
        again = NewRecord(text=record.text, evidence=record.evidence)
        memory.add_many([again], scope=record.scope)


@given(
    first=st.lists(written, max_size=8),
    changes=st.lists(st.tuples(st.integers(0, 9), texts, st.integers(0, 3)), max_size=3),
    later=st.lists(written, max_size=4),
    where=wheres,
    any_of=names,
    also=st.lists(st.sampled_from(WORDS), max_size=1),
)
@settings(max_examples=60, deadline=None)
def test_the_index_in_ram_finds_what_the_database_finds(
    first: list[Written],
    changes: list[tuple[int, str, int]],
    later: list[Written],
    where: Filter,
    any_of: list[str],
    also: list[str],
) -> None:
    with Memory.in_memory(embedder=HashEmbedder(8)) as memory:
        bank = memory.engine.bank
        for one in first:
            memory.add_many([one.note], scope=one.scope)
        memory.maintenance.warm(scope=ADA)
        fresh = lexical.LexicalIndex(memory.engine.store)
        for number, text, how in changes:
            change(memory, number, text, how)
            asked = " ".join(WORDS)
            kept = bank._words.terms(ADA, asked)
            assert kept == lexical.LexicalIndex(memory.engine.store).terms(ADA, asked)
        for one in later:
            memory.add_many([one.note], scope=one.scope)
        if memory.engine.store.user("ada") is None:
            return
        held = memory.engine.store.read.records([int(row[0]) for row in _all(memory)])
        for before, after in sides(held):
            for oldest in (False, True):
                bounds = {"also": also, "before": before, "after": after, "oldest": oldest}
                seqs = fresh.mentioning(where, any_of, 3, **bounds)
                found = bank.mentioning(where, any_of, **bounds)
                assert sorted(one.seq for one in found) == sorted(seqs)
                assert found == sorted(found, key=lambda one: one.moment, reverse=not oldest)


def _all(memory: Memory) -> list[Sequence[int]]:
    return memory.engine.store.query("SELECT seq FROM records ORDER BY seq")


def test_without_the_users_keys_in_memory_the_database_is_asked(memory: Memory) -> None:
    memory.add_many(["ant", "bee", "ant"], scope=ADA)
    memory.engine.bank.vectors.clear()
    assert memory.engine.bank.vectors.keys(Filter(scope=ADA)) is None
    found = memory.engine.bank.mentioning(Filter(scope=ADA), ["ant"])
    assert [one.text for one in found] == ["ant"]


def test_a_word_is_looked_up_once_and_then_only_among_newer_keys(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.add_many(["ant one", "ant two"], scope=ADA)
    words = memory.engine.bank._words
    assert words.terms(ADA, "ant").postings == {"ant": [2, 1]}
    looked_up: list[int] = []
    keys = words._found.keys

    def watched(user: int, terms: Collection[str], *, above: int, most: int) -> NDArray[np.int64]:
        looked_up.append(above)
        return keys(user, terms, above=above, most=most)

    monkeypatch.setattr(words._found, "keys", watched)
    assert words.terms(ADA, "ant").postings == {"ant": [2, 1]}
    memory.add("ant three", scope=ADA)
    assert words.terms(ADA, "ant").postings == {"ant": [3, 2, 1]}
    assert looked_up == [2]


def test_a_second_user_changes_nothing_for_the_first(memory: Memory, ada: Scope) -> None:
    memory.add("ant", scope=ada)
    words = memory.engine.bank._words
    alone = words.terms(ada, "ant bee")
    memory.add_many(["ant", "bee"], scope=Scope(user="bob"))
    assert words.terms(ada, "ant bee") == alone
    assert words.terms(Scope(user="bob"), "ant bee").postings == {"ant": [2], "bee": [3]}


def test_a_text_added_again_counts_from_then_on(memory: Memory) -> None:
    for text in ("ant one", "ant two", "ant one"):
        memory.add(text, scope=ADA)
    memory.maintenance.warm(scope=ADA)
    second = memory.engine.bank.mentioning(Filter(scope=ADA), ["two"])[0]
    for side, wanted in (({"before": second}, []), ({"after": second}, ["ant one"])):
        found = memory.engine.bank.mentioning(Filter(scope=ADA), ["ant"], **side)
        assert [one.text for one in found] == wanted


def test_few_that_pass_among_many_that_match_are_found_by_leaps(memory: Memory) -> None:
    early, late = START, START + timedelta(days=9)
    for number in range(20):
        since = early if number % 2 else late + timedelta(hours=number)
        memory.add_many([NewRecord(text=f"ant {number}", valid_from=since)], scope=ADA)
    memory.maintenance.warm(scope=ADA)
    bound = memory.engine.bank.mentioning(Filter(scope=ADA), ["ant"])[-1]
    found = memory.engine.bank.mentioning(Filter(scope=ADA), ["ant"], before=bound)
    assert [one.text for one in found] == ["ant 15", "ant 13", "ant 11"]


@pytest.mark.parametrize("in_ram", [True, False])
def test_the_oldest_are_those_written_first_however_many_came_later(
    memory: Memory, in_ram: bool
) -> None:
    memory.add_many([f"ant {number}" for number in range(9)], scope=ADA)
    if not in_ram:
        memory.engine.bank.vectors.clear()
    bank, where = memory.engine.bank, Filter(scope=ADA)
    newest, oldest = (bank.mentioning(where, ["ant"], oldest=one) for one in (False, True))
    assert [one.text for one in newest] == ["ant 8", "ant 7", "ant 6"]
    assert [one.text for one in oldest] == ["ant 0", "ant 1", "ant 2"]
    after = bank.mentioning(where, ["ant"], after=oldest[1], oldest=True)
    assert [one.text for one in after] == ["ant 2", "ant 3", "ant 4"]
