"""Budget of a recall: few memories for the embedded model, and never most of a context."""

from types import SimpleNamespace

import pytest

from memagent import Agent, Memory, Scope
from memagent.agent.adaptation.budget import (
    WEAK_PROFILE,
    WEAK_RECORDS,
    WEAK_TOKENS,
    Budget,
    budget_of,
)
from memagent.errors import InvalidInput
from memagent.models.open_chat import EMBEDDED
from memagent.recall.strategy import RECORDS, TOKENS
from memagent.testing import ScriptedChat

SMALL = SimpleNamespace(server_id=EMBEDDED, model_name="SmolLM2-135M-Instruct.Q4_1")
OWN = SimpleNamespace(server_id=EMBEDDED, model_name="a-model-of-the-user")
WEAK = {"dates": False, "profile": WEAK_PROFILE}
SERVER = SimpleNamespace(server_id="http://host/v1", model_name="SmolLM2-135M-Instruct.Q4_1")


@pytest.mark.parametrize(
    ("chat", "context", "expected"),
    [
        (SERVER, None, Budget(RECORDS, TOKENS)),
        (SERVER, 128_000, Budget(RECORDS, TOKENS)),
        (SERVER, 2_000, Budget(RECORDS, 500, profile=125)),
        (SERVER, 1, Budget(RECORDS, 1, profile=0)),
        (OWN, 4_096, Budget(RECORDS, 1_024)),
        (SMALL, 4_096, Budget(WEAK_RECORDS, WEAK_TOKENS, **WEAK)),
        (SMALL, 100, Budget(WEAK_RECORDS, 25, **WEAK)),
        (ScriptedChat(["ok"]), None, Budget(RECORDS, TOKENS)),
    ],
)
def test_the_budget_follows_from_the_model(
    chat: object, context: int | None, expected: Budget
) -> None:
    assert budget_of(chat, context) == expected


def test_what_the_caller_says_is_kept() -> None:
    assert budget_of(SMALL, 100, k=7, tokens=9_000) == Budget(
        7, 9_000, dates=False, profile=WEAK_PROFILE
    )
    assert budget_of(SERVER, 2_000, k=7) == Budget(7, 500, profile=125)
    assert budget_of(SMALL, None, tokens=50) == Budget(
        WEAK_RECORDS, 50, dates=False, profile=WEAK_PROFILE
    )


def test_an_agent_shows_as_many_as_it_is_told(memory: Memory, ada: Scope) -> None:
    memory.add_many([f"Mary saw bird number {n}." for n in range(30)], scope=ada)
    for options, most in (({}, RECORDS), ({"k": 4}, 4), ({"tokens": 14}, 2)):
        agent = Agent(memory=memory, model=ScriptedChat(["ok"]), **options)
        answer = agent.ask("Which bird did Mary see?", scope=ada, remember=False)
        assert len(answer.memories) == most


def test_dates_stay_hidden_from_the_embedded_model_whatever_the_caller_says() -> None:
    agent = Agent(memory=None, model=lambda: SMALL, k=7, tokens=900)
    agent.open()
    shown = agent.driver.budget()
    assert shown == Budget(7, 900, **WEAK)


@pytest.mark.parametrize("options", [{"k": 0}, {"k": "3"}, {"tokens": 0}, {"tokens": True}])
def test_wrong_budgets_are_refused(memory: Memory, options: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=f"{next(iter(options))} must be at least 1"):
        Agent(memory=memory, model=ScriptedChat(["ok"]), **options)
