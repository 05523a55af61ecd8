import json
from collections.abc import Callable
from pathlib import Path

import pytest

from memagent.testing import ScriptedChat

Command = Callable[..., tuple[int, str, str]]
LINES = (
    '{"question": "What is 2 and 3?", "answer": "2+3=5\\n#### 5"}',
    '{"question": "How much is 4 times 2?", "answer": "4*2=8\\n#### 8"}',
)


@pytest.fixture
def chat() -> ScriptedChat:
    return ScriptedChat(lambda messages: f"So.\n#### {len(str(messages[-1].content)) // 4 + 1}")


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "gsm8k" / "train-2.jsonl"
    path.parent.mkdir()
    path.write_text("\n".join(LINES))
    return str(path)


def test_the_cost_is_told_before_it_starts(
    memagent: Command, file: str, chat: ScriptedChat
) -> None:
    code, out, _ = memagent("learn", file, "--samples", "3", "--dry-run", "--json")
    price = json.loads(out)
    assert (code, price["problems"], price["requests"]) == (0, 2, 6)
    code, out, err = memagent("learn", file, "--samples", "3")
    assert (code, out.strip()) == (1, "")
    assert "6 requests, about" in err
    assert chat.requests == []


def test_what_is_learnt_is_listed_shown_retired_and_restored(
    memagent: Command, file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MEMAGENT_DATA", str(tmp_path))
    code, out, _ = memagent("learn", "gsm8k", "--samples", "2", "--yes", "--limit", "2")
    assert code == 0
    assert "2 problems, 1 solved: 1 rationale and 1 warning kept" in out
    again = json.loads(memagent("learn", file, "--yes", "--json")[1])
    assert (again["problems"], again["skipped"]) == (0, 2)
    (one,) = json.loads(memagent("rationales", "list", "--json")[1])
    assert (one["win_rate"], one["metadata"]["solution"]) == (0.5, "right")
    assert len(memagent("rationales", "list", "--all")[1].splitlines()) == 2
    assert "What is 2 and 3?" in memagent("rationales", "show", one["id"])[1]
    for _ in range(5):
        memagent("judge", one["id"], "hurt")
    assert "would retire 1" in memagent("rationales", "retire", "--dry-run")[1]
    assert memagent("rationales", "retire")[1] == "1 rationale retired\n"
    assert memagent("rationales", "list")[1] == ""
    assert "retired" in memagent("rationales", "list", "--all")[1]
    assert memagent("rationales", "restore", one["id"])[1] == "1 rationale restored\n"
    assert "archive  win rate below" in memagent("rationales", "show", one["id"])[1]
    rows = json.loads(memagent("rationales", "curve", "--json")[1])
    assert (rows[-1]["kept"], rows[-1]["precision"]) == (2, 0.5)
    assert "self-consistency" in memagent("rationales", "curve")[1]


def test_what_cannot_be_read_is_one_clear_line(memagent: Command, tmp_path: Path) -> None:
    assert "set MEMAGENT_DATA" in memagent("learn", "gsm8k")[2]
    assert "cannot be read" in memagent("learn", str(tmp_path / "none.jsonl"))[2]
    assert "no rationale 'x'" in memagent("rationales", "show", "x")[2]


def test_what_nobody_could_check_is_not_asked(
    memagent: Command, tmp_path: Path, chat: ScriptedChat
) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text('{"question": "What is 2 and 3?", "answer": "5"}\n\n{"question": "Why?"}')
    code, _, err = memagent("learn", str(file), "--yes")
    assert (code, "'Why?' has no answer to check" in err) == (1, True)
    code, _, err = memagent("rationales", "ablate", str(file), "--yes")
    assert (code, "'Why?' has no answer to check" in err) == (1, True)
    code, _, err = memagent("learn", str(file), "--check", "none", "--samples", "1", "--yes")
    assert (code, "at least two samples" in err) == (1, True)
    assert chat.requests == []
    assert memagent("learn", str(file), "--limit", "1", "--samples", "1", "--yes")[0] == 0


def test_a_trial_tells_what_rationales_are_worth(memagent: Command, file: str) -> None:
    memagent("learn", file, "--samples", "2", "--yes", "--limit", "1")
    asked = ["rationales", "ablate", file, "--skip", "1"]
    code, out, err = memagent(*asked)
    assert (code, out.strip()) == (1, "")
    assert "1 problems: at most 2 requests" in err
    trial = json.loads(memagent(*asked, "--yes", "--json")[1])
    assert (trial["problems"], trial["right"], trial["helped"]) == (1, 0, 0)
    assert "1 problem: 0 right with rationales, 0 without" in memagent(*asked, "--yes")[1]
    assert memagent(*asked, "--check", "none")[0] == 2
