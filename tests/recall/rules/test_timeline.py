from datetime import UTC, datetime

import pytest

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
