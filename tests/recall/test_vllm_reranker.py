"""A vLLM server that reranks, asked for real: the one at MEMAGENT_VLLM_RERANK_URL.

MEMAGENT_VLLM_RERANK_WEIGHTS is the folder of its model, which is read by sentence-transformers too.
"""

import os
from typing import Any

import httpx
import pytest

from memagent.errors import ModelUnavailable
from memagent.recall.rerank_server import RemoteReranker
from memagent.recall.reranker import open_reranker

URL = os.environ.get("MEMAGENT_VLLM_RERANK_URL", "")
WEIGHTS = os.environ.get("MEMAGENT_VLLM_RERANK_WEIGHTS", "")
pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(not (URL and WEIGHTS), reason="MEMAGENT_VLLM_RERANK_URL is not set"),
]
QUESTION = "Which door is red?"
TEXTS = [
    "The door is red.",
    "Ada lives in Kyiv.",
    "Zoë's naïve café: 三つ 🙂",
    *(f"Note {number} is about the door of house {number}." for number in range(24)),
]
SECONDS = 60.0


@pytest.fixture
def right() -> list[float]:
    """Return the scores of the same weights in this process."""
    scores = open_reranker(WEIGHTS, seconds=SECONDS).scores(QUESTION, TEXTS)
    assert scores is not None
    assert max(scores) - min(scores) > 0.1
    return scores


def test_vllm_reranks_as_sentence_transformers_does(right: list[float]) -> None:
    scores = open_reranker(f"server:{URL}", seconds=SECONDS).scores(QUESTION, TEXTS)
    assert scores == pytest.approx(right, abs=1e-3)


def test_vllm_scores_as_sentence_transformers_does(
    right: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, post = [], httpx.Client.post

    def without_rerank(client: httpx.Client, url: str, **options: Any) -> httpx.Response:
        sent.append(url)
        return httpx.Response(404) if url.endswith("/rerank") else post(client, url, **options)

    monkeypatch.setattr(httpx.Client, "post", without_rerank)
    scores = RemoteReranker(URL).scores(QUESTION, TEXTS, SECONDS)
    assert scores == pytest.approx(right, abs=1e-3)
    assert sent[-1].endswith("/score")


def test_vllm_gets_long_texts_cut_until_they_fit(right: list[float]) -> None:
    scores = RemoteReranker(URL).scores(QUESTION, [TEXTS[0], "red door " * 200], SECONDS)
    assert scores[0] == pytest.approx(right[0], abs=1e-3)


def test_vllm_without_the_model_is_one_clear_line() -> None:
    with pytest.raises(ModelUnavailable, match=r"answers 404: .*`nope` does not exist"):
        RemoteReranker(URL, "nope").scores(QUESTION, TEXTS, SECONDS)
