import threading

import httpx
import openai
import pytest

from memagent.errors import InvalidInput, ModelUnavailable, StoreError, UserError
from memagent.evals.runs import retry
from memagent.evals.runs.retry import NotAnswered, ServerGone, failure_of, with_retries

REQUEST = httpx.Request("POST", "http://server/v1/chat/completions")


def failure(status: int | None) -> ModelUnavailable:
    """Return our error for a status, or for a connection that was lost if None."""
    error = ModelUnavailable(f"status {status}")
    if status is None:
        error.__cause__ = openai.APIConnectionError(request=REQUEST)
    else:
        response = httpx.Response(status, request=REQUEST)
        error.__cause__ = openai.APIStatusError("no", response=response, body=None)
    return error


@pytest.mark.parametrize(
    ("status", "kind"),
    [(None, "gone"), (503, "gone"), (429, "gone"), (500, "failed"), (400, "refused")],
)
def test_an_error_tells_whether_the_server_is_there(status: int | None, kind: str) -> None:
    assert failure_of(failure(status)) == kind


def test_a_timeout_is_a_server_that_is_gone() -> None:
    error = ModelUnavailable("too late")
    error.__cause__ = openai.APITimeoutError(request=REQUEST)
    assert failure_of(error) == "gone"
    assert failure_of(InvalidInput("the question is empty")) == "refused"
    assert failure_of(ModelUnavailable("no weights")) == "refused"


class Asked:
    """A question that fails in given ways, one after the other, and then is answered."""

    def __init__(self, *errors: UserError) -> None:
        self.errors = list(errors)
        self.times = 0

    def __call__(self) -> str:
        self.times += 1
        if self.errors:
            raise self.errors.pop(0)
        return "yes"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "DELAYS", (0.0,) * 5)


def test_a_question_waits_for_a_server_that_comes_back() -> None:
    asked = Asked(failure(None), failure(503), failure(None))
    assert with_retries(asked, threading.Event()) == "yes"
    assert asked.times == 4


def test_a_server_that_stays_away_is_given_up() -> None:
    asked = Asked(*[failure(None)] * 20)
    with pytest.raises(ServerGone, match="status None"):
        with_retries(asked, threading.Event())
    assert asked.times == 6


def test_a_question_that_the_server_fails_at_is_given_up_after_some_tries() -> None:
    asked = Asked(*[failure(500)] * 20)
    with pytest.raises(NotAnswered, match="ModelUnavailable: status 500"):
        with_retries(asked, threading.Event())
    assert asked.times == retry.MAX_ATTEMPTS


def test_what_is_refused_is_not_asked_again_and_a_broken_store_is_no_answer() -> None:
    refused = Asked(failure(400))
    with pytest.raises(NotAnswered):
        with_retries(refused, threading.Event())
    assert refused.times == 1
    with pytest.raises(StoreError):
        with_retries(Asked(StoreError("cannot be read")), threading.Event())


def test_who_is_told_to_stop_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "DELAYS", (3600.0,))
    stop = threading.Event()
    stop.set()
    with pytest.raises(ServerGone):
        with_retries(Asked(failure(None)), stop)
