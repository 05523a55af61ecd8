"""Retrieval on conversations: the arms, what they are graded by, and the tables."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from talking_files import ASKED, locomo_file

from memagent import Memory
from memagent.errors import InvalidInput, RunError
from memagent.evals.arm import ArmName, Parts
from memagent.evals.report.rescore import rescore
from memagent.evals.runs.plan import Plan
from memagent.evals.runs.run import Run
from memagent.evals.runs.runner import run_in_process
from memagent.evals.runs.saved import open_saved
from memagent.evals.suite import BadOption, Selection
from memagent.evals.tasks.conversations.conversation import (
    Conversation,
    ConversationQuestion,
    ConversationTask,
    Turn,
)
from memagent.evals.tasks.conversations.ingestion import scope_of
from memagent.evals.tasks.conversations.retrieval import arm as arms
from memagent.evals.tasks.conversations.retrieval.arm import RetrievalArm
from memagent.evals.tasks.conversations.retrieval.embedder import shared_embedder
from memagent.evals.tasks.conversations.retrieval.ranking import as_text, graded, turns_of
from memagent.evals.tasks.conversations.retrieval.suite import SUITE, load
from memagent.evals.tasks.conversations.retrieval.writing import WRITING_FILE
from memagent.testing import HashEmbedder, ScriptedChat

OURS = ("search", "recall", "dense", "bm25", "oracle", "recent")


class Counting(HashEmbedder):
    """Embedder that knows what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def embed_query(self, text: str) -> list[float]:
        self.texts.append(text)
        return super().embed_query(text)


def task_in(folder: Path, name: str = "locomo") -> ConversationTask:
    (task,) = load(Selection(tasks=name, file=locomo_file(folder)))
    return cast(ConversationTask, task)


def parts_of(memory: Memory, folder: Path | None = None) -> Parts:
    embedder = memory.engine.encoder.embeddings
    return Parts(memory=memory, embedder=embedder, model=ScriptedChat([]), folder=folder)


def asked(folder: Path, file: Path, *names: str, tasks: str = "locomo") -> Run:
    plan = Plan(arms=tuple(ArmName.parse(name, 0) for name in names), model="none")
    selection = Selection(tasks=tasks, file=file)
    run = Run(
        folder,
        load(selection),
        plan,
        resume=(folder / "run.json").exists(),
        suite="retrieval",
        chosen=selection.chosen(),
    )
    run_in_process(run, ScriptedChat([]), HashEmbedder(), lambda _: None, SUITE.make)
    return run


def test_questions_without_gold_or_answer_are_left_out_and_counted(tmp_path: Path) -> None:
    task = task_in(tmp_path)
    assert [question.question for question in task.asked] == [
        row["question"] for row in ASKED[:3]
    ] * 2
    assert task.left_out["questions without gold turns"] == 2
    assert task.left_out["questions without an answer"] == 2
    other = task_in(tmp_path, "locomo-adversarial")
    assert {question.category for question in other.asked} == {"adversarial"}
    assert other.left_out["questions with an answer"] == 8


def test_each_arm_finds_what_it_is_to_find(tmp_path: Path, memory: Memory) -> None:
    task, parts = task_in(tmp_path), parts_of(memory)
    found = {}
    for kind in OURS:
        arm = RetrievalArm(ArmName.parse(kind, 0), task, parts)
        found[kind] = [turns_of(arm.ask(question).answer.answer)[0] for question in task.asked[:3]]
    assert found["oracle"] == [["D1:1"], ["D1:2", "D2:1"], ["D3:1"]]
    assert all(turns[:2] == ["D3:2", "D3:1"] for turns in found["recent"])
    assert found["search"][0][0] == found["bm25"][0][0] == "D1:1"
    assert len(found["dense"][0]) == len(found["search"][0]) == 8
    scope = scope_of(task.data, task.asked[0].story)
    recalled = memory.recall(task.asked[0].question, scope=scope)
    assert set(found["recall"][0]) == {hit.record.id for hit in recalled.hits}
    hits = memory.search(task.asked[1].question, scope=scope, k=20, roles="all")
    assert found["search"][1] == [hit.record.id for hit in hits]


