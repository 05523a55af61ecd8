from collections.abc import Sequence
from pathlib import Path

import pytest
from langchain_core.messages import BaseMessage
from lasting import reads_always

from memagent import evals
from memagent.evals.suite import BadOption, Selection
from memagent.evals.task import Task
from memagent.evals.tasks.preferences import suite
from memagent.evals.tasks.preferences.histories import PER_PERSON, TURNS, people
from memagent.testing import HashEmbedder, ScriptedChat


def test_each_preference_is_stated_once_amid_other_talk() -> None:
    asked = [each for person in people("test") for each in person.preferences]
    assert len(asked) == 40
    assert sum(each.category != "en" for each in asked) == 10
    assert len([each for person in people("development") for each in person.preferences]) == 20
    for person in (*people("test"), *people("development")):
        assert len(person.preferences) <= PER_PERSON
        for talk, preference in zip(person.conversations, person.preferences, strict=True):
            said = [message["content"] for message in talk]
            assert len(talk) >= TURNS
            assert said.count(preference.statement) == 1
            assert [message["role"] for message in talk[:2]] == ["user", "assistant"]
            assert preference.statement not in preference.question


def test_the_splits_share_no_preference() -> None:
    held_out, development = (
        {each.statement for person in people(split) for each in person.preferences}
        for split in ("test", "development")
    )
    assert not held_out & development


@pytest.mark.parametrize(
    ("prediction", "followed"),
    [("A WINDOW seat.", 1.0), ("The aisle, not the window.", 0.0), ("Seat 12.", 0.0)],
)
def test_an_answer_follows_with_a_right_word_and_no_wrong_one(
    prediction: str, followed: float
) -> None:
    (task,) = suite.load(Selection(tasks="english"))
    assert suite.grade(task, task.asked[0], prediction) == {"followed": followed}


def test_tasks_and_splits_are_selected() -> None:
    tasks: Sequence[Task] = suite.load(Selection())
    assert [(task.name, len(task.asked)) for task in tasks] == [
        ("preferences/english", 30),
        ("preferences/languages", 10),
    ]
    assert len(suite.load(Selection(split="development"))) == 1
    for selection in (Selection(split="train"), Selection(tasks="music"), Selection(variant="x")):
        with pytest.raises(BadOption):
            suite.load(selection)


def test_the_profile_shows_what_recall_does_not_find(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reads_always(monkeypatch)
    (task,) = suite.load(Selection(tasks="english", split="development"))
    by_question = {sample.question: sample for sample in task.asked}

    def obedient(messages: Sequence[BaseMessage]) -> str:
        """Follow a preference that stands in the prompt."""
        notes, _, question = str(messages[-1].content).rpartition("Question: ")
        sample = by_question[question or notes]
        return sample.gold[0] if sample.facts[0][1] in notes else "As you like."

    result = evals.run(
        "preferences",
        "none+0,memory+0,memory+profile+0",
        ScriptedChat(obedient),
        embedder=HashEmbedder(),
        limit=10,
        out=tmp_path / "run",
        options=evals.Options(split="development"),
    )
    none, memory, profile = result.tables["preferences"]
    assert (none["shown"]["value"], none["followed"]["value"]) == (0.0, 0.0)
    for row in (memory, profile):
        assert row["shown"]["value"] == row["followed"]["value"]
    lines = [
        score.shown
        for score in result.scores
        if score.arm == "memory+profile+0" and score.id.startswith("development-en-1/")
    ]
    assert lines
    assert all(any("I always choose the aisle" in text for text in shown) for shown in lines)
    assert {row["measure"] for row in result.tables["gain"]} == {"shown", "followed"}
