# ruff: noqa: RUF001
"""Forms of a word in many languages have one stem, and what is no word keeps its shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memagent.text.stemmer import ALGORITHMS, one_per_stemmer, stem
from memagent.text.words import fold, query_stems, stems_of, terms

FORMS = [
    ("en", "journeys", "journeyed"),
    ("de", "Schlüssel", "Schlüsseln"),
    ("fr", "mangerons", "mangé"),
    ("es", "canciones", "canción"),
    ("it", "libro", "libri"),
    ("pt", "cachorros", "cachorro"),
    ("nl", "sleutels", "sleutel"),
    ("sv", "nycklarna", "nycklar"),
    ("fi", "talossa", "taloissa"),
    ("hu", "házak", "házban"),
    ("tr", "kitaplar", "kitabı"),
    ("ro", "casele", "caselor"),
    ("el", "δρόμος", "δρόμοι"),
    ("ru", "красный", "красного"),
    ("ar", "المفاتيح", "مفاتيح"),
    ("hi", "लड़कों", "लड़का"),
]


def asked_terms(text: str, language: str | None = None) -> set[str]:
    """Return the words of the index that a text must have, to hold another text's words."""
    return set().union(*query_stems(text, (language,)))


languages = st.sampled_from([None, *ALGORITHMS])


@pytest.mark.parametrize(("language", "one", "other"), FORMS)
def test_forms_of_a_word_meet_in_the_index(language: str, one: str, other: str) -> None:
    assert asked_terms(one, language) & terms(other, language)
    assert asked_terms(other, language) & terms(one, language)


@pytest.mark.parametrize(("language", "one", "other"), FORMS)
def test_accents_may_be_left_out_when_asking(language: str, one: str, other: str) -> None:
    assert asked_terms(fold(one), language) <= terms(one, language)


@given(st.text(max_size=40), languages)
def test_the_words_of_a_text_are_found_by_themselves(text: str, language: str | None) -> None:
    held = terms(text, language)
    assert asked_terms(text, language) <= held
    assert asked_terms(fold(text), language) <= held
    assert "" not in held


@given(
    st.text(alphabet="aeinst059", min_size=1, max_size=8).map(lambda word: f"{word}7"), languages
)
def test_what_ends_in_a_digit_is_kept_whole(word: str, language: str | None) -> None:
    assert stem(word, language) == word


@pytest.mark.parametrize("language", [None, *ALGORITHMS])
def test_a_name_is_found_in_every_language_s_notes(language: str | None) -> None:
    for name in ("Lena", "Tom", "Özlem", "Никита", "Ωμέγα"):
        assert asked_terms(name, language) <= terms(f"{name} 14", language)
        assert asked_terms(name) & terms(name, language) or language is not None


def test_latin_words_in_notes_of_another_script_are_stemmed_as_english() -> None:
    assert terms("Новые meetings", "ru") >= terms("meeting")


def test_a_word_has_a_stem_in_each_language_of_a_memory() -> None:
    assert stems_of("canciones", (), (None, "es")) == ("cancion",)
    assert stems_of("libri", (), (None, "it")) == ("libri", "libr")


def test_languages_that_share_a_stemmer_count_once() -> None:
    assert one_per_stemmer(["de", "en", "ja"]) == (None, "de")
    assert one_per_stemmer([]) == (None,)
