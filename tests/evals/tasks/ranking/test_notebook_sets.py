"""The notebooks that the ranker is trained on: their files, and the sets made of them."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memagent import Memory, Scope
from memagent.evals.tasks.notes import notebooks
from memagent.evals.tasks.ranking import sets, training
from memagent.evals.tasks.ranking.sets import notebook_sets
from memagent.evals.tasks.ranking.training import examples_of
from memagent.testing import HashEmbedder
from memagent.text.languages import content
from memagent.text.stemmer import stem
from memagent.text.words import query_words

LANGUAGES = ("de", "en", "es", "fr", "ko", "nl", "pl", "ru", "tr", "zh")
WORDINGS = ("same_words", "paraphrase")
TEXTS = ("text", *WORDINGS)


def notes_of(language: str) -> list[dict[str, Any]]:
    file = Path(sets.__file__).parent / "data" / f"{language}.toml"
    rows: list[dict[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8"))["notes"]
    return rows


def measured_on() -> Iterator[tuple[str, str]]:
    """Yield the texts that the suite on everyday notes asks for and with, by language."""
    for name in (notebooks.DIARY, *notebooks.LANGUAGES):
        data = notebooks.notebook(name)
        language = "en" if name == notebooks.DIARY else name
        for conversation in data.conversations:
            yield from ((language, turn.text) for turn in conversation.turns)
        yield from ((language, question.question) for question in data.questions)


def stems(text: str, language: str) -> set[str]:
    return {stem(word, language) for word in content(text, language)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_file_has_fourteen_notes_three_of_them_newer_versions(language: str) -> None:
    rows = notes_of(language)
    assert len(rows) == 14
    texts = [row[key] for row in rows for key in TEXTS]
    assert len({*texts}) == len(texts)
    places = {row["id"]: place for place, row in enumerate(rows) if "id" in row}
    replaced = {row["replaces"]: place for place, row in enumerate(rows) if "replaces" in row}
    assert len(places) == 3
    assert places.keys() == replaced.keys()
    assert all(places[name] < place for name, place in replaced.items())
    assert all(row.keys() <= {*TEXTS, "id", "replaces"} for row in rows)


def test_nothing_is_trained_on_that_the_suite_on_notes_measures() -> None:
    measured = [(language, set(content(text, language))) for language, text in measured_on()]
    asked = {text for _, text in measured_on()}
    for language in LANGUAGES:
        for text in (row[key] for row in notes_of(language) for key in TEXTS):
            assert text not in asked
            words = set(content(text, language))
            alike = [
                len(words & other) / len(words | other) for of, other in measured if of == language
            ]
            assert max(alike, default=0) <= 0.5, text


def test_no_note_is_another_language_s() -> None:
    texts = [row["text"] for language in LANGUAGES for row in notes_of(language)]
    assert len({*texts}) == 140


@pytest.mark.parametrize("language", LANGUAGES)
def test_most_paraphrases_share_at_most_one_word_with_their_note(language: str) -> None:
    rows = notes_of(language)
    current = {row["replaces"]: row["text"] for row in rows if "replaces" in row}
    shared = {
        key: [
            len(
                stems(row[key], language) & stems(current.get(row.get("id"), row["text"]), language)
            )
            for row in rows
        ]
        for key in WORDINGS
    }
    assert sum(count <= 1 for count in shared["paraphrase"]) >= 13
    assert all(count >= 1 for count in shared["same_words"])
    assert sum(shared["same_words"]) > 4 * sum(shared["paraphrase"])


def test_the_newer_of_two_notes_is_not_told_by_its_length() -> None:
    rows = [row for language in LANGUAGES for row in notes_of(language)]
    older, newer = (
        sum(len(query_words(row["text"])) for row in rows if key in row)
        for key in ("id", "replaces")
    )
    assert 0.8 < newer / older < 1.25


def test_each_set_has_a_corpus_and_a_group_for_each_language() -> None:
    found = notebook_sets()
    assert {each.type for each in found} == {"note"}
    assert len({each.family for each in found}) == 3
    for each in found:
        groups = [{question.group for question in corpus.questions} for corpus in each.corpora]
        assert groups == [{language} for language in LANGUAGES]
        assert all(len(corpus.questions) == 14 for corpus in each.corpora)


@pytest.mark.parametrize(("place", "wording"), [(0, "paraphrase"), (1, "same_words")])
def test_a_question_has_one_right_note_the_newer_of_two(place: int, wording: str) -> None:
    corpora = notebook_sets()[place].corpora
    (english,) = (one for one in corpora if one.questions[0].group == "en")
    rows = notes_of("en")
    gold = {question.text: question.gold for question in english.questions}
    assert {len(ids) for ids in gold.values()} == {1}
    newer = {row["replaces"]: row for row in rows if "replaces" in row}
    for row in rows:
        current = newer.get(row.get("id"), row)
        assert gold[row[wording]] == frozenset({f"en{rows.index(current) + 1:02}"})


def test_notes_are_written_oldest_first(memory: Memory) -> None:
    for corpus in notebook_sets()[0].corpora:
        scope = Scope(corpus.name)
        corpus.write(memory, scope)
        records = sorted(memory.list(scope=scope, limit=100), key=lambda each: each.valid_from)
        rows = notes_of(corpus.questions[0].group)
        assert [record.text for record in records] == [row["text"] for row in rows]
        assert len({record.valid_from for record in records}) == 14
        gold = frozenset[str]().union(*(question.gold for question in corpus.questions))
        assert gold < {record.id for record in records}


def test_a_set_is_searched_with_the_embedder_that_it_names_opened_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []
    named, usual = Counting(), Counting()

    def open_named(name: str) -> Counting:
        opened.append(name)
        return named

    monkeypatch.setattr(training, "open_embedder", open_named)
    paraphrased, same_words, by_usual = notebook_sets()
    examples = examples_of([paraphrased, same_words], usual, limit=3)
    assert (opened, usual.texts) == (["multilingual"], 0)
    assert [len(each.questions) for each in examples] == [3, 3]
    assert all(question.gold.sum() == 1 for each in examples for question in each.questions)
    before = named.texts
    examples_of([by_usual], usual, limit=1)
    assert (opened, named.texts) == (["multilingual"], before)
    assert usual.texts > 0


class Counting(HashEmbedder):
    """A hashing embedder that counts the texts it embeds."""

    def __init__(self) -> None:
        super().__init__()
        self.texts = 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.texts += len(texts)
        return super().embed_documents(texts)
