# ruff: noqa: RUF001
"""Notes in many languages: found by other forms of their words, whatever else a user writes."""

import pytest

from memagent import Memory, Scope
from memagent.stores.database.filters import Filter
from memagent.stores.index.lexical import LexicalIndex, Terms
from memagent.testing import HashEmbedder

NOTES = [
    ("Most journeys start in the old harbour", "What journey?"),
    ("Die Schlüssel liegen in der blauen Schublade", "Wo finde ich den Schlüsseln?"),
    ("Nous mangerons chez Anna demain soir", "Qui va manger avec nous?"),
    ("Me gustan las canciones de los años noventa", "¿Qué canción me gusta?"),
    ("I libri di mia madre sono in cantina", "Dove si trova il libro?"),
    ("Os cachorros dela dormem na varanda", "Onde dorme o cachorro?"),
    ("Nycklarna ligger i lådan vid dörren", "Var är nycklar?"),
    ("Avaimet ovat keittiön pöydän laatikossa", "Missä ovat laatikot?"),
    ("A régi házak a folyó mellett vannak", "Melyik ház?"),
    ("Kitaplar çekmecenin içinde duruyor", "kitabı"),
    ("ISPARTA'DA YAZ ÇOK SICAK GEÇTİ", "ısparta"),
    ("Οι δρόμοι της πόλης είναι άδειοι", "ΔΡΟΜΟΣ"),
    ("Я купила красный чемодан для поездки", "Где красного чемодана ручка?"),
    ("المفاتيح في الدرج الأزرق", "مفاتيح"),
    ("लड़कों ने मैदान में क्रिकेट खेला", "लड़का"),
    ("鍵は青い引き出しの中にあります", "引き出し"),
    ("钥匙在蓝色的抽屉里", "抽屉"),
    ("열쇠는 파란 서랍 안에 있다", "서랍"),
    ("กุญแจอยู่ในลิ้นชักสีน้ำเงิน", "ลิ้นชัก"),
]
ADA = Scope(user="ada")


def terms(memory: Memory, query: str) -> Terms:
    return LexicalIndex(memory.engine.store).terms(ADA, query)


def found(memory: Memory, query: str) -> list[str]:
    index = LexicalIndex(memory.engine.store)
    best = index.search(Filter(scope=ADA), index.terms(ADA, query), 30).best
    texts = {row[0]: row[2] for row in memory.engine.store.read.keys(list(best))}
    return [texts[key] for key in best]


def test_other_forms_are_found_among_notes_of_many_languages(memory: Memory) -> None:
    memory.add_many([note for note, _ in NOTES], scope=ADA)
    missed = [query for note, query in NOTES if note not in found(memory, query)[:1]]
    assert missed == []


@pytest.mark.parametrize(("note", "query"), NOTES)
def test_a_single_note_among_english_ones_is_found(memory: Memory, note: str, query: str) -> None:
    english = [f"The {word} is on the table of my uncle" for word in ("cup", "map", "radio")]
    memory.add_many([*english, note], scope=ADA)
    assert found(memory, query)[:1] == [note]


def test_a_german_question_keeps_what_are_english_function_words(memory: Memory) -> None:
    memory.add_many(["Die Katze war in der Küche", "Der Hund war in der Garage"], scope=ADA)
    assert [*terms(memory, "Was war in der Küche?").postings] == ["kuche"]
    assert [*terms(memory, "was").postings] == ["was"]
    english = Scope(user="bob")
    memory.add_many(["The cat was in the kitchen", "Die in the game"], scope=english)
    index = LexicalIndex(memory.engine.store)
    assert [*index.terms(english, "When does she die in the game?").postings] == ["die", "game"]


def test_a_word_of_several_languages_is_one_word_with_all_its_keys(memory: Memory) -> None:
    spanish = "Me gustan las canciones de los años noventa"
    memory.add_many([spanish, "The canciones are on the radio", "Die Uhr ist in Köln"], scope=ADA)
    looked_up = terms(memory, "canciones")
    assert looked_up.postings == {"canciones": [2, 1]}
    assert list(looked_up.weights) == ["canciones"]
    for text in (spanish, "una canción", "two canciones"):
        assert looked_up.stems(text).content & looked_up.stems("canciones").content


def test_what_cannot_be_told_is_of_the_language_the_user_writes(memory: Memory) -> None:
    memory.add_many(["Die Schlüssel liegen in der Schublade", "Häuser"], scope=ADA)
    memory.add("Tests 4711", scope=Scope(user="bob"))
    rows = memory.engine.store.query("SELECT owner, language FROM keys ORDER BY id")
    assert [tuple(row) for row in rows] == [("u1", "de"), ("u1", "de"), ("u2", None)]
    assert found(memory, "Haus") == ["Häuser"]


def test_languages_are_exported_and_forgotten_with_their_records(memory: Memory) -> None:
    memory.add("The keys are in the blue drawer", scope=ADA)
    note = memory.add("Lena 4711", scope=ADA)
    lines = list(memory.maintenance.export(scope=ADA))
    assert sum('"language": "en"' in line for line in lines) == 2
    with Memory.in_memory(embedder=HashEmbedder()) as other:
        other.maintenance.import_(lines)
        assert list(other.maintenance.export(scope=ADA)) == lines
        other.forget([note.id], scope=ADA)
        assert other.engine.store.query("SELECT count(*) FROM keys")[0][0] == 1
