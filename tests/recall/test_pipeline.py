import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.recall.features import FEATURES, TYPES
from memagent.recall.ranker import Ranker, Weights, shipped
from memagent.testing import HashEmbedder

ADA = Scope(user="ada")
DAY = datetime(2024, 3, 1, tzinfo=UTC)


class Longest:
    """Reranker that prefers long texts."""

    name = "longest"

    def scores(self, question: str, texts: Sequence[str], timeout: float) -> Sequence[float]:
        return [float(len(text)) for text in texts]


def test_the_shipped_weights_name_known_features_and_every_type() -> None:
    ranker = shipped()
    assert set(ranker.weights) == set(TYPES)
    assert Ranker.from_dict(json.loads(json.dumps(ranker.to_dict()))) == ranker
    assert ranker.weights["turn"].values["words"] > 0


@pytest.mark.parametrize(
    "data",
    [
        {},
        {name: {"intercept": 0, "weights": {"charm": 1}} for name in TYPES},
        {name: {"intercept": "much", "weights": {}} for name in TYPES},
        {name: {"intercept": 0, "weights": []} for name in TYPES},
    ],
)
def test_malformed_weights_are_refused(data: object) -> None:
    with pytest.raises(InvalidInput, match="weights"):
        Ranker.from_dict(data)  # type: ignore[arg-type]


def test_a_score_is_logistic_in_the_features() -> None:
    weights = Weights(-1.0, {"words": 2.0})
    matrix = np.zeros((2, len(FEATURES)))
    matrix[1, list(FEATURES).index("words")] = 1.0
    scores = Ranker(dict.fromkeys(TYPES, weights)).scores(matrix, ["note", "turn"])
    assert scores == pytest.approx([1 / (1 + np.e), 1 / (1 + 1 / np.e)])


def test_search_and_recall_rank_alike() -> None:
    memory = Memory.in_memory(embedder=HashEmbedder())
    for number, town in enumerate("Graz Linz Wien Salzburg Bregenz".split()):
        memory.add(f"Trip {number} went to {town}", scope=ADA, valid_from=DAY + timedelta(number))
    hits = memory.search("Which trip went to Wien?", scope=ADA, k=5)
    shown = memory.recall("Which trip went to Wien?", scope=ADA, k=5).hits
    assert hits[0].record.text == "Trip 2 went to Wien"
    assert sorted(shown, key=lambda hit: -hit.score)[0].record == hits[0].record
    assert {hit.record.id: hit.score for hit in shown}.items() <= {
        hit.record.id: hit.score for hit in hits
    }.items()


def test_why_has_the_features_that_say_something_and_the_cosine_as_it_is() -> None:
    memory = Memory.in_memory(embedder=HashEmbedder())
    memory.add("Lena lives in Graz", scope=ADA)
    (hit,) = memory.search("Where does Lena live?", scope=ADA)
    assert set(hit.why) - {"cosine"} <= set(FEATURES)
    assert hit.why["words"] > 0
    assert -1 <= hit.why["cosine"] <= 1
    assert all(hit.why[name] for name in hit.why if name not in ("cosine", "meaning"))


def test_a_reranker_reorders_what_is_found() -> None:
    memory = Memory.in_memory(embedder=HashEmbedder(), reranker=Longest())
    memory.add("Lena lives in Graz", scope=ADA)
    memory.add("Otto once said, as far as I know, that he would rather live in Graz", scope=ADA)
    hits = memory.search("Where does Lena live?", scope=ADA)
    assert hits[0].record.text.startswith("Otto")
    assert hits[0].why["rank_before"] == 2
    assert len(memory.search("Where does Lena live?", scope=ADA, k=1)) == 1
    assert len(memory.search("Where does Lena live?", scope=ADA, tokens=6)) == 1


def test_the_reranker_s_time_limit_is_read_when_it_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory = Memory.in_memory(embedder=HashEmbedder(), reranker=Longest())
    memory.add_many(["Lena lives in Graz", "Otto lives in Graz, too"], scope=ADA)
    monkeypatch.setenv("MEMAGENT_RERANKER_SECONDS", "none")  # an error if a search read it
    assert "rerank" in memory.search("Where does Lena live?", scope=ADA)[0].why


def test_a_filter_holds_candidates_of_words_and_neighbours_back() -> None:
    memory = Memory.in_memory(embedder=HashEmbedder())
    for number in range(300):
        memory.add(f"Lena lives in Graz, house {number}", scope=ADA, metadata={"page": number})
    hits = memory.search("Where does Lena live?", scope=ADA, where={"page": {"lt": 3}})
    assert {hit.record.metadata["page"] for hit in hits} == {0, 1, 2}
