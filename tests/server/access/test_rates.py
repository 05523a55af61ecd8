import pytest

from memagent.server.access.rates import Rates, rate_of


class Clock:
    """Clock that a test sets, in seconds."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.time", clock)
    return clock


def test_the_window_moves_with_the_clock(clock: Clock) -> None:
    rates = Rates()
    assert rates.wait("k", "2/minute") is None
    clock.now += 30
    assert rates.wait("k", "2/minute") is None
    clock.now += 10.7
    assert rates.wait("k", "2/minute") == 20, "19.3 s, and never too early"
    assert rates.wait("other", "2/minute") is None
    clock.now += 20
    assert rates.wait("k", "2/minute") is None
    assert rates.wait("k", "2/minute") is not None


def test_who_waits_as_told_is_served(clock: Clock) -> None:
    rates = Rates()
    for _ in range(50):
        clock.now += 0.37
        if (seconds := rates.wait("k", "3/second")) is not None:
            clock.now += seconds
            assert rates.wait("k", "3/second") is None


@pytest.mark.parametrize("text", ["", "often", "0/minute", "-1/minute", "5/minute;2/second", "5"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="rate"):
        rate_of(text)