def test_a_reply_shows_the_turns_and_marks_the_gold(tmp_path: Path, memory: Memory) -> None:
    task = task_in(tmp_path)
    reply = RetrievalArm(ArmName.parse("recent:4"), task, parts_of(memory)).ask(task.asked[2])
    assert reply.answer.answer == "D3:2 D3:1 D2:3 D2:2"
    assert reply.shown[:2] == ("Ben: I bought a red bicycle.", "Ann: Graz is rainy.")
    assert (reply.marked, reply.recall) == ((1,), 1.0)


def test_all_arms_of_the_memory_write_a_conversation_once_and_embed_a_text_once(
    tmp_path: Path,
) -> None:
    embedder = Counting()
    task = task_in(tmp_path)
    with Memory.open(tmp_path / "memory", embedder=embedder) as memory:
        parts = parts_of(memory, tmp_path)
        for kind in ("search", "dense", "bm25"):
            arm = RetrievalArm(ArmName.parse(kind, 0), task, parts)
            for question in task.asked:
                arm.ask(question)
        embedded = [text for text in embedder.texts if text == "Who moved to Graz?"]
        assert len(embedded) == 1
        assert embedder.texts.count("Ann: Graz is rainy.") == 1
        assert memory.count(scope=scope_of(task.data, "conv-0")) == 8
        assert shared_embedder(parts) is shared_embedder(parts)
    (row,) = SUITE.folder_tables(tmp_path)["writing"]
    assert (row["store"], row["conversations"], row["turns"]) == ("memagent", 2, 16)


