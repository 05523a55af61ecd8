import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from articles import NORMANS

from memagent import Memory, Scope
from memagent.config import load_settings
from memagent.testing import HashEmbedder

Command = Callable[..., tuple[int, str, str]]


def test_compress_gather_and_go_back_to_the_source(memagent: Command) -> None:
    id = memagent("add", NORMANS)[1].strip()
    code, out, err = memagent("compress", "--ratio", "0.25", "--archive")
    assert (code, err.strip()) == (0, "")
    assert out.startswith("1 note of ")
    assert out.endswith("0 failed, 0 claims without support, 1 record archived\n")
    lines = memagent("gather", "Which king?", "--tokens", "200")[1].splitlines()
    weight, note, _ = lines[0].split("  ", 2)
    assert weight == "1.00"
    assert any("King Charles III of West Francia" in line for line in lines)
    assert json.loads(memagent("sources", note, "--json")[1])[0]["id"] == id
    assert id in memagent("sources", note, "--deep")[1]
    found = json.loads(memagent("gather", "Which king?", "--json")[1])
    assert found["weights"] == [[note, 1.0]]


def test_how_notes_are_gathered_can_be_switched(memagent: Command) -> None:
    settings = load_settings()
    with Memory.open(settings.home, embedder=HashEmbedder()) as memory:
        for year, name in ((2020, "Rollo"), (2021, "Hrolf")):
            text, when = NORMANS.replace("Rollo", name), datetime(year, 1, 1, tzinfo=UTC)
            memory.add(text, scope=Scope(user=settings.user), valid_from=when)
    memagent("compress")
    asked = ("gather", "Rollo or Hrolf?", "--json")
    matched = json.loads(memagent(*asked, "--self-match")[1])
    searched = json.loads(memagent(*asked, "--no-self-match")[1])
    assert matched == json.loads(memagent(*asked)[1])
    assert len(matched["weights"]) == len(searched["weights"]) == 2
    assert matched["weights"] != searched["weights"]
    early = json.loads(memagent(*asked, "--as-of", "2020-06-01")[1])
    assert len(early["weights"]) == 1
    assert "Hrolf" not in str(early["pieces"])


def test_sessions_age_by_time_and_by_count(memagent: Command) -> None:
    for n in range(3):
        memagent("add", f"Rex{n} is a dog of {n} years.", "--session", "talk")
    args = ("compress", "--sessions", "--json")
    assert json.loads(memagent(*args, "--older-than", "30d")[1])["notes"] == 0
    assert json.loads(memagent(*args, "--but", "1")[1])["notes"] == 1
    assert json.loads(memagent(*args)[1])["notes"] == 1
    assert json.loads(memagent(*args)[1])["notes"] == 0


def test_notes_come_from_the_model(memagent: Command) -> None:
    memagent("add", NORMANS)
    code, out, _ = memagent("compress", "notes")
    assert code == 0
    assert out.startswith("0 notes of 0 tokens for 0 (1.0x); 1 failed")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--older-than", "30d"], "it is for --sessions"),
        (["--sessions", "--older-than", "soon"], "expected such as 30d"),
        (["magic"], "magic"),
        (["--ratio", "2"], "the ratio must be above 0"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    memagent: Command, options: list[str], message: str
) -> None:
    code, out, err = memagent("compress", *options)
    assert code in (1, 2)
    assert out == ""
    assert message in err
