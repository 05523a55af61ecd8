"""GSM8K: what each arm shows, and what none but the oracle may show."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from langchain_core.messages import BaseMessage

from memagent import Memory
from memagent.errors import InvalidInput, RunError
from memagent.evals.arm import ArmName, Parts
from memagent.evals.runs import pool
from memagent.evals.suite import BadOption, Selection
from memagent.evals.tasks.gsm8k import loader
from memagent.evals.tasks.gsm8k.arm import SolvedArm
from memagent.evals.tasks.gsm8k.suite import SUITE
from memagent.testing import HashEmbedder, ScriptedChat

Command = Callable[..., tuple[int, str, str]]
KNOWN = (
    ("Ann has 2 cats and gets 3 more cats. How many cats has Ann now?", "2+3=5\n#### 5"),
    ("Bob sold 8 dogs for half the price. How many dogs did Bob sell?", "8\n#### 8"),
    ("A tree grows 3 feet a year. How high is it after 4 years?", "3*4=12\n#### 12"),
    ("Eve reads 7 pages a day for a week. How many pages is that?", "7*7=49\n#### 49"),
)
ASKED = (
    ("Zoe has 4 owls and gets 5 more owls. How many owls has Zoe?", "4+5=9\n#### 9"),
    ("A tree grows 3 feet a year. How high is it after 5 years?", "3*5=15\n#### 15"),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gsm8k" / "train-6.jsonl"
    path.parent.mkdir()
    lines = [json.dumps({"question": one, "answer": two}) for one, two in (*KNOWN, *ASKED)]
    path.write_text("\n".join(lines))
    return path


def shown(
    file: Path, arm: str, asked: int = 0, samples: int = 0, said: str = "#### 5"
) -> list[str]:
    """Return the questions that an arm shows solved before a question."""
    task = loader.load(file, len(KNOWN), samples)
    embedder, chat = HashEmbedder(), ScriptedChat(lambda _: said)
    with Memory.in_memory(embedder=embedder) as memory:
        parts = Parts(memory=memory, embedder=embedder, model=chat)
        reply = SolvedArm(ArmName.parse(arm), task, parts).ask(task.asked[asked])
    told = [str(one.content) for one in chat.requests[-1]]
    assert told[-1] == task.asked[asked].question
    questions = [one.partition("\n")[0] for one in reply.shown]
    assert told[1:-1:2] == questions
    return questions


def test_the_memory_gets_the_first_problems_and_the_rest_are_asked(file: Path) -> None:
    task = loader.load(file, 4)
    assert [one.question for one in task.training] == [one for one, _ in KNOWN]
    assert [one.gold for one in task.asked] == [("9",), ("15",)]
    assert loader.graded(task, task.asked[0], "so\n#### 9.0") == {"number": 1.0}
    assert loader.graded(task, task.asked[0], "#### 8") == {"number": 0.0}
    assert loader.load(file, 4).sha256 != loader.load(file, 3).sha256


def test_each_arm_shows_what_its_name_says(file: Path) -> None:
    assert shown(file, "none+0") == []
    assert shown(file, "oracle+1") == [ASKED[0][0]]
    assert shown(file, "retrieved+1") == [KNOWN[0][0]]
    assert shown(file, "obfuscated+2")[-1] == KNOWN[0][0]
    assert shown(file, "random+3", 0) == shown(file, "random+3", 1)
    assert len(set(shown(file, "one-per-question+3"))) == 3


def test_a_duplicate_is_never_shown(file: Path) -> None:
    for arm in ("retrieved+4", "obfuscated+4", "one-per-question+4"):
        found = shown(file, arm, 1)
        assert KNOWN[2][0] not in found
        assert len(found) == 3
    task = loader.load(file, 4)
    assert loader.twins(task, {one.id for one in task.asked}) == {"gsm8k/asked/1"}


def test_the_model_s_own_right_solutions_fill_the_bank(file: Path) -> None:
    assert shown(file, "one-per-question+4", samples=2) == [KNOWN[0][0]]
    assert shown(file, "retrieved+4", samples=2, said="#### 0") == []


@pytest.mark.parametrize("arm", ["none+3", "retrieved+0", "window+1", "retrieved:3+3"])
def test_a_name_that_means_nothing_here_is_refused(file: Path, arm: str) -> None:
    with pytest.raises(InvalidInput, match="none"):
        shown(file, arm)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"tasks": "2"}, "'2' is not one of gsm8k"),
        ({"split": "test"}, "gsm8k has one file"),
        ({"variant": "main"}, "gsm8k has one file"),
        ({"settings": {"memory": 2.5}}, "whole numbers"),
        ({"settings": {"memory": 6}}, "has 6 problems: the memory cannot have 6"),
        ({"settings": {"memory": 0}}, "cannot have 0"),
    ],
)
def test_what_cannot_be_is_named_with_its_option(
    file: Path, wanted: dict[str, object], message: str
) -> None:
    with pytest.raises(BadOption, match=message):
        SUITE.load(Selection(file=file, **wanted))  # type: ignore[arg-type]


def test_data_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="set MEMAGENT_DATA"):
        SUITE.load(Selection())
    with pytest.raises(RunError, match="has no gsm8k"):
        SUITE.load(Selection(data=tmp_path))
    with pytest.raises(RunError, match="cannot be read"):
        SUITE.load(Selection(file=tmp_path / "none.jsonl"))
    path = tmp_path / "mine.jsonl"
    path.write_text('{"question": "What?", "answer": "5"}\n')
    with pytest.raises(InvalidInput, match=r"mine\.jsonl:1: expected an answer with ####"):
        SUITE.load(Selection(file=path))


def test_a_run_keeps_how_samples_voted_and_its_page_draws_precision_and_coverage(
    memagent: Command, file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    others = iter(range(1000, 1100))

    def solve(messages: Sequence[BaseMessage]) -> str:
        # Ann's problem is solved; of any other no two samples agree.
        return f"#### {5 if 'Ann' in str(messages[-1].content) else next(others)}"

    monkeypatch.setattr(pool, "open_embedder", lambda _: HashEmbedder())
    monkeypatch.setattr(pool, "open_chat", lambda *_, **__: ScriptedChat(solve))
    out = tmp_path / "run"
    asked = ["eval", "run", "gsm8k", "--file", str(file), "--arms", "retrieved+1"]
    asked += ["--set", "memory=4", "--set", "samples=2", "--out", str(out), "--json"]
    code, printed, _ = memagent(*asked)
    rows = {row["threshold"]: row for row in json.loads(printed)["self-consistency"]}
    assert (code, rows[0.1]["of"], rows[0.5]["kept"], rows[0.6]["kept"]) == (0, 4, 4, 1)
    assert (rows[0.6]["precision"], rows[0.6]["coverage"]) == (1.0, 0.25)
    assert json.loads(memagent("eval", "report", str(out), "--json")[1]) == json.loads(printed)
    assert memagent("eval", "report", str(out))[0] == 0
    page = (out / "report.html").read_text()
    assert "precision, threshold 0.6: 100.0%" in page
    assert "coverage, threshold 0.6: 25.0%, 4 questions" in page
    (out / "votes.json").write_text("[1]")
    code, _, err = memagent("eval", "rescore", str(out))
    assert (code, "votes.json cannot be read" in err) == (1, True)


def test_a_run_prints_what_could_have_leaked_and_compares_its_arms(
    memagent: Command, file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pool, "open_embedder", lambda _: HashEmbedder())
    chat = ScriptedChat(lambda messages: "#### 9" if len(messages) > 2 else "#### 1")
    monkeypatch.setattr(pool, "open_chat", lambda *_, **__: chat)
    monkeypatch.setenv("MEMAGENT_DATA", str(file.parent.parent))
    out = str(tmp_path / "run")
    code, printed, _ = memagent("eval", "run", "gsm8k", "--set", "memory=4", "--out", out, "--json")
    assert code == 0
    leaks = {row["arm"]: row for row in json.loads(printed)["leakage"]}
    assert {row["possible"] for row in leaks.values()} == {0.5}
    assert {arm for arm, row in leaks.items() if row["shown"]} == {"oracle+1"}
    assert leaks["oracle+1"]["leaks"] == "yes"
    assert (leaks["retrieved+3"]["guarded"], leaks["random+3"]["guarded"]) == (0.5, None)
    told = json.loads(memagent("eval", "compare", out, out, "--arms", "none,random", "--json")[1])
    (one,) = told["comparisons"]
    assert (one["n"], one["first_right"], one["second_right"]) == (2, 0, 1)
