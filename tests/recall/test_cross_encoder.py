"""A cross-encoder of sentence-transformers, with tiny random weights."""

import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from forking import in_child
from tiny_cross_encoder import POSITIONS, write_cross_encoder

from memagent.errors import InvalidInput, WeightsMissing
from memagent.recall.cross_encoder import CrossEncoderReranker
from memagent.recall.reranker import MAX_CHARACTERS, open_reranker

pytestmark = pytest.mark.real
QUESTION = "Which door is red?"
TEXTS = [
    "The door is red.",
    "Ada lives in Kyiv.",
    "door",
    "",
    "Zoë's naïve café: 三つ 🙂",
    "red " * POSITIONS,
    *(f"Note {number} is about the door of house {number}." for number in range(20)),
]
SECONDS = 60.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cross_encoder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def right(folder: Path) -> list[float]:
    """Return the scores of sentence-transformers itself, one pair at a time."""
    from sentence_transformers import CrossEncoder

    model: Any = CrossEncoder(str(folder), device="cpu", local_files_only=True)
    scores = [float(model.predict((QUESTION, text))) for text in TEXTS]
    assert len({round(score, 3) for score in scores}) > len(TEXTS) / 2
    return scores


def test_a_folder_scores_as_sentence_transformers_does(folder: Path, right: list[float]) -> None:
    reranker = open_reranker(str(folder), seconds=SECONDS)
    assert reranker.name == str(folder)
    assert reranker.scores(QUESTION, TEXTS) == pytest.approx(right, abs=1e-5)
    long = reranker.scores(QUESTION * 1000, ["a" * 10 * MAX_CHARACTERS])
    assert long is not None
    assert 0 <= long[0] <= 1


def test_threads_get_their_own_scores(folder: Path, right: list[float]) -> None:
    reranker = CrossEncoderReranker(str(folder), "tiny")
    scores: dict[int, Any] = {}

    def ask(place: int) -> None:
        scores[place] = reranker.scores(QUESTION, [TEXTS[place], TEXTS[0]], SECONDS)

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    for place in range(6):
        assert scores[place] == pytest.approx([right[place], right[0]], abs=1e-5)


def test_a_call_that_gets_no_turn_in_its_time_gives_up(folder: Path) -> None:
    reranker = CrossEncoderReranker(str(folder), "tiny")
    reranker.load()
    with reranker._running, pytest.raises(TimeoutError, match="busy"):
        reranker.scores(QUESTION, TEXTS, 0.01)


def test_a_forked_child_reranks_with_the_model_that_its_parent_loaded(
    folder: Path, right: list[float]
) -> None:
    reranker = open_reranker(str(folder), seconds=SECONDS)
    assert reranker.scores(QUESTION, TEXTS[:3])
    scores = in_child(lambda: reranker.scores(QUESTION, TEXTS[:3]))
    assert scores == pytest.approx(right[:3], abs=1e-5)


def test_a_model_that_gives_several_numbers_for_a_pair_is_no_reranker(tmp_path: Path) -> None:
    write_cross_encoder(tmp_path, labels=3)
    with pytest.raises(InvalidInput, match=r"is no reranker: it gives 3 numbers for a pair"):
        open_reranker(str(tmp_path), seconds=SECONDS).scores(QUESTION, TEXTS)


def test_damaged_weights_are_one_clear_line(folder: Path, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(folder, tmp_path / "damaged"))
    (damaged / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(InvalidInput, match="damaged' cannot be loaded: ") as caught:
        open_reranker(str(damaged), seconds=SECONDS).scores(QUESTION, TEXTS)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_model_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=f"folder {tmp_path} holds no reranker") as caught:
        open_reranker(str(tmp_path), seconds=SECONDS).scores(QUESTION, TEXTS)
    assert "\n" not in str(caught.value)


def test_a_name_that_is_not_here_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr("socket.create_connection", unreachable)
    with pytest.raises(WeightsMissing, match="the reranker 'acme/none' is not on this disk, and"):
        open_reranker("acme/none", seconds=SECONDS).scores(QUESTION, TEXTS)
