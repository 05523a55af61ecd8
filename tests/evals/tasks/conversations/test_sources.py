"""Sources of conversations: a file, the data folder, or the generator."""

import json
from pathlib import Path
from typing import Any

import pytest

from memagent import evals
from memagent.errors import RunError
from memagent.evals.report.rescore import rescore
from memagent.evals.runs.saved import open_saved
from memagent.evals.suite import BadOption, Selection, Suite
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.conversations.conversation import task_of
from memagent.evals.tasks.conversations.loaders.sources import STYLES, data_set
from memagent.evals.tasks.story_arms import StoryArm
from memagent.testing import HashEmbedder, ScriptedChat

LOCOMO: dict[str, Any] = {
    "sample_id": "conv-1",
    "conversation": {"session_1": [{"speaker": "Ann", "dia_id": "D1:1", "text": "I swim."}]},
    "qa": [{"question": "Who swims?", "answer": "Ann", "category": 4, "evidence": ["D1:1"]}],
}
LONGMEMEVAL: dict[str, Any] = {
    "question_id": "q",
    "question_type": "single-session-user",
    "question": "What do I do?",
    "answer": "swim",
    "haystack_session_ids": ["s"],
    "haystack_sessions": [[{"role": "user", "content": "I swim."}]],
    "answer_session_ids": ["s"],
}
CORRECTION = {
    "question_id": "locomo_0_qa0",
    "question": "Who swims?",
    "category": 4,
    "correct_evidence": ["D1:1"],
    "correct_answer": "Ann Lee",
}


def written(path: Path, values: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))
    return path


@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("data", [False, True])
def test_without_files_conversations_are_generated_and_never_called_released(
    tmp_path: Path, name: str, data: bool
) -> None:
    found = data_set(name, Selection(data=tmp_path if data else None, split="test"))
    assert (found.name, found.source) == (name, "generated")
    assert found.questions
    assert any(question.options for question in found.questions) is (name == "personamem")
    assert found.sha256 == data_set(name, Selection()).sha256
    assert found.sha256 != data_set(name, Selection(seed=1)).sha256


def test_the_file_that_is_named_goes_before_the_data_folder(tmp_path: Path) -> None:
    written(tmp_path / "locomo" / "locomo10.json", [LOCOMO])
    other = written(tmp_path / "mine.json", [LOCOMO | {"sample_id": "mine"}])
    held = data_set("locomo", Selection(data=tmp_path))
    named = data_set("locomo", Selection(data=tmp_path, file=other))
    assert (held.source, held.questions[0].id) == ("released", "conv-1/0")
    assert (named.source, named.questions[0].id) == ("released", "mine/0")
    assert data_set("locomo", Selection(file=tmp_path / "locomo")).sha256 == held.sha256


def test_a_variant_chooses_among_the_files_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "longmemeval"
    for name in ("oracle", "s_cleaned", "s"):
        written(folder / f"longmemeval_{name}.json", [LONGMEMEVAL | {"question_id": name}])
    for variant in ("oracle", "s", "s_cleaned"):
        found = data_set("longmemeval", Selection(data=tmp_path, variant=variant))
        assert (found.split, found.questions[0].id) == (variant, variant)
    with pytest.raises(RunError, match=r"name one with --variant \(oracle, s, s_cleaned\)"):
        data_set("longmemeval", Selection(data=tmp_path))
    with pytest.raises(RunError, match=r"holds no file longmemeval_m\.json"):
        data_set("longmemeval", Selection(data=tmp_path, variant="m"))
    (folder / "longmemeval_s.json").unlink()
    assert data_set("longmemeval", Selection(data=tmp_path, variant="s")).split == "s_cleaned"


def test_corrections_are_applied_where_they_are_named_alone(tmp_path: Path) -> None:
    file = written(tmp_path / "locomo.json", [LOCOMO])
    corrections = written(tmp_path / "corrections.json", [CORRECTION])
    plain = data_set("locomo", Selection(file=file))
    corrected = data_set("locomo", Selection(file=file, corrections=corrections))
    assert (plain.questions[0].gold, plain.split) == (("Ann",), "test")
    assert (corrected.questions[0].gold, corrected.split) == (("Ann Lee",), "test, corrected")


def test_a_run_with_corrections_is_graded_again_with_them(tmp_path: Path) -> None:
    def load(selection: Selection) -> list[Task]:
        return [task_of(data_set("locomo", selection), "locomo/qa", grade)]

    def grade(task: Task, sample: Sample, prediction: str) -> dict[str, float]:
        return {"exact": float(prediction in sample.gold)}

    suite = Suite(
        name="locomo",
        about="a test",
        members=(),
        load=load,
        arms=("none",),
        default_arms=("none+0",),
        make=StoryArm,
    )
    options = evals.Options(
        file=written(tmp_path / "locomo.json", [LOCOMO]),
        corrections=written(tmp_path / "corrections.json", [CORRECTION]),
    )
    chat = ScriptedChat(["Ann Lee"])
    fakes: dict[str, Any] = {"model": chat, "embedder": HashEmbedder()}
    evals.run(suite, out=tmp_path / "run", options=options, **fakes)
    saved = open_saved(tmp_path / "run")
    assert [(score.correct, score.gold) for score in saved.scores] == [(True, ("Ann Lee",))]
    assert saved.tasks[0].left_out == {
        "sessions without a date": 1,
        "labels that a correction replaced": 1,
    }
    outcome = rescore(saved, suite, saved.selection(data=None))
    assert (outcome.graded, len(outcome.changed)) == (1, 0)


def test_what_is_named_and_missing_is_said_with_what_to_do(tmp_path: Path) -> None:
    file = written(tmp_path / "locomo.json", [LOCOMO])
    missing = tmp_path / "missing"
    for selection in (Selection(file=missing), Selection(file=file, corrections=missing)):
        with pytest.raises(RunError, match=r"there is no .*missing: `memagent data recipe locomo`"):
            data_set("locomo", selection)
    for name in STYLES:
        (tmp_path / name).mkdir()
        with pytest.raises(RunError, match="holds no"):
            data_set(name, Selection(data=tmp_path))


@pytest.mark.parametrize(
    ("name", "selection", "option"),
    [
        ("locomo", Selection(variant="10"), "--variant"),
        ("locomo", Selection(split="train"), "--split"),
        ("beam", Selection(corrections=Path("c.json")), "--corrections"),
        ("locomo", Selection(corrections=Path("c.json")), "--corrections"),
        ("beam", Selection(variant="100K"), "--variant"),
    ],
)
def test_an_option_that_the_data_does_not_have_is_refused(
    name: str, selection: Selection, option: str
) -> None:
    with pytest.raises(BadOption) as caught:
        data_set(name, selection)
    assert caught.value.option == option
