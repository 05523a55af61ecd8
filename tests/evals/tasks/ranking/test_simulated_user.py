import pytest

from memagent.evals.tasks.ranking import simulated_user
from memagent.evals.tasks.ranking.simulated_user import Observed, simulate, tables
from memagent.testing import HashEmbedder


def test_a_user_is_observed_in_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated_user, "JUDGED", (2, 4))
    monkeypatch.setattr(simulated_user, "HELD_BACK", 3)
    found = simulate(HashEmbedder(), users=(7,), preferences=("notes", "none"))
    assert [(one.preference, one.judged) for one in found] == [
        (preference, judged) for preference in ("notes", "none") for judged in (2, 4) for _ in "abc"
    ]
    assert not any(one.kept for one in found)  # too few verdicts
    assert all(one.first[0] == one.first[1] and one.among[0] == one.among[1] for one in found)


def test_the_table_has_the_gain_with_its_interval() -> None:
    observed = [
        Observed(
            preference="notes",
            judged=10,
            user=user,
            kept=user == 1,
            first=(False, True),
            among=(True, True),
        )
        for user in (1, 2)
    ]
    (row,) = tables(observed)
    assert (row["n"], row["kept"]) == (2, "1 of 2")
    assert (row["hit@1"], row["hit@1, learned"], row["any@5"]) == (0, 1, 1)
    assert row["hit@1, gain"] == {"value": 1, "low": 1, "high": 1}
