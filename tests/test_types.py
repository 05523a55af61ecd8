from datetime import UTC, datetime

import pytest

from memagent.errors import InvalidInput
from memagent.types import Record, Scope, Timings


@pytest.mark.parametrize("field", ["user", "agent", "session"])
def test_a_scope_refuses_an_empty_field(field: str) -> None:
    with pytest.raises(InvalidInput, match=f"{field} must be a non-empty text"):
        Scope(**{"user": "ada", field: " "})


def test_long_term_recall_drops_the_session_only() -> None:
    scope = Scope(user="ada", agent="a", session="s")
    assert scope.across_sessions() == Scope(user="ada", agent="a")


def test_an_affirmed_record_counts_from_when_it_was_told_again() -> None:
    first, again = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC)
    told = {"created": first, "valid_from": first, "scope": Scope(user="ada"), "keys": ("x",)}
    record = Record(id="1", seq=7, kind="episode", text="x", **told)
    assert record.moment == (first, 7)
    assert Record(id="1", seq=7, kind="episode", text="x", affirmed=again, **told).moment == (
        again,
        7,
    )


def test_memory_time_is_embedding_searching_and_writing() -> None:
    assert Timings(embed=1, search=2, model=100, write=4).memory == 7
