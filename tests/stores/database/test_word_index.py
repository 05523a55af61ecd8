# ruff: noqa: RUF001
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memagent import Memory, Scope
from memagent.errors import StoreError
from memagent.stores.database import word_index
from memagent.stores.database.word_index import blocks_amiss
from memagent.testing import HashEmbedder
from memagent.text import words

SCRIPTS = {
    "Latin": "abcdefgéüøßñçİıﬁ",
    "Greek": "αβγδΣςή",
    "Cyrillic": "абвгдёйж",
    "Arabic": "ابتثجُّـ",
    "Hebrew": "אבגדשָׁ",
    "Devanagari": "कखगािी्",
    "Thai": "กขคงเ็่า",
    "Han": "上海大阪設備清單",
    "Kana": "あいうカキクｶﾞ",
    "Hangul": "게임을했다끝말",
    "digits": "12٣४５",
    "emoji": "🍕👩🏽\u200d💻🇫🇷❤\ufe0f",
}
runs = st.one_of(
    [st.text(alphabet=letters, min_size=3, max_size=9) for letters in SCRIPTS.values()]
)
texts = st.lists(runs, min_size=1, max_size=4).map(" ".join).filter(str.strip)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_index, "BLOCK", 4)


def postings(memory: Memory) -> list[tuple[object, ...]]:
    return [tuple(row) for row in memory.engine.store.query("SELECT * FROM postings")]


def in_files(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


@given(forgotten=st.lists(texts, min_size=1, max_size=5, unique=True), batch=st.booleans())
@settings(max_examples=40, deadline=None)
def test_no_byte_of_a_forgotten_word_is_left_whatever_its_script(
    forgotten: list[str], batch: bool
) -> None:
    ada = Scope(user="ada")
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_index, "BLOCK", 4)
        with Memory.open(name, embedder=HashEmbedder(8)) as memory:
            memory.add_many([f"kept {n}" for n in range(3)], scope=ada)
            ids = [record.id for record in memory.add_many(forgotten, scope=ada)]
            memory.add_many([f"kept {n}" for n in range(3, 9)], scope=ada)
            for some in [ids] if batch else [[id] for id in ids]:
                memory.forget(some, scope=ada)
            left = in_files(Path(name))
            held = {word for text in forgotten for word in words.terms(text)}
            held = {word for word in held if len(word.encode()) >= 6}  # others are there by chance
            assert not [word for word in held if word.encode() in left]
            assert memory.maintenance.verify() == ()
            assert not [word for (_, _, word, _) in postings(memory) if word in held]


def test_words_are_indexed_anew_when_another_tokenizer_made_them(
    tmp_path: Path, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        records = memory.add_many([f"cats number {n}" for n in range(9)], scope=ada)
        before = postings(memory)
    monkeypatch.setattr(word_index, "fingerprint", lambda: "newer")
    monkeypatch.setattr(
        word_index, "terms", lambda text, language: {f"new{word}" for word in text.split()}
    )
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        after = postings(memory)
        assert {word for (_, _, word, _) in after} >= {"newcats", "newnumber"}
        assert len(after) == len(before)
        assert memory.maintenance.verify() == ()
        memory.forget([records[1].id], scope=ada)
        assert "new1" not in {word for (_, _, word, _) in postings(memory)}
    monkeypatch.undo()
    monkeypatch.setattr(word_index, "BLOCK", 4)
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        assert not [word for (_, _, word, _) in postings(memory) if word.startswith("new")]
        assert memory.maintenance.verify() == ()


def test_a_process_whose_tokenizer_is_out_of_date_erases_nothing_by_it(
    tmp_path: Path, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        records = memory.add_many([f"cats number {n}" for n in range(9)], scope=ada)
        with monkeypatch.context() as newer:
            newer.setattr(word_index, "fingerprint", lambda: "newer")
            Memory.open(tmp_path, embedder=HashEmbedder()).close()
        with pytest.raises(StoreError, match="close the memory and open it again"):
            memory.forget([records[0].id], scope=ada)
        assert "another version" in "".join(memory.maintenance.verify())
        memory.add_many([f"dogs {n}" for n in range(9)], scope=ada)  # they wait
        assert memory.search("dogs 3", scope=ada)[0].record.text == "dogs 3"
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        assert memory.maintenance.verify() == ()
        assert memory.forget([records[0].id], scope=ada).records == 1


def test_indexing_anew_goes_on_where_it_was_broken_off(
    tmp_path: Path, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        memory.add_many([f"cats number {n}" for n in range(20)], scope=ada)
        whole = postings(memory)
        with memory.engine.store.transaction() as db:
            db.execute("UPDATE meta SET value = 'older' WHERE key = 'words'")
    calls = iter(range(2))
    index_words = word_index.index_words

    def killed(*args: object, **options: object) -> int:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return index_words(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(word_index, "index_words", killed)
        with pytest.raises(KeyboardInterrupt):
            Memory.open(tmp_path, embedder=HashEmbedder())
    shutil.copytree(tmp_path, tmp_path.with_name("copy"))
    with Memory.open(tmp_path.with_name("copy"), embedder=HashEmbedder()) as memory:
        assert postings(memory) == whole
        assert list(blocks_amiss(memory.engine.store)) == []


def test_forgetting_what_waits_indexes_nothing(
    tmp_path: Path, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_index, "BLOCK", 4_096)
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        records = memory.add_many([f"pelican{n}" for n in range(20)], scope=ada)
        assert memory.search("pelican7", scope=ada)[0].why["words"] == 1
        memory.forget([records[7].id], scope=ada)
        assert postings(memory) == []
        assert memory.search("pelican7", scope=ada)[0].why["words"] == 0
        assert memory.search("pelican8", scope=ada)[0].why["words"] == 1
        assert b"pelican7" not in in_files(tmp_path)