def test_the_best_turn_of_each_further_session_follows_the_turns() -> None:
    talk = Conversation(
        id="c",
        turns=tuple(
            Turn(id=f"{number}", session=str(number // 10), role="user", text=f"word {number}")
            for number in range(60)
        ),
    )
    question = ConversationQuestion(
        id="q",
        story="c",
        facts=(),
        question="word",
        gold=(),
        supports=(),
        evidence=("0",),
        sessions=("0",),
    )
    task = ConversationTask(
        name="retrieval/x",
        source="generated",
        split="test",
        asked=[question],
        training=(),
        sha256="",
        conversations={"c": talk},
        data="x",
    )
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        reply = RetrievalArm(ArmName.parse("recent"), task, parts_of(memory)).ask(question)
    turns, further = turns_of(reply.answer.answer)
    assert turns == [str(number) for number in range(59, 39, -1)]
    assert further == ["39", "29", "19", "9"]
    grades = graded(task, question, reply.answer.answer)
    assert (grades["any@20"], grades["session any@5"], grades["session any@10"]) == (0, 0, 1)
    assert grades["session mrr"] == 1 / 6


@pytest.mark.parametrize("ids", [["a b", "c|d", "50%"], ["|"], [" "], ["ä\n", "日"]])
def test_ids_of_any_kind_are_read_back(ids: list[str]) -> None:
    assert turns_of(as_text(ids, ids)) == (ids, ids)
    assert turns_of(as_text(ids)) == (ids, [])
    assert turns_of(as_text([])) == ([], [])


def test_a_run_is_graded_again_from_its_file_and_resumes(tmp_path: Path) -> None:
    file = locomo_file(tmp_path)
    run = asked(tmp_path / "run", file, *OURS)
    assert len(run.scores) == 6 * 6
    saved = open_saved(tmp_path / "run")
    outcome = rescore(saved, SUITE, saved.selection(data=None))
    assert (outcome.graded, outcome.changed) == (36, ())
    tables = open_saved(tmp_path / "run").measures
    (oracle,) = (row for row in tables["turns"] if row["arm"] == "oracle+0")
    assert oracle["recall@10"]["value"] == oracle["mrr"]["value"] == 1
    assert asked(tmp_path / "run", file, *OURS).scores == run.scores


def rows_of(run: Run, title: str) -> dict[tuple[str, str], dict[str, object]]:
    tables = SUITE.tables(run.tasks, run.plan.arms, run.scores)
    return {
        (str(row["arm"]), str(row.get("measure", row.get("category")))): row
        for row in tables[title]
    }


def test_arms_are_compared_with_search_and_at_equal_n(tmp_path: Path) -> None:
    run = asked(tmp_path / "run", locomo_file(tmp_path, copies=4), *OURS)
    against = rows_of(run, "against search")
    assert {arm for arm, _ in against} == {f"{kind}+0" for kind in OURS if kind != "search"}
    row = against["oracle+0", "recall@10"]
    assert row["value"] == 1
    assert cast(float, row["p"]) <= cast(float, row["Holm"]) <= 1
    equal = rows_of(run, "at equal n")
    assert {arm for arm, _ in equal} == {"recall+0", "bm25+0"}, "few turns share a word"
    row = equal["recall+0", "recall"]
    shown = [score for score in run.scores if score.arm == "recall+0"]
    assert row["shown"] == sum(len(score.shown) for score in shown) / len(shown)
    mine = {score.id: score for score in run.scores if score.arm == "search+0"}
    shares = [
        sum(place < len(score.shown) for place in mine[score.id].marked)
        / len(supports_of(score.id))
        for score in shown
    ]
    assert row["search"] == pytest.approx(sum(shares) / len(shares))


def supports_of(id: str) -> Sequence[str]:
    evidence: list[str] = ASKED[int(id.rpartition("/")[2])]["evidence"]
    return evidence


def test_categories_have_rows_of_their_own(tmp_path: Path) -> None:
    run = asked(tmp_path / "run", locomo_file(tmp_path), "search", "oracle")
    rows = rows_of(run, "measures by category")
    assert {category for _, category in rows} == {"multi-hop", "single-hop", "temporal"}
    assert rows["oracle+0", "multi-hop"]["n"] == 2
    assert "session recall@10" in rows["oracle+0", "multi-hop"]


def test_without_search_nothing_is_compared(tmp_path: Path) -> None:
    run = asked(tmp_path / "run", locomo_file(tmp_path), "oracle", "recent")
    assert set(SUITE.tables(run.tasks, run.plan.arms, run.scores)) == {
        "turns",
        "sessions",
        "measures by category",
    }


def test_generated_conversations_need_no_file() -> None:
    tasks = load(Selection(tasks="conversations"))
    assert {task.source for task in tasks} == {"generated"}
    assert "retrieval/en" in {task.name for task in tasks}
    for task in tasks:
        questions = cast(Sequence[ConversationQuestion], task.asked)
        assert len(questions) > 20
        assert all(question.evidence and not question.unanswerable for question in questions)


def test_what_cannot_be_asked_is_refused_in_words(tmp_path: Path, memory: Memory) -> None:
    file = locomo_file(tmp_path)
    with pytest.raises(BadOption, match="is of one data set: name its task"):
        load(Selection(file=file))
    with pytest.raises(BadOption, match="'locom' is not one of"):
        load(Selection(tasks="locom", file=file))
    with pytest.raises(BadOption, match="reads no files"):
        load(Selection(tasks="en", file=file))
    with pytest.raises(RunError, match="no question has gold turns"):
        load(Selection(tasks="locomo", file=locomo_file(tmp_path, ASKED[3:4])))
    with pytest.raises(InvalidInput, match="'serach' is not one of search, recall"):
        RetrievalArm(ArmName.parse("serach"), task_in(tmp_path), parts_of(memory))


def test_a_cut_line_of_the_times_is_left_out(tmp_path: Path) -> None:
    row = {"store": "x", "data": "d", "conversation": "c", "turns": 4, "seconds": 2.0}
    (tmp_path / WRITING_FILE).write_text(json.dumps(row) + "\n" + '{"store": "x", "da')
    (found,) = SUITE.folder_tables(tmp_path)["writing"]
    assert found["ms a turn"] == 500
    (tmp_path / WRITING_FILE).write_text("[]\n")
    with pytest.raises(RunError, match="cannot be read"):
        SUITE.folder_tables(tmp_path)


def test_an_arm_closes_its_store_when_it_is_gone(
    tmp_path: Path, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []

    class Store(arms.memory_retrievers.Bound):
        def close(self) -> None:
            closed.append(self)

    monkeypatch.setitem(arms.STORES, "search", lambda task, parts: Store(lambda question: []))  # type: ignore[arg-type]
    arm = RetrievalArm(ArmName.parse("search"), task_in(tmp_path), parts_of(memory))
    assert not closed
    del arm
    assert len(closed) == 1
