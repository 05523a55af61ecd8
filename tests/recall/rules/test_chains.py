import pytest

from memagent.recall.rules.chains import complete_phrases, phrases


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Is the old lamp taller than the chair?", [("old", "lamp"), ("chair",)]),
        ("The box of nails is to the left of my desk.", [("box", "of", "nail"), ("desk",)]),
        ("Zoe met Eva at the pier.", [("zoe",), ("eva",), ("pier",)]),
        ("It rained.", []),
    ],
)
def test_the_things_that_a_text_names(text: str, named: list[tuple[str, ...]]) -> None:
    assert phrases(text, ()) == named


def test_a_verb_after_a_thing_is_none_of_its_name() -> None:
    text = "The tent fits inside the sack."
    assert complete_phrases(text) == {("sack",)}
    assert phrases(text, ()) == [("tent",), ("sack",)]
    assert phrases("Does the sack of rice fit in it?", {("sack", "of", "rice")}) == [
        ("sack", "of", "rice")
    ]
