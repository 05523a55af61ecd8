from datetime import UTC, datetime

import pytest

from memagent.errors import InvalidInput
from memagent.types import Hit, Recollection, Record, Scope, Timings


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


def _said(role: str | None, name: str | None = None, given: bool = True) -> Hit:
    written, said = datetime(2024, 6, 1, tzinfo=UTC), datetime(2024, 5, 1, 12, tzinfo=UTC)
    metadata = {key: value for key, value in (("role", role), ("name", name)) if value}
    record = Record(
        id="1",
        kind="episode",
        text="Yes.",
        keys=("Yes.",),
        scope=Scope("ada"),
        created=written,
        valid_from=said if given else written,
        metadata=metadata,
    )
    return Hit(record=record, score=0.5, key="Yes.", why={})


@pytest.mark.parametrize(
    ("hit", "line"),
    [
        (_said("user"), "2024-05-01: Yes."),
        (_said("user", "Ann"), "2024-05-01: Ann: Yes."),
        (_said("assistant", "Ann"), "2024-05-01: Ann: Yes."),
        (_said("assistant"), "2024-05-01: assistant: Yes."),
        (_said(None, "Ann"), "2024-05-01: Yes."),
        (_said("user", "Ann", given=False), "Ann: Yes."),
    ],
)
def test_a_line_has_its_date_and_speaker_as_far_as_they_are_known(hit: Hit, line: str) -> None:
    assert hit.line() == line
    assert hit.line(dated=False) == line.removeprefix("2024-05-01: ")
    assert hit.text in line


def test_lines_have_dates_where_these_differ_or_tell_records_apart() -> None:
    dated, undated = _said("user"), _said("user", given=False)
    assert not Recollection(hits=(dated, dated)).shows_dates
    assert Recollection(hits=(dated, dated), dated=True).shows_dates
    assert Recollection(hits=(dated, undated)).shows_dates
    assert not Recollection(hits=(undated, undated), dated=True).shows_dates
    assert not Recollection(dated=True).shows_dates
