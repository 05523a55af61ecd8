"""The suite on everyday notes: its notebooks, what an answer is graded by, and the tables."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from memagent import Memory
from memagent.errors import InvalidInput
from memagent.evals.arm import ArmName, Parts
from memagent.evals.registry import find_suite
from memagent.evals.report.rescore import rescore
from memagent.evals.runs.plan import Plan
from memagent.evals.runs.run import Run
from memagent.evals.runs.runner import run_in_process
from memagent.evals.runs.saved import open_saved
from memagent.evals.suite import BadOption, Selection, Tables, load_tasks
from memagent.evals.tasks.conversations.conversation import ConversationQuestion, ConversationTask
from memagent.evals.tasks.notes.notebooks import LANGUAGES, VARIANTS, careless
from memagent.evals.tasks.notes.suite import SUITE, graded, load, make
from memagent.testing import HashEmbedder, ScriptedChat


def task_of(name: str, variant: str | None = None, split: str | None = None) -> ConversationTask:
    (task,) = load(Selection(tasks=name, variant=variant, split=split))
    return cast(ConversationTask, task)


def questions_of(task: ConversationTask) -> list[ConversationQuestion]:
    return [cast(ConversationQuestion, sample) for sample in task.asked]


def asked(folder: Path, arms: Sequence[str], **selected: str) -> Run:
    plan = Plan(arms=tuple(ArmName.parse(name, 0) for name in arms), model="none")
    selection = Selection(**selected)  # type: ignore[arg-type]
    run = Run(folder, load(selection), plan, resume=False, suite="notes", chosen=selection.chosen())
    run_in_process(run, ScriptedChat([]), HashEmbedder(), lambda _: None, SUITE.make)
    return run


def tables_of(run: Run) -> Tables:
    return SUITE.tables(run.tasks, run.plan.arms, run.scores)


def test_the_diary_has_sixty_notes_and_forty_questions_half_of_them_held_out() -> None:
    task = task_of("diary")
    (book,) = task.conversations.values()
    assert (len(book.turns), len(task.asked)) == (60, 40)
    times = [turn.when for turn in book.turns if turn.when is not None]
    assert times == sorted(times)
    assert len(times) == 60
    halves = [task_of("diary", split=split) for split in ("development", "held-out")]
    assert [len(half.asked) for half in halves] == [20, 20]
    assert {q.id for half in halves for q in half.asked} == {q.id for q in task.asked}
    assert [half.split for half in halves] == ["development", "held-out"]


@pytest.mark.parametrize("name", ["diary", *LANGUAGES])
def test_every_wanted_note_is_there_and_no_text_comes_twice(name: str) -> None:
    task = task_of(name)
    (book,) = task.conversations.values()
    ids = {turn.id for turn in book.turns}
    assert len(ids) == len({turn.text for turn in book.turns}) == len(book.turns)
    asked = questions_of(task)
    assert len({q.id for q in asked}) == len({q.question for q in asked}) == len(asked) == 40
    assert all(q.evidence and {*q.evidence} <= ids for q in asked)


@pytest.mark.parametrize("name", LANGUAGES)
def test_each_note_of_a_language_is_asked_for_in_its_words_and_in_others(name: str) -> None:
    asked = questions_of(task_of(name))
    wanted = [f"{name}{place:02}" for place in range(1, 21)]
    for kind in ("same words", "paraphrased"):
        assert [note for q in asked if q.category == kind for note in q.evidence] == wanted


@pytest.mark.parametrize("name", ["diary", *LANGUAGES])
def test_questions_typed_without_care_have_no_capitals_and_no_question_mark(name: str) -> None:
    plain, lower = questions_of(task_of(name)), questions_of(task_of(name, "lower"))
    assert [q.evidence for q in lower] == [q.evidence for q in plain]
    for q, before in zip(lower, plain, strict=True):
        assert q.question == q.question.lower().strip()
        assert not any("QUESTION MARK" in unicodedata.name(mark, "") for mark in q.question)
        assert q.question != before.question
        assert len(q.question) >= len(before.question) - 3


def test_question_marks_of_every_script_go() -> None:
    assert careless("¿Dónde está?") == "dónde está"
    assert careless("Où est la clé ?") == "où est la clé"
    assert careless("أين هي؟") == "أين هي"
    assert careless("どこ\uff1f") == "どこ"


def test_a_memory_in_which_the_questions_were_asked_holds_them_as_a_user_s_messages() -> None:
    task = task_of("de", "asked")
    (book,) = task.conversations.values()
    earlier = [turn for turn in book.turns if turn.session]
    assert [turn.text for turn in earlier] == [q.question for q in task.asked]
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        parts = Parts(memory=memory, embedder=HashEmbedder(), model=ScriptedChat([]))
        arm = make(ArmName.parse("search:3+0"), task, parts)
        reply = arm.ask(task.asked[0])
        scope = next(iter(memory.users()))
        records = memory.list(scope=scope, limit=100, everything=True)
    roles = [record.metadata.get("role") for record in records]
    assert sorted(map(str, roles)) == ["None"] * 20 + ["user"] * 40
    assert {record.scope.session for record in records} == {None, "earlier"}
    notes = {turn.text for turn in book.turns if not turn.session}
    assert set(reply.shown) <= notes


def test_asked_without_care_they_are_in_lower_case() -> None:
    (book,) = task_of("es", "asked-lower").conversations.values()
    first = next(turn.text for turn in book.turns if turn.session)
    assert first == "dónde está la escalera grande"


def test_all_wanted_notes_have_to_be_shown() -> None:
    task = task_of("diary")
    sample = next(q for q in task.asked if q.id == "held-out/q38")
    assert graded(task, sample, "n41 n02 n29")["all shown"] == 1
    part = graded(task, sample, "n02 n41")
    assert (part["all shown"], part["first"], part["mrr"]) == (0, 0, 0.5)
    assert graded(task, sample, "")["all shown"] == 0
    assert next(iter(part)) == "all shown" == SUITE.headline.grade  # type: ignore[union-attr]


def test_every_arm_finds_its_notes(tmp_path: Path) -> None:
    tables = tables_of(asked(tmp_path, SUITE.arms, tasks="en"))
    rows = {row["arm"]: row for row in tables["notes"]}
    assert (rows["oracle+0"]["all shown"]["value"], rows["oracle+0"]["notes shown"]) == (1, 1)
    assert rows["recent+0"]["first"]["value"] == 0.05
    for arm in ("search", "dense", "bm25", "recall"):
        assert 0.4 < rows[f"{arm}+0"]["first"]["value"] < 1
    kinds = [(row["kind"], row["n"]) for row in tables["by kind"] if row["arm"] == "search+0"]
    assert kinds == [("same words", 20), ("paraphrased", 20)]


def test_variants_stand_beside_the_questions_as_they_are_written(tmp_path: Path) -> None:
    run = asked(tmp_path, ["search:5"], tasks="de,es", variant="all")
    rows = {(row["task"], row["measure"]): row for row in tables_of(run)["against as written"]}
    assert {task for task, _ in rows} == {
        f"{book}-{variant}"
        for book in ("de", "es", "all languages")
        for variant in VARIANTS
        if variant != "written"
    }
    whole = {row["task"]: row for row in tables_of(run)["notes"]}
    pooled = rows["all languages-lower", "first"]
    assert (pooled["n"], whole["all languages"]["n"]) == (80, 80)
    assert pooled["value"] == whole["all languages-lower"]["first"]["value"]
    assert pooled["written"] == whole["all languages"]["first"]["value"]
    difference = pooled["difference"]
    assert difference["value"] == pytest.approx(pooled["value"] - pooled["written"])
    assert difference["low"] <= difference["value"] <= difference["high"]


def test_a_run_is_graded_again_from_its_file(tmp_path: Path) -> None:
    asked(tmp_path, ["oracle"], tasks="de", variant="all")
    saved = open_saved(tmp_path)
    outcome = rescore(saved, SUITE, saved.selection(data=None))
    assert (outcome.graded, outcome.changed) == (4 * 40, ())
    assert {"notes", "by kind", "against as written"} <= {*open_saved(tmp_path).measures}


def test_the_halves_of_the_diary_have_rows_of_their_own(tmp_path: Path) -> None:
    rows = tables_of(asked(tmp_path, ["oracle"], tasks="diary"))["by kind"]
    sizes = {row["kind"]: row["n"] for row in rows}
    assert (sizes.pop("development"), sizes.pop("held-out")) == (20, 20)
    assert sum(sizes.values()) == 40
    assert len(sizes) == 12


def test_tasks_are_named_alone_or_together() -> None:
    assert [task.name for task in load(Selection(tasks="diary,languages"))] == [
        "notes/diary",
        *(f"notes/{code}" for code in LANGUAGES),
    ]
    assert len(load(Selection())) == 11
    named = [task.name for task in load(Selection(tasks="ja", variant="all"))]
    assert named == ["notes/ja", "notes/ja-lower", "notes/ja-asked", "notes/ja-asked-lower"]
    assert [task.name for task in load(Selection(tasks="notes/ja-lower"))] == ["notes/ja-lower"]
    assert find_suite("notes") is SUITE


@pytest.mark.parametrize(
    ("selected", "option", "message"),
    [
        ({"tasks": "dairy"}, "--tasks", "did you mean 'notes/diary'"),
        ({"variant": "upper"}, "--variant", "written, lower, asked, asked-lower, all"),
        ({"tasks": "de", "split": "development"}, "--split", "halves of the diary"),
        ({"tasks": "diary", "split": "train"}, "--split", "halves of the diary"),
        ({"file": Path("x")}, "--file", "reads no files"),
    ],
)
def test_what_does_not_exist_is_refused(
    selected: dict[str, Any], option: str, message: str
) -> None:
    with pytest.raises(BadOption, match=message) as caught:
        load_tasks(SUITE, Selection(**selected))
    assert caught.value.option == option


def test_an_arm_of_another_store_is_refused() -> None:
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        parts = Parts(memory=memory, embedder=HashEmbedder(), model=ScriptedChat([]))
        with pytest.raises(InvalidInput, match="'chroma' is not one of search, recall"):
            make(ArmName.parse("chroma+0"), task_of("en"), parts)
