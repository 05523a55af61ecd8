# ruff: noqa: RUF001
"""Languages of short notes, and the words of a question that are looked for."""

import pytest

from memagent.text.languages import content, detect, function_words, query_language

NOTES = [
    ("en", "The keys are in the blue drawer"),
    ("de", "Die Schlüssel liegen in der Schublade"),
    ("fr", "Les clés sont dans le tiroir"),
    ("es", "Las llaves están en el cajón"),
    ("it", "Le chiavi sono nel cassetto"),
    ("pt", "As chaves estão na gaveta"),
    ("nl", "De sleutels liggen in de la"),
    ("sv", "Nycklarna ligger i lådan"),
    ("fi", "Avaimet ovat laatikossa"),
    ("pl", "Klucze są w szufladzie"),
    ("tr", "Kız kardeşim İzmir'de oturuyor"),
    ("hu", "A kulcsok a fiókban vannak"),
    ("ru", "Моя сестра живёт в Казани"),
    ("el", "Τα κλειδιά είναι στο συρτάρι"),
    ("ar", "المفاتيح في الدرج"),
    ("hi", "चाबियाँ दराज में हैं"),
    ("ja", "鍵は引き出しの中にあります"),
    ("ko", "열쇠는 서랍 안에 있다"),
    ("th", "กุญแจอยู่ในลิ้นชัก"),
]


@pytest.mark.parametrize(("language", "note"), NOTES)
@pytest.mark.parametrize("usual", [None, "en", "de", "ru"])
def test_the_language_of_a_short_note_is_detected(
    language: str, note: str, usual: str | None
) -> None:
    assert detect(note, usual) == language


@pytest.mark.parametrize("text", ["Lena", "Tesla Model 3", "PIN 4711", "", "14:30", "+49 555 1234"])
def test_names_and_numbers_are_of_no_language(text: str) -> None:
    assert detect(text, "de") is None


def test_a_query_is_of_the_language_of_its_function_words_or_the_usual_one() -> None:
    assert query_language("Wo wohnt meine Schwester?", "en") == "de"
    assert query_language("¿Dónde vive mi hermana?", "en") == "es"
    assert query_language("Lena Zahnarzt", "de") == "de"
    assert query_language("Lena dentist") is None
    assert query_language("zebra cat") is None  # "cât" is a Romanian function word


def test_function_words_are_left_out_in_their_own_language_alone() -> None:
    assert content("Was war die Nummer?", "de") == ["nummer"]
    assert content("Was war die Nummer?", "en") == ["war", "die", "nummer"]
    assert content("Was war die Nummer?", None) == ["was", "war", "die", "nummer"]
    assert content("où est le café", "fr") == ["cafe"]


def test_a_query_of_function_words_alone_keeps_them() -> None:
    assert content("to be or not to be", "en") == ["to", "be", "or", "not"]
    assert content("wo ist das", "de") == ["wo", "ist", "das"]


def test_a_language_without_a_list_has_no_function_words() -> None:
    assert function_words("ja") == function_words(None) == frozenset()
