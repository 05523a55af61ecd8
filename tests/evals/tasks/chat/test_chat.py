"""The suite on a long chat: its scripts, its grading, its arms and its tables."""

from pathlib import Path
from typing import cast

import pytest
from chatting import UNKNOWN, strong_reader

from memagent import evals
from memagent.errors import RunError
from memagent.evals.arm import ArmName, Parts
from memagent.evals.suite import BadOption, Selection
from memagent.evals.tasks.chat.arm import TRANSCRIPTS, ChatArm
from memagent.evals.tasks.chat.scripts import SCRIPTS, ChatQuestion, ChatTask, grade
from memagent.evals.tasks.chat.suite import SUITE, load
from memagent.evals.tasks.chat.tables import loops, most_frequent, read_transcript
from memagent.memory.memory import Memory
from memagent.testing import HashEmbedder, ScriptedChat


def task_of(name: str = "development") -> ChatTask:
    (task,) = load(Selection(tasks=name))
    return cast(ChatTask, task)


def questions_of(task: ChatTask) -> list[ChatQuestion]:
    return [cast(ChatQuestion, sample) for sample in task.asked]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_has_sixty_turns_half_of_them_questions_of_each_kind(name: str) -> None:
    task = task_of(name)
    asked = questions_of(task)
    assert (len(task.turns), len({*task.turns}), len(asked)) == (60, 60, 30)
    kinds = [question.category for question in asked]
    assert kinds.count("refers back") >= 6
    assert all(kinds.count(kind) >= 3 for kind in ("long ago", "corrected", "never told"))
    for question in asked:
        assert task.turns[question.place - 1] == question.question
        told = dict(question.facts)
        assert all(turn in told for turn in question.supports)  # before it, and no question
        assert bool(question.gold) is bool(question.supports) is (question.category != "never told")


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_evidence_of_a_question_holds_one_of_its_answers_and_is_graded_right(name: str) -> None:
    task = task_of(name)
    for question in questions_of(task):
        if question.gold:
            evidence = " ".join(task.turns[place - 1] for place in question.supports)
            assert any(answer.lower() in evidence.lower() for answer in question.gold)
            assert grade(task, question, f"It is {question.gold[0]}.")["right"] == 1.0
        assert grade(task, question, UNKNOWN)["right"] == float(not question.gold)


def test_an_answer_that_names_another_value_of_the_kind_is_wrong() -> None:
    task = task_of()
    question = next(q for q in questions_of(task) if q.question == "Where does Nora live now?")
    assert grade(task, question, "In Linz.") == {"right": 1.0, "named": 1.0, "other": 0.0}
    assert grade(task, question, "In Graz or Linz.") == {"right": 0.0, "named": 1.0, "other": 1.0}
    unknown = next(q for q in questions_of(task) if q.question == "Where does Tom live?")
    assert grade(task, unknown, "Tom lives in Graz.")["right"] == 0.0
    assert grade(task, unknown, "You never said.")["right"] == 1.0


def test_a_strong_model_answers_a_script_in_another_language_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    result = evals.run(
        "chat",
        ["auto+0"],
        strong_reader(task_of("german")),
        tasks="german",
        embedder=HashEmbedder(),
        out=tmp_path / "run",
    )
    (row,) = result.tables["chat"]
    assert (row["right"], row["right with evidence"]) == (1.0, 1.0)
    assert row["right with evidence: n"] >= 24
    (kept,) = result.tables["repetition and memory"]
    assert (kept["turns"], kept["statements"], kept["statements lost"]) == (60, 30, 0)
    assert (kept["loops"], kept["questions kept as evidence"], kept["empty replies"]) == (0, 0, 0)
    assert kept["most frequent sentence"] == "that was never mentioned"
    assert kept["times"] == 3
    transcript = read_transcript(tmp_path / "run" / TRANSCRIPTS / "german.auto+0.jsonl")
    assert [turn.text for turn in transcript] == list(task_of("german").turns)


def test_a_resumed_chat_says_the_turns_before_again(memory: Memory) -> None:
    task = task_of()
    chat = strong_reader(task)
    third = questions_of(task)[2]
    parts = Parts(memory=memory, embedder=HashEmbedder(), model=chat)
    fresh = ChatArm(ArmName.parse("auto+0"), task, parts)
    assert fresh.ask(third).answer.answer == third.gold[0]
    assert len(chat.requests) == third.place
    assert fresh.ask(questions_of(task)[0]).answer.answer == "Graz"
    assert len(chat.requests) == third.place + 3


@pytest.mark.parametrize(("arm", "seen"), [("turns+0", True), ("no-turns+0", False)])
def test_arms_show_past_turns_or_none(memory: Memory, arm: str, seen: bool) -> None:
    task = task_of()
    chat = ScriptedChat(lambda messages: "A great story.")
    parts = Parts(memory=memory, embedder=HashEmbedder(), model=chat)
    reply = ChatArm(ArmName.parse(arm), task, parts).ask(questions_of(task)[0])
    assert [str(message.content) for message in chat.requests[-1]].count(task.turns[1]) == seen
    assert reply.recall == 1.0


def test_a_loop_and_the_most_frequent_sentence_are_found() -> None:
    assert loops("No, no, no, no.")
    assert loops("I am sorry for that. " * 4)
    assert not loops("No, no, no.")
    assert not loops("It is here, it is there, it is now, it is so.")
    replies = ["That's great! Go on.", "Go on. That’s fine.", "thats great"]  # noqa: RUF001
    assert most_frequent(["My key is here.", "my key is here! Yes.", "Yes. Yes."]) == (
        "my key is here",
        2,
    )
    assert most_frequent(replies) == ("", 0)


def test_a_transcript_that_is_none_and_a_script_that_is_not_there_are_refused(
    tmp_path: Path,
) -> None:
    (tmp_path / TRANSCRIPTS).mkdir()
    (tmp_path / TRANSCRIPTS / "german.auto+0.jsonl").write_text("{}\n")
    with pytest.raises(RunError, match="no transcript"):
        SUITE.folder_tables(tmp_path)
    with pytest.raises(BadOption, match="klingon"):
        load(Selection(tasks="klingon"))
