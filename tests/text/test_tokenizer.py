# ruff: noqa: RUF001
"""Words of every script: what is written one way is found when it is asked another way."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memagent import Memory, Scope
from memagent.testing import HashEmbedder
from memagent.text.english import content_words, stems
from memagent.text.words import fold, query_stems, stem, terms


def asked_terms(text: str, language: str | None = None) -> set[str]:
    """Return the words of the index that a text must have, to hold another text's words."""
    return set().union(*query_stems(text, (language,)))


class Blind(HashEmbedder):
    """All texts mean the same, so that only words tell them apart."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[1.0, *[0.0] * 63] for _ in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


FOUND = [
    ("設備清單在上海的倉庫。", "上海"),
    ("設備清單在上海的倉庫。", "上海的倉庫"),
    ("我喜欢茶", "茶"),
    ("彼は大阪で働いています。", "大阪"),
    ("東京タワーへ行った", "タワー"),
    ("ﾀﾜｰに登る", "タワー"),
    ("オ\u3099ランタ\u3099", "オ゙ランダ"),
    ("오늘 끝말잇기 게임을 했다", "게임"),
    ("오늘 게임을 했다".replace("게임을", unicodedata.normalize("NFD", "게임을")), "게임"),
    ("เขาพักที่โรงแรมในเชียงใหม่", "โรงแรม"),
    ("ຂ້ອຍຢູ່ວຽງຈັນ", "ວຽງຈັນ"),
    ("ខ្ញុំរស់នៅភ្នំពេញ", "ភ្នំពេញ"),
    ("ကျွန်တော် ရန်ကုန်မှာ နေတယ်", "ရန်ကုန်"),
    ("मैं दिल्ली में रहता हूँ", "दिल्ली"),
    ("আমি ঢাকায় থাকি", "ঢাকায়"),
    ("நான் சென்னையில் வசிக்கிறேன்", "சென்னையில்"),
    ("አዲስ አበባ ከተማ", "አበባ"),
    ("ԵՍ ԱՊՐՈՒՄ ԵՄ ԳՅՈՒՄՐԻՈՒՄ", "Գյումրիում"),
    ("Cafe\u0301 in Rome.", "Caf\u00e9"),
    ("Café in Orléans.", "cafe"),
    ("ＡＢＣ product.", "ABC"),
    ("the ﬁnal oﬃce", "final"),
    ("Köln Straße", "STRASSE"),
    ("İSTANBUL", "istanbul"),
    ("Diyarbakır", "diyarbakir"),
    ("Smørrebrød", "smorrebrod"),
    ("Łódź", "lodz"),
    ("l’eau de vie", "eau"),
    ("Οδός Ἑρμοῦ", "ερμου"),
    ("ΟΔΟΣ", "οδός"),
    ("Ёлка стоит", "елка"),
    ("مُحَمَّد في البيت", "محمد"),
    ("مـــحـــمـــد", "محمد"),
    ("שָׁלוֹם לך", "שלום"),
    ("سنة ٢٠٢٤", "2024"),
    ("वर्ष २०२४", "2024"),
    ("me\u00adto\u00addo", "metodo"),
    ("I love 🍕.", "🍕"),
    ("Done 👍🏽", "👍"),
    ("Done 👍🏽", "👍🏽"),
    ("She is a 👩🏽\u200d💻!", "👩🏽\u200d💻"),
    ("From 🇫🇷🇩🇪", "🇩🇪"),
    ("I ❤\ufe0f it", "❤"),
    ("🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", "🏴"),
    ("snake_case", "case"),
]


@pytest.mark.parametrize(("text", "query"), FOUND)
@pytest.mark.parametrize("mirrored", [False, True])
def test_words_of_every_script_are_found(text: str, query: str, mirrored: bool) -> None:
    scope = Scope(user="ada")
    texts = ["Tea in Paris.", "Other things.", "寿司を食べた", "Done.", "🍔 🇮🇹"]
    with Memory.in_memory(embedder=Blind()) as memory:
        memory.add_many([text, *texts] if not mirrored else [*texts, text], scope=scope)
        hit = memory.search(query, scope=scope, k=1)[0]
        assert hit.record.text == text
        assert hit.why["words"] == pytest.approx(1)


@pytest.mark.parametrize("other", ["海上", "単", "阪神"])
def test_characters_in_another_order_are_another_word(other: str) -> None:
    assert not asked_terms(other) <= terms("設備清單在上海的倉庫。")


@given(st.text(max_size=60))
def test_every_text_is_found_by_itself_however_it_is_normalised(text: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert asked_terms(unicodedata.normalize(form, text)) <= terms(text)
    assert fold(fold(text)) == fold(text)


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=60))
def test_ascii_is_cut_alike_alone_and_beside_other_scripts(text: str) -> None:
    assert terms(f"{text} é") == terms(text) | {"e"}


def test_a_query_of_function_words_alone_breaks_nothing() -> None:
    scope = Scope(user="ada")
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        memory.add("to be or not to be", scope=scope)
        assert memory.search("to be or not to be", scope=scope)[0].record.text
        assert memory.search("?!", scope=scope)


def test_stems_hold_what_content_words_ask_for() -> None:
    for text, query in FOUND:
        if len(query) > 1:
            assert {*map(stem, content_words(query))} <= stems(text).content
