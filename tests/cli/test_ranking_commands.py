import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from judging import NAMES, first, judge, told

from memagent import Memory, Scope
from memagent.embedding import e5
from memagent.embedding.open_embedder import open_embedder
from memagent.errors import WeightsMissing
from memagent.evals.tasks.ranking import sets
from memagent.memory import engine
from memagent.recall.features import FEATURES
from memagent.testing import HashEmbedder

Command = Callable[..., tuple[int, str, str]]
ADA = Scope(user="ada")
USER = ("--user", "ada")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a folder with a memory that has enough verdicts to learn from."""
    home = tmp_path / "home"
    with Memory.open(home, embedder=HashEmbedder()) as memory:
        told(memory, ADA, "Vera")
        judge(memory, ADA, NAMES[:14])
    return home


def test_a_ranking_is_learned_shown_listed_and_undone(memagent: Command, home: Path) -> None:
    code, out, _ = memagent("ranking", "learn", *USER, "--why", "a try")
    assert (code, out.startswith("kept as ")) == (0, True)
    (change,) = json.loads(memagent("changes", "list", *USER, "--json")[1])
    assert (change["feedback"], change["why"]) == ("ranking", "a try")
    assert "by ada a try" in memagent("changes", "show", change["id"], *USER)[1]
    weights: dict[str, Any] = json.loads(memagent("ranking", "show", *USER, "--json")[1])
    assert weights["note"]["weights"].keys() == FEATURES.keys()
    shown = memagent("ranking", "show", *USER)[1]
    assert all(name in shown for name in FEATURES)
    assert memagent("changes", "undo", change["id"], *USER)[0] == 0
    assert json.loads(memagent("ranking", "show", *USER, "--json")[1]) != weights
    with Memory.open(home, embedder=HashEmbedder()) as memory:
        assert first(memory, ADA, "Vera") == "Oslo"


def test_it_says_why_nothing_is_kept(memagent: Command) -> None:
    assert memagent("ranking", "learn", *USER)[:2] == (
        0,
        "not kept: 0 judged questions with a record known as right; it takes 10\n",
    )
    result = json.loads(memagent("ranking", "learn", *USER, "--json")[1])
    assert (result["questions"], result["change"]) == (0, None)


def test_a_verdict_names_the_turn(memagent: Command, tmp_path: Path) -> None:
    with Memory.open(tmp_path / "home", embedder=HashEmbedder()) as memory:
        record = memory.add("Ada works in Rome.", scope=ADA)
        question = {"role": "user", "content": "Where does Ada work?"}
        (said,) = memory.add_messages([question], scope=ADA)
    asked = ["judge", record.id, "helped", *USER]
    assert memagent(*asked, "--turn", said.id)[0] == 0
    assert "no turn" in memagent(*asked, "--turn", "nothing")[2]


def test_training_says_what_to_install_for_other_languages(
    memagent: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing() -> None:
        raise WeightsMissing("the embedder is not on this disk")

    monkeypatch.setattr(engine, "open_embedder", open_embedder)
    monkeypatch.setattr(e5, "open_nano", missing)
    monkeypatch.setattr(sets, "generated", list)
    paraphrased, *_ = sets.notebook_sets()
    monkeypatch.setattr(sets, "streamingqa_set", lambda: paraphrased)
    code, out, err = memagent("ranking", "train", "--out", str(tmp_path / "weights.json"))
    assert (code != 0, out) == (True, "")
    (line,) = err.strip().splitlines()
    assert "pip install 'memagent[multilingual]'" in line
    assert not (tmp_path / "weights.json").exists()
