import Stemmer
from hypothesis import example, given
from hypothesis import strategies as st

from memagent.text.english import content_words, names, stem, stems, words


@given(st.text(alphabet="aeginsyz059é", min_size=1, max_size=8))
@example("ing5")
@example("yies0")
def test_a_stem_is_porters_for_numbers_too(word: str) -> None:
    assert stem(word) == (Stemmer.Stemmer("porter").stemWord(word) or word)


def test_content_words_leave_out_grammar_and_repeated_stems() -> None:
    assert content_words("Where is the football? Footballs are there.") == ["footballs"]
    assert content_words("Where is it?") == []


def test_stems_are_of_all_words_and_of_those_that_carry_meaning() -> None:
    found = stems("The footballs are Emma's: two FOOTBALLS.")
    assert found.all == ("the", "footbal", "ar", "emma", "two", "footbal")
    assert found.content == {"footbal", "emma", "two"}


def test_names_are_capitalised_words_that_carry_meaning() -> None:
    assert names("Then Mary and Daniel went to Paris. After that they left.") == [
        "Mary",
        "Daniel",
        "Paris",
    ]


def test_what_is_somebody_s_speaks_of_them() -> None:
    assert words("Emma's brother isn't Emma’s son, it's O'Neill's.") == [  # noqa: RUF001
        "Emma",
        "brother",
        "isn't",
        "Emma",
        "son",
        "it",
        "O'Neill",
    ]
    assert names("Where is Emma's brother?") == ["Emma"]
    assert content_words("What's the name of Emma's brother?") == ["name", "emma", "brother"]
