import json
from pathlib import Path

import pytest

from memagent import Memory, Scope
from memagent.evals.tasks.ranking import sets
from memagent.evals.tasks.ranking.training import examples_of, train_ranker
from memagent.recall.ranker import shipped
from memagent.testing import HashEmbedder

SQUAD = {
    "data": [
        {
            "title": title,
            "paragraphs": [
                {
                    "context": f"The {title} live by the {place}. They fish.",
                    "qas": [
                        {
                            "id": title,
                            "question": f"Where do the {title} live?",
                            "answers": [{"text": place, "answer_start": 0}],
                        }
                    ],
                }
            ],
        }
        for title, place in {"Normans": "sea", "Danes": "lake", "Franks": "river"}.items()
    ]
}


@pytest.fixture
def squad(tmp_path: Path) -> sets.RankingSet:
    path = tmp_path / "squad.json"
    path.write_text(json.dumps(SQUAD))
    return sets.squad_set(path)


def test_generated_sets_are_turns_and_notes_in_every_language() -> None:
    found = sets.generated(("en", "ja"), (7,))
    assert [(one.name, one.type) for one in found] == [
        (f"{language}, {style}", type_)
        for language in ("en", "ja")
        for style in ("people", "assistant")
        for type_ in ("turn", "note")
    ]
    assert all(
        question.gold for one in found for corpus in one.corpora for question in corpus.questions
    )


def test_a_right_record_is_among_what_is_written(squad: sets.RankingSet) -> None:
    turns, notes, *_ = sets.generated(("en",), (7,))
    for one in (turns, notes, squad):
        with Memory.in_memory(embedder=HashEmbedder()) as memory:
            corpus, scope = one.corpora[0], Scope("ada")
            corpus.write(memory, scope)
            ids = set().union(*(question.gold for question in corpus.questions))
            assert memory.get(ids, scope=scope).missing == ()


def test_the_draw_is_the_same_and_in_order() -> None:
    (one, *_) = sets.generated(("en",), (7,))
    every = sets.drawn(one, None, 0)
    some = sets.drawn(one, 5, 0)
    assert some == sets.drawn(one, 5, 0) != sets.drawn(one, 5, 1)
    places = [every.index(pair) for pair in some]
    assert places == sorted(places)


def test_a_type_is_trained_on_its_sets_and_others_keep_their_weights(
    squad: sets.RankingSet,
) -> None:
    examples = examples_of([squad], HashEmbedder())
    assert [len(question) for question in examples[0].questions] == [3] * 3
    trained = train_ranker(examples, shipped())
    assert trained.ranker.weights["note"] == shipped().weights["note"]
    passage = trained.ranker.weights["passage"]
    assert passage.values.keys() == shipped().weights["passage"].values.keys()
    assert passage.values["words"] > 0
    rows = {row["ranking"]: row for row in trained.measures}
    assert list(rows) == ["trained", "shipped", "relevance"]
    assert all((row["set"], row["n"], row["any@5"]) == ("squad", 3, 1.0) for row in rows.values())
