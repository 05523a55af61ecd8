"""Suites of questions about conversations, from loading to the tables of a run."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from talking import ANN, CHOICE, WHERE, WHY, people

from memagent import evals
from memagent.errors import InvalidInput
from memagent.evals.registry import find_suite
from memagent.evals.suite import BadOption, Selection, load_tasks
from memagent.evals.tasks.conversations.conversation import ConversationTask
from memagent.evals.tasks.conversations.grading import grade
from memagent.evals.tasks.conversations.suite import NO_REFERENCE, split_tasks
from memagent.testing import HashEmbedder, ScriptedChat

SUITES = ("locomo", "longmemeval", "beam", "personamem", "conversations")


def names(suite: str, **selection: Any) -> list[str]:
    return [task.name for task in load_tasks(find_suite(suite), Selection(**selection))]


@pytest.mark.parametrize("suite", SUITES)
def test_without_files_there_are_generated_questions(suite: str) -> None:
    for task in load_tasks(find_suite(suite), Selection()):
        assert isinstance(task, ConversationTask)
        assert task.source == "generated"
        assert len(task.asked) >= 10
        members = {member.name for member in find_suite(suite).members}
        assert task.name in members
        assert task.name.startswith(f"{suite}/")
        assert {sample.story for sample in task.asked} == set(task.conversations)


def test_what_has_no_answer_is_a_task_of_its_own() -> None:
    data = people(questions=(WHERE, WHY, CHOICE, replace(WHERE, id="ann/9", gold=())))
    found = split_tasks(data, "people/qa", "people/none", grade)
    assert [(name, len(task.asked)) for name, task in found.items()] == [
        ("people/qa", 2),
        ("people/none", 1),
    ]
    assert found["people/qa"].left_out == {NO_REFERENCE: 1}
    assert found["people/none"].left_out == {}
    assert list(found["people/none"].conversations) == [ANN.id]
    assert list(split_tasks(people(questions=(WHERE,)), "a", "b", grade)) == ["a"]


def test_tasks_are_selected_by_name() -> None:
    assert names("conversations") == ["conversations/en", "conversations/en-unanswerable"]
    assert names("conversations", tasks="de,es-unanswerable") == [
        "conversations/de",
        "conversations/es-unanswerable",
    ]
    assert names("locomo") == ["locomo/qa", "locomo/adversarial"]
    assert names("locomo", tasks="adversarial") == ["locomo/adversarial"]
    with pytest.raises(BadOption, match="'d' is not one of"):
        names("conversations", tasks="d")
    with pytest.raises(BadOption, match="'tiny' is not one of small, medium, large"):
        names("conversations", variant="tiny")
    with pytest.raises(BadOption, match="reads no files"):
        names("conversations", file=Path("x.json"))


def locomo(folder: Path, *categories: int) -> Path:
    """Write a file of LoCoMo's layout with a question of each category."""
    said = [
        {"speaker": "Ann", "dia_id": "D1:1", "text": "I bought a canoe."},
        {"speaker": "Ben", "dia_id": "D1:2", "text": "My parrot Lola is ill."},
    ]
    rows = [
        {"question": "Who is ill?", "answer": "Lola", "evidence": ["D1:2"], "category": category}
        | ({"adversarial_answer": "the canoe"} if category == 5 else {})
        for category in categories
    ]
    talk = {
        "speaker_a": "Ann",
        "speaker_b": "Ben",
        "session_1": said,
        "session_1_date_time": "1:56 pm on 8 May, 2023",
    }
    path = folder / "locomo10.json"
    path.write_text(json.dumps([{"sample_id": "conv-1", "conversation": talk, "qa": rows}]))
    return path


def test_a_file_without_a_sort_of_questions(tmp_path: Path) -> None:
    path = locomo(tmp_path, 4, 4)
    assert names("locomo", file=path) == ["locomo/qa"]
    with pytest.raises(InvalidInput, match="locomo/adversarial: the data has no such question"):
        names("locomo", file=path, tasks="adversarial")


def reader(messages: Sequence[BaseMessage]) -> str:
    """Answer with the gold name where it is shown."""
    return "Lola" if "Lola" in str(messages[-1].content) else "unknown"


def test_a_run_from_the_question_to_the_tables(tmp_path: Path) -> None:
    chat = ScriptedChat(reader)
    options: dict[str, Any] = {
        "arms": "none+0,memory+0,full+0,oracle+0",
        "out": tmp_path / "run",
        "options": evals.Options(file=locomo(tmp_path, 4, 1, 5)),
        "embedder": HashEmbedder(),
    }
    first = evals.run("locomo", model=chat, tasks="qa", **options)
    scores = {(row["task"], row["name"]): row["score"] for row in first.rows}
    assert scores == {
        ("locomo/qa", "none+0"): 0.0,
        ("locomo/qa", "memory+0"): 1.0,
        ("locomo/qa", "full+0"): 1.0,
        ("locomo/qa", "oracle+0"): 1.0,
    }
    assert {score.category for score in first.scores} == {"single-hop", "multi-hop"}
    full = next(score for score in first.scores if score.arm == "full+0")
    assert (len(full.shown), full.marked, full.recall) == (2, (1,), 1.0)
    asked = len(chat.requests)
    again = evals.run("locomo", model=chat, tasks="qa", resume=True, **options)
    assert len(chat.requests) == asked, "nothing is asked again"
    assert again.scores == first.scores


def test_abstentions_and_traps_are_counted_over_both_tasks(tmp_path: Path) -> None:
    result = evals.run(
        "locomo",
        "none+0,full+0",
        ScriptedChat(lambda messages: "the canoe" if "canoe" in str(messages) else "unknown"),
        out=tmp_path / "run",
        options=evals.Options(file=locomo(tmp_path, 4, 5)),
        embedder=HashEmbedder(),
    )
    rows = {row["arm"]: row for row in result.tables["abstention"]}
    none, full = rows["none+0"], rows["full+0"]
    assert (none["unanswerable"], none["answerable"]) == (1, 1)
    assert (none["abstained"], none["trapped"], none["falsely"]) == (1.0, 0.0, 1.0)
    assert (full["abstained"], full["trapped"], full["falsely"]) == (0.0, 1.0, 0.0)


def test_multiple_choice_is_graded_by_the_letter(tmp_path: Path) -> None:
    result = evals.run(
        "personamem",
        "none+0,oracle+0",
        ScriptedChat(lambda messages: "(b)" if "Notes:" in str(messages) else "who knows"),
        tasks="qa",
        limit=8,
        out=tmp_path / "run",
        embedder=HashEmbedder(),
    )
    none, oracle = result.rows
    assert none["score"] == 0.0
    assert oracle["score"] == sum(score.gold == ("b",) for score in result.scores) / 16
    assert [row["unreadable"] for row in result.tables["choices"]] == [8, 0]
