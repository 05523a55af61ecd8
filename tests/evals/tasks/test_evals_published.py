import pytest

from memagent.evals.metrics.statistics import passed
from memagent.evals.tasks.babi.published import MODELS, REFERENCES


@pytest.mark.parametrize(
    ("start", "mean_error", "failed"),
    [
        ("MemNN", 6.7, 4),
        ("LSTM", 51.3, 20),
        ("MemN2N, 1K", 13.8, None),
        ("MemN2N, joint", 12.4, 11),
    ],
)
def test_the_tasks_add_up_to_the_published_means_and_passes(
    start: str, mean_error: float, failed: int | None
) -> None:
    """Means, and counts but for the rerun, were published too: a figure mistyped would show."""
    (model,) = [model for model in MODELS if model.model.startswith(start)]
    accuracies = model.accuracy.values()
    assert sum(100 - 100 * accuracy for accuracy in accuracies) / 20 == pytest.approx(
        mean_error, abs=0.06
    )
    assert failed in (None, 20 - passed(accuracies))


def test_every_model_has_its_accuracy_on_every_task() -> None:
    for model in MODELS:
        assert list(model.accuracy) == [f"babi/{number}" for number in range(1, 21)]
    assert [model.accuracy["babi/19"] for model in MODELS] == pytest.approx(
        [0.36, 0.08, 0.186, 0.12]
    )
    assert [model.accuracy["babi/2"] for model in MODELS] == pytest.approx([1.0, 0.2, 0.918, 0.886])


def test_every_model_says_where_it_is_from_and_how_its_setting_differs() -> None:
    for model in MODELS:
        assert model.source
        assert model.confirmation.startswith("secondary: ")
        assert "1,000 training questions" in model.setting
        assert "released test file" in model.setting
    (strong,) = [model for model in MODELS if model.model.startswith("MemNN")]
    assert "strong supervision" in strong.setting
    assert "no weight trained" in REFERENCES.about
