import pytest

from memagent.errors import InvalidInput
from memagent.evals.metrics.statistics import passed
from memagent.evals.tasks.babi.published import MODELS, OUR_SETTING, published_rows


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
    (model,) = [one for one in MODELS if one.model.startswith(start)]
    rows = [row for row in published_rows(range(1, 21)) if row.model == model.model]
    assert sum(100 - 100 * row.accuracy for row in rows) / 20 == pytest.approx(mean_error, abs=0.06)
    assert failed in (None, 20 - passed(row.accuracy for row in rows))


def test_rows_come_for_the_tasks_asked_in_their_order() -> None:
    rows = published_rows([19, 2])
    assert [row.task for row in rows] == [19] * 4 + [2] * 4
    assert [row.accuracy for row in rows] == pytest.approx(
        [0.36, 0.08, 0.186, 0.12, 1.0, 0.2, 0.918, 0.886]
    )
    assert published_rows([]) == ()


def test_every_row_says_where_it_is_from_and_how_its_setting_differs() -> None:
    for row in published_rows([1]):
        assert row.source
        assert row.confirmation.startswith("secondary: ")
        assert "1,000 training questions" in row.setting
        assert "released test file" in row.setting
    (strong,) = [row for row in published_rows([1]) if row.model.startswith("MemNN")]
    assert "strong supervision" in strong.setting
    assert "no weight trained" in OUR_SETTING


@pytest.mark.parametrize("task", [0, 21])
def test_a_number_without_a_task_is_refused(task: int) -> None:
    with pytest.raises(InvalidInput, match=f"found {task}"):
        published_rows([1, task])
