from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memagent import Memory, Scope
from memagent.recall.rules.timeline import stated_time

NOW = datetime(2024, 5, 10, 17, 30, tzinfo=UTC)


def test_texts_are_ordered_by_the_times_they_name() -> None:
    texts = (
        "Two weeks ago I was in Rome.",
        "Yesterday morning Zoe swam.",
        "Zoe slept yesterday.",
        "Last night it rained.",
        "This morning Zoe ran.",
        "We ate at noon.",
        "Zoe read this afternoon.",
        "This evening Zoe cooked.",
        "Tonight Zoe sings.",
        "Zoe leaves tomorrow.",
    )
    times = [stated_time(text, NOW) for text in texts]
    assert times == sorted(time for time in times if time is not None)
    assert len(set(times)) == len(texts)


@pytest.mark.parametrize("text", ["Zoe ran.", "Zoe said good morning.", "The last bus is gone."])
def test_a_text_need_not_say_when(text: str) -> None:
    assert stated_time(text, NOW) is None


UNITS = st.sampled_from(["day", "days", "week", "month", "year", "years"])
WRITTEN = st.datetimes(timezones=st.just(UTC))


@given(st.integers(min_value=0, max_value=10**30), UNITS, WRITTEN)
def test_a_count_of_any_size_is_a_time_that_can_be(
    count: int, unit: str, written: datetime
) -> None:
    time = stated_time(f"It stood {count} {unit} ago.", written)
    assert time is not None
    assert time.tzinfo is UTC
    assert time <= written.replace(hour=23, minute=59)


@given(st.sampled_from(["yesterday", "tomorrow night", "last night", "tonight"]), WRITTEN)
def test_a_day_beyond_the_calendar_is_its_edge(words: str, written: datetime) -> None:
    assert stated_time(f"She ran {words}.", written) is not None


def test_recall_orders_what_lies_before_all_calendars(memory: Memory, ada: Scope) -> None:
    memory.add("The pyramids were built 4500 years ago.", scope=ada)
    memory.add("Mary went to the park this morning.", scope=ada)
    memory.add("Mary went to the school yesterday.", scope=ada)
    for question in (
        "Who built the pyramids after the party?",
        "What was built before the pyramids?",
        "Where was Mary before the park?",
    ):
        memory.recall(question, scope=ada)
